//! Vonage Network APIs, and the white labels that republish them (Deutsche Telekom's developer
//! portal). Legacy: Vonage's packages point to their successor since 2025, and the SIM Swap API ended
//! on 2025-11-23. Sources: Vonage's Number Verification tutorial (2024-06) and its Node SDK. What
//! differs from plain CAMARA:
//!
//! - The token request carries a JWT of the *application* as its bearer token: `application_id`,
//!   `jti`, `iat`, `exp`, RS256, neither `iss` nor `aud`. That is no OAuth client authentication.
//! - The authorization request has exactly six parameters. No nonce, no PKCE, no prompt, and no ID
//!   token comes back: only `state` and the login's cookie bind the answer to this browser.
//! - `login_hint` is required.
//! - The call stands at `…/number-verification/v031/verify`, in the shape of CAMARA 0.3.1, and wants
//!   digits without `+`.
//! - A 401 at the token endpoint is a wrong application, key or network profile; a 400 without an
//!   OAuth word says that the Network APIs are not enabled for the account.
//! - *Network Enablement* may be asked first: it says whether the number is covered, and gives an
//!   authorization URL that keeps the number out of the browser's address bar.

use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use url::Url;

use crate::operator::ask::{Ask, Departure};
use crate::operator::errors::Failure;
use crate::operator::leg::{Leg, asked_number, check_question};
use crate::operator::number_verification::{self, Plus};
use crate::operator::{Operators, limits, oidc, strict};
use crate::phone::PhoneNumber;
use crate::secret::{b64, random};
use crate::store::operators::Release;
use crate::verdict::Outcome;

/// Makes the authorization URL, or has it made by Network Enablement.
pub(super) async fn depart(operators: &Operators, ask: &Ask<'_>) -> Result<Departure, Failure> {
    check_question(ask)?;
    let endpoint = operators.authorization_endpoint(ask).await?;
    let endpoint = oidc::browser_url(&endpoint)?;
    let url = match &ask.operator.settings.enablement_endpoint {
        Some(enablement) => ask_coverage(operators, ask, enablement, &endpoint).await?,
        None => authorization_url(ask, endpoint)?,
    };
    Ok(Departure {
        url,
        // Nothing will carry it; the leg keeps one all the same.
        nonce: b64(&random::<32>()),
        verifier: None,
    })
}

fn authorization_url(ask: &Ask<'_>, mut url: Url) -> Result<Url, Failure> {
    let settings = &ask.operator.settings;
    let hint = oidc::login_hint(ask)
        .ok_or_else(|| Failure::misconfigured("this operator needs login_hint and a number"))?;
    url.query_pairs_mut()
        .append_pair("client_id", &settings.client_id)
        .append_pair("response_type", "code")
        .append_pair("scope", oidc::scope(settings, ask.method)?)
        .append_pair("redirect_uri", ask.redirect_uri)
        .append_pair("login_hint", &hint)
        .append_pair("state", ask.state)
        .extend_pairs(&settings.authorize_params);
    Ok(url)
}

/// Whether the number is covered, and where its browser goes then.
async fn ask_coverage(
    operators: &Operators,
    ask: &Ask<'_>,
    enablement: &str,
    endpoint: &Url,
) -> Result<Url, Failure> {
    let number = asked_number(ask)?;
    let scope = purpose(oidc::scope(&ask.operator.settings, ask.method)?)?;
    let body = json!({
        "phone_number": number.e164(),
        "scopes": [scope],
        "state": ask.state,
    });
    let bearer = operators.application_bearer(ask, ask.now).await?;
    let mut bearer = HeaderValue::from_str(bearer.reveal())
        .map_err(|_| Failure::misconfigured("the application's JWT does not fit a header"))?;
    bearer.set_sensitive(true);
    let request = Request::post(enablement)
        .header(header::AUTHORIZATION, bearer)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(|_| Failure::misconfigured("the enablement endpoint is no URL"))?;
    let limits = limits(&ask.operator.settings);
    let answer = operators.outbound().send(request, limits).await?;
    let url = read_coverage(&answer, scope)?;
    check_offered(&url, endpoint, ask)?;
    Ok(url)
}

/// The purpose with its API scope: what is left without `openid`.
fn purpose(scope: &str) -> Result<&str, Failure> {
    scope
        .split_ascii_whitespace()
        .find(|word| *word != "openid")
        .ok_or_else(|| Failure::misconfigured("the scope names no purpose"))
}

fn read_coverage(answer: &Response<Vec<u8>>, scope: &str) -> Result<Url, Failure> {
    if answer.status() != StatusCode::OK {
        return Err(explain_token_error(Failure::from_token_answer(answer)));
    }
    let malformed = || Failure::violation("the coverage answer is not of the agreed shape");
    let read = strict::says_json(answer.headers())
        .then(|| strict::read_object(answer.body()))
        .flatten()
        .ok_or_else(malformed)?;
    let of_scope = read.get("scopes").and_then(|scopes| scopes.get(scope));
    let of_scope = of_scope.ok_or_else(malformed)?;
    if of_scope.get("error").is_some_and(|error| !error.is_null()) {
        return Err(Failure::new(
            Outcome::OperatorUnsupportedNumber,
            "the number is not covered",
        ));
    }
    let text = of_scope.get("auth_url").and_then(Value::as_str);
    let text = text.ok_or_else(malformed)?;
    oidc::browser_url(text).map_err(|_| malformed())
}

