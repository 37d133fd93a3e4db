//! What an app's server does with an answer, done here for the copy of the app that a trial runs with.

use axum::body::Body;
use base64::Engine as _;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde_json::Value;

use crate::admin::trials::{Check, Kept, Outcome};
use crate::console::clients::trial::CALLBACK;
use crate::console::visit::Visit;
use crate::secret::{b64, from_b64, same, sha256, sha512};
use crate::web::failure::Failure;

/// Redeems the code, checks the ID token and asks userinfo, and ticks every step.
pub async fn conclude(visit: &Visit, kept: &Kept) -> Outcome {
    let mut ticks = Ticks(Outcome::default());
    if let Err(error) = walk(visit, kept, &mut ticks).await {
        ticks.0.error = Some(error);
    }
    ticks.0
}

struct Ticks(Outcome);

impl Ticks {
    fn tick(&mut self, name: &str, ok: bool, detail: impl Into<String>) {
        self.0.checks.push(Check {
            name: name.to_owned(),
            ok,
            detail: detail.into(),
        });
    }
}

/// Goes as far as it goes; what the app would be told where it ends early.
async fn walk(visit: &Visit, kept: &Kept, ticks: &mut Ticks) -> Result<(), String> {
    let code = answer(visit, ticks)?;
    let (status, tokens) = asked(visit, token_request(visit, kept, code)).await;
    let redeemed = status == StatusCode::OK;
    ticks.tick("token endpoint", redeemed, status.to_string());
    if !redeemed {
        return Err(tokens.to_string());
    }
    let text = |name: &str| tokens[name].as_str().unwrap_or_default();
    id_token(visit, kept, text("id_token"), text("access_token"), ticks);
    userinfo(visit, text("access_token"), ticks).await;
    Ok(())
}

/// What the redirect brought.
fn answer<'a>(visit: &'a Visit, ticks: &mut Ticks) -> Result<&'a str, String> {
    ticks.tick("state", true, "is the one sent, and came once");
    let iss = visit.query.get("iss").unwrap_or_default();
    ticks.tick(
        "iss in the answer",
        iss == visit.app.config.issuer.as_str(),
        iss,
    );
    if let Some(code) = visit.query.get("code") {
        ticks.tick("code", true, "there is one");
        return Ok(code);
    }
    let error = visit.query.get("error").unwrap_or("no code");
    let description = visit.query.get("error_description").unwrap_or_default();
    let told = format!("{error}: {description}");
    ticks.tick("code", false, told.clone());
    Err(told)
}

/// OIDC Core section 3.1.3.7, in its order.
fn id_token(visit: &Visit, kept: &Kept, id_token: &str, access_token: &str, ticks: &mut Ticks) {
    let issuer = visit.app.config.issuer.as_str();
    ticks.0.header = part(id_token, 0);
    let alg = ticks.0.header["alg"].as_str().unwrap_or("?").to_owned();
    let verified = visit.app.keyring.current().verify(issuer, id_token);
    let says = format!("{alg}, by a published key");
    ticks.tick("signature", verified.is_ok(), says);
    let claims = Value::Object(verified.unwrap_or_default());
    let is = |name: &str| claims[name].as_str().unwrap_or_default();
    ticks.tick("iss", is("iss") == issuer, is("iss"));
    ticks.tick("aud", is("aud") == kept.client_id, is("aud"));
    let left = claims["exp"].as_i64().unwrap_or(0) - visit.now.timestamp();
    ticks.tick("exp", left > 0, format!("in {left} seconds"));
    let nonce = same(is("nonce").as_bytes(), kept.nonce.as_bytes());
    ticks.tick("nonce", nonce, "is the one sent");
    let fits = is("at_hash") == at_hash(&alg, access_token);
    ticks.tick("at_hash", fits, "fits the access token");
    ticks.0.claims = claims;
}

async fn userinfo(visit: &Visit, access_token: &str, ticks: &mut Ticks) {
    let bearer = format!("Bearer {access_token}");
    let request = Request::get("/userinfo").header(AUTHORIZATION, bearer);
    let (status, told) = asked(visit, request.body(Body::empty())).await;
    let fits = status == StatusCode::OK && told["sub"] == ticks.0.claims["sub"];
    ticks.tick("userinfo", fits, format!("{status}, the same sub"));
    let number = &told["number_verification"];
    let operator = number["operator"].as_str().unwrap_or("nobody");
    ticks.tick(
        "number_verification",
        number.is_object(),
        format!("by {operator}"),
    );
    ticks.0.userinfo = told;
}

fn token_request(visit: &Visit, kept: &Kept, code: &str) -> http::Result<Request<Body>> {
    let callback = visit.app.config.issuer.url(CALLBACK);
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &callback)
        .append_pair("code_verifier", kept.verifier.reveal());
    let mut request =
        Request::post("/token").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let posts_secret = kept.secret.as_ref().filter(|_| kept.posts_secret);
    match (&kept.secret, posts_secret) {
        (_, Some(secret)) => {
            body.append_pair("client_id", &kept.client_id)
                .append_pair("client_secret", secret.reveal());
        }
        (Some(secret), None) => {
            let pair = format!("{}:{}", kept.client_id, secret.reveal());
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            request = request.header(AUTHORIZATION, format!("Basic {encoded}"));
        }
        (None, None) => {
            body.append_pair("client_id", &kept.client_id);
        }
    }
    request.body(Body::from(body.finish()))
}

async fn asked(visit: &Visit, request: http::Result<Request<Body>>) -> (StatusCode, Value) {
    match request {
        Ok(request) => {
            let (status, body) = visit.app.inward.ask(&visit.app, request).await;
            (status, serde_json::from_slice(&body).unwrap_or_default())
        }
        Err(error) => (Failure::internal(error).status, Value::Null),
    }
}

fn part(jwt: &str, index: usize) -> Value {
    let part = jwt.split('.').nth(index).and_then(from_b64);
    part.and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// As an app computes it (OIDC Core section 3.1.3.6), not by the code that made it.
fn at_hash(alg: &str, access_token: &str) -> String {
    if alg == "EdDSA" {
        b64(&sha512(access_token.as_bytes())[..32])
    } else {
        b64(&sha256(access_token.as_bytes())[..16])
    }
}
