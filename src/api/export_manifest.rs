//! `/audit/exports/{id}/manifest`: what a file of records is, signed by the log's key.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::api::body::Name;
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::ledger::exported::{self, NoManifest};
use crate::web::app::App;
use crate::web::failure::Failure;

/// A signed manifest of an export.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedManifest {
    /// The signed note, exactly as `numbercloak audit verify --manifest` reads it from a file. Its second line is
    /// the manifest as JSON.
    note: String,
}

/// Shows the signed manifest of an export that is done. Asked again later, it names later checkpoints.
#[utoipa::path(get, path = "/audit/exports/{id}/manifest", operation_id = "show_export_manifest", tag = "audit",
    params(("id" = String, Path, format = Uuid, description = "The export.")),
    responses((status = 200, description = "The manifest.", body = schemas::SignedManifest)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Name(id): Name<Uuid>,
) -> Result<Json<SignedManifest>, No> {
    match exported::manifest(&app.db, &app.vault, id, caller.desk.now).await {
        Ok(note) => Ok(Json(SignedManifest { note })),
        Err(error) => Err(refusal(error)),
    }
}

fn refusal(error: NoManifest) -> No {
    let detail = error.to_string();
    let conflict = |word, fix: &str| No::new(StatusCode::CONFLICT, word, detail.clone()).fix(fix);
    match error {
        NoManifest::Unknown(_) => No::new(StatusCode::NOT_FOUND, "not_found", detail),
        NoManifest::NotDone(_) => conflict("not_done", "Ask again when it is done."),
        NoManifest::NoCheckpoint => conflict("no_checkpoint", "Ask again in a minute."),
        NoManifest::NotRecorded => conflict(
            "not_recorded",
            "Run numbercloak audit verify: somebody changed the export's row or its record.",
        ),
        NoManifest::Ledger(error) => Failure::internal(error).into(),
    }
}
