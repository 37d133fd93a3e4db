//! Records as they are made, elsewhere: none is lost, each comes under its id, and what is sent proves
//! where it is from.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use numbercloak::config::Alerts;
use numbercloak::ledger::alerts;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::of_kind;
use crate::support::app::{App, NUMBER};
use crate::support::process::Process;
use crate::support::rp::Wish;

const SECRET: &str = "a key of the webhook, long enough for a key";

/// What a webhook was given: signature and body of each delivery, and whether it takes them.
#[derive(Default)]
struct Given {
    deliveries: Mutex<Vec<(String, Vec<u8>)>>,
    fails: Mutex<bool>,
}

impl Given {
    /// The ids of the records it took, each as often as it came.
    fn ids(&self) -> Vec<String> {
        let deliveries = self.deliveries.lock().unwrap();
        let mut ids = Vec::new();
        for (_, body) in deliveries.iter() {
            for line in String::from_utf8_lossy(body).lines() {
                let record: Value = serde_json::from_str(line).unwrap();
                ids.push(record["id"].as_str().unwrap().to_owned());
            }
        }
        ids
    }
}

async fn take(State(given): State<Arc<Given>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers["numbercloak-signature"]
        .to_str()
        .unwrap()
        .to_owned();
    given
        .deliveries
        .lock()
        .unwrap()
        .push((signature, body.to_vec()));
    if *given.fails.lock().unwrap() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::NO_CONTENT
    }
}

async fn webhook() -> (Arc<Given>, String) {
    let given = Arc::new(Given::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/records", listener.local_addr().unwrap());
    let router = Router::new().fallback(take).with_state(given.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (given, url)
}

async fn recorded(app: &App) -> BTreeSet<String> {
    let mut owner = app.database.owner().await;
    let ids: Vec<String> = sqlx::query_scalar("select id::text from audit_records")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    ids.into_iter().collect()
}

/// Waits until nothing is queued any more, and lets the time pass that retries wait for.
async fn drained(app: &App) {
    let mut owner = app.database.owner().await;
    for _ in 0..400 {
        let waiting: i64 = sqlx::query_scalar("select count(*) from record_outbox")
            .fetch_one(&mut owner)
            .await
            .unwrap();
        if waiting == 0 {
            return;
        }
        app.clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("records still wait");
}

#[tokio::test]
async fn a_webhook_gets_every_record_signed_and_again_what_it_did_not_take() {
    let (given, url) = webhook().await;
    *given.fails.lock().unwrap() = true;
    let app = App::builder()
        .config("streams.webhook_url", &url)
        .config("streams.webhook_secret", SECRET)
        .start()
        .await;
    let before = recorded(&app).await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let made: BTreeSet<String> = &recorded(&app).await - &before;
    assert!(made.len() >= 5, "{made:?}");
    // Refused at first.
    for _ in 0..200 {
        if !given.ids().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = given.ids();
    assert!(!refused.is_empty());
    *given.fails.lock().unwrap() = false;
    drained(&app).await;
    let ids = given.ids();
    let once: BTreeSet<String> = ids.iter().cloned().collect();
    assert!(made.is_subset(&once), "{made:?} {once:?}");
    assert!(ids.iter().filter(|id| **id == refused[0]).count() >= 2);
    for (signature, body) in given.deliveries.lock().unwrap().iter() {
        let (time, tag) = signature.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let expected = hmac::sign(&key, &[time.as_bytes(), b".", body].concat());
        let expected: String = expected
            .as_ref()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(tag, expected);
        assert!(!String::from_utf8_lossy(body).contains(&NUMBER[1..]));
    }
}

/// What a collector was given, and whether it takes it.
#[derive(Default)]
struct Collected {
    requests: Mutex<Vec<(String, Value)>>,
    fails: Mutex<bool>,
}

async fn collect(
    State(given): State<Arc<Collected>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let authorization = headers["authorization"].to_str().unwrap().to_owned();
    assert_eq!(headers["content-type"], "application/json");
    let request = serde_json::from_slice(&body).unwrap();
    given
        .requests
        .lock()
        .unwrap()
        .push((authorization, request));
    if *given.fails.lock().unwrap() {
        (StatusCode::SERVICE_UNAVAILABLE, "")
    } else {
        (StatusCode::OK, r#"{"partialSuccess":{}}"#)
    }
}

#[tokio::test]
async fn a_collector_gets_every_record_as_a_log_and_again_what_it_did_not_take() {
    let given = Arc::new(Collected::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/logs", listener.local_addr().unwrap());
    let router = Router::new().fallback(collect).with_state(given.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    *given.fails.lock().unwrap() = true;
    let app = App::builder()
        .config("streams.otlp_url", &url)
        .config("streams.otlp_authorization", "Bearer of good logs")
        .start()
        .await;
    let before = recorded(&app).await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let made: BTreeSet<String> = &recorded(&app).await - &before;
    for _ in 0..200 {
        if !given.requests.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    *given.fails.lock().unwrap() = false;
    drained(&app).await;
    let mut ids = Vec::new();
    for (authorization, request) in given.requests.lock().unwrap().iter() {
        assert_eq!(authorization, "Bearer of good logs");
        assert!(!request.to_string().contains(&NUMBER[1..]));
        let logs = request
            .pointer("/resourceLogs/0/scopeLogs/0/logRecords")
            .unwrap();
        for log in logs.as_array().unwrap() {
            let body = log["body"]["stringValue"].as_str().unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(log["eventName"], body["type"]);
            assert_eq!(log["attributes"][0]["value"]["stringValue"], body["id"]);
            ids.push(body["id"].as_str().unwrap().to_owned());
        }
    }
    let once: BTreeSet<String> = ids.iter().cloned().collect();
    assert!(made.is_subset(&once), "{made:?} {once:?}");
    assert!(ids.len() > once.len(), "what was refused came again");
}

#[tokio::test]
async fn a_syslog_server_gets_every_record_as_rfc_5424_frames() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    let received = Arc::new(Mutex::new(Vec::new()));
    let into = received.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            into.lock().unwrap().extend(bytes);
        }
    });
    let app = App::builder()
        .config("streams.syslog", &target)
        .start()
        .await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    drained(&app).await;
    let mut rest = Vec::new();
    for _ in 0..100 {
        rest = received.lock().unwrap().clone();
        if String::from_utf8_lossy(&rest).contains("CODE_TO_TOKEN") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut rest = rest.as_slice();
    let mut kinds = Vec::new();
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&rest[..space])
            .unwrap()
            .parse()
            .unwrap();
        let message = std::str::from_utf8(&rest[space + 1..space + 1 + length]).unwrap();
        assert!(message.starts_with("<110>1 "), "{message}");
        let (head, body) = message.split_once(" - {").unwrap();
        kinds.push(head.rsplit(' ').next().unwrap().to_owned());
        let body: Value = serde_json::from_str(&format!("{{{body}")).unwrap();
        assert_eq!(body["type"].as_str(), kinds.last().map(String::as_str));
        rest = &rest[space + 1 + length..];
    }
    for kind in ["LOGIN_STARTED", "NUMBER_VERIFIED", "LOGIN", "CODE_TO_TOKEN"] {
        assert!(kinds.iter().any(|k| k == kind), "{kind} of {kinds:?}");
    }
}

#[tokio::test]
async fn without_a_stream_nothing_is_queued_and_a_stream_that_is_gone_leaves_nothing() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let mut owner = app.database.owner().await;
    let queued = "select count(*) from record_outbox";
    let waiting: i64 = sqlx::query_scalar(queued)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(waiting, 0);
    let streams = |names: &'static str| {
        sqlx::query("select set_record_streams(string_to_array($1, ','))").bind(names)
    };
    let role = app.state().db.durable();
    streams("webhook").execute(role).await.unwrap();
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let waiting: i64 = sqlx::query_scalar(queued)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert!(waiting >= 5, "{waiting}");
    streams("").execute(role).await.unwrap();
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let waiting: i64 = sqlx::query_scalar(queued)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(waiting, 0);
}

#[tokio::test]
async fn a_spike_of_mismatches_is_an_alert_once_an_hour() {
    let app = App::builder()
        .config("alerts.mismatches", "0")
        .start()
        .await;
    let state = app.state();
    let settings = Alerts {
        mismatches: 3,
        hand_off_reports: 0,
    };
    let watch = async || {
        let (db, vault) = (state.db.durable(), &state.vault);
        alerts::watch(db, vault, app.clock.now(), &settings)
            .await
            .unwrap();
        of_kind(&app, "ALERT").await
    };
    for tries in 1..=3 {
        assert_eq!(watch().await.len(), 0);
        let mut browser = app.browser();
        app.open(&mut browser, &Wish::of("+990700001")).await;
        browser.press("Continue").await;
        let missed = of_kind(&app, "NUMBER_NOT_VERIFIED").await;
        assert_eq!(missed.len(), tries);
    }
    let raised = watch().await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["alert"], "mismatches");
    assert_eq!(raised[0]["about"], "simulator");
    assert_eq!(raised[0]["actor"], "system");
    assert_eq!(watch().await.len(), 1);
}

