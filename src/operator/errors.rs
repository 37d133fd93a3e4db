//! What an operator's error means. Every error of the specification has exactly one outcome; the
//! operator's own word stays in the evidence. Sources: ICM's security profile appendix A, RFC 6749
//! sections 4.1.2.1 and 5.2, OpenID Connect Core section 3.1.2.6, CAMARA Number Verification 0.3.1
//! to 2.1.0 and CAMARA_common.yaml.
//!
//! | where | what | outcome |
//! |---|---|---|
//! | redirect | `access_denied` | `not_on_mobile_network`; `consent_denied` if the description speaks of consent |
//! | | `consent_denied` (Telefónica) | `consent_denied` |
//! | | `consent_required` | `consent_required` |
//! | | `login_required`, `interaction_required`, `account_selection_required` | `not_on_mobile_network` |
//! | | `server_error`, `temporarily_unavailable` | `operator_unavailable` |
//! | | `invalid_request`, `unauthorized_client`, `invalid_scope`, `unsupported_response_type`, `invalid_request_object`, `invalid_request_uri`, `request_not_supported`, `request_uri_not_supported`, `registration_not_supported` | `operator_misconfigured` |
//! | | anything else | `protocol_violation` |
//! | token | `invalid_grant` | `protocol_violation` |
//! | | `consent_required` | `consent_required` |
//! | | any other word, 401, 403, 404, 405 | `operator_misconfigured` |
//! | | other answers | `protocol_violation` |
//! | API | 401, other answers | `protocol_violation` |
//! | | 400, 403 `PERMISSION_DENIED`, wrong path or method | `operator_misconfigured` |
//! | | 403 `…USER_NOT_AUTHENTICATED_BY_…`, `…INVALID_TOKEN_CONTEXT` | `not_on_mobile_network` |
//! | | 404 `IDENTIFIER_NOT_FOUND`, 422 `SERVICE_NOT_APPLICABLE` | `operator_unsupported_number` |
//! | both | 429 | `operator_rate_limited` |
//! | | 408, 504 | `operator_timeout` |
//! | | other 5xx | `operator_unavailable` |

use std::borrow::Cow;

use http::{HeaderMap, Response, header};
use serde_json::Value;

use crate::operator::words;
use crate::outbound::OutboundError;
use crate::verdict::{Evidence, Outcome, Refusal};

/// The longest wait an operator may ask for that we believe, seconds.
const LONGEST_WAIT: u64 = 86_400;

/// Why a step of a leg failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    /// What is wrong, in our words.
    pub(super) detail: Option<Cow<'static, str>>,
    pub(super) http_status: Option<u16>,
    pub(super) operator_error: Option<String>,
    pub(super) retry_after: Option<u64>,
}

