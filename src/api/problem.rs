//! Refusals as problems.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::admin::Refused;
use crate::admin::keys::KeysRefused;
use crate::secret::Unsealable;
use crate::store::db::StoreError;
use crate::token::KeyError;
use crate::web::failure::Failure;
use crate::web::problem_details::ProblemDetails;

/// Why a request is not answered as it hoped.
#[derive(Debug)]
pub struct No(Box<ProblemDetails>);

impl No {
    /// A problem of a kind.
    pub fn new(status: StatusCode, word: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemDetails::new(status, word, detail)))
    }

    /// A value that cannot be used.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        let problem =
            ProblemDetails::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).at(field);
        Self(Box::new(problem))
    }

    /// With what to do about it.
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self(Box::new(self.0.fix(fix)))
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Failure> for No {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure.into()))
    }
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Refused::Stale.into(),
            other => Failure::from(other).into(),
        }
    }
}

impl From<Unsealable> for No {
    fn from(error: Unsealable) -> Self {
        Failure::from(error).into()
    }
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        let fix = refused.fix();
        let problem = ProblemDetails::new;
        let detail = refused.to_string();
        let problem = match refused {
            Refused::Invalid { field, message } => {
                problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message).at(field)
            }
            Refused::NotFound { .. } => problem(StatusCode::NOT_FOUND, "not_found", detail),
            Refused::Taken { field, .. } => {
                problem(StatusCode::CONFLICT, "taken", detail).at(field)
            }
            Refused::Stale => problem(StatusCode::PRECONDITION_FAILED, "stale", detail),
            Refused::Database(error) => return Failure::from(error).into(),
        };
        Self(Box::new(problem.fix(fix)))
    }
}

impl From<KeysRefused> for No {
    fn from(refused: KeysRefused) -> Self {
        let error = match refused {
            KeysRefused::Record(refused) => return refused.into(),
            KeysRefused::Key(error) => error,
        };
        let detail = error.to_string();
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::TooEarly { .. } => Self::new(StatusCode::CONFLICT, "too_early", detail)
                .fix("Wait until then; only if the active key is in other hands, say compromised."),
            KeyError::Gone(_) => Self::new(StatusCode::NOT_FOUND, "not_found", detail)
                .fix("List the keys; what is retired is gone already."),
            KeyError::NoKey { .. } => {
                Self::new(StatusCode::CONFLICT, "no_key", detail).fix("Stage the next key first.")
            }
            other => Failure::internal(other).into(),
        }
    }
}
