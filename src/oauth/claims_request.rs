//! The `claims` parameter (OIDC Core section 5.5) and what it may say about `verified_claims` (OpenID
//! Connect for Identity Assurance 1.0, section 5): text in, what of ours is asked for out. Claims that
//! we do not have are left out silently, so what is kept is small and holds no number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::oauth::error::OAuthError;
use crate::oauth::scope::Scope;
use crate::phone::PhoneNumber;

/// The trust framework every verification of ours stands under: a network saw the SIM.
pub const TRUST_FRAMEWORK: &str = "urn:numbercloak:trust:network";

/// The kind of evidence there is: the operator's own record of the subscription.
pub const EVIDENCE: &str = "electronic_record";

/// The kind of record that is.
pub const RECORD: &str = "mobile_subscription";

/// A claim of ours that can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Who.
    Sub,
    /// How they authenticated.
    Acr,
    /// When.
    AuthTime,
    /// The number, and with it that it is verified: neither travels alone (P2).
    PhoneNumber,
    /// How and when the number was verified.
    NumberVerification,
}

impl Claim {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sub" => Self::Sub,
            "acr" => Self::Acr,
            "auth_time" => Self::AuthTime,
            "phone_number" => Self::PhoneNumber,
            "number_verification" => Self::NumberVerification,
            _ => return None,
        })
    }

    /// The scope that releases it; absent: every login does.
    #[must_use]
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Sub | Self::Acr | Self::AuthTime => None,
            Self::PhoneNumber => Some(Scope::Phone),
            Self::NumberVerification => Some(Scope::NumberVerified),
        }
    }

    /// Whether its wanted values are kept: others are personal, or we cannot choose them.
    fn keeps_values(self) -> bool {
        matches!(self, Self::Sub | Self::Acr)
    }
}

/// How a claim is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Whether the app says it cannot do without.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// The values it would take, best first; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What of a verification is asked for, all of whose conditions we can meet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedWanted {
    /// Whether the evidence is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evidence: bool,
    /// Whether how it was checked is wanted with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check_details: bool,
    /// Whether the record itself is wanted with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub record: bool,
    /// Whether its time is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub time: bool,
    /// Whether the process's id, our audit record, is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub process: bool,
    /// Seconds the verification may be old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
}

/// What is asked for in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// Single claims.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wanted: BTreeMap<Claim, Wanted>,
    /// `verified_claims`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<VerifiedWanted>,
}

impl Members {
    /// Whether a claim is asked for here.
    #[must_use]
    pub fn has(&self, claim: Claim) -> bool {
        self.wanted.contains_key(&claim)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn cut_to(mut self, may_have: impl Fn(Scope) -> bool) -> Self {
        self.wanted
            .retain(|claim, _| claim.scope().is_none_or(&may_have));
        self.verified = self.verified.filter(|_| may_have(Scope::Phone));
        self
    }
}

/// What the `claims` parameter asks for, and where it should stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// In the ID token.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub id_token: Members,
    /// At userinfo.
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub userinfo: Members,
}

