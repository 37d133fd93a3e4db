//! `/healthz`, `/readyz` and `/metrics`, on a listener of their own that faces no browser.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::server::listener::Front;
use crate::web::app::App;

/// Seconds; the bounds of every histogram.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// One recorder per process: several servers in one process (tests) share it.
fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
                .and_then(PrometheusBuilder::install_recorder)
                .map_err(|error| tracing::warn!(%error, "no metrics"))
                .ok()
        })
        .as_ref()
}

#[derive(Clone)]
struct Management {
    app: App,
    stop: watch::Receiver<bool>,
}

/// Serves until told to stop. It stays up while open requests end, so that load balancers see why.
pub async fn serve(listener: TcpListener, app: App, config: Config, stop: watch::Receiver<bool>) {
    recorder();
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Management {
            app,
            stop: stop.clone(),
        });
    super::listener::serve(listener, Front::default(), router, config, stop).await;
}

/// Ready: not stopping, and the database answers.
async fn ready(State(management): State<Management>) -> Response {
    if *management.stop.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match crate::store::db::ping(management.app.db.relaxed()).await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        )
            .into_response(),
    }
}

async fn metrics(State(management): State<Management>) -> Response {
    for (way, idle, busy) in management.app.db.load() {
        for (state, count) in [("idle", idle), ("busy", busy)] {
            let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            let name = "numbercloak_database_connections";
            metrics::gauge!(name, "way" => way, "state" => state).set(count);
        }
    }
    match recorder() {
        Some(handle) => (
            [(CONTENT_TYPE, "text/plain; version=0.0.4")],
            handle.render(),
        )
            .into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
