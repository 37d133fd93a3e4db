//! A document that an app's server gives out, on loopback: a JWK set, a list of redirect URIs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;

/// Where a redirect away from the document leads.
const ELSEWHERE: &str = "/elsewhere";

#[derive(Default)]
struct Inside {
    answer: Mutex<(u16, String)>,
    hits: AtomicUsize,
}

/// The server.
pub struct Served {
    /// Where it gives the document out.
    pub uri: String,
    inside: Arc<Inside>,
}

impl Served {
    /// Gives a JSON document out.
    pub async fn start(document: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/document", listener.local_addr().unwrap());
        let inside = Arc::new(Inside::default());
        let router = Router::new().fallback(give).with_state(inside.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let served = Self { uri, inside };
        served.becomes(200, document.to_string());
        served
    }

    /// Gives a JSON document out over https, with this certificate, on `localhost`.
    pub async fn start_over_tls(
        document: &Value,
        held: &rcgen::CertifiedKey<rcgen::KeyPair>,
    ) -> Self {
        let private = rustls_pki_types::PrivateKeyDer::try_from(held.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![held.cert.der().clone()], private.unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inside = Arc::new(Inside::default());
        let router = Router::new().fallback(give).with_state(inside.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    // Whoever does not trust us goes away here.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = hyper_util::service::TowerToHyperService::new(router);
                    let executor = hyper_util::rt::TokioExecutor::new();
                    let io = hyper_util::rt::TokioIo::new(stream);
                    let server = hyper_util::server::conn::auto::Builder::new(executor);
                    let _ = server.serve_connection(io, service).await;
                });
            }
        });
        let uri = format!("https://localhost:{port}/document");
        let served = Self { uri, inside };
        served.becomes(200, document.to_string());
        served
    }

    /// From now on it answers so.
    pub fn becomes(&self, status: u16, body: String) {
        *self.inside.answer.lock().unwrap() = (status, body);
    }

    /// How often it was asked.
    pub fn hits(&self) -> usize {
        self.inside.hits.load(Ordering::SeqCst)
    }
}

async fn give(State(inside): State<Arc<Inside>>) -> (StatusCode, HeaderMap, String) {
    inside.hits.fetch_add(1, Ordering::SeqCst);
    let (status, body) = inside.answer.lock().unwrap().clone();
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, ELSEWHERE.parse().unwrap());
    (StatusCode::from_u16(status).unwrap(), headers, body)
}
