//! `/audit/exports`: records as files.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::admin::export_files::{self, fetched_until};
use crate::admin::exports::{self, Export, Format};
use crate::admin::moment::{Id, Moment};
use crate::api::audit::RecordSearch;
use crate::api::body::{Body, Name};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::web::app::App;
use crate::web::export_file;

/// Exports listed.
const MOST: u16 = 100;

/// The shape of a file.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// A table; no cell is a formula.
    Csv,
    /// One JSON object a line, with the record's exact bytes and their MAC.
    Jsonl,
}

/// An export to begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExport {
    /// The file's shape.
    format: ExportFormat,
    /// Which records; everything until now if left out. `after` and `limit` mean nothing here.
    #[serde(default)]
    records: RecordSearch,
}

/// An export.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Export")]
pub struct ExportView {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// csv or jsonl.
    format: String,
    /// What was asked for; a number only as the fact that there was one.
    filters: Value,
    /// Who asked.
    requested_by: String,
    /// When.
    #[schemars(with = "Moment")]
    requested_at: Time,
    /// running, done, cancelled or failed.
    state: String,
    /// How far it is, of 100.
    percent: i32,
    /// Records written.
    records: i64,
    /// Bytes written.
    bytes: i64,
    /// SHA-256 of the file in hex, once it is done.
    sha256: Option<String>,
    /// Until when the file can be fetched; null if it cannot.
    #[schemars(with = "Option<Moment>")]
    fetched_until: Option<Time>,
    /// Why it failed.
    problem: Option<String>,
}

impl ExportView {
    fn of(export: Export, now: Time) -> Self {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            fetched_until: fetched_until(&export, now),
            id: export.id,
            format: export.format,
            filters: export.filters,
            requested_by: export.requested_by,
            requested_at: export.requested_at,
            state: export.state,
            percent: export.percent,
            records: export.written,
            bytes: export.bytes,
            sha256: export.sha256.as_deref().map(hex),
            problem: export.problem,
        }
    }
}

/// Lists the last 100 exports, newest first.
#[utoipa::path(get, path = "/audit/exports", operation_id = "list_exports", tag = "audit",
    responses((status = 200, description = "The exports.", body = schemas::ExportList)))]
pub async fn list(caller: Caller) -> Result<Json<All<ExportView>>, No> {
    let rows = exports::list(&caller.desk, MOST).await?;
    let view = |row| ExportView::of(row, caller.desk.now);
    let items = rows.into_iter().map(view).collect();
    Ok(Json(All { items }))
}

/// Begins an export; the server writes it by itself, and the file can be fetched for a day.
#[utoipa::path(post, path = "/audit/exports", operation_id = "begin_export", tag = "audit",
    request_body = schemas::NewExport,
    responses((status = 202, description = "It runs.", body = schemas::Export)))]
pub async fn begin(
    State(app): State<App>,
    caller: Caller,
    Body { value, .. }: Body<NewExport>,
) -> Result<Response, No> {
    let (mut query, _) = value.records.read()?;
    query.before = None;
    let format = match value.format {
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Jsonl => Format::JsonLines,
    };
    let desk = &caller.desk;
    let id = export_files::start(desk, &app.clock, query, format).await?;
    let view = ExportView::of(export_files::one(desk, id).await?, desk.now);
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// Shows how far an export is.
#[utoipa::path(get, path = "/audit/exports/{id}", operation_id = "show_export", tag = "audit",
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 200, description = "The export.", body = schemas::Export)))]
pub async fn show(caller: Caller, Name(id): Name<Uuid>) -> Result<Json<ExportView>, No> {
    let export = export_files::one(&caller.desk, id).await?;
    Ok(Json(ExportView::of(export, caller.desk.now)))
}

/// Stops an export that runs, at its next page.
#[utoipa::path(post, path = "/audit/exports/{id}/cancel", operation_id = "cancel_export", tag = "audit",
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 204, description = "It stops.")))]
pub async fn cancel(caller: Caller, Name(id): Name<Uuid>) -> Result<StatusCode, No> {
    exports::cancel(&caller.desk, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Fetches an export's file, within a day of its end. That somebody did is recorded.
#[utoipa::path(get, path = "/audit/exports/{id}/file", operation_id = "fetch_export", tag = "audit",
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 200, description = "The file; Repr-Digest has its SHA-256.", content(
        (String = "application/x-ndjson"), (String = "text/csv")))))]
pub async fn file(caller: Caller, Name(id): Name<Uuid>) -> Result<Response, No> {
    let (export, pieces) = export_files::fetch(&caller.desk, id).await?;
    let sha256 = export.sha256.as_deref().unwrap_or_default();
    let (at, bytes) = (export.requested_at, export.bytes);
    Ok(export_file::answer(
        &export.format,
        at,
        id,
        sha256,
        bytes,
        pieces,
    ))
}
