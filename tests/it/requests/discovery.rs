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
