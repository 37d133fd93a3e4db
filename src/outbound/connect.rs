//! The time limit for connecting, name look-up and TLS included. Each call has its own; the HTTP
//! library knows only one for the whole client, so the limit travels with the task that asks.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::{BoxError, Layer, Service};

tokio::task_local! {
    /// The limit of the call that this task is making.
    pub(super) static LIMIT: Duration;
}

/// For connections that nobody waits for with a limit of their own.
const FALLBACK: Duration = Duration::from_secs(2);

/// No connection came about within the call's limit.
#[derive(Debug, thiserror::Error)]
#[error("no connection in time")]
pub(super) struct ConnectTimedOut;

#[derive(Clone)]
pub(super) struct LimitConnecting;

#[derive(Clone)]
pub(super) struct Limited<S>(S);

impl<S> Layer<S> for LimitConnecting {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limited(inner)
    }
}

impl<S, R> Service<R> for Limited<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, destination: R) -> Self::Future {
        let limit = LIMIT.try_with(|limit| *limit).unwrap_or(FALLBACK);
        let connecting = self.0.call(destination);
        Box::pin(async move {
            tokio::time::timeout(limit, connecting)
                .await
                .map_err(|_| BoxError::from(ConnectTimedOut))?
        })
    }
}
