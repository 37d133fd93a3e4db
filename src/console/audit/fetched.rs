//! The file of an export.

use axum::response::Response;
use uuid::Uuid;

use crate::admin::{Refused, export_files};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::export_file;

/// Hands it out; who fetched it is recorded.
pub async fn fetch(visit: Visit) -> Result<Response, Trouble> {
    let id: Uuid = visit
        .path("export")
        .parse()
        .map_err(|_| Refused::NotFound {
            what: "export",
            id: visit.path("export").chars().take(40).collect(),
        })?;
    let (export, pieces) = export_files::fetch(&visit.desk(), id).await?;
    let sha256 = export.sha256.as_deref().unwrap_or_default();
    Ok(export_file::answer(
        &export.format,
        export.requested_at,
        id,
        sha256,
        export.bytes,
        pieces,
    ))
}