impl Failure {
    /// What happened, for staff.
    pub(super) fn told(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.http_status.map(|status| format!("HTTP {status}")));
        parts.extend(self.operator_error.clone());
        parts.extend(self.detail.as_deref().map(ToOwned::to_owned));
        if parts.is_empty() {
            parts.push(self.outcome.to_string());
        }
        parts.join("; ")
    }

    pub(super) fn new(outcome: Outcome, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            outcome,
            detail: Some(detail.into()),
            http_status: None,
            operator_error: None,
            retry_after: None,
        }
    }

    pub(super) fn violation(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Outcome::ProtocolViolation, detail)
    }

    pub(super) fn misconfigured(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Outcome::OperatorMisconfigured, detail)
    }

    /// The operator's redirect carried an error.
    pub(super) fn from_redirect(error: &str, description: Option<&str>) -> Self {
        Self {
            outcome: redirect_outcome(error, description),
            detail: None,
            http_status: None,
            operator_error: words::cleaned(error, description),
            retry_after: None,
        }
    }

    /// The token endpoint answered with something else than 200.
    pub(super) fn from_token_answer(answer: &Response<Vec<u8>>) -> Self {
        let said = Said::read(answer.body());
        let outcome = token_outcome(answer.status().as_u16(), said.word.as_deref());
        Self::from_answer(outcome, answer, &said)
    }

    /// The API answered with something else than 200.
    pub(super) fn from_api_answer(answer: &Response<Vec<u8>>) -> Self {
        let said = Said::read(answer.body());
        let outcome = api_outcome(answer.status().as_u16(), said.word.as_deref());
        Self::from_answer(outcome, answer, &said)
    }

    fn from_answer(outcome: Outcome, answer: &Response<Vec<u8>>, said: &Said) -> Self {
        let word = said.word.as_deref().unwrap_or_default();
        Self {
            outcome,
            detail: None,
            http_status: Some(answer.status().as_u16()),
            operator_error: words::cleaned(word, said.message.as_deref()),
            retry_after: retry_after(answer.headers()),
        }
    }

    /// Whether the operator's own word is one of OAuth's, so that no status has to be guessed from.
    pub(super) fn says_oauth_error(&self) -> bool {
        let said = self.operator_error.as_deref().unwrap_or_default();
        let word = said.split(':').next().unwrap_or_default();
        matches!(
            word,
            "invalid_request"
                | "invalid_client"
                | "invalid_grant"
                | "unauthorized_client"
                | "unsupported_grant_type"
                | "invalid_scope"
                | "consent_required"
        )
    }

    /// Writes what is known into the evidence.
    pub(super) fn into_refusal(self, mut evidence: Evidence) -> Refusal {
        evidence.http_status = self.http_status.or(evidence.http_status);
        evidence.operator_error = self.operator_error;
        evidence.detail = self.detail.map(Cow::into_owned);
        evidence.retry_after = self.retry_after;
        Refusal {
            outcome: self.outcome,
            evidence,
        }
    }
}

impl From<OutboundError> for Failure {
    fn from(err: OutboundError) -> Self {
        let outcome = match &err {
            OutboundError::Refused(_) => Outcome::OperatorMisconfigured,
            OutboundError::Timeout
            | OutboundError::Connect {
                timed_out: true, ..
            } => Outcome::OperatorTimeout,
            OutboundError::Connect { .. } | OutboundError::Other(_) => Outcome::OperatorUnavailable,
            OutboundError::TooLarge(_) => Outcome::ProtocolViolation,
        };
        Self::new(outcome, err.to_string())
    }
}

fn redirect_outcome(error: &str, description: Option<&str>) -> Outcome {
    match error {
        "access_denied" if speaks_of_consent(description) => Outcome::ConsentDenied,
        "consent_denied" => Outcome::ConsentDenied,
        "consent_required" => Outcome::ConsentRequired,
        // ICM: also "user cannot be authenticated", which is Wi-Fi, a VPN or a foreign subscriber.
        "access_denied"
        | "login_required"
        | "interaction_required"
        | "account_selection_required" => Outcome::NotOnMobileNetwork,
        "server_error" | "temporarily_unavailable" => Outcome::OperatorUnavailable,
        "invalid_request"
        | "unauthorized_client"
        | "invalid_scope"
        | "unsupported_response_type"
        | "invalid_request_object"
        | "invalid_request_uri"
        | "request_not_supported"
        | "request_uri_not_supported"
        | "registration_not_supported" => Outcome::OperatorMisconfigured,
        _ => Outcome::ProtocolViolation,
    }
}

fn speaks_of_consent(description: Option<&str>) -> bool {
    let text = description.unwrap_or_default().to_ascii_lowercase();
    [
        "consent",
        "denied by the user",
        "denied by user",
        "user denied",
        "declined",
        "rejected by",
    ]
    .iter()
    .any(|words| text.contains(words))
}

fn token_outcome(status: u16, word: Option<&str>) -> Outcome {
    match (status, word) {
        (429, _) => Outcome::OperatorRateLimited,
        (408 | 504, _) => Outcome::OperatorTimeout,
        (500.., _) => Outcome::OperatorUnavailable,
        // Our code was used, has expired or was never theirs.
        (400..500, Some("invalid_grant")) => Outcome::ProtocolViolation,
        (400..500, Some("consent_required")) => Outcome::ConsentRequired,
        (400..500, Some(_)) | (401 | 403 | 404 | 405, None) => Outcome::OperatorMisconfigured,
        _ => Outcome::ProtocolViolation,
    }
}

