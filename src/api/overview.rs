//! `/overview`: how sign-ins go, and what needs attention.

use axum::Json;

use crate::admin::overview::{self, Overview};
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;

/// Tells how sign-ins went in the last 24 hours, and what needs attention.
#[utoipa::path(get, path = "/overview", operation_id = "show_overview", tag = "health",
    responses((status = 200, description = "How they went.", body = schemas::Overview)))]
pub async fn show(caller: Caller) -> Result<Json<Overview>, No> {
    Ok(Json(overview::look(&caller.desk).await?))
}
