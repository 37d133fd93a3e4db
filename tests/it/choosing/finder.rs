//! The telco finder: one more rule, and never more than that.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use numbercloak::admin::finder;
use numbercloak::secret::Redacted;
use numbercloak::store::finder::{FinderAuth, Settings};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Country, QUESTION};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

/// One request: path, `Authorization`, body.
pub(super) type Asked = (&'static str, String, String);

/// A telco finder that answers as it is told.
#[derive(Clone)]
pub(super) struct Fake {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<(u16, String, Duration)>>,
    pub(super) url: String,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self {
            asked: Arc::default(),
            answer: Arc::new(Mutex::new((200, String::new(), Duration::ZERO))),
            url,
        };
        let router = Router::new()
            .route("/telco-finder/v1/search", post(search))
            .route("/token", post(token))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    fn settings(&self) -> Settings {
        Settings {
            url: format!("{}/telco-finder/v1/search", self.url),
            timeout_ms: 500,
            ..Settings::default()
        }
    }

    pub(super) fn answers(&self, status: u16, body: impl ToString) {
        *self.answer.lock().unwrap() = (status, body.to_string(), Duration::ZERO);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn note(&self, path: &'static str, headers: &HeaderMap, body: &Bytes) {
        let authorization = headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned());
        let body = String::from_utf8(body.to_vec()).unwrap();
        let asked = (path, authorization.unwrap_or_default(), body);
        self.asked.lock().unwrap().push(asked);
    }
}

async fn search(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    fake.note("search", &headers, &body);
    let (status, text, delay) = fake.answer.lock().unwrap().clone();
    tokio::time::sleep(delay).await;
    let location = [("location", "http://127.0.0.1:1/")];
    (StatusCode::from_u16(status).unwrap(), location, text).into_response()
}

async fn token(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    fake.note("token", &headers, &body);
    json!({ "access_token": "a-token", "token_type": "Bearer", "expires_in": 600 })
        .to_string()
        .into_response()
}

async fn set(app: &App, settings: Settings, secret: Option<&str>) {
    let secret = secret.map(Redacted::new);
    finder::put(&app.desk(), settings, secret.as_ref(), (None, None))
        .await
        .unwrap();
    app.state().forget("operators").await;
}

/// Three operators, two of which have names that a telco finder may use.
async fn country() -> (Country, Fake) {
    let country = Country::new().await;
    for (alias, id) in [("bluewave", "99001"), ("kestrel", "kestrel-tel")] {
        let ids = vec![id.to_owned()];
        country
            .app
            .edit_operator_at(alias, |operator| operator.network_ids = ids)
            .await;
    }
    (country, Fake::start().await)
}

#[tokio::test]
async fn it_decides_where_no_other_rule_does() {
    let (country, fake) = country().await;
    set(&country.app, fake.settings(), None).await;
    for (said, expected) in [
        (
            json!({ "operatorId": "kestrel-tel", "apiRoot": "https://evil.example" }),
            "kestrel",
        ),
        (json!({ "networkId": "99001" }), "bluewave"),
        (json!({ "operatorId": "simulator" }), "simulator"),
    ] {
        fake.answers(200, said);
        let chosen = country.chosen(&Wish::of(NUMBER)).await;
        assert_eq!(chosen, format!("{expected} telco_finder"));
    }
    let target = json!({ "target": { "phoneNumber": NUMBER } });
    for (_, authorization, body) in fake.asked() {
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), target);
        assert_eq!(authorization, "");
    }
    // An earlier rule spares it.
    let before = fake.asked().len();
    let hinted = Wish::of(NUMBER).with("idp_hint", "bluewave");
    assert_eq!(country.chosen(&hinted).await, "bluewave hint");
    assert_eq!(fake.asked().len(), before);
}

#[tokio::test]
async fn a_lying_one_leads_nowhere() {
    let (country, fake) = country().await;
    let app = &country.app;
    let _meadow = app.add_network("meadow", "Meadow", |_| {}).await;
    let _away = app
        .add_network("away", "Away", |away| {
            away.prefixes = vec!["99071".to_owned()]
        })
        .await;
    app.edit_client(&app.shop, |client| {
        client.settings.operators = ["simulator", "bluewave", "kestrel", "away"]
            .map(str::to_owned)
            .to_vec();
    })
    .await;
    for (status, body) in [
        // Not the client's, without authority, unknown.
        (200, json!({ "operatorId": "meadow" }).to_string()),
        (200, json!({ "operatorId": "away" }).to_string()),
        (200, json!({ "operatorId": "nobody" }).to_string()),
        // Not an answer.
        (200, json!({ "operatorId": ["bluewave"] }).to_string()),
        (200, json!({ "operatorId": "" }).to_string()),
        (200, "bluewave".to_owned()),
        (200, String::new()),
        (
            200,
            format!(
                r#"{{"operatorId":"bluewave","x":"{}"}}"#,
                "x".repeat(20_000)
            ),
        ),
        (
            200,
            r#"{"operatorId":"meadow","operatorId":"bluewave"}"#.to_owned(),
        ),
        (302, json!({ "operatorId": "bluewave" }).to_string()),
        (201, json!({ "operatorId": "bluewave" }).to_string()),
        (404, json!({ "operatorId": "bluewave" }).to_string()),
        (500, json!({ "operatorId": "bluewave" }).to_string()),
        (401, json!({ "operatorId": "bluewave" }).to_string()),
    ] {
        fake.answers(status, &body);
        let asked = fake.asked().len();
        // An edit: what failed before is forgotten.
        let settings = Settings {
            timeout_ms: 500 + asked as u64,
            ..fake.settings()
        };
        set(app, settings, None).await;
        assert_eq!(
            country.chosen(&Wish::of(NUMBER)).await,
            QUESTION,
            "{status} {body}"
        );
        assert_eq!(fake.asked().len(), asked + 1, "{status} {body}");
    }
    assert_eq!(country.asked(), [0, 0, 0]);
}

