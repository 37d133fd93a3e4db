//! Whether an operator can see this connection, as far as its address tells: the page that says what to
//! switch off, and `GET /login/{id}/network`, by which that page's script hears that the phone is on
//! another network and goes on by itself. The address chooses words and the moment; what counts is the
//! operator's answer.

use std::net::IpAddr;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;

use crate::login::entry::{Entry, enter, enter_on_phone};
use crate::login::view::{Connection, NotMobile, Watch};
use crate::operator::routing::narrowest_range_of;
use crate::store::logins::{Login, Stage};
use crate::store::network_ranges::NetworkKind;
use crate::verdict::Outcome;
use crate::web::app::{App, Registry};
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};

/// What a connection looks like; `None`: like one of an operator's own.
fn classify(registry: &Registry, browser: &Browser, login: &Login) -> Option<Connection> {
    let Some(address) = browser.address.map(|address| address.to_canonical()) else {
        return Some(Connection::Unknown);
    };
    let ranges = registry.ranges();
    let is_mobile = registry
        .all()
        .iter()
        .any(|operator| narrowest_range_of(operator, ranges, address).is_some());
    let within = |kind: NetworkKind| ranges.narrowest(kind.owner(), address).is_some();
    // Whose subscribers' addresses are not known may be anywhere.
    let asked = login
        .operator
        .as_deref()
        .and_then(|alias| registry.get(alias));
    let is_known = asked.is_some_and(|live| {
        let operator = &live.operator;
        ranges.has(operator.id) || !operator.settings.ip_ranges.is_empty()
    });
    if is_mobile {
        browser.is_desktop().then_some(Connection::Hotspot)
    } else if within(NetworkKind::Relay) {
        Some(Connection::Relay)
    } else if within(NetworkKind::Vpn) {
        Some(Connection::Vpn)
    } else if is_known {
        Some(Connection::Wifi)
    } else {
        Some(Connection::Unknown)
    }
}

/// What stands for an address on a page: the page can be told that it changed, and tells it nobody.
fn mark(app: &App, login: &Login, address: Option<IpAddr>) -> String {
    let address = address.map(|address| address.to_canonical().to_string());
    let parts = [
        login.id.as_bytes().as_slice(),
        address.as_deref().unwrap_or_default().as_bytes(),
    ];
    crate::secret::b64(&app.vault.ticket("connection", &parts)[..12])
}

/// What the page offers besides another try.
#[derive(Clone, Copy, Default)]
pub struct May {
    /// Another number.
    pub change: bool,
    /// Another operator.
    pub choose: bool,
    /// The phone, at a desktop.
    pub use_phone: bool,
}

/// The page for a phone that no operator saw.
pub async fn page(
    app: &App,
    browser: &Browser,
    frame: Frame,
    login: &Login,
    may: May,
) -> Result<Response, Failure> {
    let registry = app.registry().await?;
    let base = frame.form.as_ref().map(|form| form.base.clone());
    let page = NotMobile {
        may_change: may.change,
        may_choose: may.choose,
        connection: classify(&registry, browser, login),
        to_phone: may.use_phone,
        on_phone: login.phone_hash.is_some(),
        watch: Watch {
            url: format!("{}/network", base.unwrap_or_default()),
            from: mark(app, login, browser.address),
            after: login.legs,
        },
        frame,
    };
    Ok(render(StatusCode::OK, PageClass::Watching, &page))
}

/// How the connection stands, for the script of an ordinary login's page.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    match enter(&app, &browser, &id).await {
        Ok(entry) => tell(&app, &browser, &entry, query.as_deref()).await,
        Err(_) => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

/// The same for the phone of a login that was handed off.
pub async fn on_phone(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    match enter_on_phone(&app, &browser, &id).await {
        Ok(entry) => tell(&app, &browser, &entry, query.as_deref()).await,
        Err(_) => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

/// `go`: the phone is on another network than the page was made on, and it may be an operator's.
/// `here`: the login still waits on that page; another tab may have gone on.
async fn tell(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    query: Option<&str>,
) -> Result<Response, Failure> {
    let login = &entry.login;
    let registry = app.registry().await?;
    let moved = query != Some(&format!("from={}", mark(app, login, browser.address)));
    let may_be_mobile = matches!(
        classify(&registry, browser, login),
        None | Some(Connection::Unknown)
    );
    let here = login.stage == Stage::Problem
        && login.outcome == Some(Outcome::NotOnMobileNetwork)
        && entry.now < login.expires_at;
    let told = json!({ "go": here && moved && may_be_mobile, "here": here });
    Ok(axum::Json(told).into_response())
}
