//! An app's ID token as a receipt: signed by us, and its `txn` names a record that says the same.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ledger::verify::{Finding, What, about};

/// What a receipt says.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The record it names.
    pub txn: Uuid,
    /// All of it.
    pub claims: Map<String, Value>,
}

/// Reads an ID token and checks its signature; its age does not matter.
///
/// # Errors
/// What is wrong with it.
pub fn read(token: &str, keys: &JwkSet) -> Result<Receipt, String> {
    let token = token.trim();
    let header = decode_header(token).map_err(|_| "is not a signed JWT".to_owned())?;
    let kid = header.kid.ok_or("names no key")?;
    let jwk = keys
        .find(&kid)
        .ok_or_else(|| format!("is signed by key {kid}, which is not among those given"))?;
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "is signed by a key that cannot be read")?;
    let algorithm = jwk
        .common
        .key_algorithm
        .and_then(|algorithm| algorithm.to_string().parse().ok())
        .unwrap_or(header.alg);
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["iss", "sub", "aud"]);
    let claims = decode::<Map<String, Value>>(token, &key, &validation)
        .map_err(|_| "does not carry a valid signature of that key".to_owned())?
        .claims;
    let txn = claims.get("txn").and_then(Value::as_str);
    let txn = txn.and_then(|txn| Uuid::parse_str(txn).ok());
    Ok(Receipt {
        txn: txn.ok_or("names no record (claim txn)")?,
        claims,
    })
}

/// Compares a receipt with the record it names and those that rest on it. Each must be known to be
/// sealed and intact.
#[must_use]
pub fn compare(receipt: &Receipt, records: &[Value]) -> Vec<Finding> {
    let wrong = |message: String| about(What::Receipt, Some(receipt.txn), message);
    let txn = receipt.txn.to_string();
    let Some(record) = records.iter().find(|record| record["id"] == txn.as_str()) else {
        return vec![wrong(format!(
            "the receipt names record {txn}, which is not in the log"
        ))];
    };
    let claim = |name: &str| receipt.claims.get(name).unwrap_or(&Value::Null);
    let mut findings = Vec::new();
    let mut differs = |name: &str, told: &Value, recorded: &Value| {
        if told != recorded {
            findings.push(wrong(format!(
                "the receipt says {name} {told}, the record {recorded}"
            )));
        }
    };
    differs("type", &Value::from("NUMBER_VERIFIED"), &record["type"]);
    differs("outcome", &Value::from("verified"), &record["outcome"]);
    let verification = claim("number_verification");
    if verification.is_object() {
        differs("operator", &verification["operator"], &record["operator"]);
        differs("method", &verification["method"], &record["method"]);
        differs("test", &verification["test"], &record["test"]);
        let at = record["at"]
            .as_str()
            .and_then(|at| at.parse::<crate::clock::Time>().ok());
        let at = at.map_or(Value::Null, |at| Value::from(at.timestamp()));
        // A record is written once the answer is there, up to a time limit of a call later.
        let told = verification["verified_at"].as_i64().unwrap_or_default();
        if at.as_i64().is_none_or(|at| (at - told).abs() > 60) {
            differs("verified_at", &verification["verified_at"], &at);
        }
    }
    let audience = match claim("aud") {
        Value::Array(list) if list.len() == 1 => list[0].clone(),
        other => other.clone(),
    };
    if audience == record["client_id"] {
        differs("sub", claim("sub"), &record["subject"]);
    } else {
        let released = records.iter().any(|other| {
            other["type"] == "LOGIN"
                && other["txn"] == txn.as_str()
                && other["client_id"] == audience
        });
        if !released {
            findings.push(wrong(format!(
                "the receipt is for {audience}; no record says that the check was released to it"
            )));
        }
    }
    findings
}