#[tokio::test]
async fn a_report_of_a_hand_off_is_an_alert_of_its_own() {
    let app = crate::handoff::builder()
        .config("alerts.hand_off_reports", "0")
        .start()
        .await;
    let mut scene = crate::handoff::Scene::of(app).await;
    let settings = Alerts {
        mismatches: 0,
        hand_off_reports: 1,
    };
    let watch = async |app: &App| {
        let state = app.state();
        let (db, vault) = (state.db.durable(), &state.vault);
        alerts::watch(db, vault, app.clock.now(), &settings)
            .await
            .unwrap();
        of_kind(app, "ALERT").await
    };
    assert!(watch(&scene.app).await.is_empty());
    scene.report().await;
    let raised = watch(&scene.app).await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0]["alert"], "hand_off_reports");
    assert_eq!(raised[0]["actor"], "system");
    assert_eq!(watch(&scene.app).await.len(), 1, "once an hour");
}

#[tokio::test]
async fn standard_output_gets_every_record_as_a_line_of_json_once() {
    let app = App::start().await;
    let stdout = [("NUMBERCLOAK__STREAMS__STDOUT", "true")];
    let process = Process::start_with(&app, &stdout).await;
    let mut browser = app.browser();
    browser.goes_to(&app.issuer, process.address);
    let signed_in = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let txn = signed_in.claims["txn"].as_str().unwrap();
    let records = app.records(app.only_login().await).await;
    let ids: BTreeSet<String> = records.iter().map(|record| record.id.to_string()).collect();
    assert!(ids.contains(txn));
    let written = || {
        let logs = process.logs();
        let lines = logs
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of_records = lines.filter_map(|line| line["id"].as_str().map(str::to_owned));
        of_records
            .filter(|id| ids.contains(id))
            .collect::<Vec<String>>()
    };
    let began = std::time::Instant::now();
    while written().len() < ids.len() {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", written());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let written = written();
    assert_eq!(written.len(), ids.len(), "{written:?}");
    assert_eq!(written.into_iter().collect::<BTreeSet<_>>(), ids);
    assert!(!process.logs().contains(&NUMBER[1..]));
}
