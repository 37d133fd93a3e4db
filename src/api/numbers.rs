//! `/numbers`: what staff do to a phone number.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::numbers;
use crate::api::body::Body;
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::api::sessions::number;

/// A number that belongs to somebody else now.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOwner {
    /// The number, international.
    number: String,
    /// Why; kept in the audit record. Name no person.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// What ended with the owner before.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NumberMoved {
    /// The number's epoch until now.
    from: i32,
    /// Its epoch from now on.
    to: i32,
    /// Sessions that ended.
    sessions: i64,
    /// Grants that ended.
    grants: i64,
    /// Go-aheads that were forgotten.
    go_aheads: i64,
}

/// A number belongs to somebody else now: everything of the owner before ends, and its next sign-in
/// gets a new sub at every app. Cannot be taken back.
#[utoipa::path(post, path = "/numbers/new-owner", operation_id = "number_has_new_owner", tag = "numbers",
    request_body = schemas::NewOwner,
    responses((status = 200, description = "What ended.", body = schemas::NumberMoved)))]
pub async fn new_owner(
    caller: Caller,
    Body { value, .. }: Body<NewOwner>,
) -> Result<Json<NumberMoved>, No> {
    let number = number(&value.number)?;
    let moved = numbers::new_owner(&caller.desk, &number, &value.reason).await?;
    Ok(Json(NumberMoved {
        from: moved.from,
        to: moved.to,
        sessions: moved.sessions,
        grants: moved.grants,
        go_aheads: moved.go_aheads,
    }))
}
