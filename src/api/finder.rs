//! `/telco-finder`: the service that is asked which operator a number is with; at most one.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::finder;
use crate::admin::moment::Moment;
use crate::api::body::Body;
use crate::api::conditions::{Seen, tagged};
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::secret::Redacted;
use crate::store::finder::Settings;
use crate::web::app::App;

/// The telco finder.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TelcoFinder {
    /// Its contract.
    settings: Settings,
    /// Whether we have a secret for it.
    has_secret: bool,
    /// Whose file it is kept as by `numbercloak apply`.
    managed_by: Option<String>,
    /// Counts the edits; its ETag.
    revision: i32,
    /// When it was last edited.
    #[schemars(with = "Moment")]
    updated_at: Time,
}

/// The telco finder as it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTelcoFinder {
    /// Its contract, the whole of it.
    settings: Settings,
    /// The secret or token it gave us; left out, the one before stays.
    secret: Option<String>,
}

/// Shows it.
#[utoipa::path(get, path = "/telco-finder", operation_id = "show_telco_finder", tag = "operators",
    responses((status = 200, description = "The finder.", body = schemas::TelcoFinder,
        headers(("ETag" = String, description = "Its state, for If-Match.")))))]
pub async fn show(caller: Caller) -> Result<Response, No> {
    let known = finder::show(&caller.desk).await?;
    let known = known.ok_or_else(|| {
        let why = "no telco finder is asked";
        No::new(StatusCode::NOT_FOUND, "not_found", why).fix("PUT with If-Match: \"r0\" sets one.")
    })?;
    Ok(shown(known))
}

/// Sets it, or replaces it. `If-Match: "r0"`: only if there is none.
#[utoipa::path(put, path = "/telco-finder", operation_id = "set_telco_finder", tag = "operators",
    params(schemas::IfMatch),
    request_body = schemas::NewTelcoFinder,
    responses((status = 200, description = "The finder.", body = schemas::TelcoFinder,
        headers(("ETag" = String, description = "Its new state.")))))]
pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Seen(seen): Seen,
    Body { value, .. }: Body<NewTelcoFinder>,
) -> Result<Response, No> {
    let secret = value.secret.map(Redacted::new);
    let known = finder::put(&caller.desk, value.settings, secret.as_ref(), (seen, None)).await?;
    app.forget("operators").await;
    Ok(shown(known))
}

/// Asks none.
#[utoipa::path(delete, path = "/telco-finder", operation_id = "remove_telco_finder", tag = "operators",
    params(schemas::IfMatch),
    responses((status = 204, description = "None is asked.")))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Seen(seen): Seen,
) -> Result<StatusCode, No> {
    finder::remove_seen(&caller.desk, seen).await?;
    app.forget("operators").await;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(known: crate::store::finder::Finder) -> Response {
    let revision = known.revision;
    let view = TelcoFinder {
        has_secret: known.sealed_credentials.is_some(),
        settings: known.settings,
        managed_by: known.managed_by,
        revision,
        updated_at: known.updated_at,
    };
    tagged(revision, Json(view))
}
