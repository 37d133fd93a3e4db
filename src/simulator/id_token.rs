//! ID tokens: right ones, and wrong ones where a scenario says so.

use serde_json::json;

use super::keys::Signing;
use super::network::{Grant, Network, TOKEN_LIFE};
use super::scenario::{AtDiscovery, AtIdToken, Effect};
use crate::secret::Token;

/// The signed token for this grant. `sub` is pairwise and hides the number (ICM security profile).
pub(super) fn issue(network: &Network, grant: &Grant) -> String {
    let fault = match grant.scenario.map(|scenario| scenario.effect) {
        Some(Effect::IdToken(fault)) => Some(fault),
        _ => None,
    };
    let now = network.clock.now().timestamp();
    let life = i64::try_from(TOKEN_LIFE.as_secs()).unwrap_or(i64::MAX);
    let mut claims = json!({
        "iss": network.issuer,
        "sub": network.keys.pairwise(&grant.client.id, grant.number.e164()),
        "aud": grant.client.id,
        "exp": now + life,
        "iat": now,
        "auth_time": now,
        "amr": ["nba"],
    });
    if let Some(nonce) = &grant.nonce {
        claims["nonce"] = nonce.as_str().into();
    }
    let mut signing = match grant.scenario.map(|scenario| scenario.effect) {
        Some(Effect::Discovery(AtDiscovery::KeysDown)) => Signing::Unpublished,
        Some(Effect::Discovery(AtDiscovery::KeyRotated)) => Signing::Rotated,
        _ => Signing::Published,
    };
    match fault {
        None => {}
        Some(AtIdToken::WrongNonce) => claims["nonce"] = Token::random().reveal().into(),
        Some(AtIdToken::WrongAudience) => claims["aud"] = "another-client".into(),
        Some(AtIdToken::WrongIssuer) => claims["iss"] = "https://other-operator.example".into(),
        Some(AtIdToken::Expired) => {
            claims["iat"] = (now - 7200).into();
            claims["auth_time"] = (now - 7200).into();
            claims["exp"] = (now - 3600).into();
        }
        Some(AtIdToken::FromTheFuture) => {
            claims["iat"] = (now + 3600).into();
            claims["exp"] = (now + 3600 + life).into();
        }
        Some(AtIdToken::AlgNone) => signing = Signing::None,
        Some(AtIdToken::HmacWithPublicKey) => signing = Signing::HmacWithPublicKey,
        Some(AtIdToken::UnknownKey) => signing = Signing::Unpublished,
        Some(AtIdToken::TextMessage) => claims["amr"] = json!(["sms"]),
        Some(AtIdToken::Password) => claims["amr"] = json!(["nba", "pwd"]),
        Some(AtIdToken::NumberAsSubject) => claims["sub"] = grant.number.e164().into(),
    }
    network.keys.sign(&claims, signing)
}
