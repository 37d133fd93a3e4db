//! Section 2.1 of the checklist: the metadata and the published keys.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::wire::{Raw, http};

async fn document(app: &App, path: &str) -> Value {
    let answer = Raw::of(http().get(format!("{}{path}", app.issuer))).await;
    assert_eq!(answer.status, 200, "{path}");
    assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    answer.json()
}

/// The metadata that specifications define: RFC 8414, OpenID Connect Discovery 1.0, and those that each
/// line names. The suite warns of any other.
const DEFINED: &[&str] = &[
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "ui_locales_supported",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "code_challenge_methods_supported",
    "userinfo_endpoint",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported",
    "request_object_signing_alg_values_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    // The three logout specifications.
    "end_session_endpoint",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    // RFC 8705, RFC 9101, RFC 9126, RFC 9207, RFC 9449, RFC 9701.
    "tls_client_certificate_bound_access_tokens",
    "mtls_endpoint_aliases",
    "require_signed_request_object",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "dpop_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
    // JARM; Initiating User Registration 1.0.
    "authorization_signing_alg_values_supported",
    "prompt_values_supported",
    // OpenID Connect for Identity Assurance.
    "verified_claims_supported",
    "trust_frameworks_supported",
    "evidence_supported",
    "electronic_records_supported",
    "claims_in_verified_claims_supported",
];

fn words<'a>(metadata: &'a Value, name: &str) -> Vec<&'a str> {
    let words = metadata[name].as_array().expect(name).iter();
    words.map(|word| word.as_str().unwrap()).collect()
}

// 2.1.1 to 2.1.5, 2.1.7
#[tokio::test]
async fn the_metadata_stands_at_both_addresses_below_the_issuer_and_lists_only_what_is_served() {
    let app = App::start().await;
    let metadata = document(&app, "/.well-known/openid-configuration").await;
    assert_eq!(
        document(&app, "/.well-known/oauth-authorization-server").await,
        metadata
    );
    assert_eq!(metadata["issuer"], app.issuer);
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let uri = value.as_str().expect(name);
            let path = uri.strip_prefix(&app.issuer).expect(name);
            assert_ne!(Raw::of(http().get(uri)).await.status, 404, "{name}");
            assert!(path.starts_with('/'), "{name}");
        } else if name.ends_with("_supported") && value.is_array() {
            let words = words(&metadata, name);
            assert!(!words.is_empty(), "{name}");
            assert!(
                words.iter().all(|word| !word.contains(' ')),
                "{name} {words:?}"
            );
        }
        if name.contains("alg_values") {
            let algs = words(&metadata, name);
            assert!(
                algs.iter()
                    .all(|alg| *alg != "none" && !alg.starts_with("HS")),
                "{name} {algs:?}"
            );
        }
    }
    for (name, expected) in [
        ("response_types_supported", json!(["code"])),
        (
            "grant_types_supported",
            json!(["authorization_code", "refresh_token"]),
        ),
        ("subject_types_supported", json!(["pairwise", "public"])),
        (
            "scopes_supported",
            json!(["openid", "number_verified", "phone", "offline_access"]),
        ),
        (
            "id_token_signing_alg_values_supported",
            json!(["RS256", "PS256", "ES256", "EdDSA"]),
        ),
        ("code_challenge_methods_supported", json!(["S256"])),
        (
            "prompt_values_supported",
            json!(["none", "login", "consent", "select_account"]),
        ),
        (
            "acr_values_supported",
            json!(["urn:numbercloak:acr:network"]),
        ),
        ("backchannel_logout_supported", json!(true)),
        ("backchannel_logout_session_supported", json!(true)),
        ("frontchannel_logout_supported", json!(true)),
        ("frontchannel_logout_session_supported", json!(true)),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        ("request_uri_parameter_supported", json!(false)),
    ] {
        assert_eq!(metadata[name], expected, "{name}");
    }
    // Discovery is told to a Host that somebody made up as to anybody else.
    let forged = http()
        .get(format!("{}/.well-known/openid-configuration", app.issuer))
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    assert!(!Raw::of(forged).await.body.contains("evil.example"));
}

