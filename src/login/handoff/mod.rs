//! Hand-off: a desktop moves a login to a phone (docs/handoff.md; RFC 10027).
//!
//! ```text
//!   desktop                          phone
//!   begin: QR, code, link  ------->  ticket: GET shows, POST "Yes" claims once
//!   live: how it stands              phone: leg, problems, digits
//!   digits: typed here     <-------  (read to oneself, over the room)
//!   release
//! ```
//!
//! The number is named at the desktop, and the phone's leg verifies it: who scans somebody else's code
//! has another SIM. The leg belongs to the phone's cookie, the finish to the desktop's. The phone's pages
//! name the app and its domain and have no way to it.
//!
//! | route | file |
//! |---|---|
//! | `POST /login/{id}/handoff`, `/renew`, `/here` | `begin` |
//! | `GET /login/{id}` while a phone is awaited or busy, `GET /login/{id}/waiting` | `desktop` |
//! | `GET /login/{id}/events`, `/status` | `live` |
//! | `POST /login/{id}/digits` | `digits` |
//! | `GET`, `POST /go`; `GET /go/{ticket}`, `POST /go/{ticket}/yes`, `/no`, `/report` | `ticket` |
//! | `GET /phone/{id}`, `POST /phone/{id}/continue`, `/operator`, `/cancel`, `/report` | `phone` |

pub mod begin;
mod code;
pub mod desktop;
pub mod digits;
mod live;
pub mod phone;
mod qr;
mod stop;
mod ticket;
pub mod view;

use axum::Router;
use axum::routing::{get, post};

use crate::login::{network, show};
use crate::oauth::acr::Acr;
use crate::oauth::request::AuthorizeRequest;
use crate::store::clients::{Client, Handoff};
use crate::web::app::App;
use crate::web::browser::Browser;

/// Whether a login of this request may be handed off at all.
pub fn is_allowed(client: &Client, request: &AuthorizeRequest) -> bool {
    client.settings.handoff == Handoff::On
        && !request.prompt.is_silent()
        && request.claims.acr_can_be(&[Acr::NetworkHandoff.as_str()])
}

/// Whether the pages offer it: to whoever is at no phone (RFC 10027: on one and the same device the
/// ordinary way is the safer one).
pub fn is_offered(browser: &Browser, client: &Client, request: &AuthorizeRequest) -> bool {
    is_allowed(client, request) && browser.is_desktop()
}

/// The desktop's routes.
pub fn desktop_routes() -> Router<App> {
    Router::new()
        .route("/login/{id}/handoff", post(begin::post).get(show::get))
        .route("/login/{id}/renew", post(begin::renew).get(show::get))
        .route("/login/{id}/here", post(begin::here).get(show::get))
        .route("/login/{id}/digits", post(digits::post).get(show::get))
        .route("/login/{id}/waiting", get(desktop::waiting))
        .route("/login/{id}/events", get(live::events))
        .route("/login/{id}/status", get(live::status))
}

/// The phone's routes.
pub fn phone_routes() -> Router<App> {
    Router::new()
        .route("/go", get(ticket::ask).post(ticket::find))
        .route("/go/{ticket}", get(ticket::get))
        .route("/go/{ticket}/yes", post(ticket::yes).get(ticket::get))
        .route("/go/{ticket}/no", post(ticket::no).get(ticket::get))
        .route("/go/{ticket}/report", post(ticket::report).get(ticket::get))
        .route("/phone/{id}", get(phone::get))
        .route("/phone/{id}/continue", post(phone::go_on).get(phone::get))
        .route(
            "/phone/{id}/operator",
            post(phone::operator).get(phone::get),
        )
        .route("/phone/{id}/cancel", post(phone::cancel).get(phone::get))
        .route("/phone/{id}/report", post(phone::report).get(phone::get))
        .route("/phone/{id}/status", get(live::on_phone))
        .route("/phone/{id}/network", get(network::on_phone))
}