impl ClaimsRequest {
    /// Reads a `claims` parameter. `hinted` is the number the app named: a verified number that must
    /// have a value can only be that one, because the value itself is not kept.
    ///
    /// # Errors
    /// What is malformed.
    pub fn parse(text: &str, hinted: Option<&PhoneNumber>) -> Result<Self, &'static str> {
        let Ok(Value::Object(top)) = serde_json::from_str(text) else {
            return Err("not a JSON object");
        };
        let member = |name| match top.get(name) {
            None | Some(Value::Null) => Ok(Members::default()),
            Some(Value::Object(claims)) => members(claims, hinted),
            Some(_) => Err("id_token and userinfo must be objects"),
        };
        Ok(Self {
            id_token: member("id_token")?,
            userinfo: member("userinfo")?,
        })
    }

    /// Whether nothing of ours is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same without what the client may not have, by the scopes it may ask for.
    #[must_use]
    pub fn cut_to(self, scopes: &[String]) -> Self {
        let may_have = |scope: Scope| scopes.iter().any(|s| s == scope.as_str());
        Self {
            id_token: self.id_token.cut_to(may_have),
            userinfo: self.userinfo.cut_to(may_have),
        }
    }

    /// The same without verified claims that are too old for what asked for them.
    #[must_use]
    pub fn verified_before(mut self, seconds: i64) -> Self {
        for members in [&mut self.id_token, &mut self.userinfo] {
            members.verified = members
                .verified
                .take()
                .filter(|wanted| wanted.max_age.is_none_or(|most| seconds <= i64::from(most)));
        }
        self
    }

    /// The scopes that would release the same: what a go-ahead must cover.
    pub fn scope_words(&self) -> impl Iterator<Item = Scope> {
        self.places().flat_map(|members| {
            let single = members.wanted.keys().filter_map(|claim| claim.scope());
            single.chain(members.verified.as_ref().map(|_| Scope::Phone))
        })
    }

    /// Whether the number is asked for anywhere: only then a grant keeps it.
    #[must_use]
    pub fn wants_number(&self) -> bool {
        self.scope_words().any(|scope| scope == Scope::Phone)
    }

    /// The one subject that may be answered for (section 5.5.1).
    ///
    /// # Errors
    /// If there are several: a person is one.
    pub fn subject(&self) -> Result<Option<String>, OAuthError> {
        let mut subjects = self
            .places()
            .filter_map(|members| members.wanted.get(&Claim::Sub))
            .flat_map(|wanted| &wanted.values);
        let first = subjects.next();
        if subjects.any(|other| Some(other) != first) {
            return Err(OAuthError::invalid_request(
                "claims asks for more than one sub",
            ));
        }
        Ok(first.cloned())
    }

    /// Whether an essential `acr` can be one of these (section 5.5.1.1).
    #[must_use]
    pub fn acr_can_be(&self, offered: &[&str]) -> bool {
        self.places()
            .filter_map(|members| members.wanted.get(&Claim::Acr))
            .filter(|wanted| wanted.essential && !wanted.values.is_empty())
            .all(|wanted| wanted.values.iter().any(|v| offered.contains(&v.as_str())))
    }

    fn places(&self) -> impl Iterator<Item = &Members> {
        [&self.id_token, &self.userinfo].into_iter()
    }
}

fn members(
    claims: &Map<String, Value>,
    hinted: Option<&PhoneNumber>,
) -> Result<Members, &'static str> {
    let mut read = Members::default();
    for (name, value) in claims {
        if name == "verified_claims" {
            read.verified = verified(value, hinted)?;
        } else if let Some(claim) = Claim::parse(name) {
            let (essential, values) = asked(value)?;
            let values = match claim.keeps_values() {
                true => texts(&values)?,
                false => Vec::new(),
            };
            read.wanted.insert(claim, Wanted { essential, values });
        }
    }
    Ok(read)
}

/// How one claim is asked for (section 5.5.1): whether it is essential, and its values.
fn asked(value: &Value) -> Result<(bool, Vec<&Value>), &'static str> {
    let how = match value {
        Value::Null => return Ok((false, Vec::new())),
        Value::Object(how) => how,
        _ => return Err("a claim must be null or an object"),
    };
    let essential = match how.get("essential") {
        None => false,
        Some(Value::Bool(essential)) => *essential,
        Some(_) => return Err("essential must be true or false"),
    };
    let mut values: Vec<&Value> = how.get("value").into_iter().collect();
    match how.get("values") {
        None => {}
        Some(Value::Array(several)) => values.extend(several),
        Some(_) => return Err("values must be an array"),
    }
    Ok((essential, values))
}

fn texts(values: &[&Value]) -> Result<Vec<String>, &'static str> {
    values
        .iter()
        .map(|value| match value {
            Value::String(text) if text.len() <= 255 && !text.contains('\0') => Ok(text.clone()),
            _ => Err("the values of sub and acr must be short strings"),
        })
        .collect()
}

