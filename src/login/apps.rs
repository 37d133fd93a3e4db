//! `GET /apps`: the apps this browser remembers, for its person to see; `POST /apps`: withdraws one of
//! them, or all. Whoever lacks the browser's cookie sees an empty page.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use url::Url;

use crate::audit::event::{Event, Subject};
use crate::oauth::params::Params;
use crate::secret::Token;
use crate::store::audit::Appended;
use crate::store::go_aheads::{self, Remembered};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::csrf;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{self, Form, Frame, render};
use crate::web::plain::{ErrorPage, Problem};

const PATH: &str = "/apps";
/// In `client`, for all of them: no `client_id` may hold a space.
const ALL: &str = "every app";

/// One app on the page.
struct Shown {
    app: page::App,
    client_id: String,
    number: bool,
    since: String,
    until: String,
}

#[derive(Template)]
#[template(path = "login/apps.html")]
struct Apps {
    frame: Frame,
    apps: Vec<Shown>,
    withdrawn: bool,
}

impl Apps {
    fn all(&self) -> &'static str {
        ALL
    }
}

/// The page.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let cookie = browser.cookies(&app).browser();
    let remembered = match &cookie {
        Some(cookie) => of(&app, cookie).await?,
        None => Vec::new(),
    };
    let frame = frame(&app, &browser, cookie.as_ref());
    let show = |one: Remembered| Shown {
        app: page::App {
            domain: domain(&one.redirect_uri),
            name: one.name,
        },
        client_id: one.client_id,
        number: one.number,
        since: frame.language.date(one.given_at),
        until: frame.language.date(one.expires_at),
    };
    let apps = remembered.into_iter().map(show).collect();
    let page = Apps {
        apps,
        withdrawn: query.as_deref() == Some("withdrawn"),
        frame,
    };
    Ok(render(StatusCode::OK, PageClass::Journey, &page))
}

/// Withdraws.
pub async fn post(
    State(app): State<App>,
    browser: Browser,
    body: Bytes,
) -> Result<Response, Failure> {
    let cookie = browser.cookies(&app).browser();
    let form = Params::parse(&body, app.config.limits.parameters);
    let origin = app.config.issuer.origin();
    let (Some(cookie), Ok(form)) = (cookie, form) else {
        return Ok(stale(&app, &browser));
    };
    let given = form.get("csrf").unwrap_or_default();
    if !csrf::is_ours(&app.vault, &cookie, given, &browser.headers, &origin) {
        return Ok(stale(&app, &browser));
    }
    let wanted = form.get("client").unwrap_or_default();
    let mut withdrawn = false;
    for one in of(&app, &cookie).await? {
        if wanted == ALL || wanted == one.client_id {
            withdrawn |= withdraw(&app, &browser, &cookie, &one.client_id).await?;
        }
    }
    let back = if withdrawn { "/apps?withdrawn" } else { PATH };
    let headers = [(LOCATION, back), (CACHE_CONTROL, "no-store")];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

async fn of(app: &App, cookie: &Token) -> Result<Vec<Remembered>, Failure> {
    let lane = app.db.relaxed_steps();
    Ok(go_aheads::of_browser(lane, &cookie.hash(), app.clock.now()).await?)
}

async fn withdraw(
    app: &App,
    browser: &Browser,
    cookie: &Token,
    client_id: &str,
) -> Result<bool, Failure> {
    let subject = Subject {
        client_id: Some(client_id.to_owned()),
        ..Subject::default()
    };
    let recorder = browser.recorder(app, app.clock.now());
    let record = recorder.record(subject, &Event::GoAheadWithdrawn {});
    // What the person was told is gone is gone: this waits for disk.
    let lane = app.db.durable_steps();
    let records = Appended::new([record]);
    Ok(go_aheads::withdraw(lane, &cookie.hash(), client_id, records).await?)
}

fn stale(app: &App, browser: &Browser) -> Response {
    let page = ErrorPage {
        frame: Frame {
            form: Some(Form {
                base: PATH.to_owned(),
                csrf: String::new(),
            }),
            ..frame(app, browser, None)
        },
        problem: Problem::StaleForm,
    };
    render(page.problem.status(), PageClass::Journey, &page)
}

fn frame(app: &App, browser: &Browser, cookie: Option<&Token>) -> Frame {
    Frame {
        here: Some(PATH.to_owned()),
        form: cookie.map(|cookie| Form {
            base: PATH.to_owned(),
            csrf: csrf::token(&app.vault, cookie),
        }),
        ..Frame::branded(&app.config.branding, browser.language(None))
    }
}

/// The host of a registered redirect URI; the scheme of an app that has one of its own.
fn domain(redirect_uri: &str) -> String {
    let url = Url::parse(redirect_uri).ok();
    let host = url.as_ref().and_then(Url::host_str);
    let scheme = || url.as_ref().map_or("", Url::scheme);
    host.unwrap_or_else(scheme).to_owned()
}
