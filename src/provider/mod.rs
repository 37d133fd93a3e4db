//! We as OpenID Provider, for relying parties: what their servers and libraries call. The browser's
//! side, from the authorization request on, is [`crate::login`]; the two meet in rows.
//!
//! | endpoint | file | who may call it |
//! |---|---|---|
//! | `GET /.well-known/openid-configuration`, `GET /jwks` | `discovery` | anybody |
//! | `POST /par` | `par` | clients |
//! | `POST /register`, `GET`, `PUT`, `DELETE /register/{client_id}` | `registration` | whoever has a token for it |
//! | `POST /token` | `token` | clients |
//! | `POST /revoke` | `revoke` | clients, their own tokens |
//! | `POST /introspect` | `introspect` | clients that authenticate |
//! | `GET`, `POST /userinfo` | `userinfo` | whoever holds an access token |
//! | `GET`, `POST /logout` | `logout` | the person's browser |

mod call;
mod client_auth;
mod discovery;
mod dpop;
mod introspect;
pub mod logout;
mod par;
mod presented;
mod refused;
mod registration;
mod registration_metadata;
mod revoke;
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
        // The issuer has no path, so RFC 8414 section 3.1 puts the same document beside it.
        .route(
            "/.well-known/oauth-authorization-server",
            get(discovery::configuration),
        )
        .route("/jwks", get(discovery::jwks))
        .route("/par", post(par::push))
        .route("/register", post(registration::register))
        .route(
            "/register/{client_id}",
            get(registration::show)
                .put(registration::replace)
                .delete(registration::remove),
        )
        .route("/token", post(token::exchange).options(call::preflight))
        .route("/revoke", post(revoke::revoke).options(call::preflight))
        .route("/introspect", post(introspect::introspect))
        .route(
            "/userinfo",
            get(userinfo::get)
                .post(userinfo::post)
                .options(call::preflight),
        )
}

/// The pages people see on the way out.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/logout", get(logout::get).post(logout::post))
        .route("/logout/confirm", post(logout::confirm))
}