// 2.1.4
#[tokio::test]
async fn no_member_of_the_metadata_is_an_invention_and_each_has_its_type() {
    let everything = App::builder()
        .config("registration.enabled", "true")
        .config("mtls.proxy_header", "client-cert")
        .config("mtls.url", "https://mtls.localhost")
        .config("server.trusted_proxies", "[\"127.0.0.0/8\"]");
    for builder in [App::builder(), everything] {
        let app = builder.start().await;
        let metadata = document(&app, "/.well-known/openid-configuration").await;
        for (name, value) in metadata.as_object().unwrap() {
            assert!(DEFINED.contains(&name.as_str()), "{name}");
            let fits = match name.as_str() {
                "mtls_endpoint_aliases" => value.as_object().unwrap().iter().all(|(name, uri)| {
                    metadata.get(name).is_some() && uri.as_str().unwrap().starts_with("https://")
                }),
                name if name == "issuer"
                    || name.ends_with("_endpoint")
                    || name.ends_with("_uri") =>
                {
                    value
                        .as_str()
                        .is_some_and(|uri| url::Url::parse(uri).is_ok())
                }
                _ => match value {
                    Value::Bool(_) => true,
                    Value::Array(words) => {
                        let unique: BTreeSet<_> = words.iter().filter_map(Value::as_str).collect();
                        !words.is_empty() && unique.len() == words.len()
                    }
                    _ => false,
                },
            };
            assert!(fits, "{name}: {value}");
        }
        // Scope tokens as RFC 6749 section 3.3 has them, languages as BCP 47 does.
        for scope in words(&metadata, "scopes_supported") {
            let legal = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(!scope.is_empty() && scope.bytes().all(legal), "{scope}");
        }
        for language in words(&metadata, "ui_locales_supported") {
            let mut subtags = language.split('-');
            let primary = subtags.next().unwrap();
            assert!(matches!(primary.len(), 2 | 3), "{language}");
            assert!(
                primary.bytes().all(|b| b.is_ascii_lowercase()),
                "{language}"
            );
        }
    }
}

// 2.1.6
#[tokio::test]
async fn published_keys_are_public_named_and_long_enough() {
    let app = App::start().await;
    let set = document(&app, "/jwks").await;
    let keys = set["keys"].as_array().unwrap();
    let mut kids = BTreeSet::new();
    let mut algs = BTreeSet::new();
    for key in keys {
        let kid = key["kid"].as_str().unwrap();
        assert!(!kid.is_empty() && kids.insert(kid), "{key}");
        assert_eq!(key["use"], "sig");
        algs.insert(key["alg"].as_str().unwrap());
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private} of {kid}");
        }
        if key["kty"] == "RSA" {
            let modulus = numbercloak::secret::from_b64(key["n"].as_str().unwrap()).unwrap();
            assert!(modulus.len() >= 256, "{kid}");
        }
    }
    assert_eq!(algs, BTreeSet::from(["ES256", "EdDSA", "PS256", "RS256"]));
}

#[tokio::test]
async fn every_endpoint_scope_and_claim_is_in_the_documentation() {
    let documented = include_str!("../../../docs/protocol.md");
    let app = App::builder()
        .config("registration.enabled", "true")
        .start()
        .await;
    let metadata = document(&app, "/.well-known/openid-configuration").await;
    let in_docs = |word: &str| assert!(documented.contains(&format!("`{word}`")), "{word}");
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            let path = value.as_str().unwrap().strip_prefix(&app.issuer).unwrap();
            in_docs(path);
        }
    }
    assert_eq!(
        words(&metadata, "ui_locales_supported"),
        numbercloak::oauth::locale::TAGS,
        "what a client may register as its language"
    );
    for list in [
        "claims_supported",
        "scopes_supported",
        "prompt_values_supported",
        "response_modes_supported",
        "token_endpoint_auth_methods_supported",
        "acr_values_supported",
        "grant_types_supported",
    ] {
        words(&metadata, list).into_iter().for_each(in_docs);
    }
}
