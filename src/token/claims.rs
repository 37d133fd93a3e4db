//! What an app is told: the facts of one verdict, and the claims its scopes release (DESIGN.md
//! section 3, "What the RP asks for and gets").
//!
//! What cannot be said cannot go wrong: `acr`, `amr` and `cross_device` are derived from one
//! another's source, `pinned` implies that the app named the number, and `phone_number_verified` is
//! written in one place, beside `phone_number`, as `true`.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::acr::Acr;
use crate::oauth::claims_request::{
    CHECK_METHOD, Claim, ClaimsRequest, EVIDENCE, Members, RECORD, TRUST_FRAMEWORK, VerifiedWanted,
};
use crate::oauth::scope::{Scope, ScopeSet};
use crate::phone::PhoneNumber;
use crate::verdict::Method;

pub use crate::verdict::checks::{Check, CheckResult};

/// Who named the number that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedBy {
    /// The person, their session or the operator: it is news to the app.
    Person,
    /// The app, through the browser's address bar, where it could be edited.
    App,
    /// The app, by a pushed or signed request.
    AppPinned,
}

/// How and when the number was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberVerification {
    /// The operator's alias.
    pub operator: String,
    /// How it was asked.
    pub method: Method,
    /// When it answered, in whole seconds.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub verified_at: Time,
    /// Whether only a test operator vouches for it (P5).
    pub test: bool,
    /// The extra checks by name, `sim_swap` for one.
    #[serde(default)]
    pub checks: BTreeMap<String, Check>,
}

/// What a grant remembers of a verdict: all its tokens are made of. No number is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Who, as this client knows them.
    pub sub: String,
    /// The scopes granted.
    pub scopes: ScopeSet,
    /// The single claims granted, and where they stand.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// The request's `nonce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// When the operator's answer signed the person in, in whole seconds.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub auth_time: Time,
    /// The session, as this client knows it.
    pub sid: String,
    /// The audit record's id.
    pub txn: Uuid,
    /// How and when the number was verified.
    pub number_verification: NumberVerification,
    /// Who named the number.
    pub named_by: NamedBy,
    /// Whether the login was handed off to a phone.
    pub handoff: bool,
    /// Whether a person pressed a button.
    pub person_acted: bool,
    /// Whether the client wants the number's claims at userinfo only.
    pub claims_in_userinfo_only: bool,
}

/// Why nothing can be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReleasable {
    /// The grant does not hold `openid`.
    #[error("the grant does not hold the scope openid")]
    NoOpenid,
    /// The scopes call for the number and the caller has none. To leave the claim out would hide
    /// from the app that another number was verified than the one it named.
    #[error("the number to release is missing")]
    NoNumber,
}

impl Facts {
    /// The authentication context.
    #[must_use]
    pub fn acr(&self) -> Acr {
        if self.handoff {
            Acr::NetworkHandoff
        } else {
            Acr::Network
        }
    }

    /// The authentication methods: `nba` (CAMARA's network-based authentication), `user` when a
    /// person pressed a button, `mca` for a hand-off (RFC 8176).
    #[must_use]
    pub fn amr(&self) -> Vec<&'static str> {
        let mut amr = vec!["nba"];
        if self.person_acted {
            amr.push("user");
        }
        if self.handoff {
            amr.push("mca");
        }
        amr
    }

    /// Whether the app itself named the number that was verified.
    #[must_use]
    pub fn rp_named_number(&self) -> bool {
        self.named_by != NamedBy::Person
    }

    /// Whether scopes or claims release the number: only then a grant keeps it.
    #[must_use]
    pub fn releases_number(&self) -> bool {
        self.scopes_release_number() || self.claims.wants_number()
    }

    fn scopes_release_number(&self) -> bool {
        self.scopes.has(Scope::Phone)
            || (self.scopes.has(Scope::NumberVerified) && self.rp_named_number())
    }
}

/// Everything that scopes and claims release, for userinfo (OIDC Core sections 5.3.2 and 5.5).
///
/// # Errors
/// [`NotReleasable`]: nothing is answered then.
pub fn release(
    facts: &Facts,
    number: Option<&PhoneNumber>,
) -> Result<Map<String, Value>, NotReleasable> {
    let mut claims = about_the_login(facts)?;
    add_the_number(&mut claims, facts, number, true, &facts.claims.userinfo)?;
    Ok(claims)
}

