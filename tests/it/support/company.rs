//! A company's own OpenID provider: signs in whoever it is told to, without a page, and tells every lie it is
//! told to. It checks what a provider checks: the client's secret, PKCE, that a code counts once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use numbercloak::clock::Clock;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::secret::{Token, b64, sha256};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::app::{App, Builder};
use super::keys::ClientKey;

/// Who the console is to it.
pub const CLIENT_ID: &str = "console";
/// What it gave the console.
pub const SECRET: &str = "the secret of the console";

type Fields = HashMap<String, String>;

struct Inside {
    issuer: String,
    key: ClientKey,
    forger: ClientKey,
    clock: Mutex<Clock>,
    person: Mutex<Value>,
    lies: Mutex<Value>,
    forges: Mutex<bool>,
    codes: Mutex<HashMap<String, Fields>>,
    asked: Mutex<Vec<Fields>>,
}

/// A running provider.
pub struct Provider(Arc<Inside>);

impl Provider {
    /// Starts one, on another site than ours.
    pub async fn start() -> Self {
        let listener = match TcpListener::bind("127.0.0.3:0").await {
            Ok(listener) => listener,
            // Systems that give loopback one address only.
            Err(_) => TcpListener::bind("127.0.0.1:0").await.unwrap(),
        };
        let inside = Arc::new(Inside {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            key: ClientKey::new(SigningAlg::ES256),
            forger: ClientKey::new(SigningAlg::ES256),
            clock: Mutex::new(Clock::system()),
            person: Mutex::new(json!({})),
            lies: Mutex::new(json!({})),
            forges: Mutex::new(false),
            codes: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(inside.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(inside)
    }

    /// A server that has it as its company's provider, with its time.
    pub async fn serving(&self, change: impl FnOnce(Builder) -> Builder) -> App {
        let builder = App::builder()
            .config("console.oidc.issuer", &self.0.issuer)
            .config("console.oidc.client_id", CLIENT_ID)
            .config("console.oidc.client_secret", SECRET)
            .config(
                "console.oidc.roles",
                "[\"help=support\", \"sec=auditor\", \"ops=admin\"]",
            )
            .config("console.oidc.allowed_domains", "[\"example.com\"]");
        let app = change(builder).start().await;
        *self.0.clock.lock().unwrap() = app.clock.clone();
        app
    }

    /// Who is signed in there from now on: their claims.
    pub fn person(&self, claims: Value) {
        *self.0.person.lock().unwrap() = claims;
    }

    /// What its next ID tokens and callbacks say wrongly.
    pub fn lie(&self, claims: Value) {
        *self.0.lies.lock().unwrap() = claims;
    }

    /// Whether its next ID tokens are signed with a key it does not publish.
    pub fn forge(&self, forges: bool) {
        *self.0.forges.lock().unwrap() = forges;
    }

    /// What it was asked, the latest last.
    pub fn asked(&self) -> Vec<Fields> {
        self.0.asked.lock().unwrap().clone()
    }
}

async fn discovery(State(it): State<Arc<Inside>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", it.issuer);
    Json(json!({
        "issuer": it.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(it): State<Arc<Inside>>) -> Json<Value> {
    Json(it.key.jwks())
}

async fn authorize(State(it): State<Arc<Inside>>, Query(asked): Query<Fields>) -> Response {
    it.asked.lock().unwrap().push(asked.clone());
    let lies = it.lies.lock().unwrap().clone();
    let told = |name: &str, truth: &str| lies[name].as_str().unwrap_or(truth).to_owned();
    let code = Token::random().reveal();
    let answer = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", &code)
        .append_pair("state", &told("callback_state", &asked["state"]))
        .append_pair("iss", &told("callback_iss", &it.issuer))
        .finish();
    let back = format!("{}?{answer}", asked["redirect_uri"]);
    it.codes.lock().unwrap().insert(code, asked);
    // A page of its own leads back, as after its sign-in form: another site's doing.
    let back = back.replace('&', "&amp;");
    Html(format!(
        "<!doctype html><html><head><title>Company</title>\
         <meta http-equiv=\"refresh\" content=\"0;url={back}\"></head><body><h1>Company</h1></body></html>"
    ))
    .into_response()
}

async fn token(
    State(it): State<Arc<Inside>>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let refuse =
        |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    let (id, secret) = (CLIENT_ID, SECRET.replace(' ', "+"));
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"))
    };
    let given = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if given != Some(format!("Basic {basic}").as_str()) {
        return refuse("invalid_client");
    }
    let Some(asked) = it.codes.lock().unwrap().remove(&form["code"]) else {
        return refuse("invalid_grant");
    };
    let challenge = b64(&sha256(form["code_verifier"].as_bytes()));
    if asked["code_challenge"] != challenge || asked["redirect_uri"] != form["redirect_uri"] {
        return refuse("invalid_grant");
    }
    let now = it.clock.lock().unwrap().now().timestamp();
    let mut claims = json!({
        "iss": it.issuer, "aud": CLIENT_ID, "nonce": asked["nonce"], "iat": now, "exp": now + 300,
        "auth_time": now, "amr": ["pwd", "otp"],
    });
    for more in [&it.person, &it.lies] {
        let more = more.lock().unwrap().clone();
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
    }
    let key = if *it.forges.lock().unwrap() {
        &it.forger
    } else {
        &it.key
    };
    Json(json!({
        "access_token": "nothing", "token_type": "Bearer", "expires_in": 60,
        "id_token": key.sign("JWT", &claims),
    }))
    .into_response()
}
