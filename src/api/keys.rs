//! `/keys`: the keys that sign tokens.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::keys::{self, PUBLISHED_FOR};
use crate::admin::moment::Moment;
use crate::api::body::{Body, Name};
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::keys::SigningKeyRow;
use crate::token::lifecycle::{Rotation, longest_token};
use crate::web::app::App;

/// The keys.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Keys {
    /// The root key that seals now.
    root_key_id: String,
    /// Seconds after which a key that signs gives way to the next one by itself; 0: never.
    rotate_every_s: u64,
    /// The keys that sign, retired ones included.
    signing_keys: Vec<SigningKey>,
}

/// A key that signs tokens.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SigningKey {
    /// Its id in JOSE headers.
    kid: String,
    /// Its JOSE algorithm.
    alg: String,
    /// `next`, `active`, `retiring` or `retired`.
    status: String,
    /// When it was made and first published.
    #[schemars(with = "Moment")]
    created_at: Time,
    /// When it began to sign.
    #[schemars(with = "Option<Moment>")]
    activated_at: Option<Time>,
    /// When it stopped to sign.
    #[schemars(with = "Option<Moment>")]
    retiring_at: Option<Time>,
    /// When it left the published set.
    #[schemars(with = "Option<Moment>")]
    retired_at: Option<Time>,
    /// When it moves on by itself: a next key begins to sign, an active one gives way, a retiring one
    /// leaves the published set. Null: only people move it.
    #[schemars(with = "Option<Moment>")]
    moves_at: Option<Time>,
}

/// Which algorithm's next key is to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staging {
    /// The algorithm.
    alg: SigningAlg,
}

/// Whether a next key was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Staged {
    /// The algorithm.
    alg: SigningAlg,
    /// False: there is one already.
    made: bool,
}

/// How keys rotate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotating {
    /// The algorithm.
    alg: SigningAlg,
    /// Seconds the next key must have been published, so that apps know it; an hour if left out.
    published_for_s: Option<u64>,
    /// The active key may be in other hands: it is unpublished now, and everybody with a token of it
    /// must sign in again.
    #[serde(default)]
    compromised: bool,
}

/// What a rotation did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeysRotated {
    /// The algorithm.
    alg: SigningAlg,
    /// The key that signed until now.
    old: String,
    /// The key that signs from now on.
    active: String,
    /// The key that is next.
    next: String,
}

/// What a revocation did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyRevoked {
    /// The key that is gone.
    kid: String,
    /// Its algorithm.
    alg: String,
    /// What it was: `next`, `active` or `retiring`.
    was: String,
    /// The key that signs with this algorithm now.
    active: String,
    /// The key that is next.
    next: String,
}

/// Lists the keys that sign tokens.
#[utoipa::path(get, path = "/keys", operation_id = "list_keys", tag = "keys",
    responses((status = 200, description = "The keys.", body = schemas::Keys)))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Keys>, No> {
    let rows = keys::list(&caller.desk).await?;
    let every = app.config.keys.rotate_every;
    let longest = longest_token(app.config.login.id_token);
    let view = |row: &SigningKeyRow| SigningKey {
        moves_at: keys::moves_at(row, &rows, every, longest),
        kid: row.kid.clone(),
        alg: row.alg.clone(),
        status: row.status.as_str().to_owned(),
        created_at: row.created_at,
        activated_at: row.activated_at,
        retiring_at: row.retiring_at,
        retired_at: row.retired_at,
    };
    Ok(Json(Keys {
        root_key_id: caller.desk.vault.key_id().to_owned(),
        rotate_every_s: every.as_secs(),
        signing_keys: rows.iter().map(view).collect(),
    }))
}

/// Makes and publishes the next key of an algorithm, unless there is one.
#[utoipa::path(post, path = "/keys/stage", operation_id = "stage_key", tag = "keys",
    request_body = schemas::Staging,
    responses((status = 200, description = "There is a next key.", body = schemas::Staged)))]
pub async fn stage(
    State(app): State<App>,
    caller: Caller,
    Body { value, .. }: Body<Staging>,
) -> Result<Json<Staged>, No> {
    let made = keys::stage(&caller.desk, &app.db, value.alg).await?;
    app.forget("keys").await;
    Ok(Json(Staged {
        alg: value.alg,
        made,
    }))
}

/// Lets the next key of an algorithm sign from now on.
#[utoipa::path(post, path = "/keys/rotate", operation_id = "rotate_key", tag = "keys",
    request_body = schemas::Rotating,
    responses((status = 200, description = "What was done.", body = schemas::KeysRotated)))]
pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Body { value, .. }: Body<Rotating>,
) -> Result<Json<KeysRotated>, No> {
    let why = if value.compromised {
        Rotation::Compromised
    } else {
        Rotation::Planned {
            min_publish: value
                .published_for_s
                .map_or(PUBLISHED_FOR, Duration::from_secs),
        }
    };
    let done = keys::rotate(&caller.desk, &app.db, value.alg, why).await?;
    app.forget("keys").await;
    Ok(Json(KeysRotated {
        alg: value.alg,
        old: done.old,
        active: done.active,
        next: done.next,
    }))
}

/// Takes a key out of the published set at once and erases its private part: no token it signed verifies
/// any more. If it was the one that signs, the next one signs from now on.
#[utoipa::path(post, path = "/keys/{kid}/revoke", operation_id = "revoke_key", tag = "keys",
    params(("kid" = String, Path, description = "Its id in JOSE headers.")),
    responses((status = 200, description = "What was done.", body = schemas::KeyRevoked)))]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Name(kid): Name,
) -> Result<Json<KeyRevoked>, No> {
    let done = keys::revoke(&caller.desk, &app.db, &kid).await?;
    app.forget("keys").await;
    Ok(Json(KeyRevoked {
        kid: done.kid,
        alg: done.alg.as_str().to_owned(),
        was: done.was.as_str().to_owned(),
        active: done.active,
        next: done.next,
    }))
}
