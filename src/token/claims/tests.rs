use super::*;
use chrono::DateTime;

pub(crate) const NUMBER: &str = "+34666111334";

pub(crate) fn facts(words: &str, named_by: NamedBy) -> Facts {
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    Facts {
        sub: "subject".to_owned(),
        scopes: scopes(words),
        claims: ClaimsRequest::default(),
        nonce: Some("n-0S6".to_owned()),
        auth_time: at(1_795_301_557),
        sid: "sid".to_owned(),
        txn: Uuid::from_u128(7),
        number_verification: NumberVerification {
            operator: "vodafone-es".to_owned(),
            method: Method::Verify,
            verified_at: at(1_795_301_557),
            test: false,
            checks: BTreeMap::from([(
                "sim_swap".to_owned(),
                Check {
                    result: CheckResult::Pass,
                    max_age_hours: Some(240),
                    checked_at: at(1_795_301_558),
                },
            )]),
        },
        named_by,
        handoff: false,
        person_acted: true,
        claims_in_userinfo_only: false,
    }
}

fn scopes(words: &str) -> ScopeSet {
    ScopeSet::parse(
        words,
        &words.split(' ').map(str::to_owned).collect::<Vec<_>>(),
    )
}

pub(crate) fn number() -> PhoneNumber {
    PhoneNumber::from_e164(NUMBER).unwrap()
}

fn names(claims: &Map<String, Value>) -> Vec<&str> {
    let mut names: Vec<_> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

const LOGIN: [&str; 6] = ["acr", "amr", "auth_time", "sid", "sub", "txn"];
const WITH_CHECK: [&str; 7] = [
    "acr",
    "amr",
    "auth_time",
    "number_verification",
    "sid",
    "sub",
    "txn",
];
const WITH_NUMBER: [&str; 9] = [
    "acr",
    "amr",
    "auth_time",
    "number_verification",
    "phone_number",
    "phone_number_verified",
    "sid",
    "sub",
    "txn",
];

/// The scopes, who named the number, and the claims released.
const TABLE: [(&str, NamedBy, &[&str]); 13] = [
    ("openid", NamedBy::Person, &LOGIN),
    ("openid", NamedBy::App, &LOGIN),
    ("openid", NamedBy::AppPinned, &LOGIN),
    ("openid number_verified", NamedBy::Person, &WITH_CHECK),
    ("openid number_verified", NamedBy::App, &WITH_NUMBER),
    ("openid number_verified", NamedBy::AppPinned, &WITH_NUMBER),
    ("openid phone", NamedBy::Person, &WITH_NUMBER),
    ("openid phone", NamedBy::App, &WITH_NUMBER),
    ("openid phone", NamedBy::AppPinned, &WITH_NUMBER),
    (
        "openid number_verified phone",
        NamedBy::Person,
        &WITH_NUMBER,
    ),
    ("openid number_verified phone", NamedBy::App, &WITH_NUMBER),
    (
        "openid number_verified phone",
        NamedBy::AppPinned,
        &WITH_NUMBER,
    ),
    ("openid email Phone", NamedBy::App, &LOGIN),
];

fn rows() -> impl Iterator<Item = (Facts, &'static [&'static str])> {
    TABLE
        .into_iter()
        .map(|(scopes, named_by, released)| (facts(scopes, named_by), released))
}

#[test]
fn each_scope_releases_exactly_its_row_of_the_table() {
    for (facts, released) in rows() {
        let claims = release(&facts, Some(&number())).unwrap();
        assert_eq!(names(&claims), released, "{facts:?}");
        assert_eq!(id_token_claims(&facts, Some(&number())), Ok(claims));
        assert_eq!(facts.releases_number(), released == WITH_NUMBER);
    }
}

#[test]
fn a_verified_number_never_travels_without_the_number() {
    for (facts, _) in rows() {
        let claims = release(&facts, Some(&number())).unwrap();
        let expected = claims.get("phone_number").map(|_| &Value::Bool(true));
        assert_eq!(claims.get("phone_number_verified"), expected);
        // without a number nothing that calls for one is released at all
        match release(&facts, None) {
            Ok(claims) => assert!(!claims.contains_key("phone_number_verified")),
            Err(error) => {
                assert_eq!(error, NotReleasable::NoNumber);
                assert!(facts.releases_number());
            }
        }
    }
}

#[test]
fn nothing_is_released_without_openid() {
    for scopes in ["", "phone", "number_verified phone"] {
        let mut facts = facts(scopes, NamedBy::App);
        assert_eq!(
            release(&facts, Some(&number())),
            Err(NotReleasable::NoOpenid)
        );
        facts.claims_in_userinfo_only = true;
        assert_eq!(
            id_token_claims(&facts, Some(&number())),
            Err(NotReleasable::NoOpenid)
        );
    }
}

#[test]
fn userinfo_only_leaves_the_id_token_with_the_login() {
    for (mut facts, released) in rows() {
        facts.claims_in_userinfo_only = true;
        let claims = id_token_claims(&facts, Some(&number())).unwrap();
        assert_eq!(names(&claims), LOGIN);
        let claims = release(&facts, Some(&number())).unwrap();
        assert_eq!(names(&claims), released);
    }
}

