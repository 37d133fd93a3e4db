//! `/operator-discovery`: what an operator that no preset knows says of itself.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::operator_discovery;
use crate::api::body::Body;
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::store::operators::Settings;
use crate::web::app::App;

/// Whose document is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discovery {
    /// The operator's issuer, or the address of its discovery document.
    #[schemars(length(min = 1, max = 2000))]
    issuer: String,
}

/// What an operator says of itself.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Discovered {
    /// Its contract as far as it told, for `settings` of `POST /operators`.
    settings: Settings,
}

/// Reads an operator's discovery document. Nothing is stored: look at it, add what it cannot tell
/// (`client_id`, `prefixes`), and send it to `POST /operators`.
#[utoipa::path(post, path = "/operator-discovery", operation_id = "discover_operator", tag = "operators",
    request_body = schemas::Discovery,
    responses((status = 200, description = "What it says.", body = schemas::Discovered)))]
pub async fn discover(
    State(app): State<App>,
    _: Caller,
    Body { value, .. }: Body<Discovery>,
) -> Result<Json<Discovered>, No> {
    let settings = operator_discovery::look_up(&app.outbound, &value.issuer).await?;
    Ok(Json(Discovered { settings }))
}
