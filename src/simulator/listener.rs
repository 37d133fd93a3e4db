//! Connections: our own accept loop, because a scenario may cut one, and a stop must not wait for
//! answers that hang on purpose.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::journal::{Entry, Received};
use super::network::Network;

/// Largest body of a request, bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// The connection a request came in on; in the request's extensions.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    reset: Arc<Notify>,
}

impl Connection {
    /// Resets the connection instead of answering. Never returns: the request dies with it.
    pub(super) async fn reset(&self) -> Response {
        self.reset.notify_one();
        std::future::pending().await
    }
}

/// Serves until the task is aborted; every connection ends with it.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                connections.spawn(serve_connection(stream, peer, router.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: give others time to close some.
                tracing::warn!(%error, "the simulator cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, router: Router) {
    let _ = stream.set_nodelay(true);
    let connection = Connection {
        peer,
        reset: Arc::default(),
    };
    let reset = Arc::clone(&connection.reset);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let cut = tokio::select! {
        // How a connection ended concerns nobody here.
        _ = &mut serving => false,
        () = reset.notified() => true,
    };
    if cut {
        // Without lingering a close is a TCP reset.
        let _ = serving.into_parts().io.into_inner().set_zero_linger();
    }
}

/// Around every endpoint of the protocol: writes the journal and adds the latency.
pub(super) async fn watch(
    State(network): State<Arc<Network>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if !network.journal.is_on() {
        parts.extensions.insert(Entry::default());
        wait(&network).await;
        return next.run(Request::from_parts(parts, Body::from(body))).await;
    }
    let entry = network.journal.record(Received::new(
        network.clock.now(),
        parts.method.as_str(),
        &parts.uri,
        &parts.headers,
        &body,
    ));
    parts.extensions.insert(Entry(entry));
    wait(&network).await;
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    network
        .journal
        .answered(entry, Some(response.status().as_u16()), None);
    response
}

async fn wait(network: &Network) {
    let latency = network.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}
