//! What came of asking an operator: the words every layer above speaks.

pub mod checks;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::phone::PhoneNumber;

/// How a leg or a login ended. The same words in audit records, metrics, pages, and as the first
/// word of `error_description` (DESIGN.md section 3, Outcomes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Outcome {
    /// The operator said that the SIM carrying the connection has the number.
    Verified,
    /// The operator said that it has not.
    Mismatch,
    /// The operator could not see a SIM behind the connection.
    NotOnMobileNetwork,
    /// No operator is known for the number.
    OperatorUnknown,
    /// The operator does not serve the number.
    OperatorUnsupportedNumber,
    /// The person declined, on our page or the operator's.
    ConsentDenied,
    /// The person pressed Cancel.
    UserCancelled,
    /// The operator wants the person's consent and was asked to show no page.
    ConsentRequired,
    /// The operator did not answer in time.
    OperatorTimeout,
    /// The operator answered that it cannot serve now, or not at all.
    OperatorUnavailable,
    /// The operator refused for quota or rate.
    OperatorRateLimited,
    /// The operator refused us: credentials, scope or registration are wrong.
    OperatorMisconfigured,
    /// The operator's answer breaks the protocol.
    ProtocolViolation,
    /// The SIM was changed too recently for the client's policy.
    SimSwapped,
    /// The number changed hands.
    NumberRecycled,
    /// A check the client requires could not be made.
    CheckUnavailable,
    /// Too many tries.
    RateLimited,
    /// The person stopped a hand-off on the phone.
    HandoffStopped,
    /// The login's time ran out.
    Expired,
    /// The answer came back in a browser that did not start the login.
    BrowserMismatch,
    /// Nobody came back.
    Abandoned,
}

impl Outcome {
    /// Every outcome, for tables and tests.
    pub const ALL: [Self; 21] = [
        Self::Verified,
        Self::Mismatch,
        Self::NotOnMobileNetwork,
        Self::OperatorUnknown,
        Self::OperatorUnsupportedNumber,
        Self::ConsentDenied,
        Self::UserCancelled,
        Self::ConsentRequired,
        Self::OperatorTimeout,
        Self::OperatorUnavailable,
        Self::OperatorRateLimited,
        Self::OperatorMisconfigured,
        Self::ProtocolViolation,
        Self::SimSwapped,
        Self::NumberRecycled,
        Self::CheckUnavailable,
        Self::RateLimited,
        Self::HandoffStopped,
        Self::Expired,
        Self::BrowserMismatch,
        Self::Abandoned,
    ];

    /// The word itself.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Mismatch => "mismatch",
            Self::NotOnMobileNetwork => "not_on_mobile_network",
            Self::OperatorUnknown => "operator_unknown",
            Self::OperatorUnsupportedNumber => "operator_unsupported_number",
            Self::ConsentDenied => "consent_denied",
            Self::UserCancelled => "user_cancelled",
            Self::ConsentRequired => "consent_required",
            Self::OperatorTimeout => "operator_timeout",
            Self::OperatorUnavailable => "operator_unavailable",
            Self::OperatorRateLimited => "operator_rate_limited",
            Self::OperatorMisconfigured => "operator_misconfigured",
            Self::ProtocolViolation => "protocol_violation",
            Self::SimSwapped => "sim_swapped",
            Self::NumberRecycled => "number_recycled",
            Self::CheckUnavailable => "check_unavailable",
            Self::RateLimited => "rate_limited",
            Self::HandoffStopped => "handoff_stopped",
            Self::Expired => "expired",
            Self::BrowserMismatch => "browser_mismatch",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether the person may try again on the page that tells them.
    #[must_use]
    pub fn may_be_retried(self) -> bool {
        matches!(
            self,
            Self::Mismatch
                | Self::NotOnMobileNetwork
                | Self::OperatorUnknown
                | Self::OperatorUnsupportedNumber
                | Self::ConsentDenied
                | Self::OperatorTimeout
                | Self::OperatorUnavailable
                | Self::OperatorRateLimited
        )
    }

    /// Whether an operator charges for it. Time-outs are counted apart: it bills as it likes.
    #[must_use]
    pub fn is_billable(self) -> bool {
        matches!(
            self,
            Self::Verified
                | Self::Mismatch
                | Self::SimSwapped
                | Self::NumberRecycled
                | Self::CheckUnavailable
        )
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the operator was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Method {
    /// `POST /verify`: is it this number?
    Verify,
    /// `GET /device-phone-number`: which number is it?
    DevicePhoneNumber,
}

impl Method {
    /// The word in tokens and audit records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::DevicePhoneNumber => "device_phone_number",
        }
    }
}

/// A call that an operator may charge for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `POST /verify`.
    Verify,
    /// `GET /device-phone-number`.
    DevicePhoneNumber,
    /// The SIM swap check.
    SimSwap,
    /// The number recycling check.
    NumberRecycling,
}

impl Call {
    /// The word in records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::DevicePhoneNumber => "device_phone_number",
            Self::SimSwap => "sim_swap",
            Self::NumberRecycling => "number_recycling",
        }
    }
}

impl From<Method> for Call {
    fn from(method: Method) -> Self {
        match method {
            Method::Verify => Self::Verify,
            Method::DevicePhoneNumber => Self::DevicePhoneNumber,
        }
    }
}

/// What was seen on the wire while concluding a leg, for the audit record. Never a token, a code or
/// a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Where it was decided: `callback`, `token`, `id_token`, `verify`, `device_phone_number`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stage: String,
    /// The HTTP status of the deciding answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The operator's own error word, cut to 128 characters of printable ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_error: Option<String>,
    /// The `x-correlator` we sent with the API call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlator: Option<String>,
    /// What was wrong, in our words, for whoever must mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Milliseconds of the token call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_ms: Option<u64>,
    /// Milliseconds of the API call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_ms: Option<u64>,
    /// Seconds the operator asked us to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The operator that was not asked, by alias, where no leg names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Calls the operator answered and charges for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub billable: Vec<Call>,
    /// Calls that were sent and brought no answer: it charges as it likes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsure: Vec<Call>,
}

impl Evidence {
    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Evidence {
    /// When the operator wants to be asked again, if it said so in an answer of `now`.
    #[must_use]
    pub fn retry_at(&self, now: Time) -> Option<Time> {
        let seconds = i64::try_from(self.retry_after?).ok()?;
        now.checked_add_signed(TimeDelta::try_seconds(seconds)?)
    }
}

/// A number an operator confirmed. Whoever holds one may release it; there is no other way to make
/// one than a conclusive answer to our own request.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The number of the SIM.
    pub number: PhoneNumber,
    /// How the operator was asked.
    pub method: Method,
    /// When it answered.
    pub verified_at: Time,
    /// What was seen on the wire.
    pub evidence: Evidence,
}

/// Why a leg opened nothing.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The word for it; never [`Outcome::Verified`].
    pub outcome: Outcome,
    /// What was seen on the wire.
    pub evidence: Evidence,
}

/// What came of a leg. Only [`Verdict::Verified`] opens anything (DESIGN.md P4).
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The operator confirmed a number.
    Verified(Proof),
    /// Anything else.
    Refused(Refusal),
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Verified(_) => Outcome::Verified,
            Self::Refused(refusal) => refusal.outcome,
        }
    }

    /// What was seen on the wire.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        match self {
            Self::Verified(proof) => &proof.evidence,
            Self::Refused(refusal) => &refusal.evidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_the_same_in_json_and_in_text() {
        for outcome in Outcome::ALL {
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(json, format!("\"{}\"", outcome.as_str()));
        }
    }
}
