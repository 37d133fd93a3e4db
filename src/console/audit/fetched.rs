//! The file of an export, and the manifest that proves it.

use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use uuid::Uuid;

use crate::admin::{Refused, export_files};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::ledger::exported::{self, NoManifest};
use crate::web::export_file;
use crate::web::failure::Failure;

/// Hands it out; who fetched it is recorded.
pub async fn fetch(visit: Visit) -> Result<Response, Trouble> {
    let id = named(&visit)?;
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

/// What the file is, signed by the log's key. Asked again later, it names later checkpoints.
pub async fn manifest(visit: Visit) -> Result<Response, Trouble> {
    let id = named(&visit)?;
    let (db, vault) = (&visit.app.db, &visit.app.vault);
    let note = exported::manifest(db, vault, id, visit.now).await;
    let note = note.map_err(|why| match why {
        NoManifest::Unknown(_) => unknown(id.to_string()).into(),
        NoManifest::Ledger(error) => Trouble::Failure(Failure::internal(error)),
        why => Trouble::Refused(Refused::Invalid {
            field: "manifest",
            message: why.to_string(),
        }),
    })?;
    let name = format!("attachment; filename=\"records-{id}.manifest\"");
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).map_err(Failure::internal)?,
        ),
    ];
    Ok((headers, note).into_response())
}

fn named(visit: &Visit) -> Result<Uuid, Refused> {
    let given = visit.path("export");
    given
        .parse()
        .map_err(|_| unknown(given.chars().take(40).collect()))
}

fn unknown(id: String) -> Refused {
    Refused::NotFound { what: "export", id }
}