/// What goes into the ID token: the same, or, if the client wants what its scopes release at userinfo,
/// what is about the login and what was asked for here by name.
///
/// # Errors
/// [`NotReleasable`]: nothing is issued then.
pub fn id_token_claims(
    facts: &Facts,
    number: Option<&PhoneNumber>,
) -> Result<Map<String, Value>, NotReleasable> {
    let mut claims = about_the_login(facts)?;
    let by_scope = !facts.claims_in_userinfo_only;
    add_the_number(&mut claims, facts, number, by_scope, &facts.claims.id_token)?;
    Ok(claims)
}

/// The row `openid` of the table.
fn about_the_login(facts: &Facts) -> Result<Map<String, Value>, NotReleasable> {
    if !facts.scopes.has(Scope::Openid) {
        return Err(NotReleasable::NoOpenid);
    }
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(facts.sub));
    claims.insert("acr".to_owned(), json!(facts.acr().as_str()));
    claims.insert("amr".to_owned(), json!(facts.amr()));
    claims.insert("auth_time".to_owned(), json!(facts.auth_time.timestamp()));
    claims.insert("sid".to_owned(), json!(facts.sid));
    claims.insert("txn".to_owned(), json!(facts.txn));
    Ok(claims)
}

/// The rows `number_verified` and `phone` of the table, where they count, and what was asked for by
/// name.
fn add_the_number(
    claims: &mut Map<String, Value>,
    facts: &Facts,
    number: Option<&PhoneNumber>,
    by_scope: bool,
    asked: &Members,
) -> Result<(), NotReleasable> {
    let has = |scope| by_scope && facts.scopes.has(scope);
    if has(Scope::NumberVerified) || has(Scope::Phone) || asked.has(Claim::NumberVerification) {
        claims.insert("number_verification".to_owned(), number_verification(facts));
    }
    let number = || number.ok_or(NotReleasable::NoNumber);
    if (by_scope && facts.scopes_release_number()) || asked.has(Claim::PhoneNumber) {
        claims.insert("phone_number".to_owned(), json!(number()?.e164()));
        claims.insert("phone_number_verified".to_owned(), json!(true));
    }
    if let Some(wanted) = &asked.verified {
        let verified = verified_claims(facts, number()?, wanted);
        claims.insert("verified_claims".to_owned(), verified);
    }
    Ok(())
}

fn number_verification(facts: &Facts) -> Value {
    let NumberVerification {
        operator,
        method,
        verified_at,
        test,
        checks,
    } = &facts.number_verification;
    json!({
        "operator": operator,
        "method": method,
        "verified_at": verified_at.timestamp(),
        "pinned": facts.named_by == NamedBy::AppPinned,
        "cross_device": facts.handoff,
        "test": test,
        "checks": checks,
    })
}

/// OpenID Identity Assurance Schema Definition 1.0, section 5: the number, and of its verification what
/// was asked for.
fn verified_claims(facts: &Facts, number: &PhoneNumber, wanted: &VerifiedWanted) -> Value {
    let check = &facts.number_verification;
    let time = check.verified_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut verification = Map::new();
    verification.insert("trust_framework".to_owned(), json!(TRUST_FRAMEWORK));
    if wanted.time {
        verification.insert("time".to_owned(), json!(time));
    }
    if wanted.process {
        verification.insert("verification_process".to_owned(), json!(facts.txn));
    }
    if wanted.evidence {
        let mut evidence = Map::new();
        evidence.insert("type".to_owned(), json!(EVIDENCE));
        if wanted.check_details {
            let details = named(
                json!({
                    "check_method": CHECK_METHOD,
                    "organization": check.operator,
                    "check_id": facts.txn,
                    "time": time,
                }),
                "check_method",
                &wanted.check_members,
            );
            evidence.insert("check_details".to_owned(), json!([details]));
        }
        if wanted.record {
            let record = json!({ "type": RECORD, "source": { "name": check.operator } });
            let record = named(record, "type", &wanted.record_members);
            evidence.insert("record".to_owned(), record);
        }
        verification.insert("evidence".to_owned(), json!([evidence]));
    }
    json!({ "verification": verification, "claims": { "phone_number": number.e164() } })
}

/// Nothing is told that was not asked for, but what says which kind of thing it is; naming nothing
/// asks for all of it.
fn named(mut parts: Value, kind: &str, wanted: &[String]) -> Value {
    if let (Value::Object(members), false) = (&mut parts, wanted.is_empty()) {
        members.retain(|name, _| name == kind || wanted.contains(name));
    }
    parts
}

#[cfg(test)]
pub(crate) mod tests;
