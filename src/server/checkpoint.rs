//! `GET /log/checkpoint`: the audit log's last checkpoint, a signed note, for everybody. Whoever keeps
//! one can tell later whether anything under it was changed.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::ledger::Ledger;
use crate::web::app::App;

/// Its route. It reads what the sealer left in memory: nobody reaches the database through it.
pub fn routes(ledger: &Arc<Ledger>) -> Router<App> {
    let answer = Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .with_state(ledger.clone());
    Router::new().merge(answer)
}

async fn checkpoint(State(ledger): State<Arc<Ledger>>) -> Response {
    match ledger.published() {
        Some(note) => (
            [
                (CONTENT_TYPE, "text/plain; charset=utf-8"),
                (CACHE_CONTROL, "max-age=5"),
            ],
            note.as_str().to_owned(),
        )
            .into_response(),
        // Before the first one is signed, seconds after the first start.
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
