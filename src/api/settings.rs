//! `/settings`: what the server was told, and where.

use axum::Json;
use axum::extract::State;

use crate::admin::settings::{Setting, settings};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::problem::No;
use crate::api::schemas;
use crate::web::app::App;

/// Lists every setting of the server that answers with its value and where that was set. Secrets are
/// redacted. They are changed where they are set: in the file, the environment or the flags.
#[utoipa::path(get, path = "/settings", operation_id = "show_settings", tag = "health",
    responses((status = 200, description = "All of them.", body = schemas::SettingList)))]
pub async fn show(State(app): State<App>, _: Caller) -> Result<Json<All<Setting>>, No> {
    let items = settings(&app.config.redacted_toml());
    Ok(Json(All { items }))
}
