//! We as OpenID Provider, for relying parties: what their servers and libraries call. The browser's
//! side, from the authorization request on, is [`crate::login`]; the two meet in rows.
//!
//! | endpoint | file | who may call it |
//! |---|---|---|
//! | `GET /.well-known/openid-configuration`, `GET /jwks` | `discovery` | anybody |
//! | `POST /register`, `GET`, `PUT`, `DELETE /register/{client_id}` | `registration` | whoever has a token for it |
//! | `POST /par` | `par` | clients |
//! | `POST /token` | `token` | clients |
//! | `GET`, `POST /userinfo` | `userinfo` | whoever holds an access token |
//! | `GET`, `POST /logout` | `logout` | the person's browser |

mod client_auth;
mod discovery;
pub mod logout;
mod par;
mod registration;
mod registration_metadata;
mod token;
mod userinfo;

use axum::Router;
use axum::routing::{get, post};

use crate::web::app::App;

/// The routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(discovery::configuration),
        )
        .route("/jwks", get(discovery::jwks))
        .route("/register", post(registration::register))
        .route(
            "/register/{client_id}",
            get(registration::show)
                .put(registration::replace)
                .delete(registration::remove),
        )
        .route("/par", post(par::push))
        .route("/token", post(token::exchange))
        .route(
            "/userinfo",
            get(userinfo::get)
                .post(userinfo::post)
                .options(userinfo::preflight),
        )
}

/// The pages people see on the way out.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/logout", get(logout::get).post(logout::post))
        .route("/logout/confirm", post(logout::confirm))
}
