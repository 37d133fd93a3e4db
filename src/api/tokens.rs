//! `/api-tokens`: the tokens of this API themselves.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::admin::api_tokens::{self, ApiToken as Row, NewToken};
use crate::admin::moment::{Id, Moment};
use crate::admin::scopes::Scope;
use crate::api::answers::Made;
use crate::api::body::{Body, Name, Query};
use crate::api::guard::Caller;
use crate::api::lists::{Listed, Listing};
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::store::staff::Role;
use crate::web::app::App;

/// A token of this API.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ApiToken {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// Its short name; records call whoever uses it `token:NAME`.
    name: String,
    /// The token: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The most it may do.
    role: Role,
    /// What it may do, as far as the role allows.
    scopes: Vec<String>,
    /// Who made it.
    created_by: String,
    /// When it was made.
    #[schemars(with = "Moment")]
    created_at: Time,
    /// When it ends.
    #[schemars(with = "Moment")]
    expires_at: Time,
    /// When it was last used, to about a minute.
    #[schemars(with = "Option<Moment>")]
    last_used_at: Option<Time>,
    /// When it was ended early.
    #[schemars(with = "Option<Moment>")]
    revoked_at: Option<Time>,
}

impl ApiToken {
    fn of(row: Row, token: Option<String>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            token,
            role: row.role,
            scopes: row.scopes,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// A token to make. It may do no more and live no longer than the one that asks for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// Its short name: a-z, 0-9 and -.
    #[schemars(length(min = 1, max = 32))]
    name: String,
    /// The most it may do.
    role: Role,
    /// What it may do: `clients:read`, `operators:*`, `*`.
    #[schemars(length(min = 1))]
    scopes: Vec<String>,
    /// Seconds it works.
    #[schemars(range(min = 60, max = 63_244_800))]
    expires_s: u64,
}

/// The token of this request, and what it may do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Myself {
    /// Its name.
    name: String,
    /// The most it may do.
    role: Role,
    /// When it ends.
    #[schemars(with = "Moment")]
    expires_at: Time,
    /// All that it may do.
    may: Vec<String>,
}

/// Lists tokens, the newest first; ended ones too.
#[utoipa::path(get, path = "/api-tokens", operation_id = "list_api_tokens", tag = "tokens", params(Listing),
    responses((status = 200, description = "A page of tokens.", body = schemas::ApiTokenPage)))]
pub async fn list(
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<Json<Listed<ApiToken>>, No> {
    let page = api_tokens::page(&caller.desk, &query.wanted()).await?;
    Ok(Json(page.map(|row| ApiToken::of(row, None)).into()))
}

/// Makes a token; it is in this answer and never again.
#[utoipa::path(post, path = "/api-tokens", operation_id = "create_api_token", tag = "tokens",
    request_body = schemas::NewApiToken,
    responses((status = 201, description = "The token.", body = schemas::ApiToken)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    body: Body<NewApiToken>,
) -> Result<Response, No> {
    let Body { value, hash } = body;
    let new = NewToken {
        name: value.name,
        role: value.role,
        scopes: value.scopes,
        lifetime: Duration::from_secs(value.expires_s),
    };
    let work = async {
        let (text, row) = api_tokens::create(&caller.desk, new, Some(&caller.token)).await?;
        let view = ApiToken::of(row, Some(text));
        Ok(Made::new(&view).at("api-tokens", &view.id.to_string()))
    };
    once(&app, &caller, key, hash, work).await
}

/// Ends a token at once.
#[utoipa::path(delete, path = "/api-tokens/{id}", operation_id = "revoke_api_token", tag = "tokens",
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 204, description = "It is ended.")))]
pub async fn revoke(caller: Caller, Name(id): Name<Uuid>) -> Result<StatusCode, No> {
    api_tokens::revoke(&caller.desk, &id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells who you are here.
#[utoipa::path(get, path = "/me", operation_id = "show_me", tag = "tokens",
    responses((status = 200, description = "Your token.", body = schemas::Myself)))]
pub async fn myself(caller: Caller) -> Json<Myself> {
    let token = &caller.token;
    let may = Scope::ALL.into_iter().filter(|scope| token.may(*scope));
    Json(Myself {
        may: may.map(|scope| scope.as_str().to_owned()).collect(),
        name: token.name.clone(),
        role: token.role,
        expires_at: token.expires_at,
    })
}
