//! Tokens that are got without a browser, for the checks beside Number Verification: client
//! credentials, an assertion about a number (RFC 7523), and CIBA in poll mode. Such a token proves
//! no possession of a SIM, so none of them is ever good for Number Verification.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::client_auth::{Denied, authenticate};
use super::expiring::{Expiring, key_of};
use super::journal::Entry;
use super::network::{Network, TOKEN_LIFE};
use super::parameters::Parameters;
use super::scenario::{AtBackChannel, Effect, Scenario};
use crate::phone::PhoneNumber;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CIBA: &str = "urn:openid:params:grant-type:ciba";
/// How long a back-channel request waits for its token.
const REQUEST_LIFE: Duration = Duration::from_secs(120);
/// Seconds between two polls.
const INTERVAL: u32 = 1;
/// How often a slow request is told to wait.
const PENDING: u32 = 2;
/// How much longer a client has to wait after `slow_down` (CIBA Core section 11).
const SLOWER: Duration = Duration::from_secs(5);

/// What a token for the checks is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CheckScope {
    pub(super) swap_check: bool,
    pub(super) swap_date: bool,
    pub(super) recycling: bool,
}

/// A token for one check.
pub(super) struct CheckToken {
    pub(super) scope: CheckScope,
    /// The number it is about; `None` if the check's body must say.
    pub(super) number: Option<PhoneNumber>,
}

/// A back-channel request that waits.
struct Waiting {
    client: String,
    scope: CheckScope,
    number: PhoneNumber,
    polls: u32,
    /// Not by the clock, which tests move: clients wait in real time.
    polled_at: Option<Instant>,
}

/// What the back channel remembers.
pub(super) struct BackChannel {
    pub(super) tokens: Expiring<CheckToken>,
    requests: Expiring<Waiting>,
}

impl BackChannel {
    pub(super) fn new() -> Self {
        Self {
            tokens: Expiring::new(TOKEN_LIFE),
            requests: Expiring::new(REQUEST_LIFE),
        }
    }

    pub(super) fn clear(&self) {
        self.tokens.clear();
        self.requests.clear();
    }
}

/// The answer to a token request, if it is for the back channel.
pub(super) fn token(
    network: &Network,
    entry: Entry,
    headers: &HeaderMap,
    form: &Parameters,
) -> Option<Response> {
    let answer = match form.get("grant_type")? {
        "client_credentials" => client_credentials(network, headers, form),
        JWT_BEARER => jwt_bearer(network, form),
        CIBA => ciba(network, entry, headers, form),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|refused| refused))
}

fn client_credentials(
    network: &Network,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Response, Response> {
    authenticate(network, headers, form).map_err(denied)?;
    let scope = read_scope(form.get("scope").unwrap_or(""))?;
    Ok(issue(network, scope, None))
}

/// The assertion is the grant and the authentication.
fn jwt_bearer(network: &Network, form: &Parameters) -> Result<Response, Response> {
    let bad = |text| error("invalid_grant", text);
    if form.get("scope").is_some() || form.get("client_assertion").is_some() {
        let text = "the assertion says for what and from whom, nothing else does";
        return Err(error("invalid_request", text));
    }
    let assertion = form
        .get("assertion")
        .ok_or_else(|| error("invalid_request", "assertion is missing"))?;
    // Read without a check only to find whose keys to check it with.
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(assertion)
        .map_err(|_| bad("the assertion cannot be read"))?;
    let client = claims
        .get("iss")
        .and_then(Value::as_str)
        .and_then(|id| network.client(id))
        .ok_or_else(|| bad("the client is not known"))?;
    let now = network.clock.now();
    let endpoint = network.url("/token");
    let claims = client
        .open_jwt(assertion, &["JWT"], &[&endpoint], now)
        .map_err(bad)?;
    let text = |name| claims.get(name).and_then(Value::as_str);
    let jti = format!("{}\0{}", client.id, text("jti").unwrap_or(""));
    if !network.jtis.insert(now, key_of(&jti), ()) {
        return Err(bad("the assertion was used before"));
    }
    let number = text("sub")
        .and_then(read_tel)
        .ok_or_else(|| bad("sub is no tel: and a number"))?;
    let scope = read_scope(text("scope").unwrap_or(""))?;
    Ok(issue(network, scope, Some(number)))
}

/// `POST /bc-authorize` (CIBA Core section 7.1).
pub(super) async fn authorize(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    begin(&network, entry, &headers, &body).unwrap_or_else(|refused| refused)
}

fn begin(
    network: &Network,
    entry: Entry,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Response> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        return Err(error("invalid_request", "the body is not a form"));
    }
    let form = Parameters::parse(body);
    if form.repeated().is_some() {
        return Err(error("invalid_request", "a parameter is repeated"));
    }
    let client = authenticate(network, headers, &form).map_err(denied)?;
    let scope = read_scope(form.get("scope").unwrap_or(""))?;
    let number = form
        .get("login_hint")
        .and_then(read_tel)
        .ok_or_else(|| error("invalid_request", "login_hint is no tel: and a number"))?;
    if at_back_channel(&number) == Some(AtBackChannel::UnknownUser) {
        acted(network, entry, &number);
        return Err(error("unknown_user_id", "the number is nobody's here"));
    }
    let waiting = Waiting {
        client: client.id.clone(),
        scope,
        number,
        polls: 0,
        polled_at: None,
    };
    let id = network
        .back_channel
        .requests
        .issue(network.clock.now(), waiting);
    let body = json!({ "auth_req_id": id, "expires_in": 120, "interval": INTERVAL });
    Ok((no_store(), Json(body)).into_response())
}

