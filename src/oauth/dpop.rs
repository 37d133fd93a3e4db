//! DPoP proofs (RFC 9449): who presents a token shows, for this very request, that it holds the key
//! the token is bound to. Pure: whether a proof was seen before is for the caller to find out.

use chrono::{DateTime, TimeDelta};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use url::Url;

use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::{b64, from_b64, same, sha256};

/// The algorithms a proof may be signed with: FAPI 2.0 section 5.4.1 for every client, because a
/// library that makes proofs can make these.
pub const ALGS: [SigningAlg; 3] = SigningAlg::FAPI;

/// How old a proof may be. Phones' clocks are wrong, and each proof counts once anyway.
const OLDEST: TimeDelta = TimeDelta::seconds(300);
/// How far ahead of us its clock may be: FAPI 2.0 section 5.3.2.1 accepts 10 seconds and refuses more
/// than 60.
const AHEAD: TimeDelta = TimeDelta::seconds(60);
/// Longest proof that is read: an RSA key of 4096 bits and its signature fit twice.
const LONGEST: usize = 8192;
/// Longest `jti`.
const LONGEST_JTI: usize = 512;
/// Smallest RSA modulus, in bytes (RFC 7518 section 3.5).
const SMALLEST_RSA: usize = 256;
/// Members of a JWK that are private or a shared secret (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The request a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The URLs that lead to the endpoint; one of them.
    pub urls: &'a [String],
    /// The access token presented with it, at a resource.
    pub access_token: Option<&'a str>,
    /// The nonces of ours that are good now; empty: none is asked for.
    pub nonces: &'a [String],
    /// The time.
    pub now: Time,
}

/// A proof that is right in everything but that it may have been used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key's thumbprint (RFC 7638), as it stands in `cnf.jkt`.
    pub jkt: String,
    /// What it is remembered by: key and `jti`.
    pub hash: [u8; 32],
    /// When it is too old to be accepted again.
    pub expires_at: Time,
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// It is wrong.
    #[error("{0}")]
    Wrong(&'static str),
    /// It is right and lacks a nonce of ours (RFC 9449 section 8).
    #[error("the DPoP proof must hold the nonce of the answer's DPoP-Nonce header")]
    NoNonce,
}

fn wrong<T>(reason: &'static str) -> Result<T, BadProof> {
    Err(BadProof::Wrong(reason))
}

/// Checks a proof as RFC 9449 section 4.3 lists it.
///
/// # Errors
/// [`BadProof`], the first fault found.
pub fn check(proof: &str, expected: &Expected<'_>) -> Result<Proof, BadProof> {
    if proof.len() > LONGEST {
        return wrong("the DPoP proof is too long");
    }
    let header = header(proof)?;
    let (alg, key) = key(&header)?;
    let claims = verified(proof, alg, &key)?;
    is_for_the_request(&claims, expected)?;
    let issued = is_recent(&claims, expected.now)?;
    is_for_the_token(&claims, expected.access_token)?;
    let jti = match claims.get("jti").and_then(Value::as_str) {
        Some(jti) if !jti.is_empty() && jti.len() <= LONGEST_JTI => jti,
        _ => return wrong("the DPoP proof has no usable jti"),
    };
    holds_a_nonce(&claims, expected.nonces)?;
    let jkt = key
        .thumbprint(ThumbprintHash::SHA256)
        .map_err(|_| BadProof::Wrong("the DPoP proof's key has no thumbprint"))?;
    Ok(Proof {
        hash: sha256(format!("{jkt}.{jti}").as_bytes()),
        jkt,
        expires_at: issued + OLDEST,
    })
}

fn header(proof: &str) -> Result<Map<String, Value>, BadProof> {
    let mut parts = proof.split('.');
    let (first, rest) = (parts.next().unwrap_or_default(), parts.count());
    let header = from_b64(first).and_then(|json| serde_json::from_slice(&json).ok());
    match header {
        Some(header) if rest == 2 => Ok(header),
        _ => wrong("the DPoP proof is not a signed JWT"),
    }
}

