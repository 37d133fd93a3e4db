//! What an ID token must be to count (OpenID Connect Core section 3.1.3.7).

use chrono::TimeDelta;
use openidconnect::core::{CoreIdToken, CoreJwsSigningAlgorithm};
use openidconnect::{
    ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl, Nonce,
    SignatureVerificationError,
};

use super::Keys;
use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::operator::amr;
use crate::operator::errors::Failure;
use crate::secret::Redacted;
use crate::store::operators::Settings;

/// How long an ID token is still good after its `exp`: clocks differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// How far `iat` may lie from our time.
const FRESHNESS: TimeDelta = TimeDelta::seconds(300);

/// Why an ID token does not count.
pub(in crate::operator) enum IdTokenFault {
    /// None of the keys we have is the one that signed it; there may be newer ones.
    UnknownKey,
    /// Anything else.
    Failure(Failure),
}

/// Checks an operator's ID token, and how it says that the person was authenticated.
pub(in crate::operator) fn check_id_token(
    settings: &Settings,
    keys: &Keys,
    id_token: &Redacted,
    nonce: &str,
    now: Time,
) -> Result<(), IdTokenFault> {
    let methods = check_signed(settings, keys, id_token, nonce, now)?;
    let Some(methods) = methods else {
        return Ok(());
    };
    let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
    amr::check(&methods, &settings.accepted_amr).map_err(IdTokenFault::Failure)
}

/// Checks an ID token (OpenID Connect Core section 3.1.3.7): by the crate its signature, `iss`,
/// `aud`, `exp` and `nonce`; by us `azp` and `iat`. Returns its `amr`.
pub(in crate::operator) fn check_signed(
    settings: &Settings,
    keys: &Keys,
    id_token: &Redacted,
    nonce: &str,
    now: Time,
) -> Result<Option<Vec<String>>, IdTokenFault> {
    let fault = |failure| IdTokenFault::Failure(failure);
    let issuer = settings
        .issuer
        .clone()
        .and_then(|issuer| IssuerUrl::new(issuer).ok())
        .ok_or_else(|| {
            fault(Failure::misconfigured(
                "an ID token came, and the record has no issuer to check it against",
            ))
        })?;
    let id_token: CoreIdToken = id_token
        .reveal()
        .parse()
        .map_err(|_| fault(Failure::violation("the ID token cannot be read")))?;
    // A verifier of a public client takes no HMAC, whatever the list of algorithms says.
    let client_id = ClientId::new(settings.client_id.clone());
    let verifier = IdTokenVerifier::new_public_client(client_id, issuer, keys.0.clone())
        .set_allowed_algs(settings.id_token_algs.iter().map(|alg| match alg {
            SigningAlg::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            SigningAlg::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            SigningAlg::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            SigningAlg::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
        }))
        .set_time_fn(move || now - LEEWAY)
        .set_issue_time_verifier_fn(move |issued| {
            if (issued - now).abs() <= FRESHNESS {
                Ok(())
            } else {
                Err(String::new())
            }
        });
    let claims = id_token
        .claims(&verifier, &Nonce::new(nonce.to_owned()))
        .map_err(|err| match err {
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            ) => IdTokenFault::UnknownKey,
            other => fault(Failure::violation(id_token_fault(&other))),
        })?;
    if claims
        .authorized_party()
        .is_some_and(|azp| azp.as_str() != settings.client_id)
    {
        return Err(fault(Failure::violation("the ID token's azp is not us")));
    }
    let methods = claims.auth_method_refs();
    Ok(methods.map(|methods| {
        let words = methods.iter().map(|method| method.as_str().to_owned());
        words.collect()
    }))
}

/// The crate's own texts quote the token; ours do not.
fn id_token_fault(err: &ClaimsVerificationError) -> &'static str {
    match err {
        ClaimsVerificationError::Expired(_) => "the ID token has expired, or its iat is far off",
        ClaimsVerificationError::InvalidAudience(_) => "the ID token is for another audience",
        ClaimsVerificationError::InvalidIssuer(_) => "the ID token is from another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "the ID token has another nonce or none",
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::DisallowedAlg(_)
            | SignatureVerificationError::UnsupportedAlg(_)
            | SignatureVerificationError::NoSignature,
        ) => "the ID token's algorithm is not allowed",
        ClaimsVerificationError::SignatureVerification(_) => "the ID token's signature is wrong",
        _ => "the ID token is not acceptable",
    }
}
