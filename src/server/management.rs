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

use crate::clock::Time;
use crate::config::Config;
use crate::secret::made_at;
use crate::server::listener::Front;
use crate::store::log_verifications::{self, Standing};
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
    let db = management.app.db.relaxed();
    match crate::store::db::ping(db).await {
        Ok(()) => {
            // The log's state stands beside it and turns nobody away.
            let log = log_verifications::standing(db).await;
            let now = management.app.clock.now();
            let told = log.map_or(String::new(), |log| told(&log, now));
            format!("ready\n{told}").into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        )
            .into_response(),
    }
}

/// How the audit log stands, for people.
fn told(log: &Standing, now: Time) -> String {
    let ago = |at: Option<Time>| match at {
        Some(at) => format!("{} s ago", (now - at).num_seconds()),
        None => "never".to_owned(),
    };
    format!(
        "audit log: last sealed {}, last found whole {}\n",
        ago(log.sealed_at),
        ago(log.verified_at)
    )
}

/// The same, for programs. What has not happened yet has no age.
fn measure(log: &Standing, now: Time) {
    let pending = log.pending.map_or(Some(now), made_at);
    for (name, at) in [
        ("numbercloak_log_sealed_age_seconds", log.sealed_at),
        ("numbercloak_log_oldest_pending_seconds", pending),
        ("numbercloak_log_verified_age_seconds", log.verified_at),
    ] {
        if let Some(at) = at {
            let seconds = (now - at).num_milliseconds().max(0);
            let seconds = i32::try_from(seconds / 1000).unwrap_or(i32::MAX);
            metrics::gauge!(name).set(f64::from(seconds));
        }
    }
    if let Some(found) = log.found {
        let found = i32::try_from(found).unwrap_or(i32::MAX);
        metrics::gauge!("numbercloak_log_verification_findings").set(f64::from(found));
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
    if let Ok(log) = log_verifications::standing(management.app.db.relaxed()).await {
        measure(&log, management.app.clock.now());
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
