//! Tokens for the extra checks: got server to server, each for one check (operators.md section 8).
//! Which of the three ways, the operator's record says.

use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::clock::Clock;
use crate::operator::by_hand::basic;
use crate::operator::errors::Failure;
use crate::operator::{Ask, Operators, limits, strict, token_answer};
use crate::phone::PhoneNumber;
use crate::secret::Redacted;
use crate::store::checks::CheckFlow;
use crate::store::operators::TokenAuth;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Between two polls if the operator names no interval (CIBA Core section 7.3).
const INTERVAL: u64 = 5;

/// A token for `scope` about `number`.
pub(super) async fn token(
    operators: &Operators,
    ask: &Ask<'_>,
    flow: CheckFlow,
    scope: &str,
    number: &PhoneNumber,
    clock: &Clock,
) -> Result<Redacted, Failure> {
    let endpoints = operators.endpoints(ask.operator, clock.now()).await?;
    let endpoint = endpoints
        .token
        .as_deref()
        .ok_or_else(|| Failure::misconfigured("the token endpoint is not known"))?;
    let tel = format!("tel:{}", number.e164());
    match flow {
        CheckFlow::Ciba => {
            let request = vec![("scope", scope.to_owned()), ("login_hint", tel)];
            poll(operators, ask, endpoint, request, clock).await
        }
        CheckFlow::ClientCredentials => token_of_ours(operators, ask, scope, clock).await,
        CheckFlow::JwtBearer => {
            let mut claims = Map::new();
            claims.insert("sub".to_owned(), tel.into());
            claims.insert("scope".to_owned(), scope.into());
            let client_id = &ask.operator.settings.client_id;
            let signer = operators.signer(ask).await?;
            let assertion = signer.grant_assertion(claims, client_id, endpoint, clock.now());
            let form = vec![
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned(),
                ),
                ("assertion", assertion),
            ];
            let answer = post(operators, ask, endpoint, form, false, clock).await?;
            read_token(&answer)
        }
    }
}

/// A token for `scope` about nobody in particular.
pub(super) async fn token_of_ours(
    operators: &Operators,
    ask: &Ask<'_>,
    scope: &str,
    clock: &Clock,
) -> Result<Redacted, Failure> {
    let endpoints = operators.endpoints(ask.operator, clock.now()).await?;
    let endpoint = endpoints
        .token
        .as_deref()
        .ok_or_else(|| Failure::misconfigured("the token endpoint is not known"))?;
    let form = vec![
        ("grant_type", "client_credentials".to_owned()),
        ("scope", scope.to_owned()),
    ];
    let answer = post(operators, ask, endpoint, form, true, clock).await?;
    read_token(&answer)
}

/// CIBA in poll mode. The caller bounds the whole.
async fn poll(
    operators: &Operators,
    ask: &Ask<'_>,
    endpoint: &str,
    request: Vec<(&str, String)>,
    clock: &Clock,
) -> Result<Redacted, Failure> {
    let settings = &ask.operator.settings;
    let start = settings
        .checks
        .backchannel_endpoint
        .as_deref()
        .ok_or_else(|| Failure::misconfigured("the record has no backchannel_endpoint"))?;
    let answer = post(operators, ask, start, request, true, clock).await?;
    if answer.status() != StatusCode::OK {
        return Err(Failure::from_token_answer(&answer));
    }
    let mut begun = strict::says_json(answer.headers())
        .then(|| strict::read_object(answer.body()))
        .flatten()
        .ok_or_else(token_answer::unreadable)?;
    let Some(Value::String(id)) = begun.remove("auth_req_id") else {
        return Err(token_answer::unreadable());
    };
    let interval = begun.get("interval").and_then(Value::as_u64);
    let mut interval = interval.unwrap_or(INTERVAL).max(1);
    loop {
        let form = vec![
            ("grant_type", "urn:openid:params:grant-type:ciba".to_owned()),
            ("auth_req_id", id.clone()),
        ];
        let answer = post(operators, ask, endpoint, form, true, clock).await?;
        match pending(&answer) {
            None => return read_token(&answer),
            Some(Pending::Waits) => {}
            Some(Pending::SlowDown) => interval = interval.saturating_add(5),
        }
        tokio::time::sleep(Duration::from_secs(interval)).await;
    }
}

enum Pending {
    Waits,
    SlowDown,
}

fn pending(answer: &Response<Vec<u8>>) -> Option<Pending> {
    if answer.status() != StatusCode::BAD_REQUEST {
        return None;
    }
    match strict::read_object(answer.body())?.get("error")?.as_str()? {
        "authorization_pending" => Some(Pending::Waits),
        "slow_down" => Some(Pending::SlowDown),
        _ => None,
    }
}

fn read_token(answer: &Response<Vec<u8>>) -> Result<Redacted, Failure> {
    let (straight, _) = token_answer::straighten(answer)?;
    strict::read_object(straight.body())
        .and_then(|object| Some(Redacted::new(object.get("access_token")?.as_str()?)))
        .ok_or_else(token_answer::unreadable)
}

/// Sends a form, with our client authentication if `as_client`.
async fn post(
    operators: &Operators,
    ask: &Ask<'_>,
    endpoint: &str,
    mut form: Vec<(&str, String)>,
    as_client: bool,
    clock: &Clock,
) -> Result<Response<Vec<u8>>, Failure> {
    let settings = &ask.operator.settings;
    let mut builder = Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json");
    if as_client {
        match settings.token_auth {
            TokenAuth::ClientSecretBasic => {
                let mut value = HeaderValue::from_str(basic(ask)?.reveal())
                    .map_err(|_| Failure::misconfigured("the credentials fit no header"))?;
                value.set_sensitive(true);
                builder = builder.header(header::AUTHORIZATION, value);
            }
            TokenAuth::ClientSecretPost => {
                form.push(("client_id", settings.client_id.clone()));
                form.push(("client_secret", client_secret(ask)?.to_owned()));
            }
            TokenAuth::ApplicationJwt => {
                let bearer = operators.application_bearer(ask, clock.now()).await?;
                let mut value = HeaderValue::from_str(bearer.reveal())
                    .map_err(|_| Failure::misconfigured("the credentials fit no header"))?;
                value.set_sensitive(true);
                builder = builder.header(header::AUTHORIZATION, value);
            }
            TokenAuth::PrivateKeyJwt => {
                let audience = settings.assertion_audience.as_deref().unwrap_or(endpoint);
                let signer = operators.signer(ask).await?;
                let assertion = signer.client_assertion(&settings.client_id, audience, clock.now());
                form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
                form.push(("client_assertion", assertion));
            }
        }
    }
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = builder
        .body(body.into_bytes())
        .map_err(|_| Failure::misconfigured("an endpoint of the checks is no URL"))?;
    Ok(operators.outbound().send(request, limits(settings)).await?)
}

fn client_secret<'a>(ask: &Ask<'a>) -> Result<&'a str, Failure> {
    let secret = ask.credentials.client_secret.as_ref();
    secret
        .map(Redacted::reveal)
        .ok_or_else(|| Failure::misconfigured("the record has no client secret"))
}
