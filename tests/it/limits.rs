//! What one caller may cost, as callers find out.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::rp::{Answer, Wish};

const RATE_LIMITED: (&str, &str) = ("access_denied", "rate_limited");

/// Sends bytes and reads whatever comes until the other side closes.
async fn exchange(address: SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut received = Vec::new();
    // A refused connection may be gone before everything is written or read.
    let _ = stream.write_all(sent.as_bytes()).await;
    let _ = stream.read_to_end(&mut received).await;
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test]
async fn a_number_is_checked_so_often_in_an_hour_whoever_asks() {
    let app = App::builder()
        .config("limits.tries_per_number_per_hour", "2")
        .start()
        .await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;

    // At once, without a page before.
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.title(), "Too many tries");
    let login = browser.login();
    let expected = ["LOGIN_STARTED", "OPERATOR_SELECTED_ERROR rate_limited"];
    assert_eq!(app.story(login).await, expected);
    browser.press("Try again").await;
    assert_eq!(browser.title(), "Too many tries");
    browser.press("Return to shop").await;
    let told = Answer::Error(RATE_LIMITED.0.to_owned(), RATE_LIMITED.1.to_owned());
    assert_eq!(app.answer(&browser, &departure), told);

    // From a page, in another browser.
    let mut other = app.browser();
    app.open(&mut other, &Wish::of(NUMBER)).await;
    other.press("Continue").await;
    assert_eq!(other.title(), "Too many tries");

    // Another number has its own tries, and an hour later this one has new ones.
    app.sign_in(&mut other, &Wish::of(OTHER_NUMBER)).await;
    app.clock.advance(Duration::from_secs(3_601));
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
}

#[tokio::test]
async fn an_address_that_starts_too_many_logins_opens_no_more() {
    let app = App::builder()
        .config("limits.logins_per_address_per_minute", "10")
        .start()
        .await;
    let mut browser = app.browser();
    // Every six seconds there is one more try, by a clock that nobody here moves.
    let mut opened = 0;
    loop {
        app.open(&mut browser, &Wish::of(NUMBER)).await;
        if browser.title() == "Too many tries" {
            break;
        }
        opened += 1;
        assert!(opened < 30, "nothing was refused");
    }
    assert!(opened >= 10, "{opened}");
    assert_eq!(app.logins().await.len(), opened);
    let links = &browser.page().document.links;
    let back = links.iter().find(|(text, _)| text.starts_with("Return to"));
    let (_, back) = back.expect("a way back");
    assert!(back.contains("error=access_denied") && back.contains("rate_limited"));
}

#[tokio::test]
async fn a_browser_forgets_its_oldest_login_when_it_opens_too_many() {
    let app = App::builder()
        .config("limits.open_logins_per_browser", "3")
        .start()
        .await;
    let mut browser = app.browser();
    for expected in [1, 2, 3, 3, 3] {
        app.open(&mut browser, &Wish::of(NUMBER)).await;
        let cookies = browser.cookies("localhost");
        let logins = cookies.iter().filter(|c| c.name.contains("nc_login_"));
        assert_eq!(logins.count(), expected);
    }
    browser.press("Continue").await;
    assert_eq!(browser.left().host_str(), Some("shop.example"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let app = App::start().await;
    for (path, kind) in [("/token", "application/json"), ("/authorize", "text/html")] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n"
        );
        let answer = exchange(app.server.address, &head).await.to_lowercase();
        assert!(answer.starts_with("http/1.1 413"), "{answer}");
        assert!(
            answer.contains(&format!("content-type: {kind}")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_proxy_says_who_is_behind_it_and_nobody_else_gets_in() {
    let app = App::builder()
        .config("server.proxy_protocol", "true")
        .config("server.trusted_proxies", "[\"127.0.0.1/32\"]")
        .start()
        .await;
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let behind = format!("PROXY TCP4 192.0.2.1 127.0.0.1 4711 443\r\n{request}");
    let answer = exchange(app.server.address, &behind).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(exchange(app.server.address, request).await, "");

    let app = App::builder()
        .config("server.proxy_protocol", "true")
        .config("server.trusted_proxies", "[\"192.0.2.0/24\"]")
        .start()
        .await;
    assert_eq!(exchange(app.server.address, &behind).await, "");
}

#[tokio::test]
async fn what_is_measured_names_operators_and_outcomes_and_nobody() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let metrics = exchange(app.server.management, request).await;
    for line in [
        "numbercloak_verdicts_total{operator=\"simulator\",outcome=\"verified\"}",
        "numbercloak_operator_seconds_count{operator=\"simulator\",call=\"token\"}",
        "numbercloak_operator_seconds_count{operator=\"simulator\",call=\"api\"}",
        "numbercloak_logins_total{outcome=\"verified\"}",
        "numbercloak_database_connections{way=\"durable_steps\",state=\"idle\"}",
        "numbercloak_database_connections{way=\"relaxed\",state=\"busy\"}",
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
    // Not in the values: a time of 0.0099070 s is nobody's number.
    let names: Vec<_> = metrics
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, _)| name)
        .collect();
    assert!(names.len() > 20, "{metrics}");
    assert!(!names.join(" ").contains("99070"));
}
