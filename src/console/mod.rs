//! Pages for staff. The console comes with a later issue; until then its addresses, which the command
//! line and dev mode print, say what to use instead.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/admin", get(not_yet))
        .route("/setup/{token}", get(not_yet))
}

#[derive(Template)]
#[template(path = "console/not_yet.html")]
struct NotYet {
    frame: Frame,
}

/// A setup link stays unused: nothing here looks at it.
async fn not_yet(State(app): State<App>, browser: Browser) -> Response {
    let frame = Frame::branded(&app.config.branding, browser.language(None));
    render(StatusCode::NOT_FOUND, PageClass::Console, &NotYet { frame })
}
