//! Mobile Connect, device-initiated, with a match call: Vodafone Number Verify 1.1.1, and with other
//! settings TIM Brasil's. Sources: Vodafone's tutorial (2023-12) and vendor page, TIM Brasil's
//! numberVerify 1.0.0. What differs from plain CAMARA:
//!
//! - `acr_values` and `version` are demanded (`authorize_params`); there is no `login_hint`, `prompt`
//!   or PKCE. A `correlation_id` goes with the request; one that comes back must be the same.
//! - Token parameters stand in the query string, with HTTP Basic.
//! - The number is matched by `POST …/premiuminfo/v1/` with `{"mc_claims": …}`, hashed for the scope
//!   `mc_vm_match_hash` and plain for `mc_vm_match`; a match is `device_msisdn_verified: true`.
//! - Nobody tells which operator a number has: the caller must know.
//! - Errors of the match call are `{code, message}`, `{status: "ERROR", message}` or OAuth's, and the
//!   status decides.

use http::{Request, Response, StatusCode, header};
use serde_json::json;

use crate::operator::ask::{Ask, Departure};
use crate::operator::errors::Failure;
use crate::operator::leg::{Leg, asked_number, check_question};
use crate::operator::number_verification::{authorize, confirmed, read_verified};
use crate::operator::{Operators, oidc};
use crate::phone::PhoneNumber;
use crate::secret::{Redacted, sha256};
use crate::store::operators::{NumberForm, Settings};
use crate::verdict::{Method, Outcome};

/// Where Vodafone matches a number.
const MATCH: &str = "premiuminfo/v1/";

/// Makes the authorization URL.
pub(super) async fn depart(operators: &Operators, ask: &Ask<'_>) -> Result<Departure, Failure> {
    check_question(ask)?;
    check_method(ask)?;
    let endpoint = operators.authorization_endpoint(ask).await?;
    let mut departure = oidc::depart(ask, &endpoint, None)?;
    let correlation = correlation_id(&departure.nonce);
    departure
        .url
        .query_pairs_mut()
        .append_pair("correlation_id", &correlation);
    Ok(departure)
}

/// The number that the callback, and the operator asked with it, prove.
pub(super) async fn conclude(leg: &mut Leg<'_>) -> Result<PhoneNumber, Failure> {
    check_method(leg.ask)?;
    let correlation = correlation_id(&leg.kept.nonce);
    let echoed = leg.callback.correlation_id.as_ref();
    let code = leg.read_code()?;
    if echoed.is_some_and(|echoed| *echoed != correlation) {
        return Err(Failure::violation(
            "the callback has another correlation_id",
        ));
    }
    let endpoints = leg.endpoints().await?;
    let tokens = leg.exchange(code, &endpoints).await?;
    leg.check_scope(&tokens, "")?;
    leg.check_id_token(&tokens, &endpoints).await?;
    let request = match_request(leg.ask, &tokens.access, &correlation)?;
    let answer = leg.call(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(match_error(&answer));
    }
    confirmed(leg.ask, read_verified(&answer, "device_msisdn_verified")?)
}

/// There is a share variant on paper; nobody we know of offers it.
fn check_method(ask: &Ask<'_>) -> Result<(), Failure> {
    match ask.method {
        Method::Verify => Ok(()),
        Method::DevicePhoneNumber => Err(Failure::misconfigured(
            "the operator does not offer device-phone-number",
        )),
    }
}

/// A UUID that follows from the leg's nonce, so that no row has to keep it. Of 122 bits of its hash:
/// it tells nothing of the nonce.
fn correlation_id(nonce: &str) -> String {
    let hash = sha256(format!("correlation/{nonce}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

fn match_request(
    ask: &Ask<'_>,
    access_token: &Redacted,
    correlation: &str,
) -> Result<Request<Vec<u8>>, Failure> {
    let settings = &ask.operator.settings;
    let number = asked_number(ask)?;
    let name = match settings.number_form {
        NumberForm::Plain | NumberForm::Digits => "device_msisdn",
        NumberForm::Sha256 | NumberForm::Sha256Digits => "device_msisdn_hash",
    };
    let mut body = json!({ "mc_claims": { name: settings.number_form.of(number) } });
    if settings.correlation_in_call {
        body["correlation_id"] = correlation.into();
    }
    let mut request = Request::post(match_url(settings))
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(|_| Failure::misconfigured("the API root is no URL"))?;
    authorize(&mut request, access_token, ask)?;
    Ok(request)
}

fn match_url(settings: &Settings) -> String {
    let path = settings.api_path.as_deref().unwrap_or(MATCH);
    let root = settings.api_root.trim_end_matches('/');
    format!("{root}/{}", path.trim_start_matches('/'))
}

/// | status | outcome |
/// |---|---|
/// | 401, other answers | `protocol_violation` |
/// | 400, 403, 405, 415 | `operator_misconfigured` |
/// | 404 | `operator_unsupported_number` |
/// | 429 | `operator_rate_limited` |
/// | 408, 504 | `operator_timeout` |
/// | other 5xx | `operator_unavailable` |
fn match_error(answer: &Response<Vec<u8>>) -> Failure {
    let outcome = match answer.status().as_u16() {
        400 | 403 | 405 | 415 => Outcome::OperatorMisconfigured,
        404 => Outcome::OperatorUnsupportedNumber,
        408 | 504 => Outcome::OperatorTimeout,
        429 => Outcome::OperatorRateLimited,
        500.. => Outcome::OperatorUnavailable,
        _ => Outcome::ProtocolViolation,
    };
    Failure {
        outcome,
        ..Failure::from_api_answer(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_match_call_is_read_by_its_status() {
        for (status, body, outcome) in [
            (
                400,
                r#"{"error":"invalid_request"}"#,
                Outcome::OperatorMisconfigured,
            ),
            (
                401,
                r#"{"code":"UNAUTHORIZED","message":"x"}"#,
                Outcome::ProtocolViolation,
            ),
            (
                403,
                r#"{"code":"FORBIDDEN","message":"x"}"#,
                Outcome::OperatorMisconfigured,
            ),
            (
                404,
                r#"{"status":"ERROR","message":"x"}"#,
                Outcome::OperatorUnsupportedNumber,
            ),
            (429, "", Outcome::OperatorRateLimited),
            (
                500,
                r#"{"status":"ERROR","message":"x"}"#,
                Outcome::OperatorUnavailable,
            ),
            (
                503,
                r#"{"code":"SERVICE_UNAVALIBLE"}"#,
                Outcome::OperatorUnavailable,
            ),
            (
                504,
                r#"{"status":"ERROR","message":"x"}"#,
                Outcome::OperatorTimeout,
            ),
            (302, "", Outcome::ProtocolViolation),
            (204, "", Outcome::ProtocolViolation),
        ] {
            let answer = Response::builder()
                .status(status)
                .body(body.as_bytes().to_vec())
                .unwrap();
            assert_eq!(match_error(&answer).outcome, outcome, "{status} {body}");
        }
    }

    #[test]
    fn a_correlation_id_is_a_uuid_of_its_leg() {
        let one = correlation_id("a");
        assert_eq!(one, correlation_id("a"));
        assert_ne!(one, correlation_id("b"));
        assert_eq!(uuid::Uuid::parse_str(&one).unwrap().get_version_num(), 4);
    }
}
