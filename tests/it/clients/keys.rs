//! Keys by address: `jwks_uri` (1.4, 2.6; RFC 7517 section 5), fetched seldom and with care.

use std::time::Duration;

use numbercloak::admin::client_sector;
use numbercloak::config;
use serde_json::json;

use super::{kept_out, knock_with, let_in, with_key};
use crate::support::app::App;
use crate::support::client_key::ClientKey;
use crate::support::served::Served;

async fn served(app: &App, key: &ClientKey) -> Served {
    let served = Served::start(&key.jwks()).await;
    let mut new = with_key("remote", key);
    new.settings.jwks = None;
    new.settings.jwks_uri = Some(served.uri.clone());
    app.register(new).await;
    served
}

async fn start() -> App {
    App::builder()
        .config("limits.client_failures_per_minute", "1000")
        .start()
        .await
}

// 1.4: oidcc-registration-jwks-uri, oidcc-refresh-token-rp-key-rotation
#[tokio::test]
async fn keys_are_fetched_once_and_again_for_a_key_that_nobody_knows() {
    let app = start().await;
    let (one, two, three) = (
        ClientKey::new("one", &app.clock),
        ClientKey::new("two", &app.clock),
        ClientKey::new("three", &app.clock),
    );
    let served = served(&app, &one).await;
    for _ in 0..3 {
        let_in(&knock_with(&app.issuer, &one.assertion("remote", &app.issuer)).await);
    }
    assert_eq!(served.hits(), 1);
    // The client replaces its key: the next assertion has the set fetched at once.
    served.becomes(200, two.jwks().to_string());
    let_in(&knock_with(&app.issuer, &two.assertion("remote", &app.issuer)).await);
    kept_out(&knock_with(&app.issuer, &one.assertion("remote", &app.issuer)).await);
    assert_eq!(served.hits(), 2, "a second doubt must wait");
    // Whoever makes names up has nothing fetched.
    for _ in 0..5 {
        kept_out(&knock_with(&app.issuer, &three.assertion("remote", &app.issuer)).await);
    }
    assert_eq!(served.hits(), 2);
    app.clock.advance(Duration::from_secs(31));
    served.becomes(200, three.jwks().to_string());
    let_in(&knock_with(&app.issuer, &three.assertion("remote", &app.issuer)).await);
    assert_eq!(served.hits(), 3);
}

#[tokio::test]
async fn a_new_key_under_the_old_name_is_found_too() {
    let app = start().await;
    let (old, new) = (
        ClientKey::new("one", &app.clock),
        ClientKey::new("one", &app.clock),
    );
    let served = served(&app, &old).await;
    let_in(&knock_with(&app.issuer, &old.assertion("remote", &app.issuer)).await);
    served.becomes(200, new.jwks().to_string());
    let_in(&knock_with(&app.issuer, &new.assertion("remote", &app.issuer)).await);
}

#[tokio::test]
async fn an_address_without_keys_is_not_asked_again_and_again() {
    let app = start().await;
    let key = ClientKey::new("one", &app.clock);
    let served = served(&app, &key).await;
    let big = json!({"keys": [key.jwk()], "x": "x".repeat(70_000)}).to_string();
    let private = json!({"keys": [key.jwk(), {"kty": "oct", "k": "AAAA"}]}).to_string();
    let good = key.jwks().to_string();
    let bad = [
        (500, good.clone()),
        (302, good.clone()),
        (200, "{".to_owned()),
        (200, "[]".to_owned()),
        (200, big),
        (200, private),
    ];
    for (round, (status, body)) in bad.into_iter().enumerate() {
        served.becomes(status, body);
        for _ in 0..3 {
            kept_out(&knock_with(&app.issuer, &key.assertion("remote", &app.issuer)).await);
        }
        assert_eq!(served.hits(), round + 1, "one try for three requests");
        app.clock.advance(Duration::from_secs(11));
    }
    served.becomes(200, good);
    let_in(&knock_with(&app.issuer, &key.assertion("remote", &app.issuer)).await);
    // What was fetched holds a while when the address is down, and not for ever.
    served.becomes(500, String::new());
    app.clock.advance(Duration::from_secs(1800));
    let_in(&knock_with(&app.issuer, &key.assertion("remote", &app.issuer)).await);
    app.clock.advance(Duration::from_secs(1801));
    kept_out(&knock_with(&app.issuer, &key.assertion("remote", &app.issuer)).await);
}

// 2.6: the guarded client
#[tokio::test]
async fn keys_are_not_fetched_from_private_addresses() {
    let app = App::builder()
        .config("operators.allow_private_addresses", "[\"127.0.0.2/32\"]")
        .start()
        .await;
    let key = ClientKey::new("one", &app.clock);
    let served = served(&app, &key).await;
    kept_out(&knock_with(&app.issuer, &key.assertion("remote", &app.issuer)).await);
    assert_eq!(served.hits(), 0);
}

// 2.6: a suite with an authority of its own
#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_once_it_is_configured() {
    let authority = {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), rcgen::Issuer::new(params, key))
    };
    let held = {
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let cert = params.signed_by(&signing_key, &authority.1).unwrap();
        rcgen::CertifiedKey { cert, signing_key }
    };
    let file = std::env::temp_dir().join(format!("numbercloak-extra-ca-{}", std::process::id()));
    std::fs::write(&file, &authority.0).unwrap();
    let configured = file.display().to_string();
    for trusts in [false, true] {
        let mut builder = App::builder();
        if trusts {
            builder = builder.config("operators.extra_ca_file", &configured);
        }
        let app = builder.start().await;
        let key = ClientKey::new("one", &app.clock);
        let served = Served::start_over_tls(&key.jwks(), &held).await;
        let mut new = with_key("remote", &key);
        new.settings.jwks = None;
        new.settings.jwks_uri = Some(served.uri.clone());
        app.register(new).await;
        let answer = knock_with(&app.issuer, &key.assertion("remote", &app.issuer)).await;
        if trusts {
            let_in(&answer);
        } else {
            kept_out(&answer);
        }
        assert_eq!(served.hits(), usize::from(trusts));
        // So it is for sector documents, which the same client fetches.
        served.becomes(200, json!(["https://a.example/cb"]).to_string());
        let sector = client_sector::fetch(&app.state().outbound, &served.uri).await;
        assert_eq!(sector.is_ok(), trusts);
    }
    std::fs::remove_file(&file).unwrap();
    // A file that is gone, or that holds no certificate, stops the server at its start.
    let flags = vec![("operators.extra_ca_file".to_owned(), configured)];
    let refused = config::load(None, std::iter::empty(), flags).unwrap_err();
    assert!(
        refused.to_string().contains("operators.extra_ca_file"),
        "{refused}"
    );
}
