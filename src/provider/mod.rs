//! We as OpenID Provider, for relying parties: what their servers and libraries call. The browser's
//! side, from the authorization request on, is [`crate::login`]; the two meet in rows.
//!
//! | endpoint | file | who may call it |
//! |---|---|---|
//! | `GET /.well-known/openid-configuration`, `GET /jwks` | `discovery` | anybody |
//! | `POST /token` | `token` | clients |
//! | `GET`, `POST /userinfo` | `userinfo` | whoever holds an access token |
//! | `GET`, `POST /logout` | `logout` | the person's browser |

mod client_auth;
mod discovery;
pub mod logout;
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
