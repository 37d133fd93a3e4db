//! Clients of the operator, and JWTs they sign: client assertions and request objects.

use std::fmt;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::clock::Time;

/// Longest life of a JWT a client signs, seconds (ICM security profile).
const LONGEST: i64 = 300;
/// Longest life of Vonage's JWT of an application, seconds: what its SDK makes.
const LONGEST_APPLICATION: i64 = 900;
/// How far a client's clock may run ahead, seconds.
const SKEW: i64 = 5;

/// An app or aggregator registered with the operator.
#[derive(Clone, Deserialize)]
pub struct SimulatedClient {
    /// Its `client_id`.
    pub client_id: String,
    /// For `client_secret_basic` and `client_secret_post`.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// A JWK set, for `private_key_jwt`, signed request objects and JWTs of an application.
    #[serde(default)]
    pub jwks: Option<Value>,
    /// Matched byte by byte.
    pub redirect_uris: Vec<String>,
}

impl fmt::Debug for SimulatedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimulatedClient({})", self.client_id)
    }
}

/// The same with its keys parsed.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    keys: Vec<(Option<String>, DecodingKey)>,
}

impl Client {
    /// Keys that cannot be used are left out: what they sign will not verify.
    pub(super) fn new(client: SimulatedClient) -> Self {
        let set = client
            .jwks
            .and_then(|jwks| serde_json::from_value::<JwkSet>(jwks).ok())
            .map_or_else(Vec::new, |set| set.keys);
        let usable =
            |jwk: Jwk| Some((jwk.common.key_id.clone(), DecodingKey::from_jwk(&jwk).ok()?));
        Self {
            id: client.client_id,
            secret: client.client_secret,
            redirect_uris: client.redirect_uris,
            keys: set.into_iter().filter_map(usable).collect(),
        }
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Checks Vonage's JWT of an application: RS256, its claims, and nobody's issuer or audience.
    pub(super) fn open_application_jwt(&self, jwt: &str, now: Time) -> Result<(), &'static str> {
        let header = jsonwebtoken::decode_header(jwt).map_err(|_| "the JWT cannot be read")?;
        if header.alg != Algorithm::RS256 || header.typ.as_deref() != Some("JWT") {
            return Err("the JWT's header is not typ JWT and alg RS256");
        }
        let claims = self.signed_claims(jwt, &header)?;
        let text = |name| claims.get(name).and_then(Value::as_str);
        if text("application_id") != Some(self.id.as_str()) {
            return Err("application_id is not the application");
        }
        let jti = text("jti").and_then(|jti| uuid::Uuid::try_parse(jti).ok());
        if jti.is_none_or(|jti| jti.get_version_num() != 4) {
            return Err("jti is no UUID of version 4");
        }
        if !claims.contains_key("iat") || claims.contains_key("aud") || claims.contains_key("iss") {
            return Err("iat is missing, or a claim is there that is not theirs");
        }
        check_times(&claims, now, LONGEST_APPLICATION)
    }

    /// The claims of a JWT this client signed with one of its keys, issued for one of `audiences`
    /// and good now. The error is a sentence without anything of the JWT.
    pub(super) fn open_jwt(
        &self,
        jwt: &str,
        types: &[&str],
        audiences: &[&str],
        now: Time,
    ) -> Result<Map<String, Value>, &'static str> {
        let header = jsonwebtoken::decode_header(jwt).map_err(|_| "the JWT cannot be read")?;
        if matches!(
            header.alg,
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
        ) {
            return Err("the JWT's algorithm is not asymmetric");
        }
        if header.crit.is_some() {
            return Err("the JWT has critical headers");
        }
        if let Some(typ) = &header.typ
            && !types.iter().any(|known| typ.eq_ignore_ascii_case(known))
        {
            return Err("the JWT is of another type");
        }
        let claims = self.signed_claims(jwt, &header)?;
        if claims.get("iss").and_then(Value::as_str) != Some(self.id.as_str()) {
            return Err("iss is not the client");
        }
        if !is_for(claims.get("aud"), audiences) {
            return Err("aud is not this server");
        }
        check_times(&claims, now, LONGEST)?;
        if claims
            .get("jti")
            .and_then(Value::as_str)
            .is_none_or(|jti| jti.is_empty() || jti.len() > 256)
        {
            return Err("jti is missing or too long");
        }
        Ok(claims)
    }

    fn signed_claims(
        &self,
        jwt: &str,
        header: &Header,
    ) -> Result<Map<String, Value>, &'static str> {
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        // Times and audience are checked by our own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        self.keys
            .iter()
            .filter(|(kid, _)| header.kid.is_none() || *kid == header.kid)
            .find_map(|(_, key)| jsonwebtoken::decode(jwt, key, &validation).ok())
            .map(|data| data.claims)
            .ok_or("the JWT is not signed with a key of this client")
    }
}

fn is_for(aud: Option<&Value>, audiences: &[&str]) -> bool {
    match aud {
        Some(Value::String(one)) => audiences.contains(&one.as_str()),
        Some(Value::Array(many)) => many
            .iter()
            .any(|one| one.as_str().is_some_and(|one| audiences.contains(&one))),
        _ => false,
    }
}

fn check_times(claims: &Map<String, Value>, now: Time, longest: i64) -> Result<(), &'static str> {
    let seconds = |name| claims.get(name).and_then(Value::as_i64);
    let now = now.timestamp();
    let exp = seconds("exp").ok_or("exp is missing")?;
    if exp <= now {
        return Err("the JWT has expired");
    }
    if exp > now + longest {
        return Err("exp is too far ahead");
    }
    if let Some(iat) = seconds("iat") {
        if iat > now + SKEW {
            return Err("iat is in the future");
        }
        if exp - iat > longest {
            return Err("the JWT lives too long");
        }
    }
    if seconds("nbf").is_some_and(|nbf| nbf > now + SKEW) {
        return Err("nbf is in the future");
    }
    Ok(())
}
