//! Pages that belong to no step of a login: what the provider, the login and the router all show.

use askama::Template;
use http::StatusCode;

use super::headers::FORM_POST_SCRIPT;
use super::page::Frame;

/// The home page: says what this is to whoever opens the bare address.
#[derive(Template)]
#[template(path = "home.html")]
pub struct Home {
    /// A plain one.
    pub frame: Frame,
}

/// The request cannot be answered, and there is no safe address to send the browser back to: an
/// unknown client or a redirect URI that is not registered. The only page without a way back.
#[derive(Template)]
#[template(path = "bad_link.html")]
pub struct BadLink {
    /// Without the app: its name is not to be trusted here.
    pub frame: Frame,
    /// For the app's owner, in the words of the specification: "redirect_uri is not registered".
    pub reason: String,
}

/// What went wrong outside a login's own steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No such page.
    NotFound,
    /// The request is malformed.
    BadRequest,
    /// A form whose token or origin is not right.
    StaleForm,
    /// Our fault.
    Internal,
    /// The database or a part of us is away.
    Unavailable,
}

impl Problem {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::StaleForm => StatusCode::FORBIDDEN,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound => ("not_found_title", "not_found_lead"),
            Self::BadRequest => ("bad_request_title", "bad_request_lead"),
            Self::StaleForm => ("stale_form_title", "stale_form_lead"),
            Self::Internal => ("internal_title", "internal_lead"),
            Self::Unavailable => ("unavailable_title", "unavailable_lead"),
        }
    }
}

/// A plain error page.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// With the reference, if there is a record to find.
    pub frame: Frame,
    /// What happened.
    pub problem: Problem,
}

/// Carries an authorization answer to the app by a form (`response_mode=form_post`). Sent with
/// [`super::headers::PageClass::FormPost`]. A script posts it at once; without scripts the button
/// does.
#[derive(Template)]
#[template(path = "form_post.html")]
pub struct FormPost {
    /// The login's.
    pub frame: Frame,
    /// The registered redirect URI.
    pub action: String,
    /// The answer's parameters.
    pub fields: Vec<(String, String)>,
}

impl FormPost {
    fn script(&self) -> &'static str {
        FORM_POST_SCRIPT
    }
}
