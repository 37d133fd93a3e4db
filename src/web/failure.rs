//! What went wrong on our side: logged with its cause, told with a reference and nothing else.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use uuid::Uuid;

use crate::secret::{Unsealable, random};
use crate::store::db::StoreError;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::headers::PageClass;
use crate::web::page::{Form, Frame, render};
use crate::web::plain::{ErrorPage, Problem};
use crate::web::text::Language;

/// An internal error. Answering with it logs the cause once and shows a page; endpoints that speak
/// JSON turn it into theirs with [`Failure::reference`].
#[derive(Clone, Debug)]
pub struct Failure {
    /// 503 if the database cannot be reached, else 500.
    pub status: StatusCode,
    /// The short code that stands on the page and in the log.
    pub reference: String,
    /// The login whose page the browser may go back to.
    login: Option<Uuid>,
}

impl Failure {
    /// The same with a way back to a login's page. The browser has named the login already.
    #[must_use]
    pub fn at_login(self, login: Uuid) -> Self {
        Self {
            login: Some(login),
            ..self
        }
    }

    /// Logs the cause.
    pub fn new(status: StatusCode, cause: impl std::fmt::Display) -> Self {
        let bytes: [u8; 4] = random();
        let hex: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
        let reference = format!("{}-{}", &hex[..4], &hex[4..]);
        tracing::error!(%reference, status = status.as_u16(), error = %cause, "request failed");
        Self {
            status,
            reference,
            login: None,
        }
    }

    /// For states that our own code rules out.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, cause)
    }
}

fn status_of(error: &StoreError) -> StatusCode {
    match error {
        StoreError::Database(
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed,
        ) => StatusCode::SERVICE_UNAVAILABLE,
        // class 08 connection, 53 resources, 57 operator intervention, 25006 read only
        StoreError::Database(sqlx::Error::Database(e)) => match e.code().as_deref() {
            Some(code)
                if code.starts_with("08")
                    || code.starts_with("53")
                    || code.starts_with("57")
                    || code == "25006" =>
            {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(status_of(&error), error)
    }
}

impl From<Arc<StoreError>> for Failure {
    fn from(error: Arc<StoreError>) -> Self {
        Self::new(status_of(&error), error)
    }
}

impl From<Unsealable> for Failure {
    fn from(error: Unsealable) -> Self {
        Self::internal(error)
    }
}

impl Failure {
    /// The page about it, in this frame.
    #[must_use]
    pub fn page(self, frame: Frame) -> Response {
        let problem = if self.status == StatusCode::SERVICE_UNAVAILABLE {
            Problem::Unavailable
        } else {
            Problem::Internal
        };
        let form = self.login.map(|login| Form {
            base: format!("/login/{login}"),
            csrf: String::new(),
        });
        let page = ErrorPage {
            frame: Frame {
                form,
                reference: Some(self.reference.clone()),
                ..frame
            },
            problem,
        };
        let mut response = render(self.status, PageClass::Journey, &page);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// In English, because nobody knows the browser here; for pages [`in_their_language`] says it once more.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.page(Frame::plain_page("Numbercloak", Language::default()))
    }
}

/// A failure of ours is told in the language of its person, under this deployment's name, with the way back
/// that is known by then.
pub async fn in_their_language(
    State(app): State<App>,
    browser: Browser,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => {
            let language = browser.language(None);
            failure.page(Frame::branded(&app.config.branding, language))
        }
        None => response,
    }
}