fn api_outcome(status: u16, word: Option<&str>) -> Outcome {
    // The namespaces come and go between releases.
    let word = word.map(|word| word.strip_prefix("NUMBER_VERIFICATION.").unwrap_or(word));
    match (status, word) {
        (429, _) => Outcome::OperatorRateLimited,
        (408 | 504, _) => Outcome::OperatorTimeout,
        // Permanent, unlike the other 5xx: the operation does not exist there.
        (501, _) => Outcome::OperatorMisconfigured,
        (500.., _) => Outcome::OperatorUnavailable,
        (
            403,
            Some(
                "USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"
                | "USER_NOT_AUTHENTICATED_BY_SUPPORTED_METHOD"
                | "INVALID_TOKEN_CONTEXT",
            ),
        ) => Outcome::NotOnMobileNetwork,
        (404, Some("IDENTIFIER_NOT_FOUND"))
        | (
            422,
            Some(
                "SERVICE_NOT_APPLICABLE" | "UNIDENTIFIABLE_PHONE_NUMBER" | "UNSUPPORTED_IDENTIFIER",
            ),
        ) => Outcome::OperatorUnsupportedNumber,
        (403, Some("INVALID_TS43_TOKEN")) => Outcome::ProtocolViolation,
        (400 | 403 | 404 | 405 | 406 | 410 | 415 | 422, _) => Outcome::OperatorMisconfigured,
        _ => Outcome::ProtocolViolation,
    }
}

/// What the body of an error answer says. Operators answer OAuth's `{error, error_description}`,
/// CAMARA's `{status, code, message}`, Telefónica's `{code: 401, message}`, HTML, or nothing.
#[derive(Default)]
struct Said {
    word: Option<String>,
    message: Option<String>,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(map)) = serde_json::from_slice(body) else {
            return Self::default();
        };
        let text = |name| match map.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        };
        Self {
            word: text("error").or_else(|| text("code")),
            message: text("error_description").or_else(|| text("message")),
        }
    }
}

