//! `/initial-access-tokens`: what lets apps register themselves.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::admin::client_registration;
use crate::admin::moment::{Id, Moment};
use crate::api::answers::Made;
use crate::api::body::{Body, Name};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::store::client_registrations::InitialAccessToken as Row;
use crate::web::app::App;

/// What lets apps register themselves, so many times until then.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InitialAccessToken {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// The token: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_access_token: Option<String>,
    /// Whom it is for.
    note: String,
    /// How many apps it still registers.
    uses_left: i32,
    /// When it was made.
    #[schemars(with = "Moment")]
    created_at: Time,
    /// When it ends.
    #[schemars(with = "Moment")]
    expires_at: Time,
}

impl InitialAccessToken {
    fn of(row: Row, text: Option<String>) -> Self {
        Self {
            id: row.id,
            initial_access_token: text,
            note: row.note,
            uses_left: row.uses_left,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// One to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInitialAccessToken {
    /// Whom it is for, for the list.
    #[serde(default)]
    #[schemars(length(max = 200))]
    note: String,
    /// How many apps it registers; one if left out.
    #[schemars(range(min = 1, max = 10_000))]
    uses: Option<u32>,
    /// Seconds it works; a day if left out.
    #[schemars(range(min = 1, max = 31_622_400))]
    expires_s: Option<u64>,
}

/// Lists them, the newest first.
#[utoipa::path(get, path = "/initial-access-tokens", operation_id = "list_initial_access_tokens",
    tag = "registration",
    responses((status = 200, description = "All of them.", body = schemas::InitialAccessTokenList)))]
pub async fn list(caller: Caller) -> Result<Json<All<InitialAccessToken>>, No> {
    let rows = client_registration::tokens(&caller.desk).await?;
    let view = |row| InitialAccessToken::of(row, None);
    let items = rows.into_iter().map(view).collect();
    Ok(Json(All { items }))
}

/// Makes one; it is in this answer and never again.
#[utoipa::path(post, path = "/initial-access-tokens", operation_id = "create_initial_access_token",
    tag = "registration",
    request_body = schemas::NewInitialAccessToken,
    responses((status = 201, description = "The token.", body = schemas::InitialAccessToken)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    body: Body<NewInitialAccessToken>,
) -> Result<Response, No> {
    let Body { value, hash } = body;
    let lifetime = Duration::from_secs(value.expires_s.unwrap_or(24 * 3600));
    let uses = value.uses.unwrap_or(1);
    let work = async {
        let made =
            client_registration::create_token(&caller.desk, &value.note, uses, lifetime).await?;
        let view = InitialAccessToken::of(made.1, Some(made.0.reveal()));
        Ok(Made::new(&view).at("initial-access-tokens", &view.id.to_string()))
    };
    once(&app, &caller, key, hash, work).await
}

/// Ends one. Apps that it registered stay.
#[utoipa::path(delete, path = "/initial-access-tokens/{id}", operation_id = "revoke_initial_access_token",
    tag = "registration",
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 204, description = "It is ended.")))]
pub async fn revoke(caller: Caller, Name(id): Name<Uuid>) -> Result<StatusCode, No> {
    client_registration::revoke_token(&caller.desk, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
