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
                .send(fetch(&format!("{scheme}://{host}:{port}/")), hurried())
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
        let answer = outbound.send(fetch(url), hurried()).await;
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
    let answer = loopback_allowed().send(fetch(&url), hurried()).await;
    assert!(matches!(answer, Err(OutboundError::Other(_))), "{answer:?}");
}

#[tokio::test]
async fn a_refused_connection_says_that_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let answer = loopback_allowed().send(fetch(&url), hurried()).await;
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
    let answer = loopback_allowed().send(fetch(&url), hurried()).await;
    assert!(matches!(answer, Err(OutboundError::Other(_))), "{answer:?}");
}
