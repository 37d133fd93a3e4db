//! The errors an app is told, and which outcome is which.

use serde::Serialize;

use crate::verdict::Outcome;

/// The error codes we use: RFC 6749 sections 4.1.2.1 and 5.2, OIDC Core section 3.1.2.6, RFC 6750
/// section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// The client could not be authenticated.
    InvalidClient,
    /// The code is unknown, used, expired, or not this client's.
    InvalidGrant,
    /// The client may not do this.
    UnauthorizedClient,
    /// Only `authorization_code` and `refresh_token` are offered.
    UnsupportedGrantType,
    /// Only `code` is offered.
    UnsupportedResponseType,
    /// `openid` is missing.
    InvalidScope,
    /// The person or the network said no.
    AccessDenied,
    /// We or the operator failed.
    ServerError,
    /// Try again later.
    TemporarilyUnavailable,
    /// `prompt=none`, and nobody is signed in.
    LoginRequired,
    /// `prompt=none`, and the person must agree first.
    ConsentRequired,
    /// `prompt=none`, and a page is needed.
    InteractionRequired,
    /// An essential `acr` cannot be met.
    UnmetAuthenticationRequirements,
    /// Request objects are not accepted.
    RequestNotSupported,
    /// `request_uri` is not one of ours, and we fetch none.
    RequestUriNotSupported,
    /// The request object is malformed, not signed as it must be, or says what it may not.
    InvalidRequestObject,
    /// The pushed request is unknown, used, expired, or another client's.
    InvalidRequestUri,
    /// The resource is not one the client may ask for (RFC 8707).
    InvalidTarget,
    /// The access token is unknown, expired or revoked.
    InvalidToken,
    /// A redirect URI cannot be registered (RFC 7591 section 3.2.2).
    InvalidRedirectUri,
    /// Something else in a registration cannot be.
    InvalidClientMetadata,
    /// The access token does not reach this far (RFC 6750).
    InsufficientScope,
    /// The DPoP proof is wrong (RFC 9449).
    InvalidDpopProof,
    /// The DPoP proof lacks a nonce of ours (RFC 9449).
    UseDpopNonce,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 25] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::UnsupportedResponseType,
        Self::InvalidScope,
        Self::AccessDenied,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::LoginRequired,
        Self::ConsentRequired,
        Self::InteractionRequired,
        Self::UnmetAuthenticationRequirements,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::InvalidRequestObject,
        Self::InvalidRequestUri,
        Self::InvalidTarget,
        Self::InvalidToken,
        Self::InvalidRedirectUri,
        Self::InvalidClientMetadata,
        Self::InsufficientScope,
        Self::InvalidDpopProof,
        Self::UseDpopNonce,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An error for the app: its code and a sentence for its developer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The code.
    #[serde(rename = "error")]
    pub code: ErrorCode,
    /// What to fix; only characters RFC 6749 allows, see [`OAuthError::new`].
    #[serde(rename = "error_description")]
    pub description: String,
}

impl OAuthError {
    /// An error with a description. Characters outside RFC 6749's `%x20-21 / %x23-5B / %x5D-7E` are
    /// replaced, so that nothing hostile is echoed.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl AsRef<str>) -> Self {
        let description = description
            .as_ref()
            .chars()
            .take(500)
            .map(|c| match c {
                '"' | '\\' => '\'',
                ' '..='~' => c,
                _ => '?',
            })
            .collect();
        Self { code, description }
    }

    /// `invalid_request` with a description.
    #[must_use]
    pub fn invalid_request(description: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// The error an app gets for how its login ended; the outcome is the description's first word
    /// (DESIGN.md section 3, Outcomes). `None` for what is never told to an app.
    #[must_use]
    pub fn for_outcome(outcome: Outcome) -> Option<Self> {
        let (code, sentence) = match outcome {
            Outcome::Verified | Outcome::BrowserMismatch | Outcome::Abandoned => return None,
            Outcome::Mismatch => (
                ErrorCode::AccessDenied,
                "the SIM of this phone does not have the number",
            ),
            Outcome::NotOnMobileNetwork => (
                ErrorCode::AccessDenied,
                "the operator could not see a SIM behind the connection",
            ),
            Outcome::OperatorUnknown => (
                ErrorCode::AccessDenied,
                "no operator is set up for the number",
            ),
            Outcome::OperatorUnsupportedNumber => (
                ErrorCode::AccessDenied,
                "the operator does not serve the number",
            ),
            Outcome::ConsentDenied => (ErrorCode::AccessDenied, "the person declined"),
            Outcome::UserCancelled => (ErrorCode::AccessDenied, "the person cancelled"),
            Outcome::ConsentRequired => (
                ErrorCode::ConsentRequired,
                "the operator needs the person's consent on a page",
            ),
            Outcome::OperatorTimeout => (
                ErrorCode::TemporarilyUnavailable,
                "the operator did not answer in time",
            ),
            Outcome::OperatorUnavailable => (
                ErrorCode::TemporarilyUnavailable,
                "the operator is not available",
            ),
            Outcome::OperatorRateLimited => (
                ErrorCode::TemporarilyUnavailable,
                "the operator limits our requests",
            ),
            Outcome::OperatorMisconfigured => (
                ErrorCode::ServerError,
                "the operator refused this server's request",
            ),
            Outcome::ProtocolViolation => (
                ErrorCode::ServerError,
                "the operator's answer was not valid",
            ),
            Outcome::SimSwapped => (ErrorCode::AccessDenied, "the SIM was changed recently"),
            Outcome::NumberRecycled => (ErrorCode::AccessDenied, "the number changed hands"),
            Outcome::CheckUnavailable => (
                ErrorCode::AccessDenied,
                "a check the app requires could not be made",
            ),
            Outcome::RateLimited => (ErrorCode::AccessDenied, "too many tries"),
            Outcome::HandoffStopped => (ErrorCode::AccessDenied, "stopped on the phone"),
            Outcome::Expired => (ErrorCode::AccessDenied, "the sign-in took too long"),
        };
        Some(Self::new(code, format!("{outcome}: {sentence}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_but_three_has_an_error_that_starts_with_its_word() {
        for outcome in Outcome::ALL {
            let silent = matches!(
                outcome,
                Outcome::Verified | Outcome::BrowserMismatch | Outcome::Abandoned
            );
            match OAuthError::for_outcome(outcome) {
                None => assert!(silent, "{outcome}"),
                Some(error) => {
                    assert!(!silent, "{outcome}");
                    assert!(error.description.starts_with(outcome.as_str()));
                }
            }
        }
    }

    #[test]
    fn every_code_is_in_the_documentation_and_none_is_twice() {
        let documented = include_str!("../../docs/protocol.md");
        let mut words: Vec<_> = ErrorCode::ALL.map(ErrorCode::as_str).to_vec();
        for word in &words {
            assert!(documented.contains(&format!("`{word}`")), "{word}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn a_description_echoes_nothing_hostile() {
        let error = OAuthError::invalid_request("a\"b\\c\r\nd\té<>");
        assert_eq!(error.description, "a'b'c??d??<>");
        let json = serde_json::to_string(&error).unwrap();
        assert_eq!(
            json,
            r#"{"error":"invalid_request","error_description":"a'b'c??d??<>"}"#
        );
    }
}
