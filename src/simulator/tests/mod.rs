//! The operator over real HTTP, as a client and a browser see it.

mod checks;
mod credentials;
mod flow;
mod gherkin;
mod pages;
mod radio;
mod scenarios;

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{Settings, SimulatedClient, Simulator, start};
use crate::clock::Clock;
use crate::secret::{b64, sha256};

const CALLBACK: &str = "https://rp.example/cb";
const SECRET: &str = "s3cret +&=";
const VERIFY: &str = "openid dpv:FraudPreventionAndDetection number-verification:verify";
const SHARE: &str = "openid dpv:ServiceProvision number-verification:device-phone-number:read";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-long";

/// A running operator with the clients `app` (secret), `keyed` (keys) and `other`.
struct World {
    simulator: Simulator,
    clock: Clock,
    http: Client,
    key: EcdsaKeyPair,
}

#[expect(clippy::disallowed_methods, reason = "the test is the outside world")]
fn outside() -> Client {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

impl World {
    async fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = key.public_key().as_ref();
        let jwks = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256",
            "x": b64(&point[1..33]), "y": b64(&point[33..]),
        }] });
        let client = |id: &str, secret: Option<&str>, jwks| SimulatedClient {
            client_id: id.to_owned(),
            client_secret: secret.map(str::to_owned),
            jwks,
            redirect_uris: vec![CALLBACK.to_owned(), format!("{CALLBACK}?tenant=1")],
        };
        let clock = Clock::by_hand();
        let simulator = start(Settings {
            clients: vec![
                client("app", Some(SECRET), None),
                client("keyed", None, Some(jwks)),
                client("other", Some("another"), None),
            ],
            clock: clock.clone(),
            ..Settings::new("127.0.0.1:0".parse().unwrap())
        })
        .await
        .unwrap();
        Self {
            simulator,
            clock,
            http: outside(),
            key,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.issuer())
    }

    /// An authorization request of `app` with these parameters added or, if empty, taken away.
    fn request(&self, changes: &[(&str, &str)]) -> Url {
        let mut pairs = vec![
            ("client_id", "app"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", VERIFY),
            ("state", "st4te"),
            ("nonce", "n0nce"),
            ("prompt", "none"),
        ];
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        Url::parse_with_params(&self.url("/authorize"), pairs).unwrap()
    }

    async fn get(&self, url: impl AsRef<str>) -> Response {
        self.http.get(url.as_ref()).send().await.unwrap()
    }

    async fn authorize(&self, changes: &[(&str, &str)]) -> Response {
        self.get(self.request(changes)).await
    }

    /// The code for this SIM and scope.
    async fn code(&self, hint: &str, scope: &str) -> String {
        let response = self
            .authorize(&[("login_hint", hint), ("scope", scope)])
            .await;
        callback(&response)["code"].clone()
    }

    async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Response {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
        ];
        for (name, value) in changes {
            form.retain(|(known, _)| known != name);
            if !value.is_empty() {
                form.push((name, value));
            }
        }
        self.post_token("app", SECRET, &form).await
    }

    async fn post_token(&self, id: &str, secret: &str, form: &[(&str, &str)]) -> Response {
        let encode =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        self.http
            .post(self.url("/token"))
            .basic_auth(encode(id), Some(encode(secret)))
            .form(form)
            .send()
            .await
            .unwrap()
    }

    /// An access token for this SIM and scope.
    async fn token(&self, hint: &str, scope: &str) -> String {
        let code = self.code(hint, scope).await;
        let answer: Value = self.redeem(&code, &[]).await.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn verify(&self, token: &str, body: &Value) -> Response {
        self.http
            .post(self.url("/number-verification/v2/verify"))
            .bearer_auth(token)
            .header("x-correlator", "c0rr")
            .json(body)
            .send()
            .await
            .unwrap()
    }

    async fn share(&self, token: &str) -> Response {
        self.http
            .get(self.url("/number-verification/v2/device-phone-number"))
            .bearer_auth(token)
            .header("x-correlator", "c0rr")
            .send()
            .await
            .unwrap()
    }

    /// A JWT signed with the key of `keyed`.
    fn jwt(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": "k1" });
        let input = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let signature = self
            .key
            .sign(&SystemRandom::new(), input.as_bytes())
            .unwrap();
        format!("{input}.{}", b64(signature.as_ref()))
    }
}

/// The parameters of a redirect to the client.
fn callback(response: &Response) -> HashMap<String, String> {
    assert_eq!(response.status(), StatusCode::FOUND, "no redirect");
    let location = response.headers()["location"].to_str().unwrap();
    assert!(
        location.starts_with(CALLBACK),
        "the redirect leads elsewhere"
    );
    Url::parse(location)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

fn challenge() -> String {
    b64(&sha256(VERIFIER.as_bytes()))
}

async fn error_of(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"].as_str().unwrap_or("").to_owned())
}
