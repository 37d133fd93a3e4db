//! What an operator says of itself in its discovery document, for staff who connect it: they look at it
//! before anything is stored.

use serde_json::Value;

use crate::oauth::signing_alg::SigningAlg;
use crate::operator::oidc;
use crate::outbound::Outbound;
use crate::store::operators::{Settings, TokenAuth};

/// Where the document lies below an issuer; people copy one for the other.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Reads the discovery document of an issuer and lays what it says over `before`.
///
/// # Errors
/// What is wrong with it, for people.
pub async fn look_up(
    outbound: &Outbound,
    issuer: &str,
    before: &Settings,
) -> Result<Settings, String> {
    let issuer = issuer.trim();
    let issuer = issuer.strip_suffix(WELL_KNOWN).unwrap_or(issuer);
    let asked = Settings {
        issuer: Some(issuer.to_owned()),
        ..before.clone()
    };
    let document = oidc::fetch_document(outbound, &asked)
        .await
        .map_err(|failure| failure.told())?;
    let endpoints = oidc::endpoints_of(&document).map_err(|failure| failure.told())?;
    let by_issuer = (asked.issuer.clone(), endpoints.token.clone());
    let mut found = Settings {
        authorization_endpoint: endpoints.authorization,
        token_endpoint: endpoints.token,
        jwks_uri: endpoints.jwks,
        ..asked
    };
    if found.api_root.is_empty() {
        found.api_root = api_root(by_issuer.1.as_deref().or(by_issuer.0.as_deref()));
    }
    read(&document, &mut found);
    Ok(found)
}

/// What it says beside its endpoints.
fn read(document: &Value, settings: &mut Settings) {
    let words = |name: &str| -> Option<Vec<&str>> {
        let words = document.get(name)?.as_array()?;
        Some(words.iter().filter_map(Value::as_str).collect())
    };
    let is = |name: &str| document.get(name).and_then(Value::as_bool) == Some(true);
    // A key of ours is better than a secret that both sides know.
    if let Some(methods) = words("token_endpoint_auth_methods_supported") {
        let ways = [
            ("private_key_jwt", TokenAuth::PrivateKeyJwt),
            ("client_secret_basic", TokenAuth::ClientSecretBasic),
            ("client_secret_post", TokenAuth::ClientSecretPost),
        ];
        let mut ways = ways.into_iter();
        if let Some((_, way)) = ways.find(|(word, _)| methods.contains(word)) {
            settings.token_auth = way;
        }
    }
    if let Some(algs) = words("id_token_signing_alg_values_supported") {
        let known: Vec<_> = algs.into_iter().filter_map(SigningAlg::parse).collect();
        if !known.is_empty() {
            settings.id_token_algs = known;
        }
    }
    if let Some(methods) = words("code_challenge_methods_supported") {
        settings.pkce = methods.contains(&"S256");
    }
    settings.require_iss = is("authorization_response_iss_parameter_supported");
    settings.signed_request = is("require_signed_request_object");
}

/// The API most often stands on the token endpoint's host.
fn api_root(endpoint: Option<&str>) -> String {
    endpoint
        .and_then(|url| url::Url::parse(url).ok())
        .map_or_else(String::new, |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_document_says_is_taken_and_what_it_does_not_say_stays() {
        let mut settings = Settings::default();
        read(&json!({}), &mut settings);
        assert_eq!(settings, Settings::default());
        let document = json!({
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "id_token_signing_alg_values_supported": ["HS256", "PS256"],
            "code_challenge_methods_supported": ["plain"],
            "authorization_response_iss_parameter_supported": true,
        });
        read(&document, &mut settings);
        assert_eq!(settings.token_auth, TokenAuth::PrivateKeyJwt);
        assert_eq!(settings.id_token_algs, [SigningAlg::PS256]);
        assert!(!settings.pkce && settings.require_iss && !settings.signed_request);
        assert_eq!(
            api_root(Some("https://api.op.example/t/token")),
            "https://api.op.example"
        );
    }
}
