//! Clients are told, server to server, that a session ended.

use std::time::Duration;

use chrono::TimeDelta;
use http::StatusCode;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use numbercloak::admin::audit::Query;
use numbercloak::admin::numbers;
use numbercloak::phone::PhoneNumber;
use numbercloak::provider::logout::backchannel;
use serde_json::{Value, json};
use sqlx::postgres::types::PgInterval;

use super::{app, logout, sign_in, sign_in_to};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::listener::{Listener, Sent};
use crate::support::rp::{Rp, SignedIn};

async fn news(app: &App, listener: &Listener) -> Rp {
    let mut news = new_client("news");
    news.settings.backchannel_logout_uri = Some(listener.url("/back"));
    news.settings.backchannel_logout_session_required = true;
    app.register(news).await
}

async fn leave(app: &App, browser: &mut crate::support::browser::Browser, signed_in: &SignedIn) {
    let hint = ("id_token_hint", signed_in.id_token.as_str());
    browser.open(logout(app, &[hint])).await;
    assert!(browser.title().starts_with("You are signed out"));
}

async fn queued(app: &App) -> i64 {
    let mut owner = app.database.owner().await;
    sqlx::query_scalar("select count(*) from logout_deliveries")
        .fetch_one(&mut owner)
        .await
        .unwrap()
}

async fn records(app: &App, kind: &str) -> Vec<Value> {
    let query = Query {
        kind: Some(kind.to_owned()),
        ..Query::default()
    };
    app.audit(query)
        .await
        .into_iter()
        .map(|record| record.body)
        .collect()
}

