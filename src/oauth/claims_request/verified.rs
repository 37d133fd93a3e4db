//! What may be said about `verified_claims` (OpenID Connect for Identity Assurance 1.0): which of the
//! conditions we can meet, and which parts of the verification are wanted.

use serde_json::Value;

use super::{CHECK_METHOD, EVIDENCE, RECORD, TRUST_FRAMEWORK, VerifiedWanted, asked};
use crate::phone::PhoneNumber;

/// One request for verified claims, or several of which the first that can be met counts.
pub(super) fn read(
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
        let mut this = VerifiedWanted::default();
        let mut fits = true;
        for (name, how) in kind {
            fits &= match name.as_str() {
                "type" => is_open_to(how, EVIDENCE)?,
                "check_details" => {
                    this.check_details = true;
                    check_fits(how, &mut this.check_members)?
                }
                "record" => {
                    this.record = true;
                    parts_fit(how, ("type", RECORD), &mut this.record_members)?
                }
                _ => !is_bound(how),
            };
        }
        if fits && !wanted.evidence {
            wanted.evidence = true;
            wanted.check_details = this.check_details;
            wanted.check_members = this.check_members;
            wanted.record = this.record;
            wanted.record_members = this.record_members;
        }
    }
    Ok(wanted.evidence)
}

/// Whether one of the checks wanted can be ours: there is one.
fn check_fits(how: &Value, members: &mut Vec<String>) -> Result<bool, &'static str> {
    let several = match how {
        Value::Array(several) => several.as_slice(),
        one => std::slice::from_ref(one),
    };
    for one in several {
        members.clear();
        if parts_fit(one, ("check_method", CHECK_METHOD), members)? {
            return Ok(true);
        }
    }
    Ok(several.is_empty())
}

/// Whether what is said about the parts of something of ours fits; notes those that are named, of
/// which `kind` is the one with a value to choose. Nothing named is everything wanted.
fn parts_fit(
    how: &Value,
    kind: (&str, &str),
    members: &mut Vec<String>,
) -> Result<bool, &'static str> {
    let Value::Object(parts) = how else {
        return Ok(true);
    };
    if !parts.is_empty() {
        members.push(kind.0.to_owned());
    }
    let mut fits = true;
    for (name, how) in parts {
        if name == kind.0 {
            fits &= is_open_to(how, kind.1)?;
            continue;
        }
        fits &= !is_bound(how);
        // Names that we do not know need no room.
        if KNOWN_PARTS.contains(&name.as_str()) {
            members.push(name.clone());
        }
    }
    Ok(fits)
}

const KNOWN_PARTS: [&str; 4] = ["check_id", "organization", "source", "time"];
