//! Accepting connections: plain or TLS, HTTP/1.1 or HTTP/2, with limits on slow and large heads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::config::Config;
use crate::server::client_certificates;
use crate::server::proxy_protocol::{self, Source};
use crate::server::timed_start::TimedStart;
use crate::server::tls::Reloaded;
use crate::web::browser::Peer;
use crate::web::client_certificate::ClientCertificate;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What stands between a connection and its requests.
#[derive(Clone, Default)]
pub struct Front {
    /// Our own TLS.
    pub tls: Option<Arc<Reloaded>>,
    /// The proxies that start every connection with a PROXY protocol header; nobody else may connect.
    pub proxies: Option<Arc<[IpNet]>>,
}

/// Accepts until told to stop, then lets open requests end.
pub async fn serve(
    listener: TcpListener,
    front: Front,
    router: Router,
    config: Config,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let builder = Arc::new(builder(&config));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors: spinning here would make it worse.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let watcher = graceful.watcher();
        let (builder, router, front) = (builder.clone(), router.clone(), front.clone());
        let patience = config.limits.header_timeout;
        tokio::spawn(async move {
            let Some((stream, peer)) = introduce(&front, stream, peer, patience).await else {
                return;
            };
            match front.tls {
                None => {
                    let stream = TimedStart::new(stream, patience);
                    connection(&builder, stream, (peer, None), router, watcher).await;
                }
                Some(tls) => {
                    if let Some(stream) = handshake(&tls, stream).await {
                        let certificate = client_certificates::presented(stream.get_ref().1);
                        let stream = TimedStart::new(stream, patience);
                        let other = (peer, certificate);
                        connection(&builder, stream, other, router, watcher).await;
                    }
                }
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

fn builder(config: &Config) -> auto::Builder<TokioExecutor> {
    let limits = &config.limits;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes.max(8 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(100)
        .keep_alive_interval(Some(Duration::from_secs(20)));
    builder
}

/// Who is at the other end: the peer, or whoever the proxy in front says.
async fn introduce(
    front: &Front,
    mut stream: TcpStream,
    peer: SocketAddr,
    patience: Duration,
) -> Option<(TcpStream, SocketAddr)> {
    let Some(proxies) = &front.proxies else {
        return Some((stream, peer));
    };
    let address = peer.ip().to_canonical();
    if !proxies.iter().any(|net| net.contains(&address)) {
        tracing::debug!("a connection from elsewhere than the trusted proxies was refused");
        return None;
    }
    match tokio::time::timeout(patience, proxy_protocol::read(&mut stream)).await {
        Ok(Ok(Source::Client(client))) => Some((stream, client)),
        Ok(Ok(Source::Proxy)) => Some((stream, peer)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a proxy's connection was refused");
            None
        }
        Err(_) => None,
    }
}

async fn handshake(
    tls: &Reloaded,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let accepted = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream)).await;
    match accepted {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

async fn connection<S>(
    builder: &auto::Builder<TokioExecutor>,
    stream: S,
    (peer, certificate): (SocketAddr, Option<ClientCertificate>),
    router: Router,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        request.map(axum::body::Body::new)
    });
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}