/// An URL made by others leads to the authorization endpoint we know and carries our state, so that
/// its callback belongs to this leg and to no other.
fn check_offered(url: &Url, endpoint: &Url, ask: &Ask<'_>) -> Result<(), Failure> {
    let ours = |name: &str, value: &str, required: bool| {
        let mut found = url.query_pairs().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (None, _) => !required,
            (Some((_, given)), None) => given == value,
            (Some(_), Some(_)) => false,
        }
    };
    let same_place = url.origin() == endpoint.origin() && url.path() == endpoint.path();
    if same_place
        && ours("state", ask.state, true)
        && ours("client_id", &ask.operator.settings.client_id, true)
        && ours("redirect_uri", ask.redirect_uri, false)
        && ours("response_type", "code", false)
    {
        Ok(())
    } else {
        Err(Failure::violation(
            "the coverage answer leads somewhere else than to this login's authorization",
        ))
    }
}

/// The number that the callback, and the operator asked with it, prove.
pub(super) async fn conclude(leg: &mut Leg<'_>) -> Result<PhoneNumber, Failure> {
    let code = leg.read_code()?;
    let endpoints = leg.endpoints().await?;
    let exchanged = leg.exchange(code, &endpoints).await;
    let tokens = exchanged.map_err(explain_token_error)?;
    leg.check_scope(
        &tokens,
        number_verification::scope(Release::V0_3, leg.ask.method),
    )?;
    leg.check_id_token(&tokens, &endpoints).await?;
    let correlator = leg.correlator();
    let request = number_verification::request(leg.ask, &tokens.access, &correlator)?;
    let answer = leg.call(request).await?;
    number_verification::read(leg.ask, &answer, Plus::ByRelease)
}

/// What their SDK reads out of a status.
fn explain_token_error(failure: Failure) -> Failure {
    let outcome = match (failure.http_status, failure.says_oauth_error()) {
        (Some(400 | 401 | 403), false) => Outcome::OperatorMisconfigured,
        (Some(404), false) => Outcome::OperatorUnsupportedNumber,
        _ => failure.outcome,
    };
    Failure { outcome, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(body.as_bytes().to_vec())
            .unwrap()
    }

    #[test]
    fn a_token_error_without_an_oauth_word_is_read_by_its_status() {
        for (status, body, outcome) in [
            (
                400,
                r#"{"error":"invalid_grant"}"#,
                Outcome::ProtocolViolation,
            ),
            (
                400,
                r#"{"title":"not enabled"}"#,
                Outcome::OperatorMisconfigured,
            ),
            (401, "", Outcome::OperatorMisconfigured),
            (404, "", Outcome::OperatorUnsupportedNumber),
            (429, "", Outcome::OperatorRateLimited),
            (503, "", Outcome::OperatorUnavailable),
        ] {
            let failure = explain_token_error(Failure::from_token_answer(&answer(status, body)));
            assert_eq!(failure.outcome, outcome, "{status} {body}");
        }
    }

    #[test]
    fn coverage_is_a_url_for_the_very_scope_or_nothing() {
        let read = |status, body: &str| {
            read_coverage(&answer(status, body), "dpv:X#s").map_err(|failure| failure.outcome)
        };
        let good = r#"{"scopes":{"dpv:X#s":{"auth_url":"https://op.example/auth?state=1"}}}"#;
        assert_eq!(
            read(200, good).unwrap().as_str(),
            "https://op.example/auth?state=1"
        );
        for (status, body, outcome) in [
            (
                200,
                r#"{"scopes":{"dpv:X#s":{"error":{"error_type":"UNAUTHORIZED","title":"x"}}}}"#,
                Outcome::OperatorUnsupportedNumber,
            ),
            (
                200,
                r#"{"scopes":{"dpv:X#s":{"error":{},"auth_url":"https://op.example"}}}"#,
                Outcome::OperatorUnsupportedNumber,
            ),
            (
                200,
                r#"{"scopes":{"other":{"auth_url":"https://op.example"}}}"#,
                Outcome::ProtocolViolation,
            ),
            (
                200,
                r#"{"scopes":{"dpv:X#s":{"auth_url":"http://op.example"}}}"#,
                Outcome::ProtocolViolation,
            ),
            (
                200,
                r#"{"scopes":{"dpv:X#s":{"auth_url":"javascript:x"}}}"#,
                Outcome::ProtocolViolation,
            ),
            (200, "{}", Outcome::ProtocolViolation),
            (200, "", Outcome::ProtocolViolation),
            (401, "{}", Outcome::OperatorMisconfigured),
        ] {
            assert_eq!(read(status, body).unwrap_err(), outcome, "{body}");
        }
    }
}
