//! `/operators/{alias}/ranges`: the source addresses of an operator's subscribers. Tables larger than a
//! request may be are loaded by the command line.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::moment::Moment;
use crate::admin::ranges;
use crate::api::body::{Body, Name};
use crate::api::conditions::{Seen, tagged};
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::web::app::App;

/// An operator's address ranges.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ranges {
    /// The networks, neighbours joined.
    networks: Vec<String>,
    /// The autonomous systems that were taken from a table; none: all of it.
    asns: Vec<i64>,
    /// Counts the loads; its ETag.
    revision: i32,
    /// When they were loaded; null: never.
    #[schemars(with = "Option<Moment>")]
    loaded_at: Option<Time>,
}

/// Ranges to load instead of all earlier ones.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRanges {
    /// Networks (`192.0.2.0/24`) or single addresses.
    #[schemars(length(min = 1))]
    networks: Vec<String>,
}

/// Shows an operator's ranges.
#[utoipa::path(get, path = "/operators/{alias}/ranges", operation_id = "show_ranges", tag = "operators",
    params(("alias" = String, Path, description = "The operator's alias.")),
    responses((status = 200, description = "The ranges.", body = schemas::Ranges,
        headers(("ETag" = String, description = "Their state, for If-Match.")))))]
pub async fn show(caller: Caller, Name(alias): Name) -> Result<Response, No> {
    let loaded = ranges::show(&caller.desk, &alias).await?;
    let networks = loaded.networks.iter();
    let ranges = Ranges {
        networks: networks.map(ToString::to_string).collect(),
        asns: loaded.asns,
        revision: loaded.revision,
        loaded_at: loaded.loaded_at,
    };
    Ok(tagged(ranges.revision, Json(ranges)))
}

/// Replaces an operator's ranges.
#[utoipa::path(put, path = "/operators/{alias}/ranges", operation_id = "load_ranges", tag = "operators",
    params(("alias" = String, Path, description = "The operator's alias."), schemas::IfMatch),
    request_body = schemas::NewRanges,
    responses((status = 200, description = "The ranges.", body = schemas::Ranges,
        headers(("ETag" = String, description = "Their new state.")))))]
pub async fn load(
    State(app): State<App>,
    caller: Caller,
    Name(alias): Name,
    Seen(seen): Seen,
    Body { value, .. }: Body<NewRanges>,
) -> Result<Response, No> {
    let networks = ranges::read_list(&value.networks)?;
    ranges::put(&caller.desk, &alias, &networks, &[], seen).await?;
    app.forget("operators").await;
    show(caller, Name(alias)).await
}

/// Forgets an operator's ranges.
#[utoipa::path(delete, path = "/operators/{alias}/ranges", operation_id = "clear_ranges", tag = "operators",
    params(("alias" = String, Path, description = "The operator's alias."), schemas::IfMatch),
    responses((status = 204, description = "It has none.")))]
pub async fn clear(
    State(app): State<App>,
    caller: Caller,
    Name(alias): Name,
    Seen(seen): Seen,
) -> Result<StatusCode, No> {
    ranges::put(&caller.desk, &alias, &[], &[], seen).await?;
    app.forget("operators").await;
    Ok(StatusCode::NO_CONTENT)
}