/// The algorithm and the public key. What is asymmetric and public is listed; nothing else passes.
fn key(header: &Map<String, Value>) -> Result<(SigningAlg, Jwk), BadProof> {
    if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
        return wrong("the DPoP proof's typ is not dpop+jwt");
    }
    if header.contains_key("crit") {
        return wrong("the DPoP proof has critical headers, and we know none");
    }
    let alg = header.get("alg").and_then(Value::as_str);
    let Some(alg) = alg
        .and_then(SigningAlg::parse)
        .filter(|alg| ALGS.contains(alg))
    else {
        return wrong("the DPoP proof's alg is not one of ES256, PS256, EdDSA");
    };
    let Some(jwk) = header.get("jwk").and_then(Value::as_object) else {
        return wrong("the DPoP proof holds no jwk");
    };
    if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
        return wrong("the DPoP proof's jwk is not a public key");
    }
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let fits = match alg {
        SigningAlg::ES256 => member("kty") == "EC" && member("crv") == "P-256",
        SigningAlg::EdDSA => member("kty") == "OKP" && member("crv") == "Ed25519",
        SigningAlg::PS256 | SigningAlg::RS256 => {
            let modulus = from_b64(member("n")).unwrap_or_default();
            let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
            member("kty") == "RSA" && bytes >= SMALLEST_RSA
        }
    };
    match serde_json::from_value(Value::Object(jwk.clone())) {
        Ok(jwk) if fits => Ok((alg, jwk)),
        _ => wrong("the DPoP proof's jwk is not a key for its alg"),
    }
}

fn verified(proof: &str, alg: SigningAlg, key: &Jwk) -> Result<Map<String, Value>, BadProof> {
    let mut validation = Validation::new(match alg {
        SigningAlg::ES256 => Algorithm::ES256,
        SigningAlg::EdDSA => Algorithm::EdDSA,
        SigningAlg::PS256 | SigningAlg::RS256 => Algorithm::PS256,
    });
    // Time is checked below, by our clock.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    DecodingKey::from_jwk(key)
        .and_then(|key| jsonwebtoken::decode(proof, &key, &validation))
        .map(|token| token.claims)
        .map_err(|_| BadProof::Wrong("the DPoP proof's signature is wrong"))
}

fn is_for_the_request(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<(), BadProof> {
    if claims.get("htm").and_then(Value::as_str) != Some(expected.method) {
        return wrong("the DPoP proof's htm is not the method of the request");
    }
    let here = claims
        .get("htu")
        .and_then(Value::as_str)
        .and_then(normalised)
        .is_some_and(|htu| {
            let mut ours = expected.urls.iter().filter_map(|url| normalised(url));
            ours.any(|url| url == htu)
        });
    if here {
        Ok(())
    } else {
        wrong("the DPoP proof's htu is not the URL of the request")
    }
}

/// Without query and fragment; case of scheme and host, default ports and dot segments levelled
/// (RFC 9449 section 4.3, RFC 3986 section 6.2.2).
fn normalised(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    url.set_query(None);
    url.set_fragment(None);
    plain.then_some(url)
}

/// When it was made, if that is now; `exp` and `nbf` are not asked for, and kept to if they are there
/// (RFC 7519 sections 4.1.4 and 4.1.5).
fn is_recent(claims: &Map<String, Value>, now: Time) -> Result<Time, BadProof> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .or_else(|| value.as_f64().map(|seconds| seconds as i64))
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map(Some)
            .ok_or(BadProof::Wrong("a time in the DPoP proof is no number")),
    };
    let Some(issued) = time("iat")? else {
        return wrong("the DPoP proof has no iat");
    };
    // Differences, not sums: a hostile time near the end of the calendar must not overflow.
    let age = now.signed_duration_since(issued);
    if age > OLDEST || age < -AHEAD {
        return wrong("the DPoP proof's iat is too long ago or in the future");
    }
    let too_early = |at: Time| at.signed_duration_since(now) > AHEAD;
    if time("exp")?.is_some_and(|end| end <= now) || time("nbf")?.is_some_and(too_early) {
        return wrong("the DPoP proof is not valid at this time");
    }
    Ok(issued)
}

/// RFC 9449 section 7: `ath` is there exactly for the token.
fn is_for_the_token(claims: &Map<String, Value>, token: Option<&str>) -> Result<(), BadProof> {
    let Some(token) = token else {
        return Ok(());
    };
    let ath = claims
        .get("ath")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if same(ath.as_bytes(), b64(&sha256(token.as_bytes())).as_bytes()) {
        Ok(())
    } else {
        wrong("the DPoP proof's ath is not the hash of the access token")
    }
}

fn holds_a_nonce(claims: &Map<String, Value>, nonces: &[String]) -> Result<(), BadProof> {
    let nonce = claims.get("nonce").and_then(Value::as_str);
    let ours =
        nonce.is_some_and(|nonce| nonces.iter().any(|n| same(n.as_bytes(), nonce.as_bytes())));
    if nonces.is_empty() || ours {
        Ok(())
    } else {
        Err(BadProof::NoNonce)
    }
}

#[cfg(test)]
mod tests;
