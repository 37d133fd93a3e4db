//! How apps' servers prove themselves, how they are registered, and how they register themselves. The
//! numbers in comments are sections of the checklist that a certified provider meets.

mod assertions;
mod certificates;
mod keys;
mod registration;
mod secrets;
mod settings;

use numbercloak::admin::clients::NewClient;
use numbercloak::store::clients::AuthMethod;

use crate::support::app::{App, new_client};
use crate::support::client_key::ClientKey;
use crate::support::rp::Rp;
use crate::support::wire::{Raw, http};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An app with this key.
fn with_key(name: &str, key: &ClientKey) -> NewClient {
    let mut new = new_client(name);
    new.auth_method = Some(AuthMethod::PrivateKeyJwt);
    new.settings.jwks = Some(key.jwks());
    new
}

/// A token request with a code that is none, and these fields: `invalid_grant` is the answer to
/// whoever is known, and only to them.
async fn knock(base: &str, fields: &[(&str, &str)]) -> Raw {
    let mut all = vec![
        ("grant_type", "authorization_code"),
        ("code", "none"),
        ("redirect_uri", "https://shop.example/callback"),
    ];
    all.extend_from_slice(fields);
    Raw::of(http().post(format!("{base}/token")).form(&all)).await
}

/// The same with an assertion.
async fn knock_with(base: &str, assertion: &str) -> Raw {
    let fields = [
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    knock(base, &fields).await
}

/// The same with a secret by HTTP Basic.
async fn knock_as(rp: &Rp, secret: &str) -> Raw {
    knock_by_basic(&rp.issuer, &rp.client_id, secret).await
}

async fn knock_by_basic(base: &str, client_id: &str, secret: &str) -> Raw {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", "none"),
        ("redirect_uri", "https://shop.example/callback"),
    ];
    let request = http()
        .post(format!("{base}/token"))
        .basic_auth(client_id, Some(secret))
        .form(&fields);
    Raw::of(request).await
}

#[track_caller]
fn let_in(answer: &Raw) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_grant"),
        "{}",
        answer.body
    );
}

#[track_caller]
fn kept_out(answer: &Raw) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client"),
        "{}",
        answer.body
    );
}

/// The discovery document.
async fn metadata(app: &App) -> serde_json::Value {
    let uri = format!("{}/.well-known/openid-configuration", app.issuer);
    Raw::of(http().get(uri)).await.json()
}
