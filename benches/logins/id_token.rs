//! ID tokens, verified as a relying party must: every one of them, signature and claims.

use std::collections::HashMap;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use uuid::Uuid;

/// What the load client reads of a token.
#[derive(Deserialize)]
pub struct Claims {
    /// The subject.
    pub sub: String,
    /// The number.
    pub phone_number: String,
    /// Whether it is verified.
    pub phone_number_verified: bool,
    /// The audit record of the check.
    pub txn: Uuid,
    nonce: String,
}

/// Verifies the tokens of one client.
pub struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl Verifier {
    /// For tokens of this issuer and client under one algorithm, with the keys of `/jwks`.
    pub fn new(
        jwks: &str,
        issuer: &str,
        client_id: &str,
        algorithm: Algorithm,
    ) -> anyhow::Result<Self> {
        let set: JwkSet = serde_json::from_str(jwks)?;
        let mut keys = HashMap::new();
        for jwk in &set.keys {
            if let Some(kid) = &jwk.common.key_id {
                keys.insert(kid.clone(), DecodingKey::from_jwk(jwk)?);
            }
        }
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[client_id]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        Ok(Self { keys, validation })
    }

    /// The claims of a token that is good.
    pub fn verify(&self, token: &str, nonce: &str) -> Result<Claims, String> {
        let kid = decode_header(token).ok().and_then(|header| header.kid);
        let key = kid
            .and_then(|kid| self.keys.get(&kid))
            .ok_or("id_token: unknown key")?;
        let claims = decode::<Claims>(token, key, &self.validation)
            .map_err(|_| "id_token: not valid")?
            .claims;
        if claims.nonce == nonce {
            Ok(claims)
        } else {
            Err("id_token: wrong nonce".to_owned())
        }
    }
}
