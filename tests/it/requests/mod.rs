//! Authorization requests, one test per line of the checklist in `reference/oidc-provider.md` section
//! 2.2, and what OAuth adds to it: pushed and signed requests, answers in every mode.

mod authorize;
mod claims;
mod discovery;
mod modes;
mod objects;
mod pages;
mod pushed;

use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::store::clients::Settings;
use serde_json::{Value, json};

use crate::support::app::{App, new_client};
use crate::support::browser::{Browser, End};
use crate::support::keys::ClientKey;
use crate::support::rp::{Departure, Rp};

/// The parameters that a page of ours would post to the app by itself, and the app's address.
fn posted(browser: &Browser) -> (String, Vec<(String, String)>) {
    assert!(matches!(browser.end, End::Page), "{:?}", browser.end);
    let page = browser.page();
    assert_eq!(page.headers["cache-control"], "no-store");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action https: http:"), "{policy}");
    assert!(
        page.source
            .contains("<script>document.forms[0].submit()</script>")
    );
    let [form] = page.document.forms.as_slice() else {
        panic!("one form on: {}", page.document.text);
    };
    assert_eq!(form.method, "post");
    assert_eq!(
        form.buttons.len(),
        1,
        "a button for browsers without scripts"
    );
    (form.action.clone(), form.fields.clone())
}

/// The parameters in a fragment.
fn fragment(browser: &Browser) -> Vec<(String, String)> {
    let left = browser.left();
    assert_eq!(left.query(), None);
    let fragment = left.fragment().unwrap();
    url::form_urlencoded::parse(fragment.as_bytes())
        .into_owned()
        .collect()
}

fn only(parameters: &[(String, String)], name: &str) -> String {
    assert_eq!(parameters.len(), 1, "{parameters:?}");
    assert_eq!(parameters[0].0, name);
    parameters[0].1.clone()
}

/// An app with a key, otherwise as `change` says.
async fn with_key(app: &App, name: &str, change: impl FnOnce(&mut Settings)) -> (Rp, ClientKey) {
    let key = ClientKey::new(SigningAlg::ES256);
    let mut new = new_client(name);
    new.settings.jwks = Some(key.jwks());
    change(&mut new.settings);
    (app.register(new).await, key)
}

/// An app of a FAPI profile: its key instead of its secret. Written into its row, whatever else
/// registration may demand of such an app.
async fn fapi(app: &App, profile: &str) -> (Rp, ClientKey) {
    let (mut rp, key) = with_key(app, "bank", |_| {}).await;
    let mut owner = app.database.owner().await;
    sqlx::query(
        "update clients set token_endpoint_auth_method = 'private_key_jwt', \
         settings = settings || jsonb_build_object('profile', $1::text) where client_id = 'bank'",
    )
    .bind(profile)
    .execute(&mut owner)
    .await
    .unwrap();
    app.state().forget("clients").await;
    rp.secret = None;
    (rp, key)
}

/// Pushes a form as a client with a key.
async fn push_with_key(
    app: &App,
    rp: &Rp,
    key: &ClientKey,
    parameters: Vec<(String, String)>,
) -> (u16, Value) {
    let mut form = key.assertion(&rp.client_id, &app.issuer, app.clock.now());
    form.extend(
        parameters
            .into_iter()
            .filter(|(name, _)| name != "client_id"),
    );
    rp.push(&form).await
}

/// What a client signs of a departure's request: good in every respect.
fn object(app: &App, rp: &Rp, departure: &Departure) -> Value {
    let now = app.clock.now().timestamp();
    let mut claims = json!({
        "iss": rp.client_id, "aud": app.issuer, "nbf": now, "exp": now + 300,
    });
    for (name, value) in departure.parameters() {
        claims[name] = value.into();
    }
    claims
}

/// A departure whose request is signed and stands in the address bar.
fn signed(app: &App, rp: &Rp, key: &ClientKey, departure: &Departure) -> Departure {
    let jwt = key.sign("oauth-authz-req+jwt", &object(app, rp, departure));
    departure.with(&beside(rp, jwt))
}

/// What stands beside a request object.
fn beside(rp: &Rp, jwt: String) -> Vec<(String, String)> {
    [
        ("client_id", rp.client_id.clone()),
        ("response_type", "code".to_owned()),
        ("scope", "openid".to_owned()),
        ("request", jwt),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
