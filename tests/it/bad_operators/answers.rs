//! Answers that are huge, slow, cut off or no HTTP at all.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{last_word, log_in};
use crate::support::app::{App, NUMBER};

const BODY: &str = r#"{"devicePhoneNumberVerified":true}"#;

/// How the API misbehaves.
#[derive(Clone, Copy, Debug)]
enum Bad {
    /// The good answer and then blanks without end.
    Huge,
    /// The same, with its length told.
    HugeAndSaysSo,
    /// Headers without end.
    Headers,
    /// Half of the body.
    CutOff,
    /// A byte now and then.
    Slow,
    /// Nothing.
    Silent,
    /// Something else than HTTP.
    Noise,
}

/// An API that misbehaves like this. Everything else of the operator stays as it is.
async fn api(bad: Bad) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(misbehave(stream, bad));
        }
    });
    root
}

async fn misbehave(mut stream: TcpStream, bad: Bad) {
    let mut request = [0; 4_096];
    let _ = stream.read(&mut request).await;
    let head = |length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let open_end = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    let blanks = [b' '; 16 * 1_024];
    // The other side hangs up, which is what is hoped for.
    match bad {
        Bad::Huge => {
            let start = format!("{open_end}{BODY}");
            let _ = stream.write_all(start.as_bytes()).await;
            while stream.write_all(&blanks).await.is_ok() {}
        }
        Bad::HugeAndSaysSo => {
            let start = format!("{}{BODY}", head(100_000_000));
            let _ = stream.write_all(start.as_bytes()).await;
            while stream.write_all(&blanks).await.is_ok() {}
        }
        Bad::Headers => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(b"X-More: of the same\r\n").await.is_ok() {}
        }
        Bad::CutOff => {
            let cut = format!("{}{}", head(BODY.len()), &BODY[..20]);
            let _ = stream.write_all(cut.as_bytes()).await;
        }
        Bad::Slow => {
            let whole = format!("{}{BODY}", head(BODY.len()));
            for byte in whole.bytes() {
                let _ = stream.write_all(&[byte]).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Bad::Silent => std::future::pending().await,
        Bad::Noise => {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        }
    }
}

#[tokio::test]
async fn a_bad_answer_is_neither_read_to_its_end_nor_waited_for() {
    for (bad, word) in [
        (Bad::Huge, "protocol_violation"),
        (Bad::HugeAndSaysSo, "protocol_violation"),
        (Bad::Headers, "operator_unavailable"),
        (Bad::CutOff, "operator_unavailable"),
        (Bad::Slow, "operator_timeout"),
        (Bad::Silent, "operator_timeout"),
        (Bad::Noise, "operator_unavailable"),
    ] {
        let root = api(bad).await;
        let app = App::builder()
            .operator(move |operator| {
                operator.api_root = root;
                operator.connect_timeout_ms = 1_000;
                operator.total_timeout_ms = 2_000;
            })
            .start()
            .await;
        log_in(&app, &mut app.browser(), NUMBER).await;
        let expected = format!("NUMBER_NOT_VERIFIED {word}");
        assert_eq!(last_word(&app).await, expected, "{bad:?}");
    }
}
