//! `/clients/{client_id}/secrets`: replacing an app's secret without an outage.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::client_secrets::{self, DEFAULT_GRACE};
use crate::admin::moment::Moment;
use crate::api::answers::Made;
use crate::api::body::{Body, Name};
use crate::api::guard::Caller;
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::web::app::App;

/// How a secret is replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Seconds the secret before works on, at most 7 days; 0 ends it now; a day if left out.
    #[schemars(range(min = 0, max = 604_800))]
    grace_s: Option<u64>,
    /// Seconds the new one lives, from an hour to 3 years; without it, for ever.
    #[schemars(range(min = 3600, max = 94_867_200))]
    expires_s: Option<u64>,
}

/// A new secret.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SecretMade {
    /// Whose.
    client_id: String,
    /// The secret: in this answer and never again.
    client_secret: String,
    /// When it ends, if it does.
    #[schemars(with = "Option<Moment>")]
    expires_at: Option<Time>,
    /// Until when the one before works.
    #[schemars(with = "Moment")]
    earlier_ends: Time,
}

/// What is left after a secret was ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SecretRevoked {
    /// Whose.
    client_id: String,
    /// How many still work.
    left: usize,
}

/// Gives an app a new secret; the one before works on for a while.
#[utoipa::path(post, path = "/clients/{client_id}/secrets", operation_id = "rotate_client_secret", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id.")),
    request_body = schemas::NewSecret,
    responses((status = 201, description = "The new secret.", body = schemas::SecretMade)))]
pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
    key: Key,
    body: Body<NewSecret>,
) -> Result<Response, No> {
    let grace = body
        .value
        .grace_s
        .map_or(DEFAULT_GRACE, Duration::from_secs);
    let expires = body.value.expires_s.map(Duration::from_secs);
    let work = async {
        let rotated = client_secrets::rotate(&caller.desk, &client_id, grace, expires).await?;
        app.forget("clients").await;
        Ok(Made::new(&SecretMade {
            client_secret: rotated.secret.reveal(),
            expires_at: rotated.expires_at,
            earlier_ends: rotated.earlier_ends,
            client_id,
        }))
    };
    once(&app, &caller, key, body.hash, work).await
}

/// Ends one of an app's secrets at once.
#[utoipa::path(delete, path = "/clients/{client_id}/secrets/{secret}", operation_id = "revoke_client_secret",
    tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id."),
        ("secret" = String, Path, description = "The secret's id, or its first four characters.")),
    responses((status = 200, description = "What is left.", body = schemas::SecretRevoked)))]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Name((client_id, secret)): Name<(String, String)>,
) -> Result<Json<SecretRevoked>, No> {
    let left = client_secrets::revoke(&caller.desk, &client_id, &secret).await?;
    app.forget("clients").await;
    Ok(Json(SecretRevoked { client_id, left }))
}