/// Waits until nothing is queued; the server delivers by itself.
async fn until_settled(app: &App) {
    while queued(app).await > 0 {
        backchannel::deliver(app.state()).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// Waits until the try that somebody, the server or the test, made is on record, and the next one is
/// `wait` away. A try that is still under way is known by its lease, which is none of these waits.
async fn until_it_waits(app: &App, tries: usize, wait: TimeDelta) {
    let mut owner = app.database.owner().await;
    loop {
        let now = app.clock.now();
        let settled: bool = sqlx::query_scalar(
            "select tries = $1 and next_try_at <= $2::timestamptz + $3
                and (next_try_at > $2 + interval '30 s' or $3 < interval '30 s')
             from logout_deliveries",
        )
        .bind(i32::try_from(tries).unwrap())
        .bind(now)
        .bind(PgInterval::try_from(wait).unwrap())
        .fetch_one(&mut owner)
        .await
        .unwrap();
        if settled {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn token(app: &App, sent: &Sent) -> (Value, Value) {
    let form: Vec<_> = url::form_urlencoded::parse(&sent.body)
        .into_owned()
        .collect();
    assert_eq!(form.len(), 1, "only the logout_token");
    assert_eq!(form[0].0, "logout_token");
    let header = decode_header(&form[0].1).unwrap();
    let set: JwkSet = serde_json::from_slice(&app.state().keyring.current().jwks()).unwrap();
    let key = DecodingKey::from_jwk(set.find(header.kid.as_deref().unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["news"]);
    validation.set_issuer(&[&app.issuer]);
    let claims = decode::<Value>(&form[0].1, &key, &validation)
        .unwrap()
        .claims;
    (json!(header), claims)
}

/// Sections 2.4 and 2.5.
#[tokio::test]
async fn the_logout_token_names_subject_and_session_and_is_no_id_token() {
    let app = app().await;
    let listener = Listener::start().await;
    let news = news(&app, &listener).await;
    let mut browser = app.browser();
    let to_news = sign_in_to(&news, &mut browser).await;
    let to_shop = sign_in_to(&app.shop, &mut browser).await;
    leave(&app, &mut browser, &to_shop).await;
    let sent = listener.got(1).await;
    assert_eq!(sent[0].uri.path(), "/back");
    assert_eq!(
        sent[0].headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    let (header, claims) = token(&app, &sent[0]).await;
    assert_eq!(header["typ"], "logout+jwt");
    assert_eq!(claims["sub"], to_news.claims["sub"]);
    assert_eq!(claims["sid"], to_news.claims["sid"]);
    assert_eq!(
        claims["events"],
        json!({ "http://schemas.openid.net/event/backchannel-logout": {} })
    );
    assert_eq!(claims.get("nonce"), None);
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert!((1..=120).contains(&life), "{life}");
    assert!(claims["jti"].as_str().unwrap().len() >= 20);
    until_settled(&app).await;
    let told = records(&app, "BACKCHANNEL_LOGOUT").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["client_id"], "news");
    assert_eq!(told[0]["tries"], 1);
    assert_eq!(records(&app, "LOGOUT").await[0]["asked"], false);
    assert_eq!(listener.so_far(), 1);
}

/// Section 2.8; how often is ours.
#[tokio::test]
async fn a_client_that_does_not_answer_is_tried_again_later_and_then_given_up() {
    let app = app().await;
    let listener = Listener::start().await;
    listener.answers([StatusCode::INTERNAL_SERVER_ERROR; 20]);
    let news = news(&app, &listener).await;
    let mut browser = app.browser();
    let to_news = sign_in_to(&news, &mut browser).await;
    leave(&app, &mut browser, &to_news).await;
    for (tries, wait) in [(1, 10), (2, 60), (3, 300), (4, 1800), (5, 7200)] {
        listener.got(tries).await;
        until_it_waits(&app, tries, TimeDelta::seconds(wait)).await;
        assert_eq!(listener.so_far(), tries);
        app.clock.advance(Duration::from_secs(wait.unsigned_abs()));
        backchannel::deliver(app.state()).await.unwrap();
    }
    until_settled(&app).await;
    assert_eq!(listener.so_far(), 6);
    let given_up = records(&app, "BACKCHANNEL_LOGOUT_ERROR").await;
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0]["tries"], 6);
    assert_eq!(given_up[0]["reason"], "the client answered 500");
}

#[tokio::test]
async fn a_client_that_says_no_is_not_asked_again() {
    let app = app().await;
    let listener = Listener::start().await;
    listener.answers([StatusCode::BAD_REQUEST]);
    let news = news(&app, &listener).await;
    let mut browser = app.browser();
    let to_news = sign_in_to(&news, &mut browser).await;
    leave(&app, &mut browser, &to_news).await;
    listener.got(1).await;
    until_settled(&app).await;
    assert_eq!(listener.so_far(), 1);
    assert_eq!(records(&app, "BACKCHANNEL_LOGOUT_ERROR").await.len(), 1);
}

#[tokio::test]
async fn whoever_ends_a_session_its_clients_are_told_and_their_tokens_end() {
    let app = app().await;
    let listener = Listener::start().await;
    let news = news(&app, &listener).await;
    let mut browser = app.browser();
    let to_news = sign_in_to(&news, &mut browser).await;
    sign_in(&app, &mut app.browser()).await;
    let mut owner = app.database.owner().await;
    sqlx::query("update sessions set ended_at = opened_at where id = (select session_id from grants where client_id = 'news')")
        .execute(&mut owner)
        .await
        .unwrap();
    until_settled(&app).await;
    assert_eq!(listener.got(1).await.len(), 1);
    assert_eq!(news.userinfo(&to_news.access_token).await.0, 401);
}

/// DESIGN.md section 3: moving a number's epoch ends its sessions and tells their clients.
#[tokio::test]
async fn when_staff_move_a_number_on_its_clients_are_told_that_the_session_ended() {
    let app = app().await;
    let listener = Listener::start().await;
    let news = news(&app, &listener).await;
    let mut browser = app.browser();
    let to_news = sign_in_to(&news, &mut browser).await;
    let number = PhoneNumber::parse(NUMBER, None).unwrap();
    let moved = numbers::new_owner(&app.desk(), &number, "sold").await;
    assert_eq!(moved.unwrap().sessions, 1);
    until_settled(&app).await;
    let sent = listener.got(1).await;
    let (_, claims) = token(&app, &sent[0]).await;
    assert_eq!(claims["sub"], to_news.claims["sub"], "the subject it was");
    assert_eq!(claims["sid"], to_news.claims["sid"]);
    assert_eq!(listener.so_far(), 1);
    assert_eq!(news.userinfo(&to_news.access_token).await.0, 401);
    let told = records(&app, "BACKCHANNEL_LOGOUT").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["client_id"], "news");
    // Whoever has the number now is somebody else.
    let next = sign_in_to(&news, &mut app.browser()).await;
    assert_ne!(next.claims["sub"], to_news.claims["sub"]);
}

#[tokio::test]
async fn two_replicas_tell_a_client_once() {
    let app = app().await;
    let replica = app.second_replica().await;
    let listener = Listener::start().await;
    let news = news(&app, &listener).await;
    let mut browser = app.browser();
    let to_news = sign_in_to(&news, &mut browser).await;
    leave(&app, &mut browser, &to_news).await;
    let (one, two) = tokio::join!(
        backchannel::deliver(app.state()),
        backchannel::deliver(&replica.app)
    );
    one.unwrap();
    two.unwrap();
    until_settled(&app).await;
    assert_eq!(listener.so_far(), 1);
}
