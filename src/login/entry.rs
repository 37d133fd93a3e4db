//! Who may see a login's pages: the browser that carries its cookie, and nobody else (P8).

use std::sync::Arc;

use axum::response::Response;
use chrono::TimeDelta;
use http::StatusCode;
use uuid::Uuid;

use crate::clock::Time;
use crate::login::view::LostCookie;
use crate::login::{handoff, policy};
use crate::oauth::params::Params;
use crate::secret::{Token, same};
use crate::store::clients::Client;
use crate::store::logins::{self, Login, Stage};
use crate::web::app::App;
use crate::web::brand::Brand;
use crate::web::browser::{Browser, LanguageWish};
use crate::web::csrf;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{self, Ends, Form, Frame, render};
use crate::web::plain::{BadLink, ErrorPage, Problem};

/// A login, opened by its own browser.
pub struct Entry {
    /// The login.
    pub login: Login,
    /// Its client.
    pub client: Arc<Client>,
    /// Its cookie.
    pub cookie: Token,
    /// The request's time.
    pub now: Time,
}

/// Opens a login for a browser, or says in what answer it may not.
///
/// # Errors
/// The answer to give instead.
pub async fn enter(app: &App, browser: &Browser, id: &str) -> Result<Entry, Response> {
    let failed = |failure: Failure| axum::response::IntoResponse::into_response(failure);
    let Ok(id) = Uuid::try_parse(id) else {
        return Err(lost_cookie(app, browser));
    };
    let cookies = browser.cookies(app);
    let cookie = cookies.login(id);
    if cookie.is_none() && cookies.phone(id).is_some() {
        // A phone has pages of its own.
        return Err(handoff::phone::again(id));
    }
    let login = logins::find(app.db.relaxed_steps(), &app.vault, id)
        .await
        .map_err(|error| failed(error.into()))?;
    let Some(login) = login else {
        return Err(lost_cookie(app, browser));
    };
    match cookie.filter(|cookie| same(&login.cookie_hash, &cookie.hash())) {
        Some(cookie) => with_client(app, browser, login, cookie).await,
        None => Err(match app.client(&login.client_id).await {
            Ok(Some(client)) => lost_cookie_of(app, browser, &login, &client),
            Ok(None) => lost_cookie(app, browser),
            Err(error) => failed(error.into()),
        }),
    }
}

/// Opens a login for the phone it was moved to.
///
/// # Errors
/// The answer to give instead.
pub async fn enter_on_phone(app: &App, browser: &Browser, id: &str) -> Result<Entry, Response> {
    let failed = |failure: Failure| axum::response::IntoResponse::into_response(failure);
    let cookie = Uuid::try_parse(id)
        .ok()
        .and_then(|id| Some((id, browser.cookies(app).phone(id)?)));
    let Some((id, cookie)) = cookie else {
        return Err(handoff::phone::lost(app, browser));
    };
    let login = logins::find(app.db.relaxed_steps(), &app.vault, id)
        .await
        .map_err(|error| failed(error.into()))?;
    let Some(login) = login.filter(|login| login.is_phones(&cookie)) else {
        return Err(handoff::phone::lost(app, browser));
    };
    with_client(app, browser, login, cookie).await
}

/// Opens a login for the browser that its legs belong to.
///
/// # Errors
/// The answer to give instead.
pub async fn enter_for_leg(app: &App, browser: &Browser, login: &Login) -> Result<Entry, Response> {
    let id = login.id.to_string();
    match login.phone_hash {
        Some(_) => enter_on_phone(app, browser, &id).await,
        None => enter(app, browser, &id).await,
    }
}

async fn with_client(
    app: &App,
    browser: &Browser,
    login: Login,
    cookie: Token,
) -> Result<Entry, Response> {
    let failed = |failure: Failure| axum::response::IntoResponse::into_response(failure);
    let client = app
        .client(&login.client_id)
        .await
        .map_err(|error| failed(error.into()))?;
    let Some(client) = client else {
        let reason = "the app is not registered any more";
        return Err(bad_link(app, browser, reason, Some(login.id)));
    };
    Ok(Entry {
        login,
        client,
        cookie,
        now: app.clock.now(),
    })
}

/// Opens a login for a form that one of its own pages sent. Returns the form with it.
///
/// # Errors
/// The answer to give instead.
pub async fn posted(
    app: &App,
    browser: &Browser,
    id: &str,
    body: &[u8],
) -> Result<(Entry, Params), Response> {
    let entry = enter(app, browser, id).await?;
    let form = entry.accept_form(app, browser, body)?;
    Ok((entry, form))
}

