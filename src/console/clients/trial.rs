//! "Try sign-in": the real flow with a client's own settings, each step shown and each check ticked.
//! The request leaves by a plain link; the answer comes to `/admin/try/callback`, which anybody may
//! open, because the console's cookie does not come along from another site: the `state` says whose
//! it is, and only its owner sees what came of it.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use crate::admin::Refused;
use crate::admin::trials::{self, Check, Kept, Outcome, Seen, Wish};
use crate::console::clients::named;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::phone::PhoneNumber;
use crate::secret::{Token, b64, from_b64, same, sha256, sha512};
use crate::store::clients::Client;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;

const CALLBACK: &str = "/admin/try/callback";
/// What a trial may ask for besides `openid`.
const SCOPES: [&str; 2] = ["number_verified", "phone"];

#[derive(Template)]
#[template(path = "console/try_new.html")]
struct Form {
    frame: Frame,
    client: Client,
    number: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/try.html")]
struct Page {
    frame: Frame,
    trial: Seen,
    url: String,
    claims: String,
    userinfo: String,
    failed: usize,
}

#[derive(Template)]
#[template(path = "console/try_back.html")]
struct Back {
    frame: Frame,
    page: String,
}

/// The form.
pub async fn ask(visit: Visit) -> Result<Response, Trouble> {
    form(&visit, StatusCode::OK, None).await
}

/// Makes the copy and the request, and shows it before anything is sent.
pub async fn begin(visit: Visit) -> Result<Response, Trouble> {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let number = visit.field("number").trim();
    let hint = match (number, PhoneNumber::parse(number, None)) {
        ("", _) => None,
        (_, Ok(number)) => Some(format!("tel:{}", number.e164())),
        (_, Err(_)) => {
            let told = "This is no phone number. Write it with its country code.".to_owned();
            return form(&visit, unprocessable, Some(told)).await;
        }
    };
    let scope = visit.field("scope");
    let Some(scope) = SCOPES.iter().find(|known| **known == scope) else {
        return form(&visit, unprocessable, Some("Choose a scope.".to_owned())).await;
    };
    let wish = Wish {
        scope: (*scope).to_owned(),
        hint,
    };
    let callback = visit.app.config.issuer.url(CALLBACK);
    let (staff, client_id) = (visit.staff().staff, visit.path("client_id"));
    match trials::begin(&visit.desk(), staff, client_id, wish, &callback).await {
        Ok(id) => {
            visit.app.forget("clients").await;
            Ok(Redirect::to(&format!("/admin/try/{id}")).into_response())
        }
        Err(refused @ Refused::Invalid { .. }) => {
            form(&visit, unprocessable, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The request, or what came of it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let given = visit.path("id");
    let id = Uuid::parse_str(given).map_err(|_| Refused::NotFound {
        what: "trial",
        id: given.chars().take(40).collect(),
    })?;
    let trial = trials::show(&visit.desk(), visit.staff().staff, id).await?;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let outcome = trial.outcome.as_ref();
    let page = Page {
        frame: visit.frame("Try sign-in"),
        url: authorize_url(&visit, &trial.kept),
        claims: outcome.map_or_else(String::new, |outcome| pretty(&outcome.claims)),
        userinfo: outcome.map_or_else(String::new, |outcome| pretty(&outcome.userinfo)),
        failed: outcome.map_or(0, |outcome| {
            outcome.checks.iter().filter(|check| !check.ok).count()
        }),
        trial,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// The answer: what an app's server does with it is done here, and kept for its owner.
pub async fn callback(visit: Visit) -> Result<Response, Trouble> {
    let state = visit.query.get("state").and_then(Token::parse);
    let state = state.ok_or_else(|| Refused::NotFound {
        what: "trial",
        id: "with this state".to_owned(),
    })?;
    let desk = visit.desk();
    let (id, kept) = trials::claim(&desk, &state).await?;
    let outcome = conclude(&visit, &kept).await;
    trials::finish(&desk, id, &outcome).await?;
    visit.app.forget("clients").await;
    let page = Back {
        frame: visit.frame("Back to the console"),
        page: format!("/admin/try/{id}"),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// What an app's server does: redeem, check the ID token, ask userinfo.
async fn conclude(visit: &Visit, kept: &Kept) -> Outcome {
    let mut outcome = Outcome::default();
    let issuer = visit.app.config.issuer.as_str();
    let tick = |outcome: &mut Outcome, name: &str, ok: bool, detail: String| {
        outcome.checks.push(Check {
            name: name.to_owned(),
            ok,
            detail,
        });
    };
    tick(
        &mut outcome,
        "state",
        true,
        "is the one sent, and came once".to_owned(),
    );
    let iss = visit.query.get("iss").unwrap_or_default();
    tick(
        &mut outcome,
        "iss in the answer",
        iss == issuer,
        iss.to_owned(),
    );
    let Some(code) = visit.query.get("code") else {
        let error = visit.query.get("error").unwrap_or("no code");
        let description = visit.query.get("error_description").unwrap_or_default();
        let told = format!("{error}: {description}");
        tick(&mut outcome, "code", false, told.clone());
        outcome.error = Some(told);
        return outcome;
    };
    tick(&mut outcome, "code", true, "there is one".to_owned());

    let (status, tokens) = asked(visit, token_request(visit, kept, code)).await;
    tick(
        &mut outcome,
        "token endpoint",
        status == StatusCode::OK,
        status.to_string(),
    );
    if status != StatusCode::OK {
        outcome.error = Some(tokens.to_string());
        return outcome;
    }
    let text = |name: &str| tokens[name].as_str().unwrap_or_default();
    let (id_token, access_token) = (text("id_token"), text("access_token"));
    outcome.header = part(id_token, 0);
    let verified = visit.app.keyring.current().verify(issuer, id_token);
    let ok = verified.is_ok();
    let alg = outcome.header["alg"].as_str().unwrap_or("?").to_owned();
    tick(
        &mut outcome,
        "signature",
        ok,
        format!("{alg}, by a published key"),
    );
    let claims = Value::Object(verified.unwrap_or_default());
    let is = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    tick(&mut outcome, "iss", is("iss") == issuer, is("iss"));
    tick(&mut outcome, "aud", is("aud") == kept.client_id, is("aud"));
    let now = visit.now.timestamp();
    let exp = claims["exp"].as_i64().unwrap_or(0);
    tick(
        &mut outcome,
        "exp",
        exp > now,
        format!("in {} seconds", exp - now),
    );
    let nonce = same(is("nonce").as_bytes(), kept.nonce.as_bytes());
    tick(&mut outcome, "nonce", nonce, "is the one sent".to_owned());
    let at_hash = is("at_hash") == at_hash(&alg, access_token);
    tick(
        &mut outcome,
        "at_hash",
        at_hash,
        "fits the access token".to_owned(),
    );

    let (status, userinfo) = userinfo(visit, access_token).await;
    let same_sub = status == StatusCode::OK && userinfo["sub"] == claims["sub"];
    tick(
        &mut outcome,
        "userinfo",
        same_sub,
        format!("{status}, the same sub"),
    );
    let number = &userinfo["number_verification"];
    let operator = number["operator"].as_str().unwrap_or("nobody").to_owned();
    tick(
        &mut outcome,
        "number_verification",
        number.is_object(),
        format!("by {operator}"),
    );
    outcome.claims = claims;
    outcome.userinfo = userinfo;
    outcome
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

async fn userinfo(visit: &Visit, access_token: &str) -> (StatusCode, Value) {
    let bearer = format!("Bearer {access_token}");
    let request = Request::get("/userinfo").header(AUTHORIZATION, bearer);
    asked(visit, request.body(Body::empty())).await
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

fn authorize_url(visit: &Visit, kept: &Kept) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&kept.parameters);
    visit
        .app
        .config
        .issuer
        .url(&format!("/authorize?{}", query.finish()))
}

async fn form(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let page = Form {
        frame: visit.frame("Try sign-in"),
        client: named(visit).await?,
        number: visit.field("number").to_owned(),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