fn ciba(
    network: &Network,
    entry: Entry,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Response, Response> {
    let client = authenticate(network, headers, form).map_err(denied)?;
    let unknown = || error("invalid_grant", "auth_req_id is not known");
    let key = key_of(form.get("auth_req_id").ok_or_else(unknown)?);
    let now = network.clock.now();
    let requests = &network.back_channel.requests;
    let polled = requests.with(now, &key, |waiting| {
        if waiting.client != client.id {
            return None;
        }
        waiting.polls += 1;
        let paused = waiting.polled_at.replace(Instant::now());
        let paused = paused.map(|at| at.elapsed());
        Some((waiting.polls, paused, waiting.number.clone()))
    });
    let (polls, paused, number) = polled.flatten().ok_or_else(unknown)?;
    match at_back_channel(&number) {
        Some(AtBackChannel::Pending) if polls <= PENDING => {
            acted(network, entry, &number);
            return Err(error("authorization_pending", "not yet"));
        }
        Some(AtBackChannel::SlowDown) if paused.is_none_or(|paused| paused < SLOWER) => {
            acted(network, entry, &number);
            return Err(error("slow_down", "too often"));
        }
        Some(AtBackChannel::Expired) => {
            acted(network, entry, &number);
            requests.take(now, &key);
            return Err(error("expired_token", "too late"));
        }
        _ => {}
    }
    let waiting = requests.take(now, &key).ok_or_else(unknown)?;
    Ok(issue(network, waiting.scope, Some(waiting.number)))
}

fn issue(network: &Network, scope: CheckScope, number: Option<PhoneNumber>) -> Response {
    let token = CheckToken { scope, number };
    let token = network
        .back_channel
        .tokens
        .issue(network.clock.now(), token);
    let body = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE.as_secs(),
    });
    (no_store(), Json(body)).into_response()
}

fn at_back_channel(number: &PhoneNumber) -> Option<AtBackChannel> {
    match Scenario::of(number)?.effect {
        Effect::BackChannel(effect) => Some(effect),
        _ => None,
    }
}

fn acted(network: &Network, entry: Entry, number: &PhoneNumber) {
    if let Some(scenario) = Scenario::of(number) {
        network.acted(entry, scenario);
    }
}

fn read_tel(text: &str) -> Option<PhoneNumber> {
    PhoneNumber::from_e164(text.strip_prefix("tel:")?).ok()
}

/// Exactly one purpose, and only checks.
fn read_scope(text: &str) -> Result<CheckScope, Response> {
    let refuse = |text| error("invalid_scope", text);
    let mut scope = CheckScope::default();
    let mut purposes = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "openid" => {}
            "sim-swap:check" => scope.swap_check = true,
            "sim-swap:retrieve-date" => scope.swap_date = true,
            "sim-swap" => (scope.swap_check, scope.swap_date) = (true, true),
            "number-recycling:check" => scope.recycling = true,
            _ if word.starts_with("dpv:") => purposes += 1,
            _ if word.starts_with("number-verification") => {
                return Err(refuse(
                    "a number is verified through the phone's browser only",
                ));
            }
            _ => return Err(refuse("a scope is not known here")),
        }
    }
    if purposes != 1 {
        return Err(refuse("exactly one dpv: purpose is needed"));
    }
    if scope == CheckScope::default() {
        return Err(refuse("no API scope"));
    }
    Ok(scope)
}

fn no_store() -> [(http::HeaderName, HeaderValue); 1] {
    [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}

fn error(word: &str, text: &str) -> Response {
    let body = json!({ "error": word, "error_description": text });
    (StatusCode::BAD_REQUEST, no_store(), Json(body)).into_response()
}

fn denied(denied: Denied) -> Response {
    match denied {
        Denied::InvalidRequest(text) => error("invalid_request", text),
        Denied::InvalidClient(text) => {
            let body = json!({ "error": "invalid_client", "error_description": text });
            let headers = [(WWW_AUTHENTICATE, "Basic realm=\"token\"")];
            (StatusCode::UNAUTHORIZED, headers, Json(body)).into_response()
        }
    }
}