impl Entry {
    /// Whether a form was sent by our own page in this browser; otherwise the answer to give. Returns
    /// the form.
    ///
    /// # Errors
    /// The answer to give instead.
    pub fn accept_form(
        &self,
        app: &App,
        browser: &Browser,
        body: &[u8],
    ) -> Result<Params, Response> {
        let refuse = |problem: Problem| {
            let page = ErrorPage {
                frame: self.frame(app, browser),
                problem,
            };
            Err(render(page.problem.status(), PageClass::Journey, &page))
        };
        let Ok(form) = Params::parse(body, app.config.limits.parameters) else {
            return refuse(Problem::BadRequest);
        };
        let given = form.get("csrf").unwrap_or_default();
        let origin = app.config.issuer.origin();
        if csrf::is_ours(&app.vault, &self.cookie, given, &browser.headers, &origin) {
            Ok(form)
        } else {
            refuse(Problem::StaleForm)
        }
    }

    /// What surrounds this login's pages.
    #[must_use]
    pub fn frame(&self, app: &App, browser: &Browser) -> Frame {
        frame(app, browser, &self.login, &self.client, &self.cookie)
    }
}

/// What surrounds a login's pages.
#[must_use]
pub fn frame(
    app: &App,
    browser: &Browser,
    login: &Login,
    client: &Client,
    cookie: &Token,
) -> Frame {
    let language = browser.language_for(&LanguageWish {
        ui_locales: login.request.ui_locales.as_deref(),
        since: begun(login.id),
        client: client.settings.default_locale.as_deref(),
    });
    // A phone learns of the app what it must know to decide, and has no way to it.
    let on_phone = login.is_phones(cookie);
    let link = |uri: &Option<String>| uri.clone().filter(|_| !on_phone);
    let place = if on_phone { "phone" } else { "login" };
    let base = format!("/{place}/{}", login.id);
    Frame {
        app: Some(page::App {
            name: client.name.clone(),
            domain: login.request.redirect.host(),
        }),
        brand: if on_phone {
            Brand::default()
        } else {
            Brand::of(client)
        },
        in_app: browser
            .is_in_app()
            .then(|| home_of(login, client))
            .flatten(),
        here: Some(base.clone()),
        form: Some(Form {
            base,
            csrf: csrf::token(&app.vault, cookie),
        }),
        reference: Some(reference(login.id)),
        ends: ends(app, login),
        policy: link(&client.settings.policy_uri),
        terms: link(&client.settings.tos_uri),
        ..Frame::branded(&app.config.branding, language)
    }
}

/// When the login ends, if it does not end by what its person does next.
fn ends(app: &App, login: &Login) -> Option<Ends> {
    let now = app.clock.now();
    let left = login.expires_at - now;
    let is_open = login.stage != Stage::Ended && left > TimeDelta::zero();
    let may_extend = policy::may_extend(login, app.config.login.login, now);
    is_open.then(|| Ends::new(left, may_extend))
}

/// Where the app is at home.
fn home_of(login: &Login, client: &Client) -> Option<String> {
    let front_page = || login.request.redirect.front_page();
    client.settings.client_uri.clone().or_else(front_page)
}

/// When a login was opened, as its id tells.
fn begun(login: Uuid) -> Option<Time> {
    let (seconds, nanos) = login.get_timestamp()?.to_unix();
    Time::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

/// What a person tells support: the last eight digits of the login's id, which audit records carry.
#[must_use]
pub fn reference(login: Uuid) -> String {
    let hex = login.simple().to_string().to_uppercase();
    format!("{}-{}", &hex[24..28], &hex[28..])
}

/// The page for a browser without the cookie of a login that is there: whoever knows a login's id, or a
/// state of it, is most likely its own person in another browser. It learns which app to open again, what
/// to tell support, and nothing else.
#[must_use]
pub fn lost_cookie_of(app: &App, browser: &Browser, login: &Login, client: &Client) -> Response {
    let page = LostCookie {
        frame: Frame {
            reference: Some(reference(login.id)),
            ..plain_frame(app, browser)
        },
        return_url: home_of(login, client),
    };
    render(StatusCode::BAD_REQUEST, PageClass::Journey, &page)
}

/// The page for a browser that names no login we know.
#[must_use]
pub fn lost_cookie(app: &App, browser: &Browser) -> Response {
    let page = LostCookie {
        frame: plain_frame(app, browser),
        return_url: None,
    };
    render(StatusCode::BAD_REQUEST, PageClass::Journey, &page)
}

fn plain_frame(app: &App, browser: &Browser) -> Frame {
    Frame::branded(&app.config.branding, browser.language(None))
}

/// The page for a request without a safe place to return to. `on_record` is the id that a record of it has.
#[must_use]
pub fn bad_link(app: &App, browser: &Browser, reason: &str, on_record: Option<Uuid>) -> Response {
    let page = BadLink {
        frame: Frame {
            reference: on_record.map(reference),
            ..plain_frame(app, browser)
        },
        reason: reason.to_owned(),
    };
    render(StatusCode::BAD_REQUEST, PageClass::Journey, &page)
}