/// Seconds to wait (RFC 9110 section 10.2.3); the date form is left out, as no operator's API
/// gateway we know of uses it.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(seconds.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_redirect_error_has_its_outcome() {
        use Outcome::*;
        for (error, description, outcome) in [
            ("access_denied", None, NotOnMobileNetwork),
            (
                "access_denied",
                Some("user cannot be authenticated"),
                NotOnMobileNetwork,
            ),
            (
                "access_denied",
                Some("User did not give Consent"),
                ConsentDenied,
            ),
            ("access_denied", Some("request declined"), ConsentDenied),
            ("consent_denied", None, ConsentDenied),
            ("consent_required", None, ConsentRequired),
            ("login_required", None, NotOnMobileNetwork),
            ("interaction_required", None, NotOnMobileNetwork),
            ("account_selection_required", None, NotOnMobileNetwork),
            ("server_error", None, OperatorUnavailable),
            ("temporarily_unavailable", None, OperatorUnavailable),
            ("invalid_request", None, OperatorMisconfigured),
            ("unauthorized_client", None, OperatorMisconfigured),
            ("invalid_scope", None, OperatorMisconfigured),
            ("unsupported_response_type", None, OperatorMisconfigured),
            ("invalid_request_object", None, OperatorMisconfigured),
            ("request_uri_not_supported", None, OperatorMisconfigured),
            ("teapot", Some("consent"), ProtocolViolation),
            ("ACCESS_DENIED", None, ProtocolViolation),
        ] {
            let failure = Failure::from_redirect(error, description);
            assert_eq!(failure.outcome, outcome, "{error} {description:?}");
            assert!(failure.operator_error.unwrap().starts_with(error));
        }
    }

    fn answer(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder()
            .status(status)
            .header("retry-after", "7")
            .body(body.as_bytes().to_vec())
            .unwrap()
    }

    #[test]
    fn every_token_error_has_its_outcome() {
        use Outcome::*;
        for (status, body, outcome) in [
            (400, r#"{"error":"invalid_grant"}"#, ProtocolViolation),
            (400, r#"{"error":"invalid_request"}"#, OperatorMisconfigured),
            (
                400,
                r#"{"error":"unauthorized_client"}"#,
                OperatorMisconfigured,
            ),
            (
                400,
                r#"{"error":"unsupported_grant_type"}"#,
                OperatorMisconfigured,
            ),
            (400, r#"{"error":"invalid_scope"}"#, OperatorMisconfigured),
            (
                400,
                r#"{"error":"invalid_dpop_proof"}"#,
                OperatorMisconfigured,
            ),
            (400, r#"{"error":"consent_required"}"#, ConsentRequired),
            (401, r#"{"error":"invalid_client"}"#, OperatorMisconfigured),
            (401, r#"{"code":401,"message":"no"}"#, OperatorMisconfigured),
            (403, "", OperatorMisconfigured),
            (429, "", OperatorRateLimited),
            (400, "<html>", ProtocolViolation),
            (302, "", ProtocolViolation),
            (204, "", ProtocolViolation),
            (500, "<html>", OperatorUnavailable),
            (503, r#"{"error":"invalid_grant"}"#, OperatorUnavailable),
            (504, "", OperatorTimeout),
        ] {
            let failure = Failure::from_token_answer(&answer(status, body));
            assert_eq!(failure.outcome, outcome, "{status} {body}");
            assert_eq!(failure.http_status, Some(status));
            assert_eq!(failure.retry_after, Some(7));
        }
    }

    #[test]
    fn every_api_error_has_its_outcome() {
        use Outcome::*;
        for (status, code, outcome) in [
            (400, "INVALID_ARGUMENT", OperatorMisconfigured),
            (401, "UNAUTHENTICATED", ProtocolViolation),
            (401, "AUTHENTICATION_REQUIRED", ProtocolViolation),
            (403, "PERMISSION_DENIED", OperatorMisconfigured),
            (
                403,
                "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK",
                NotOnMobileNetwork,
            ),
            (
                403,
                "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_SUPPORTED_METHOD",
                NotOnMobileNetwork,
            ),
            (
                403,
                "NUMBER_VERIFICATION.INVALID_TOKEN_CONTEXT",
                NotOnMobileNetwork,
            ),
            (403, "INVALID_TOKEN_CONTEXT", NotOnMobileNetwork),
            (404, "IDENTIFIER_NOT_FOUND", OperatorUnsupportedNumber),
            (404, "NOT_FOUND", OperatorMisconfigured),
            (409, "CONFLICT", ProtocolViolation),
            (422, "SERVICE_NOT_APPLICABLE", OperatorUnsupportedNumber),
            (422, "UNNECESSARY_IDENTIFIER", OperatorMisconfigured),
            (429, "QUOTA_EXCEEDED", OperatorRateLimited),
            (429, "TOO_MANY_REQUESTS", OperatorRateLimited),
            (500, "INTERNAL", OperatorUnavailable),
            (501, "NOT_IMPLEMENTED", OperatorMisconfigured),
            (502, "BAD_GATEWAY", OperatorUnavailable),
            (503, "UNAVAILABLE", OperatorUnavailable),
            (504, "TIMEOUT", OperatorTimeout),
            (302, "FOUND", ProtocolViolation),
        ] {
            let body = format!(r#"{{"status":{status},"code":"{code}","message":"text"}}"#);
            let failure = Failure::from_api_answer(&answer(status, &body));
            assert_eq!(failure.outcome, outcome, "{status} {code}");
            assert_eq!(failure.operator_error, Some(format!("{code}: text")));
        }
    }

    #[test]
    fn no_error_of_the_operator_verifies_or_accuses_a_number() {
        for status in 100..600 {
            for word in [None, Some("verified"), Some("INVALID_TOKEN_CONTEXT")] {
                for outcome in [token_outcome(status, word), api_outcome(status, word)] {
                    assert!(!matches!(outcome, Outcome::Verified | Outcome::Mismatch));
                }
            }
        }
    }
}