#[tokio::test]
async fn a_slow_or_dead_one_keeps_nobody_waiting_twice() {
    let (country, fake) = country().await;
    let app = &country.app;
    set(app, fake.settings(), None).await;
    *fake.answer.lock().unwrap() = (
        200,
        json!({ "operatorId": "simulator" }).to_string(),
        Duration::from_secs(20),
    );
    let started = Instant::now();
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, QUESTION);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(fake.asked().len(), 1);
    // It is left alone for half a minute.
    fake.answers(200, json!({ "operatorId": "simulator" }));
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, QUESTION);
    assert_eq!(fake.asked().len(), 1);
    app.clock.advance(Duration::from_secs(31));
    let chosen = country.chosen(&Wish::of(NUMBER)).await;
    assert_eq!(chosen, "simulator telco_finder");
    // Nobody at all.
    let nowhere = Settings {
        url: "http://127.0.0.1:1/search".to_owned(),
        ..fake.settings()
    };
    set(app, nowhere, None).await;
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, QUESTION);
    // And none.
    assert!(finder::remove(&app.desk()).await.unwrap());
    app.state().forget("operators").await;
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, QUESTION);
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn it_is_told_who_we_are_and_only_the_numbers_it_may_be_told() {
    let (country, fake) = country().await;
    let app = &country.app;
    fake.answers(200, json!({ "operatorId": "bluewave" }));
    let secret = "s3cret +&";
    for (auth, expected) in [
        (
            FinderAuth::Basic,
            "Basic bnVtYmVyY2xvYWs6czNjcmV0KyUyQiUyNg==",
        ),
        (FinderAuth::Bearer, "Bearer s3cret +&"),
    ] {
        let settings = Settings {
            auth,
            client_id: Some("numbercloak".to_owned()),
            ..fake.settings()
        };
        set(app, settings, Some(secret)).await;
        assert_eq!(
            country.chosen(&Wish::of(NUMBER)).await,
            "bluewave telco_finder"
        );
        assert_eq!(fake.asked().last().unwrap().1, expected);
    }
    let settings = Settings {
        auth: FinderAuth::ClientCredentials,
        token_endpoint: Some(format!("{}/token", fake.url)),
        client_id: Some("numbercloak".to_owned()),
        scope: Some("telco-finder:search".to_owned()),
        ..fake.settings()
    };
    // The secret that was given before stays.
    set(app, settings.clone(), None).await;
    let before = fake.asked().len();
    for _ in 0..2 {
        assert_eq!(
            country.chosen(&Wish::of(NUMBER)).await,
            "bluewave telco_finder"
        );
    }
    let asked: Vec<Asked> = fake.asked().split_off(before);
    let paths: Vec<&str> = asked.iter().map(|(path, _, _)| *path).collect();
    assert_eq!(
        paths,
        ["token", "search", "search"],
        "a token is used while it lives"
    );
    assert_eq!(
        asked[0].2,
        "grant_type=client_credentials&scope=telco-finder%3Asearch"
    );
    assert_eq!(asked[2].1, "Bearer a-token");
    app.clock.advance(Duration::from_secs(600));
    country.chosen(&Wish::of(NUMBER)).await;
    assert_eq!(fake.asked().len(), before + 5);
    // A number it may not be told.
    let settings = Settings {
        prefixes: vec!["34".to_owned()],
        ..settings
    };
    set(app, settings, None).await;
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, QUESTION);
    assert_eq!(fake.asked().len(), before + 5);
    // The secret stands in no record and in no row.
    let mut owner = app.database.owner().await;
    let kept: i64 = sqlx::query_scalar(
        "select (select count(*) from audit_records where convert_from(body, 'UTF8') like '%s3cret%') \
         + (select count(*) from telco_finders where settings::text like '%s3cret%' \
            or encode(credentials, 'escape') like '%s3cret%')",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn a_contract_that_cannot_work_is_refused() {
    let app = App::start().await;
    let good = Settings {
        url: "https://finder.example/search".to_owned(),
        ..Settings::default()
    };
    let set = |settings: Settings| {
        let desk = app.desk();
        async move {
            finder::put(&desk, settings, None, (None, None))
                .await
                .is_ok()
        }
    };
    for bad in [
        Settings::default(),
        Settings {
            url: "http://finder.example/search".to_owned(),
            ..good.clone()
        },
        Settings {
            url: "https://user:pass@finder.example/".to_owned(),
            ..good.clone()
        },
        Settings {
            auth: FinderAuth::Bearer,
            ..good.clone()
        },
        Settings {
            timeout_ms: 60_000,
            ..good.clone()
        },
        Settings {
            prefixes: vec!["+34".to_owned()],
            ..good.clone()
        },
        Settings {
            token_endpoint: Some("ftp://x".to_owned()),
            ..good.clone()
        },
    ] {
        assert!(!set(bad.clone()).await, "{bad:?}");
    }
    assert!(set(good).await);
}
