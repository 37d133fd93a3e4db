//! `/numbers/export` and `/numbers/erase`: what people may ask of us about their number (GDPR articles 15
//! and 17).

use std::collections::BTreeMap;

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::admin::moment::{Id, Moment};
use crate::admin::privacy;
use crate::api::body::Body;
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::api::sessions::number;
use crate::clock::Time;
use crate::web::failure::Failure;

/// Whose data is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberOf {
    /// The number, international.
    number: String,
}

/// Whose data goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureOf {
    /// The number, international.
    number: String,
    /// The number of the request in your own files; kept in the audit record. Name no person.
    #[schemars(length(max = 200))]
    ticket: Option<String>,
}

/// Everything that is kept about a number, to be handed to its owner. Beside the records stand, where there
/// are any: sessions, grants, go_aheads, legs, epochs, pushed_requests.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeptOfNumber {
    /// The number.
    number: String,
    /// When it was asked for.
    #[schemars(with = "Moment")]
    exported_at: Time,
    /// The records of its logins.
    records: Vec<RecordOfNumber>,
    /// Rows of other kinds, each by its kind.
    #[serde(flatten)]
    rows: BTreeMap<String, Vec<Value>>,
}

/// A record of a number, with what is personal in it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RecordOfNumber {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// What was recorded; null if the record is gone already.
    record: Option<Map<String, Value>>,
    /// number, address and user_agent, where there are any.
    personal: Map<String, Value>,
    /// Whether a legal hold keeps it.
    under_legal_hold: bool,
}

/// What an erasure did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NumberErased {
    /// Personal parts of records that went.
    parts: i64,
    /// Personal parts that stay because of a legal hold: erase again once it is released.
    held: i64,
    /// Rows that went besides, by kind.
    rows: BTreeMap<String, i64>,
    /// The audit records that list what went.
    #[schemars(with = "Vec<Id>")]
    records: Vec<Uuid>,
}

/// Tells everything that is kept about a number, in full. That it was told is recorded.
#[utoipa::path(post, path = "/numbers/export", operation_id = "export_number", tag = "numbers",
    request_body = schemas::NumberOf,
    responses((status = 200, description = "Everything.", body = schemas::KeptOfNumber)))]
pub async fn export(
    caller: Caller,
    Body { value, .. }: Body<NumberOf>,
) -> Result<Json<KeptOfNumber>, No> {
    let number = number(&value.number)?;
    let kept = privacy::export(&caller.desk, &number).await?;
    let kept = serde_json::from_value(kept).map_err(Failure::internal)?;
    Ok(Json(kept))
}

/// Erases what is personal about a number and ends what lives of it. What a legal hold keeps stays. Cannot
/// be taken back.
#[utoipa::path(post, path = "/numbers/erase", operation_id = "erase_number", tag = "numbers",
    request_body = schemas::ErasureOf,
    responses((status = 200, description = "What went.", body = schemas::NumberErased)))]
pub async fn erase(
    caller: Caller,
    Body { value, .. }: Body<ErasureOf>,
) -> Result<Json<NumberErased>, No> {
    let number = number(&value.number)?;
    let erased = privacy::erase(&caller.desk, &number, value.ticket.as_deref()).await?;
    Ok(Json(NumberErased {
        parts: erased.parts,
        held: erased.held,
        rows: erased.rows,
        records: erased.records,
    }))
}