fn asking(facts: &mut Facts, claims: &Value) {
    facts.claims = ClaimsRequest::parse(&claims.to_string(), None).unwrap();
}

/// OIDC Core section 5.5: each claim stands where it was asked for, and only there.
#[test]
fn a_claim_asked_for_by_name_stands_in_that_place_only() {
    let mut facts = facts("openid", NamedBy::Person);
    asking(
        &mut facts,
        &json!({ "userinfo": { "phone_number": { "essential": true } } }),
    );
    assert!(facts.releases_number());
    let claims = release(&facts, Some(&number())).unwrap();
    assert_eq!(claims["phone_number"], NUMBER);
    assert_eq!(claims["phone_number_verified"], true);
    assert!(!claims.contains_key("number_verification"));
    assert_eq!(
        names(&id_token_claims(&facts, Some(&number())).unwrap()),
        LOGIN
    );
    asking(
        &mut facts,
        &json!({ "id_token": { "number_verification": null } }),
    );
    assert!(!facts.releases_number());
    assert_eq!(names(&id_token_claims(&facts, None).unwrap()), WITH_CHECK);
    assert_eq!(names(&release(&facts, None).unwrap()), LOGIN);
}

#[test]
fn a_client_that_wants_its_scopes_at_userinfo_still_gets_what_it_names_in_the_id_token() {
    let mut facts = facts("openid phone", NamedBy::Person);
    facts.claims_in_userinfo_only = true;
    asking(
        &mut facts,
        &json!({ "id_token": { "number_verification": null } }),
    );
    let claims = id_token_claims(&facts, Some(&number())).unwrap();
    assert_eq!(names(&claims), WITH_CHECK);
}

#[test]
fn verified_claims_hold_what_was_asked_for_and_read_as_documented() {
    let mut facts = facts("openid", NamedBy::Person);
    let ask = |verification: Value| {
        json!({ "id_token": { "verified_claims": {
            "verification": verification, "claims": { "phone_number": null } } } })
    };
    asking(&mut facts, &ask(json!({ "trust_framework": null })));
    let claims = id_token_claims(&facts, Some(&number())).unwrap();
    assert_eq!(
        claims["verified_claims"],
        json!({
            "verification": { "trust_framework": "urn:numbercloak:trust:network" },
            "claims": { "phone_number": NUMBER },
        })
    );
    assert!(!claims.contains_key("phone_number"));
    assert_eq!(id_token_claims(&facts, None), Err(NotReleasable::NoNumber));
    let everything = json!({ "time": null, "verification_process": null, "evidence": null });
    asking(&mut facts, &ask(everything));
    let claims = id_token_claims(&facts, Some(&number())).unwrap();
    assert_eq!(
        claims["verified_claims"]["verification"],
        json!({
            "trust_framework": "urn:numbercloak:trust:network",
            "time": "2026-11-21T22:52:37Z",
            "verification_process": "00000000-0000-0000-0000-000000000007",
            "evidence": [{
                "type": "electronic_record",
                "check_details": [{
                    "check_method": "data", "organization": "vodafone-es",
                    "check_id": "00000000-0000-0000-0000-000000000007",
                    "time": "2026-11-21T22:52:37Z",
                }],
                "record": { "type": "mobile_subscription", "source": { "name": "vodafone-es" } },
            }],
        })
    );
}

#[test]
fn the_claims_read_as_documented() {
    let facts = facts("openid phone", NamedBy::AppPinned);
    let claims = release(&facts, Some(&number())).unwrap();
    assert_eq!(
        Value::Object(claims),
        json!({
            "sub": "subject",
            "acr": "urn:numbercloak:acr:network",
            "amr": ["nba", "user"],
            "auth_time": 1_795_301_557,
            "sid": "sid",
            "txn": "00000000-0000-0000-0000-000000000007",
            "number_verification": {
                "operator": "vodafone-es", "method": "verify", "verified_at": 1_795_301_557,
                "pinned": true, "cross_device": false, "test": false,
                "checks": { "sim_swap": {
                    "result": "pass", "max_age_hours": 240, "checked_at": 1_795_301_558 } }
            },
            "phone_number": NUMBER,
            "phone_number_verified": true,
        })
    );
}

#[test]
fn a_hand_off_shows_in_every_claim_about_it() {
    let mut facts = facts("openid number_verified", NamedBy::Person);
    facts.handoff = true;
    facts.number_verification.test = true;
    let claims = release(&facts, None).unwrap();
    assert_eq!(claims["acr"], "urn:numbercloak:acr:network-handoff");
    assert_eq!(claims["amr"], json!(["nba", "user", "mca"]));
    assert_eq!(claims["number_verification"]["cross_device"], true);
    assert_eq!(claims["number_verification"]["test"], true);
    assert_eq!(claims["number_verification"]["pinned"], false);
    facts.person_acted = false;
    facts.handoff = false;
    assert_eq!(facts.amr(), ["nba"]);
}

#[test]
fn a_grant_reads_back_the_facts_it_stored_and_holds_no_number() {
    for (facts, _) in rows() {
        let stored = serde_json::to_value(&facts).unwrap();
        assert!(!stored.to_string().contains(&NUMBER[1..]));
        assert_eq!(serde_json::from_value::<Facts>(stored).unwrap(), facts);
    }
}
