//! Attempts to break the promises of DESIGN.md section 1, over the wire, one file per theme. What an
//! attacker of the database can do is done as its superuser.

mod answers;
mod audit_fails;
mod audit_tables;
mod authority;
mod browsers;
mod calls;
mod forms;
mod kills;
mod numbers;
mod once;
mod requests;
mod secrecy;
mod starts;
mod token_endpoint;
mod userinfo;
mod ways_back;

use std::time::Duration;

use reqwest::header::COOKIE;
use sqlx::{AssertSqlSafe, Connection as _};
use url::Url;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::browser::{Browser, End};
use crate::support::rp::{Departure, Rp, Wish};
use crate::support::wire::{Raw, count, http, tamper};

/// What a verdict leaves behind: none of these tables may have a row without one.
const OPENED: [&str; 5] = ["codes", "sessions", "grants", "access_tokens", "go_aheads"];

/// Rows of every table that only a verdict may fill.
async fn opened(app: &App) -> [i64; 5] {
    let mut counts = [0; 5];
    for (count, table) in counts.iter_mut().zip(OPENED) {
        *count = self::count(app, table).await;
    }
    counts
}

/// Asserts that nothing was opened since the database was made.
async fn nothing_opened(app: &App) {
    assert_eq!(opened(app).await, [0; 5], "rows in {OPENED:?}");
}

/// Opens a login and goes as far as the page that leads to the operator.
async fn depart(app: &App, browser: &mut Browser, wish: &Wish) -> Departure {
    depart_for(&app.shop, browser, wish).await
}

async fn depart_for(rp: &Rp, browser: &mut Browser, wish: &Wish) -> Departure {
    browser.follows_refresh = false;
    let departure = rp.depart(wish).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    assert!(
        browser.title().starts_with("Checking with"),
        "{}",
        browser.page().document.text
    );
    departure
}

/// The callback that the operator answers the page's departure with: asked by hand, so that a test
/// can do something else with it.
async fn callback_of(browser: &Browser) -> Url {
    let operator = browser.page().document.refresh.clone().unwrap();
    let answer = Raw::of(http().get(operator)).await;
    Url::parse(answer.location()).unwrap()
}

/// The cookies that a browser would send us.
fn cookie_header(browser: &Browser) -> String {
    let cookies = browser.cookies("localhost");
    let pairs: Vec<String> = cookies
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    pairs.join("; ")
}

/// A GET with a browser's cookies, redirects not followed.
async fn get_as(browser: &Browser, url: &str) -> Raw {
    Raw::of(http().get(url).header(COOKIE, cookie_header(browser))).await
}

/// Waits until something has happened.
async fn until(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    for _ in 0..1500 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never happened: {what}");
}

/// Requests to one path of the operator's that it has seen; `open` counts those without an answer.
fn calls(app: &App, path: &str, open: bool) -> usize {
    let received = app.operator.received();
    received
        .iter()
        .filter(|one| one.path.ends_with(path) && (!open || one.status.is_none()))
        .count()
}

/// Follows the last page's way back to the app, whatever it looks like.
async fn way_back(browser: &mut Browser) -> Option<Url> {
    for _ in 0..4 {
        if let End::Left(url) = &browser.end {
            return Some(url.clone());
        }
        let page = browser.page().clone();
        let path = |form: &crate::support::html::Form| {
            ["/return", "/cancel"]
                .iter()
                .any(|end| form.action.ends_with(end))
        };
        if let Some(form) = page.document.forms.iter().find(|form| path(form)) {
            browser.follows_refresh = true;
            browser.send(form, None, &[]).await;
            continue;
        }
        let links = page.document.links.iter().map(|(_, target)| target.clone());
        let out = links.clone().find(|target| target.starts_with("https://"));
        let own = links.clone().find(|target| target.starts_with("/login/"));
        browser.follow(&out.or(own)?).await;
    }
    None
}

/// One of a login's columns as text.
async fn login_column(app: &App, login: Uuid, column: &str) -> String {
    let mut owner = app.database.owner().await;
    let sql = format!("select coalesce({column}::text, '') from logins where id = $1");
    let value = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(login)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    owner.close().await.unwrap();
    value
}