/// One request for verified claims, or several of which the first that can be met counts.
fn verified(
    value: &Value,
    hinted: Option<&PhoneNumber>,
) -> Result<Option<VerifiedWanted>, &'static str> {
    let requests = match value {
        Value::Null => return Ok(None),
        Value::Array(several) => several.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut first = None;
    for request in requests {
        let met = one_verified(request, hinted)?;
        first = first.or(met);
    }
    Ok(first)
}

fn one_verified(
    request: &Value,
    hinted: Option<&PhoneNumber>,
) -> Result<Option<VerifiedWanted>, &'static str> {
    let member = |name| request.get(name).and_then(Value::as_object);
    let (Some(verification), Some(claims)) = (member("verification"), member("claims")) else {
        return Err("verified_claims needs the objects verification and claims");
    };
    let number_fits = match claims.get("phone_number") {
        None => false,
        Some(how) => {
            let (_, values) = asked(how)?;
            let hinted = hinted.map(PhoneNumber::e164);
            values.is_empty()
                || values
                    .iter()
                    .any(|v| v.as_str() == hinted && hinted.is_some())
        }
    };
    let mut wanted = VerifiedWanted::default();
    let mut met = number_fits;
    for (name, how) in verification {
        match name.as_str() {
            "trust_framework" => met &= is_open_to(how, TRUST_FRAMEWORK)?,
            "time" => {
                wanted.time = true;
                wanted.max_age = seconds(how)?;
                met &= asked(how)?.1.is_empty();
            }
            "verification_process" => {
                wanted.process = true;
                met &= asked(how)?.1.is_empty();
            }
            "evidence" => met &= evidence_fits(how, &mut wanted)?,
            // What we do not have is left out, unless it must have a value.
            _ => met &= !is_bound(how),
        }
    }
    Ok(met.then_some(wanted))
}

fn is_open_to(how: &Value, ours: &str) -> Result<bool, &'static str> {
    let (_, values) = asked(how)?;
    Ok(values.is_empty() || values.iter().any(|v| v.as_str() == Some(ours)))
}

fn seconds(how: &Value) -> Result<Option<u32>, &'static str> {
    match how.get("max_age") {
        None => Ok(None),
        // Longer than we can count is no limit.
        Some(age) => match age.as_u64() {
            Some(age) => Ok(u32::try_from(age).ok()),
            None => Err("max_age must be a number of seconds"),
        },
    }
}

/// Whether a condition stands anywhere in what is asked.
fn is_bound(how: &Value) -> bool {
    match how {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name == "value" || name == "values" || is_bound(value)),
        Value::Array(several) => several.iter().any(is_bound),
        _ => false,
    }
}

/// Whether one of the kinds of evidence wanted is ours; notes what of it is wanted.
fn evidence_fits(how: &Value, wanted: &mut VerifiedWanted) -> Result<bool, &'static str> {
    let kinds = match how {
        Value::Null => {
            (wanted.evidence, wanted.check_details, wanted.record) = (true, true, true);
            return Ok(true);
        }
        Value::Array(kinds) if !kinds.is_empty() => kinds,
        _ => return Err("evidence must be an array that is not empty"),
    };
    for kind in kinds {
        let Value::Object(kind) = kind else {
            return Err("each kind of evidence must be an object");
        };
        let mut fits = true;
        for (name, how) in kind {
            fits &= match name.as_str() {
                "type" => is_open_to(how, EVIDENCE)?,
                "record" => match how.get("type") {
                    Some(of) => is_open_to(of, RECORD)?,
                    None => !is_bound(how),
                },
                _ => !is_bound(how),
            };
        }
        if fits && !wanted.evidence {
            wanted.evidence = true;
            wanted.check_details = kind.contains_key("check_details");
            wanted.record = kind.contains_key("record");
        }
    }
    Ok(wanted.evidence)
}

#[cfg(test)]
mod tests {
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
}
