//! Telefónica Open Gateway: we speak to a channel partner, which finds the operator and takes the
//! browser there and back by a second hop of its own. Sources: its developer website (snapshot of
//! 2026-06) and its aggregation proof of concept (2023-06). What differs from plain CAMARA:
//!
//! - The partner resolves the operator by `login_hint=tel:+…`, so that nobody departs without a
//!   number. Their samples put the number into `state`; ours never does.
//! - HTTP Basic at the token endpoint; errors there are `{code: 401, message}` without an OAuth word.
//! - Refusing consent at the second hop is `error=consent_denied`, or a page with status 403 at the
//!   partner from which nobody returns: the leg's time limit and our page's way back are for that.
//! - `/number-verification/v0`, `/v1` and `/v2` stand side by side; v2 keeps the `+` optional, and
//!   has two codes of its own, `NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_SUPPORTED_METHOD` and
//!   `NUMBER_VERIFICATION.INVALID_TS43_TOKEN` (`errors.rs` knows both).
//! - A parameter that comes twice is fatal to the whole request, so none of ours may stand in the
//!   endpoint's own query.
//! - `/bc-authorize` with `tel:` exists and is not used: it proves nothing about who holds the SIM.

use url::Url;

use crate::operator::ask::{Ask, Departure};
use crate::operator::errors::Failure;
use crate::operator::leg::{Leg, check_question};
use crate::operator::number_verification::{self, Plus};
use crate::operator::{Operators, oidc};
use crate::phone::PhoneNumber;
use crate::store::operators::HintForm;
use crate::verdict::Outcome;

/// Makes the authorization URL at the channel partner.
pub(super) async fn depart(operators: &Operators, ask: &Ask<'_>) -> Result<Departure, Failure> {
    check_question(ask)?;
    let settings = &ask.operator.settings;
    if settings.login_hint != HintForm::None && ask.number.is_none() {
        return Err(Failure::misconfigured(
            "the channel partner finds the operator by the number, and none is known",
        ));
    }
    let endpoint = operators.authorization_endpoint(ask).await?;
    let departure = oidc::depart(ask, &endpoint, None)?;
    if has_twins(&departure.url) {
        return Err(Failure::misconfigured(
            "the authorization endpoint's query holds a parameter of ours",
        ));
    }
    Ok(departure)
}

/// The number that the callback, and the partner asked with it, prove.
pub(super) async fn conclude(leg: &mut Leg<'_>) -> Result<PhoneNumber, Failure> {
    let code = leg.read_code()?;
    let endpoints = leg.endpoints().await?;
    let exchanged = leg.exchange(code, &endpoints).await;
    let tokens = exchanged.map_err(explain_token_error)?;
    let release = leg.settings().release;
    leg.check_scope(&tokens, number_verification::scope(release, leg.ask.method))?;
    leg.check_id_token(&tokens, &endpoints).await?;
    let correlator = leg.correlator();
    let request = number_verification::request(leg.ask, &tokens.access, &correlator)?;
    let answer = leg.call(request).await?;
    number_verification::read(leg.ask, &answer, Plus::Optional)
}

fn has_twins(url: &Url) -> bool {
    let mut names: Vec<_> = url.query_pairs().map(|(name, _)| name).collect();
    names.sort();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// The partner's token errors have a number instead of OAuth's word, so the status decides.
fn explain_token_error(failure: Failure) -> Failure {
    let outcome = match (failure.http_status, failure.says_oauth_error()) {
        (Some(400), false) => Outcome::ProtocolViolation,
        (Some(401 | 403 | 404), false) => Outcome::OperatorMisconfigured,
        _ => failure.outcome,
    };
    Failure { outcome, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    #[test]
    fn a_token_error_without_an_oauth_word_is_read_by_its_status() {
        for (status, body, outcome) in [
            (
                400,
                r#"{"code":400,"message":"bad code"}"#,
                Outcome::ProtocolViolation,
            ),
            (
                400,
                r#"{"error":"invalid_grant"}"#,
                Outcome::ProtocolViolation,
            ),
            (
                400,
                r#"{"error":"invalid_scope"}"#,
                Outcome::OperatorMisconfigured,
            ),
            (
                401,
                r#"{"code":401,"message":"no"}"#,
                Outcome::OperatorMisconfigured,
            ),
            (
                403,
                r#"{"code":403,"message":"no"}"#,
                Outcome::OperatorMisconfigured,
            ),
            (
                429,
                r#"{"code":429,"message":"slow"}"#,
                Outcome::OperatorRateLimited,
            ),
            (500, "<html>", Outcome::OperatorUnavailable),
            (504, "", Outcome::OperatorTimeout),
        ] {
            let answer = Response::builder()
                .status(status)
                .body(body.as_bytes().to_vec())
                .unwrap();
            let failure = explain_token_error(Failure::from_token_answer(&answer));
            assert_eq!(failure.outcome, outcome, "{status} {body}");
        }
    }

    #[test]
    fn a_parameter_that_stands_twice_is_found() {
        let url = |text: &str| Url::parse(text).unwrap();
        assert!(!has_twins(&url("https://op/authorize?a=1&b=1")));
        assert!(has_twins(&url("https://op/authorize?a=1&b=1&a=2")));
    }
}
