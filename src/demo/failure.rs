//! Why a sign-in did not work, in words for the person who tried it.

use axum::http::StatusCode;

use crate::verdict::Outcome;

/// A sign-in that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One word: the issuer's `error`, or one of ours for a check that failed.
    pub error: String,
    /// The issuer's `error_description`, or a sentence of ours.
    pub description: String,
    /// Who is to blame, as an HTTP status.
    pub status: StatusCode,
}

impl Failure {
    /// The answer did not pass one of our checks.
    pub fn refused(error: &str, description: impl Into<String>) -> Self {
        Self {
            error: error.to_owned(),
            description: description.into(),
            status: StatusCode::BAD_REQUEST,
        }
    }

    /// The issuer did not answer, or not as the specifications say.
    pub fn upstream(error: &str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            ..Self::refused(error, description)
        }
    }

    /// What it means for the person. Numbercloak's descriptions begin with the outcome's word;
    /// other issuers' do not, and then the error code has to do.
    pub fn meaning(&self) -> &'static str {
        let first_word = self
            .description
            .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .next()
            .unwrap_or_default();
        Outcome::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == first_word)
            .and_then(meaning_of_outcome)
            .unwrap_or_else(|| meaning_of_error(&self.error))
    }
}

fn meaning_of_outcome(outcome: Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Verified | Outcome::BrowserMismatch | Outcome::Abandoned => return None,
        Outcome::Mismatch => {
            "This phone’s SIM has another number than the one you typed. Check the number, or use \
             the phone that has it."
        }
        Outcome::NotOnMobileNetwork => {
            "The operator could not see your SIM. Turn Wi-Fi and any VPN off, stay on mobile data, \
             and try again."
        }
        Outcome::OperatorUnknown => "We do not know which operator serves this number.",
        Outcome::OperatorUnsupportedNumber => "The operator does not serve this number.",
        Outcome::ConsentDenied => "You did not agree, so nothing was passed on.",
        Outcome::UserCancelled => "You cancelled. Nothing was passed on.",
        Outcome::ConsentRequired => "The operator wants to ask you first, on a page of its own.",
        Outcome::OperatorTimeout => "The operator took too long to answer.",
        Outcome::OperatorUnavailable => "The operator’s service does not work right now.",
        Outcome::OperatorRateLimited => {
            "The operator has too many requests right now. Wait a little."
        }
        Outcome::OperatorMisconfigured => {
            "The connection to the operator is set up wrongly. That is not your fault."
        }
        Outcome::ProtocolViolation => {
            "The operator’s answer could not be trusted, so it was not used."
        }
        Outcome::SimSwapped => {
            "The SIM of this number was changed only recently, so it is not trusted yet."
        }
        Outcome::NumberRecycled => "This number has had another owner recently.",
        Outcome::CheckUnavailable => "A safety check this app asks for could not be made.",
        Outcome::RateLimited => "There were too many tries. Wait a little.",
        Outcome::HandoffStopped => "The sign-in was stopped on the phone.",
        Outcome::Expired => "The sign-in took too long.",
    })
}

fn meaning_of_error(error: &str) -> &'static str {
    match error {
        "access_denied" => "The sign-in was refused.",
        "temporarily_unavailable" | "rate_limited" => "The service is busy. Try again in a minute.",
        "server_error" => "Something went wrong at the sign-in service.",
        "login_required" | "interaction_required" | "consent_required" => {
            "The sign-in service has to show you a page first."
        }
        "invalid_request"
        | "invalid_client"
        | "invalid_grant"
        | "invalid_scope"
        | "unauthorized_client"
        | "unsupported_response_type" => {
            "This app and the sign-in service do not understand each other. That is not your fault."
        }
        "wrong_state" => {
            "This answer belongs to no sign-in that you started here, or it was used already. \
             Reloading the page does that too."
        }
        "wrong_issuer" => "The answer came from somebody else than the service we asked.",
        "issuer_unreachable" => "The sign-in service does not answer. Is it running?",
        "id_token_refused" | "bad_answer" | "userinfo_failed" => {
            "The sign-in service’s answer did not pass this app’s checks, so it was not used."
        }
        "not_our_form" => "This sign-in was started from another site.",
        _ => "The sign-in did not work.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_the_description_decides_the_meaning() {
        let meaning = |error, description: &str| Failure::refused(error, description).meaning();
        let mismatch = meaning("access_denied", "mismatch: the SIM has another number");
        assert!(mismatch.contains("another number"), "{mismatch}");
        for other in ["", "mismatched words", "verified by nobody", "Mismatch"] {
            assert_eq!(
                meaning("access_denied", other),
                "The sign-in was refused.",
                "{other}"
            );
        }
        assert_eq!(meaning("made_up", ""), "The sign-in did not work.");
    }

    #[test]
    fn every_outcome_an_app_is_told_has_a_meaning() {
        let untold = Outcome::ALL
            .into_iter()
            .filter(|outcome| meaning_of_outcome(*outcome).is_none());
        assert_eq!(
            untold.collect::<Vec<_>>(),
            [
                Outcome::Verified,
                Outcome::BrowserMismatch,
                Outcome::Abandoned
            ]
        );
    }
}
