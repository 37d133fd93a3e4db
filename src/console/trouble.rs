//! Why a page cannot be shown, as a page.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use crate::admin::Refused;
use crate::console::frame::Frame;
use crate::store::db::StoreError;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// What keeps a page from being shown.
#[derive(Debug)]
pub enum Trouble {
    /// The role may not.
    NotAllowed,
    /// The form's token or origin is not right.
    StaleForm,
    /// The admin functions refuse.
    Refused(Refused),
    /// Our fault.
    Failure(Failure),
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Database(error) => Self::Failure(error.into()),
            other => Self::Refused(other),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

#[derive(Template)]
#[template(path = "console/trouble.html")]
struct Page {
    frame: Frame,
    lead: String,
    what: String,
}

/// Told above a form that keeps what was written, when somebody else was first.
pub const CHANGED_MEANWHILE: &str = "Somebody else changed it since you opened this form. Below stands what you \
    wrote; look at what is there now in another tab. Saving once more replaces it.";

impl Trouble {
    /// The page that tells it.
    pub fn answer(self, frame: Frame) -> Response {
        let (status, title, lead, what) = match self {
            Self::Failure(failure) => return failure.into_response(),
            Self::NotAllowed => (
                StatusCode::FORBIDDEN,
                "Your role may not do this",
                "What you opened is for another role.".to_owned(),
                "An owner can do it, or give you an account with another role.".to_owned(),
            ),
            Self::StaleForm => (
                StatusCode::FORBIDDEN,
                "This form is too old",
                "Nothing was changed.".to_owned(),
                "Open the page again and repeat what you wanted to do.".to_owned(),
            ),
            Self::Refused(refused) => {
                let (status, title) = match &refused {
                    Refused::NotFound { .. } => (StatusCode::NOT_FOUND, "Not found"),
                    Refused::Stale => (StatusCode::CONFLICT, "Somebody else changed it"),
                    _ => (StatusCode::BAD_REQUEST, "That cannot be"),
                };
                (status, title, format!("{refused}."), refused.fix())
            }
        };
        let page = Page {
            frame: frame.titled(title),
            lead,
            what,
        };
        render(status, PageClass::Console, &page)
    }
}
