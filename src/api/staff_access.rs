//! `/staff/{email}/sessions` and `/staff/{email}/passkeys`: where staff are signed in to the console, and
//! with what. Passkeys are added in a browser only.

use axum::Json;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::admin::moment::{Id, Moment};
use crate::admin::{staff, staff_passkeys, staff_sessions};
use crate::api::body::{Body, Name};
use crate::api::conditions::Seen;
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::store::{staff_passkeys as passkey_rows, staff_sessions as session_rows};

/// A browser that is signed in to the console.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StaffSession {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// What it runs in.
    browser: String,
    /// When it was opened.
    #[schemars(with = "Moment")]
    opened_at: Time,
    /// When it was last used.
    #[schemars(with = "Moment")]
    seen_at: Time,
}

impl From<session_rows::Seen> for StaffSession {
    fn from(row: session_rows::Seen) -> Self {
        Self {
            id: row.id,
            browser: row.browser,
            opened_at: row.opened_at,
            seen_at: row.seen_at,
        }
    }
}

/// Which sessions of an account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffSessionsOf {
    /// One session; all if left out.
    #[schemars(with = "Option<Id>")]
    id: Option<Uuid>,
}

/// How many sessions were ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StaffSessionsEnded {
    /// So many.
    ended: u64,
}

/// A passkey.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Passkey {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// What its owner calls it.
    name: String,
    /// When it was added.
    #[schemars(with = "Moment")]
    created_at: Time,
    /// When it was last used.
    #[schemars(with = "Option<Moment>")]
    used_at: Option<Time>,
    /// Counts its names; its ETag is `"r1"` for 1.
    revision: i32,
}

impl From<passkey_rows::Shown> for Passkey {
    fn from(row: passkey_rows::Shown) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            used_at: row.used_at,
            revision: row.revision,
        }
    }
}

/// What a passkey is called from now on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyName {
    /// The name.
    #[schemars(length(min = 1, max = 60))]
    name: String,
}

/// Lists where an account is signed in to the console, the session used last first.
#[utoipa::path(get, path = "/staff/{email}/sessions", operation_id = "list_staff_sessions", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    responses((status = 200, description = "Its live sessions.", body = schemas::StaffSessionList)))]
pub async fn sessions(caller: Caller, Name(email): Name) -> Result<Json<All<StaffSession>>, No> {
    let account = staff::show(&caller.desk, &email).await?;
    let rows = staff_sessions::list(&caller.desk, account.id).await?;
    let items = rows.into_iter().map(StaffSession::from).collect();
    Ok(Json(All { items }))
}

/// Signs an account out of the console: one session, or all.
#[utoipa::path(post, path = "/staff/{email}/sessions/end", operation_id = "end_staff_sessions", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    request_body = schemas::StaffSessionsOf,
    responses((status = 200, description = "How many ended.", body = schemas::StaffSessionsEnded)))]
pub async fn end_sessions(
    caller: Caller,
    Name(email): Name,
    Body { value, .. }: Body<StaffSessionsOf>,
) -> Result<Json<StaffSessionsEnded>, No> {
    let account = staff::show(&caller.desk, &email).await?;
    let who = (account.id, account.email.as_str());
    let ended = match value.id {
        Some(id) => {
            staff_sessions::end(&caller.desk, who, id).await?;
            1
        }
        None => staff_sessions::end_all(&caller.desk, who, None).await?,
    };
    Ok(Json(StaffSessionsEnded { ended }))
}

/// Lists an account's passkeys, the oldest first.
#[utoipa::path(get, path = "/staff/{email}/passkeys", operation_id = "list_staff_passkeys", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    responses((status = 200, description = "All of them.", body = schemas::PasskeyList)))]
pub async fn passkeys(caller: Caller, Name(email): Name) -> Result<Json<All<Passkey>>, No> {
    let account = staff::show(&caller.desk, &email).await?;
    let rows = staff_passkeys::list(&caller.desk, account.id).await?;
    let items = rows.into_iter().map(Passkey::from).collect();
    Ok(Json(All { items }))
}

/// Calls a passkey something else.
#[utoipa::path(put, path = "/staff/{email}/passkeys/{id}/name", operation_id = "rename_staff_passkey",
    tag = "staff", params(("email" = String, Path, description = "The account's address."),
        ("id" = Uuid, Path, description = "The passkey's id."), schemas::IfMatch),
    request_body = schemas::PasskeyName,
    responses((status = 204, description = "It is called so.")))]
pub async fn rename_passkey(
    caller: Caller,
    Name((email, id)): Name<(String, Uuid)>,
    Seen(seen): Seen,
    Body { value, .. }: Body<PasskeyName>,
) -> Result<StatusCode, No> {
    let account = staff::show(&caller.desk, &email).await?;
    let who = (account.id, account.email.as_str());
    staff_passkeys::rename(&caller.desk, who, id, &value.name, seen).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a passkey: it signs nobody in any more.
#[utoipa::path(delete, path = "/staff/{email}/passkeys/{id}", operation_id = "remove_staff_passkey",
    tag = "staff", params(("email" = String, Path, description = "The account's address."),
        ("id" = Uuid, Path, description = "The passkey's id.")),
    responses((status = 204, description = "It is removed.")))]
pub async fn remove_passkey(
    caller: Caller,
    Name((email, id)): Name<(String, Uuid)>,
) -> Result<StatusCode, No> {
    let account = staff::show(&caller.desk, &email).await?;
    let who = (account.id, account.email.as_str());
    staff_passkeys::remove(&caller.desk, who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
