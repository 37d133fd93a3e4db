//! What was missing: refusals before anything is looked up, pushed requests, go-aheads, and what the
//! system does by itself.

use std::time::Duration;

use numbercloak::admin::clients;
use numbercloak::clock::Clock;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::secret::{RootKey, Vault};
use numbercloak::token::lifecycle::{self, RELOAD_LIMIT, Rotation};
use sqlx::Row as _;

use super::of_kind;
use crate::support::app::{App, NUMBER, new_client};
use crate::support::database::Database;
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};
use crate::tokens::{post, public};

fn form(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(own).collect()
}

#[tokio::test]
async fn a_token_request_that_is_refused_unread_is_recorded_with_its_reason() {
    let app = App::start().await;
    for (fields, kind, reason) in [
        (
            form(&[("grant_type", "authorization_code"), ("code", "x")]),
            "CODE_TO_TOKEN_ERROR",
            "redirect_uri is missing",
        ),
        (
            form(&[
                ("grant_type", "authorization_code"),
                ("code", "x"),
                ("redirect_uri", "https://shop.example/callback"),
            ]),
            "CODE_TO_TOKEN_ERROR",
            "the code is not one of ours",
        ),
        (
            form(&[("grant_type", "refresh_token"), ("refresh_token", "x")]),
            "REFRESH_TOKEN_ERROR",
            "the refresh token is not one of ours",
        ),
    ] {
        let before = of_kind(&app, kind).await.len();
        let answer = app.shop.post("/token", &fields).await;
        assert_eq!(answer.status(), 400);
        let records = of_kind(&app, kind).await;
        assert_eq!(records.len(), before + 1, "{reason}");
        let record = records
            .iter()
            .find(|record| record["reason"] == reason)
            .unwrap_or_else(|| panic!("{reason}: {records:?}"));
        assert_eq!(record["client_id"], "shop");
        assert_eq!(record["revoked"], false);
    }
}

#[tokio::test]
async fn a_request_without_a_safe_way_back_is_recorded_with_its_reason() {
    let app = App::start().await;
    let mut browser = app.browser();
    let url = format!(
        "{}/authorize?client_id=shop&redirect_uri=https://elsewhere.example/",
        app.issuer
    );
    browser.open(&url).await;
    assert_eq!(browser.page().status, 400);
    let records = of_kind(&app, "LOGIN_ERROR").await;
    assert_eq!(records.len(), 1);
    assert!(
        records[0]["reason"]
            .as_str()
            .unwrap()
            .contains("redirect_uri")
    );
    assert_eq!(records[0]["client_id"], "shop");
}

#[tokio::test]
async fn a_request_that_the_app_is_told_to_mend_is_recorded_with_what_it_was_told() {
    let app = App::start().await;
    let wish = Wish::of(NUMBER).with("response_type", "token");
    let mut browser = app.browser();
    let departure = app.shop.depart(&wish).await;
    browser.open(&departure.url).await;
    let records = of_kind(&app, "LOGIN_ERROR").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["client_id"], "shop");
    let told = records[0]["error"].as_str().unwrap();
    let reason = records[0]["reason"].as_str().unwrap();
    assert!(!told.is_empty() && !reason.is_empty());
}

#[tokio::test]
async fn a_pushed_request_is_recorded_and_so_is_one_that_is_refused() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    app.shop.push_departure(&departure).await;
    let pushed = of_kind(&app, "PUSHED_AUTHORIZATION_REQUEST").await;
    assert_eq!(pushed.len(), 1);
    assert_eq!(pushed[0]["client_id"], "shop");
    assert_eq!(pushed[0]["number_hinted"], true);
    let mut fields = departure.parameters();
    fields.retain(|(name, _)| name != "response_type");
    let (status, error) = app.shop.push(&fields).await;
    assert_eq!(status, 400);
    let refused = of_kind(&app, "PUSHED_AUTHORIZATION_REQUEST_ERROR").await;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["error"], error["error"]);
    assert_eq!(refused[0]["reason"], error["error_description"]);
}

#[tokio::test]
async fn a_go_ahead_that_is_remembered_is_recorded_and_the_login_names_its_session() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let agreed = of_kind(&app, "GRANT_CONSENT").await;
    assert_eq!(agreed.len(), 1);
    assert_eq!(agreed[0]["release"], "number_verified openid");
    let mut owner = app.database.owner().await;
    let row = sqlx::query("select id, (select expires_at from go_aheads) as until from sessions")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let session: uuid::Uuid = row.get("id");
    let until: chrono::DateTime<chrono::Utc> = row.get("until");
    let login = of_kind(&app, "LOGIN").await;
    assert_eq!(login[0]["session"], session.to_string());
    assert_eq!(login[0]["software"], env!("CARGO_PKG_VERSION"));
    let told: chrono::DateTime<chrono::Utc> = agreed[0]["until"].as_str().unwrap().parse().unwrap();
    assert_eq!(told.timestamp_millis(), until.timestamp_millis());
    // The second time nobody is asked, and nothing is agreed anew.
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
    assert_eq!(of_kind(&app, "GRANT_CONSENT").await.len(), 1);
}

