//! The `claims` parameter (OIDC Core section 5.5) and what it may say about `verified_claims` (OpenID
//! Connect for Identity Assurance 1.0, section 5): text in, what of ours is asked for out. Claims that
//! we do not have are left out silently, so what is kept is small and holds no number.

mod verified;

#[cfg(test)]
mod tests;

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

/// How it was checked: by asking for data, not by looking at a document.
pub const CHECK_METHOD: &str = "data";

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
    /// The parts of that which are named; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check_members: Vec<String>,
    /// Whether the record itself is wanted with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub record: bool,
    /// The parts of that which are named; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record_members: Vec<String>,
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
            read.verified = verified::read(value, hinted)?;
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
