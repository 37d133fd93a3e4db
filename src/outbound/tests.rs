use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn loopback_allowed() -> Outbound {
    Outbound::new(&Rules {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        ..Rules::default()
    })
    .unwrap()
}

fn fetch(url: &str) -> Request<Vec<u8>> {
    Request::get(url).body(Vec::new()).unwrap()
}

fn hurried() -> Limits {
    Limits {
        total: Duration::from_millis(200),
        ..Limits::default()
    }
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// A server that writes `bytes` to whoever connects and then keeps the connection open.
async fn serve_bytes(bytes: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
            open.push(stream);
        }
    });
    url
}

#[tokio::test]
async fn a_private_address_is_refused_before_anything_is_sent() {
    let hits = Arc::new(AtomicUsize::new(0));
    let seen = hits.clone();
    let url = serve(Router::new().route(
        "/",
        get(move || async move {
            seen.fetch_add(1, Ordering::SeqCst);
        }),
    ))
    .await;
    let outbound = Outbound::new(&Rules::default()).unwrap();
    let port = url.rsplit(':').next().unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "169.254.169.254",
    ] {
        for scheme in ["http", "https"] {
            let answer = outbound
                .send(
                    fetch(&format!("{scheme}://{host}:{port}/")),
                    Limits::default(),
                )
                .await;
            assert!(
                matches!(answer, Err(OutboundError::Refused(_))),
                "{scheme} {host}: {answer:?}"
            );
        }
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
    let answer = loopback_allowed()
        .send(fetch(&url), Limits::default())
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn plain_http_and_user_names_are_refused() {
    let outbound = loopback_allowed();
    for url in [
        "http://example.org/",
        "http://1.1.1.1/",
        "https://user:pass@example.org/",
        "ftp://127.0.0.1/",
    ] {
        let answer = outbound.send(fetch(url), Limits::default()).await;
        assert!(matches!(answer, Err(OutboundError::Refused(_))), "{url}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let url = serve(
        Router::new()
            .route("/", get(|| async { axum::response::Redirect::to("/next") }))
            .route("/next", get(|| async { "followed" })),
    )
    .await;
    let answer = loopback_allowed()
        .send(fetch(&url), Limits::default())
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_body_over_the_cap_is_dropped_while_it_streams() {
    let url = serve(Router::new().route("/", get(|| async { "x".repeat(64 * 1024 + 1) }))).await;
    let answer = loopback_allowed()
        .send(fetch(&url), Limits::default())
        .await;
    assert_eq!(answer.unwrap_err(), OutboundError::TooLarge(64 * 1024));
    let endless = serve_bytes(
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    )
    .await;
    let limits = Limits {
        max_bytes: 16,
        ..Limits::default()
    };
    let answer = loopback_allowed().send(fetch(&endless), limits).await;
    assert_eq!(answer.unwrap_err(), OutboundError::TooLarge(16));
}

#[tokio::test]
async fn the_total_limit_holds_for_headers_and_for_the_body() {
    let silent = serve_bytes(b"").await;
    let dripping = serve_bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx").await;
    for url in [silent, dripping] {
        let answer = loopback_allowed().send(fetch(&url), hurried()).await;
        assert_eq!(answer.unwrap_err(), OutboundError::Timeout);
    }
}

#[tokio::test]
async fn a_compressed_answer_is_not_read() {
    let url =
        serve_bytes(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx")
            .await;
    let answer = loopback_allowed()
        .send(fetch(&url), Limits::default())
        .await;
    assert!(matches!(answer, Err(OutboundError::Other(_))), "{answer:?}");
}

#[tokio::test]
async fn a_refused_connection_says_that_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let answer = loopback_allowed()
        .send(fetch(&url), Limits::default())
        .await;
    let Err(OutboundError::Connect { timed_out, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!(!timed_out);
}

#[tokio::test]
async fn an_unanswered_handshake_ends_at_the_connect_limit() {
    // The listener accepts the TCP connection and never speaks TLS.
    let silent = serve_bytes(b"").await.replace("http://", "https://");
    let limits = Limits {
        connect: Duration::from_millis(100),
        total: Duration::from_secs(60),
        ..Limits::default()
    };
    let answer = loopback_allowed().send(fetch(&silent), limits).await;
    let Err(OutboundError::Connect { timed_out, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert!(timed_out);
}

#[tokio::test]
async fn an_answer_cut_short_is_no_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")
                .await;
        }
    });
    let answer = loopback_allowed()
        .send(fetch(&url), Limits::default())
        .await;
    assert!(matches!(answer, Err(OutboundError::Other(_))), "{answer:?}");
}

/// A TLS server on loopback with a certificate for `name`; gives its port and its certificate.
async fn serve_tls(name: &str) -> (u16, Vec<u8>) {
    let key = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let certificate = key.cert.der().clone();
    let private =
        rustls_pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().route(
        "/",
        get(|version: http::Version| async move { format!("{version:?}") }),
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let service = hyper_util::service::TowerToHyperService::new(app.clone());
            tokio::spawn(async move {
                let executor = hyper_util::rt::TokioExecutor::new();
                let io = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper_util::server::conn::auto::Builder::new(executor)
                    .serve_connection(io, service)
                    .await;
            });
        }
    });
    (port, key.cert.pem().into_bytes())
}

#[tokio::test]
async fn tls_demands_a_trusted_certificate_for_the_right_host() {
    let (port, certificate) = serve_tls("127.0.0.1").await;
    let url = format!("https://127.0.0.1:{port}/");
    let trusting = Outbound::new(&Rules {
        at_most: None,
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        extra_roots: vec![certificate],
    })
    .unwrap();
    let answer = trusting.send(fetch(&url), Limits::default()).await.unwrap();
    assert_eq!(answer.body(), b"HTTP/2.0");
    let refused = [
        loopback_allowed()
            .send(fetch(&url), Limits::default())
            .await,
        trusting
            .send(
                fetch(&format!("https://localhost:{port}/")),
                Limits::default(),
            )
            .await,
    ];
    for answer in refused {
        let Err(OutboundError::Connect { reason, timed_out }) = answer else {
            panic!("{answer:?}");
        };
        assert!(
            !timed_out && reason.to_lowercase().contains("certificate"),
            "{reason}"
        );
    }
}

#[test]
fn a_root_that_is_no_certificate_is_not_passed_over() {
    for pem in [
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "no PEM at all",
        "",
    ] {
        let rules = Rules {
            extra_roots: vec![pem.as_bytes().to_vec()],
            ..Rules::default()
        };
        assert!(Outbound::new(&rules).is_err(), "{pem}");
    }
}

#[test]
fn a_call_never_gets_more_than_the_server_allows() {
    let second = Duration::from_secs(1);
    let own = Limits {
        connect: second,
        total: 9 * second,
        max_bytes: 100,
    };
    let most = Limits {
        connect: 2 * second,
        total: 8 * second,
        max_bytes: 10,
    };
    assert_eq!(own.within(None), own);
    let expected = Limits {
        connect: second,
        ..most
    };
    assert_eq!(own.within(Some(most)), expected);
}
