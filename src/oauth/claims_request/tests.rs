use super::*;
use serde_json::json;

fn parse(claims: &Value) -> Result<ClaimsRequest, &'static str> {
    let number = PhoneNumber::from_e164("+34666111334").unwrap();
    ClaimsRequest::parse(&claims.to_string(), Some(&number))
}

#[test]
fn what_we_have_is_kept_where_it_was_asked_and_the_rest_ignored() {
    let read = parse(&json!({
        "userinfo": { "name": { "essential": true }, "phone_number": null, "x": 7 },
        "id_token": { "acr": { "values": ["a", "b"] }, "auth_time": { "essential": true } },
        "somewhere": 1,
    }))
    .unwrap();
    assert_eq!(
        read.userinfo.wanted.keys().collect::<Vec<_>>(),
        [&Claim::PhoneNumber]
    );
    assert_eq!(read.id_token.wanted[&Claim::Acr].values, ["a", "b"]);
    assert!(read.id_token.wanted[&Claim::AuthTime].essential);
    assert!(read.wants_number());
    assert_eq!(read.subject().unwrap(), None);
}

#[test]
fn a_number_as_value_is_not_kept() {
    let number = "+34666111334";
    let read = parse(&json!({
        "id_token": {
            "phone_number": { "value": number },
            "verified_claims": {
                "verification": { "trust_framework": null },
                "claims": { "phone_number": { "value": number } },
            },
        },
    }))
    .unwrap();
    assert!(!serde_json::to_string(&read).unwrap().contains("666111"));
    assert!(read.id_token.verified.is_some());
    let again: ClaimsRequest =
        serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[test]
fn malformed_requests_are_told() {
    for text in [
        "",
        "[]",
        "{",
        "null",
        "7",
        r#"{"id_token":[]}"#,
        r#"{"userinfo":"x"}"#,
        r#"{"userinfo":{"phone_number":true}}"#,
        r#"{"id_token":{"acr":{"essential":"yes"}}}"#,
        r#"{"id_token":{"acr":{"values":"x"}}}"#,
        r#"{"id_token":{"sub":{"value":7}}}"#,
        r#"{"id_token":{"verified_claims":{}}}"#,
        r#"{"id_token":{"verified_claims":{"verification":{},"claims":[]}}}"#,
        r#"{"id_token":{"verified_claims":{"verification":{"evidence":[]},"claims":{}}}}"#,
        r#"{"id_token":{"verified_claims":{"verification":{"time":{"max_age":"1"}},"claims":{}}}}"#,
    ] {
        assert!(ClaimsRequest::parse(text, None).is_err(), "{text}");
    }
    for text in ["{}", r#"{"id_token":null,"userinfo":{}}"#] {
        assert!(
            ClaimsRequest::parse(text, None).unwrap().is_empty(),
            "{text}"
        );
    }
}

#[test]
fn only_an_essential_acr_with_values_must_be_met() {
    for (acr, met) in [
        (json!(null), true),
        (json!({ "essential": true }), true),
        (json!({ "value": "x" }), true),
        (json!({ "essential": true, "value": "x" }), false),
        (json!({ "essential": true, "values": ["x", "ours"] }), true),
    ] {
        let read = parse(&json!({ "id_token": { "acr": acr } })).unwrap();
        assert_eq!(read.acr_can_be(&["ours"]), met, "{acr}");
    }
}

#[test]
fn one_subject_is_pinned_and_two_are_a_fault() {
    let one = parse(&json!({ "id_token": { "sub": { "value": "s" } } })).unwrap();
    assert_eq!(one.subject().unwrap().as_deref(), Some("s"));
    let two = parse(&json!({ "id_token": { "sub": { "values": ["s", "t"] } } })).unwrap();
    assert!(two.subject().is_err());
}

#[test]
fn a_client_gets_no_claim_whose_scope_it_may_not_have() {
    let read = parse(&json!({ "id_token": {
        "phone_number": null, "number_verification": null, "acr": null,
        "verified_claims": { "verification": {}, "claims": { "phone_number": null } },
    } }))
    .unwrap();
    let cut = read
        .clone()
        .cut_to(&["openid".to_owned(), "number_verified".to_owned()]);
    assert!(!cut.wants_number());
    let kept: Vec<_> = cut.id_token.wanted.keys().copied().collect();
    assert_eq!(kept, [Claim::Acr, Claim::NumberVerification]);
    assert!(read.cut_to(&["phone".to_owned()]).wants_number());
}

/// OpenID Connect for Identity Assurance section 5: what we lack is left out, and a condition that
/// we cannot meet leaves the whole out.
#[test]
fn verified_claims_are_answered_only_if_every_condition_can_be_met() {
    let number = json!({ "phone_number": null });
    for (verification, claims, met) in [
        (json!({}), number.clone(), true),
        (json!({ "trust_framework": null }), number.clone(), true),
        (
            json!({ "trust_framework": { "value": TRUST_FRAMEWORK } }),
            number.clone(),
            true,
        ),
        (
            json!({ "trust_framework": { "value": "de_aml" } }),
            number.clone(),
            false,
        ),
        (
            json!({ "trust_framework": { "values": ["x", TRUST_FRAMEWORK] } }),
            number.clone(),
            true,
        ),
        (json!({ "assurance_level": null }), number.clone(), true),
        (
            json!({ "assurance_level": { "value": "high" } }),
            number.clone(),
            false,
        ),
        (
            json!({ "evidence": [{ "type": { "value": EVIDENCE } }] }),
            number.clone(),
            true,
        ),
        (
            json!({ "evidence": [{ "type": { "value": "document" } }] }),
            number.clone(),
            false,
        ),
        (json!({ "time": { "max_age": 60 } }), number.clone(), true),
        (json!({}), json!({ "given_name": null }), false),
        (
            json!({}),
            json!({ "given_name": { "essential": true }, "phone_number": {} }),
            true,
        ),
        (
            json!({}),
            json!({ "phone_number": { "value": "+34666111334" } }),
            true,
        ),
        (
            json!({}),
            json!({ "phone_number": { "value": "x9" } }),
            false,
        ),
    ] {
        let asked = json!({ "userinfo": { "verified_claims":
            { "verification": verification, "claims": claims } } });
        let read = parse(&asked).unwrap();
        assert_eq!(read.userinfo.verified.is_some(), met, "{asked}");
    }
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC{0,300}") {
        let _ = ClaimsRequest::parse(&text, None);
    }

    /// Whatever stands at the places that are read.
    #[test]
    fn any_value_anywhere_is_read_or_told(
        name in "(sub|acr|auth_time|phone_number|number_verification|verified_claims|x)",
        how in "(null|true|7|\"x\"|\\[\\]|\\{\\}|\\{\"value\":[07]\\}|\\{\"essential\":true\\}|\\{\"verification\":\\{\\},\"claims\":\\{\\}\\})",
    ) {
        let text = format!(r#"{{"id_token":{{"{name}":{how}}}}}"#);
        if let Ok(read) = ClaimsRequest::parse(&text, None) {
            let stored = serde_json::to_string(&read).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<ClaimsRequest>(&stored).unwrap(), read);
        }
    }
}