#[tokio::test]
async fn keys_that_come_and_go_by_themselves_are_recorded() {
    let database = Database::migrated().await;
    let db = &database.open();
    let start = Clock::system().now();
    let vault = Vault::new(&[RootKey::generate(start)]);
    lifecycle::ensure(db, &vault, start).await.unwrap();
    let planned = Rotation::Planned {
        min_publish: Duration::ZERO,
    };
    let rotated = lifecycle::rotate(db, &vault, SigningAlg::ES256, planned, start)
        .await
        .unwrap();
    let life = Duration::from_secs(600);
    let end = start + RELOAD_LIMIT + life;
    lifecycle::retire(db, &vault, end, life).await.unwrap();
    let mut owner = database.owner().await;
    let bodies: Vec<serde_json::Value> = sqlx::query_scalar(
        "select convert_from(body, 'UTF8')::jsonb from audit_records where type = 'ADMIN_EVENT' \
         and actor = 'system'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let of = |action: &str| {
        let of = bodies.iter().filter(|b| b["details"]["action"] == action);
        of.map(|b| b["resource_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // An active one and the next for each algorithm.
    assert_eq!(of("create").len(), 2 * SigningAlg::ALL.len());
    assert_eq!(of("retire"), [rotated.old]);
}

#[tokio::test]
async fn what_is_purged_is_recorded_with_how_much_it_was() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    // A restart purges at once; until then everything of the login must be over.
    app.clock.advance(Duration::from_secs(300 * 24 * 3600));
    let app = app.restart().await;
    for _ in 0..200 {
        if !of_kind(&app, "EXPIRED_DATA_PURGED").await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let purged = of_kind(&app, "EXPIRED_DATA_PURGED").await;
    assert_eq!(purged.len(), 1, "{purged:?}");
    assert_eq!(purged[0]["actor"], "system");
    for kind in ["codes", "access_tokens", "sessions", "go_aheads"] {
        assert_eq!(purged[0]["rows"][kind], 1, "{}", purged[0]);
    }
}

#[tokio::test]
async fn a_token_that_userinfo_refuses_is_recorded_with_its_grant_if_it_lives() {
    let app = App::builder()
        .config("limits.client_failures_per_minute", "5")
        .start()
        .await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let token = signed_in.access_token.as_str();
    let url = format!("{}/userinfo", app.issuer);
    assert_eq!(Raw::of(http().get(&url)).await.status, 401);
    assert_eq!(app.shop.userinfo(token).await.0, 200);
    assert!(of_kind(&app, "USER_INFO_REQUEST_ERROR").await.is_empty());
    clients::set_disabled(&app.desk(), "shop", true)
        .await
        .unwrap();
    // Every server hears of it within a moment.
    while app.shop.userinfo(token).await.0 == 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let known = of_kind(&app, "USER_INFO_REQUEST_ERROR").await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0]["reason"], "the client is disabled");
    assert_eq!(known[0]["client_id"], "shop");
    assert_eq!(known[0]["login_id"], known[0]["grant"]);
    assert!(known[0]["personal"].is_string());
    for _ in 0..9 {
        assert_eq!(app.shop.userinfo("x").await.0, 401);
    }
    let all = of_kind(&app, "USER_INFO_REQUEST_ERROR").await;
    assert!(
        (5..=6).contains(&all.len()),
        "rubbish does not fill the log"
    );
    let last = all.last().unwrap();
    assert_eq!(
        last["reason"],
        "the access token is unknown, expired or revoked"
    );
    assert!(last.get("grant").is_none() && last.get("login_id").is_none());
}

#[tokio::test]
async fn whoever_may_not_revoke_or_introspect_is_recorded() {
    let app = App::start().await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let token = signed_in.access_token.as_str();
    let other = app.register(new_client("other")).await;
    let page = app.register(public("page")).await;
    let fields = [("token", token)];
    assert_eq!(
        Raw::of(post(&app, &other, "/revoke", &fields)).await.status,
        400
    );
    let refused = of_kind(&app, "REVOKE_GRANT_ERROR").await;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["client_id"], other.client_id.as_str());
    assert_eq!(
        refused[0]["reason"],
        "the token was issued to another client"
    );
    let login = of_kind(&app, "LOGIN").await;
    assert_eq!(refused[0]["grant"], login[0]["grant"]);
    assert!(of_kind(&app, "REVOKE_GRANT").await.is_empty());
    assert_eq!(
        Raw::of(post(&app, &page, "/introspect", &fields))
            .await
            .status,
        400
    );
    let refused = of_kind(&app, "INTROSPECT_TOKEN_ERROR").await;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["client_id"], page.client_id.as_str());
}
