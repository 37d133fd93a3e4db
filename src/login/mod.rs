//! The browser's journey through one login, from the authorization request to the answer.
//!
//! ```text
//!            GET /authorize
//!                 |
//!   open - continue, number, operator -> away -- callback --> checking ----> ended (code)
//!    ^                                 ^  ^------ reroute -----|   |
//!    |                                 '---- continue, number --'   '-----> confirm -- continue --> ended (code)
//!    |                                           problem <------'
//!    '--- every stage -- cancel, return, time ----------------------------> ended (error)
//! ```
//!
//! Every arrow is one guarded statement in [`crate::store::path`]. Every page, form and callback
//! needs the login's own cookie. The way out of our origin is always a 200 page with a refresh and a
//! link, or a redirect that no form of ours led to, because browsers apply `form-action` to every
//! hop.
//!
//! | route | file |
//! |---|---|
//! | `GET`, `POST /authorize` | `authorize` |
//! | `GET /login/{id}`, and at the addresses below | `show` |
//! | `POST /login/{id}/continue` | `go_on` |
//! | `POST /login/{id}/number` | `number` |
//! | `POST /login/{id}/operator` | `choose` |
//! | `POST /login/{id}/cancel`, `/return` | `leave` |
//! | `POST /login/{id}/more-time` | `more_time` |
//! | `GET /login/{id}/answer` | `answer` |
//! | `GET /login/{id}/network` | `network` |
//! | `GET /broker/{alias}/endpoint` | `callback` |
//!
//! A login that was moved to a phone, and all of the phone's own pages, stand in `handoff`.

mod admit;
mod answer;
mod apps;
mod authorize;
pub mod breakers;
mod callback;
mod choose;
mod conclude;
mod counted;
mod depart;
mod entry;
mod extras;
mod go_on;
mod handoff;
mod language;
mod leave;
mod more_time;
mod network;
mod number;
mod opening;
mod policy;
mod proven;
mod release;
mod retry;
mod session;
mod show;
mod silent;
mod step;
mod sufficient;
pub mod sweep;
mod trial;
pub mod view;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::ALLOW;
use http::{Method, StatusCode};
use uuid::Uuid;

use crate::web::app::App;
use crate::web::failure::Failure;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/authorize", get(authorize::get).post(authorize::post))
        .route("/login/{id}", get(show::get))
        // GET at a form's address: a restored tab, or Enter in the address bar.
        .route("/login/{id}/continue", post(go_on::post).get(show::get))
        .route("/login/{id}/number", post(number::post).get(show::get))
        .route("/login/{id}/operator", post(choose::post).get(show::get))
        .route("/login/{id}/cancel", post(leave::post).get(show::get))
        .route("/login/{id}/return", post(leave::post).get(show::get))
        .route(
            "/login/{id}/more-time",
            post(more_time::post).get(show::get),
        )
        .route("/login/{id}/answer", get(answer::get))
        .route("/login/{id}/network", get(network::get))
        .merge(handoff::desktop_routes())
        .layer(from_fn(lead_back))
        .merge(handoff::phone_routes())
        .route("/broker/{alias}/endpoint", get(callback::get))
        .route("/language/{tag}", get(language::get))
        .route("/apps", get(apps::get).post(apps::post))
        .layer(from_fn(refuse_head))
}

/// A failure of ours on a login's page leads back to the login: it may be over by then, and the way to
/// the app is there (P10).
async fn lead_back(request: Request, next: Next) -> Response {
    let path = request.uri().path().strip_prefix("/login/");
    let login = path
        .and_then(|rest| rest.split('/').next())
        .and_then(|id| Uuid::try_parse(id).ok());
    let mut response = next.run(request).await;
    let told = response.extensions_mut();
    if let Some(login) = login
        && let Some(failure) = told.remove::<Failure>()
    {
        told.insert(failure.at_login(login));
    }
    response
}

/// HEAD changes nothing: a link preview must not open a login, let alone claim a leg.
async fn refuse_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, POST")]).into_response();
    }
    next.run(request).await
}
