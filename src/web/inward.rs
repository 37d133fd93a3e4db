//! Asking our own endpoints without leaving the process: what an app's server would send and get,
//! where a trial stands in for the app. The server hands the routes in when it starts.

use std::sync::OnceLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{Request, StatusCode};
use tower::ServiceExt as _;

use crate::web::app::App;

/// Bytes of an answer, at most.
const LONGEST: usize = 256 * 1024;

/// The routes that programs call.
#[derive(Default)]
pub struct Inward(OnceLock<Router<App>>);

impl Inward {
    /// Hands the routes in; the first ones stay.
    pub fn set(&self, routes: Router<App>) {
        // Only a server that starts twice in one state would notice.
        let _ = self.0.set(routes);
    }

    /// Asks.
    pub async fn ask(&self, app: &App, request: Request<Body>) -> (StatusCode, Bytes) {
        let Some(routes) = self.0.get() else {
            return (StatusCode::SERVICE_UNAVAILABLE, Bytes::new());
        };
        let answered = routes
            .clone()
            .with_state(app.clone())
            .oneshot(request)
            .await;
        let Ok(response) = answered;
        let status = response.status();
        let body = to_bytes(response.into_body(), LONGEST).await;
        (status, body.unwrap_or_default())
    }
}
