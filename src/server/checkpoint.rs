//! What is public of the audit log. `GET /log/checkpoint`: its last checkpoint, a signed note. Below the URL that
//! is a log's name, what C2SP's tlog-tiles has: `…/checkpoint`, and the tree as tiles, from which whoever keeps
//! a checkpoint proves that nothing under it was changed. Records are not public: `tile/entries` is not there.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::ledger::tile_path::TilePath;
use crate::ledger::{Ledger, LedgerError};
use crate::web::app::App;

/// Their routes.
pub fn routes(ledger: &Arc<Ledger>) -> Router<App> {
    let answer = Router::new()
        .route("/log/checkpoint", get(current))
        .route("/log/{log}/checkpoint", get(checkpoint))
        .route("/log/{log}/tile/{level}/{*index}", get(tile))
        .with_state(ledger.clone());
    Router::new().merge(answer)
}

/// Reads what the sealer left in memory: nobody reaches the database through it.
async fn current(State(ledger): State<Arc<Ledger>>) -> Response {
    // None before the first one is signed, seconds after the first start.
    match ledger.published() {
        Some(note) => signed(note.as_str().to_owned()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn checkpoint(State(ledger): State<Arc<Ledger>>, Path(log): Path<String>) -> Response {
    match ledger.checkpoint_of(&log).await {
        Ok(Some(note)) => signed(note),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => unavailable(&error),
    }
}

fn signed(note: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "max-age=5"),
    ];
    (headers, note).into_response()
}

async fn tile(
    State(ledger): State<Arc<Ledger>>,
    Path((log, level, index)): Path<(String, String, String)>,
) -> Response {
    let Some(path) = TilePath::parse(&level, &index) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match ledger.tile(&log, path).await {
        Ok(Some(hashes)) => {
            let headers = [
                (CONTENT_TYPE, "application/octet-stream"),
                // A tile of a width is the same for ever.
                (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, hashes).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &LedgerError) -> Response {
    tracing::warn!(%error, "the log could not be read for whoever asked");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}
