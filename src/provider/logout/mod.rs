//! `GET`, `POST /logout` (OpenID Connect RP-Initiated Logout 1.0): ends the browser's session. Without
//! asking only if the app's own ID token names this very session; otherwise the person is asked, so
//! that no page can sign anybody out. Back to the app only where it registered to be led.

pub mod backchannel;
mod pages;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;

use crate::audit::event::{Event, Subject};
use crate::oauth::logout::{LogoutRequest, PostLogoutRedirect};
use crate::oauth::params::Params;
use crate::provider::logout::pages::{Confirm, SignedOut};
use crate::secret::Token;
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::logout::{self, Brought, FrontChannel};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::csrf;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{self, Form, Frame, render};
use crate::web::plain::{BadLink, ErrorPage, Problem};

/// Seconds in which apps are told through frames before the browser goes on.
const TIME_FOR_FRAMES: u8 = 3;

/// An app, or the person, wants the session to end.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let wish = match Wish::read(&app, &browser, query.unwrap_or_default().as_bytes()).await? {
        Ok((wish, _)) => wish,
        Err(refusal) => return Ok(refusal),
    };
    match wish.session(&app, &browser).await? {
        None => Ok(wish.done(&app, &browser, &[], false)),
        Some((session, _)) if session.hinted => wish.end(&app, &browser, session, false).await,
        Some((_, cookie)) => Ok(wish.ask(&app, &browser, &cookie)),
    }
}

/// The same by a form. It may come from another site, and then without our cookies: the browser is
/// sent to ask again from here.
pub async fn post(State(app): State<App>, body: Bytes) -> Response {
    let Ok(params) = Params::parse(&body, app.config.limits.parameters) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.pairs() {
        query.append_pair(name, value);
    }
    Redirect::to(&format!("/logout?{}", query.finish())).into_response()
}

/// The person pressed "Sign out" on our page.
pub async fn confirm(
    State(app): State<App>,
    browser: Browser,
    body: Bytes,
) -> Result<Response, Failure> {
    let (wish, form) = match Wish::read(&app, &browser, &body).await? {
        Ok(read) => read,
        Err(refusal) => return Ok(refusal),
    };
    let Some((session, cookie)) = wish.session(&app, &browser).await? else {
        return Ok(wish.done(&app, &browser, &[], true));
    };
    let given = form.get("csrf").unwrap_or_default();
    let origin = app.config.issuer.origin();
    if !csrf::is_ours(&app.vault, &cookie, given, &browser.headers, &origin) {
        let problem = Problem::StaleForm;
        let frame = wish.frame(&app, &browser);
        let page = ErrorPage { frame, problem };
        return Ok(render(problem.status(), PageClass::Logout, &page));
    }
    wish.end(&app, &browser, session, true).await
}

/// What a logout request comes to once its hint was verified.
struct Wish {
    request: LogoutRequest,
    /// The client whose ID token came along, with the `sid` in it.
    hint: Option<(Arc<Client>, Option<String>)>,
    back: Option<PostLogoutRedirect>,
}

impl Wish {
    async fn read(
        app: &App,
        browser: &Browser,
        encoded: &[u8],
    ) -> Result<Result<(Self, Params), Response>, Failure> {
        let read = Params::parse(encoded, app.config.limits.parameters)
            .map_err(|refused| refused.to_string())
            .and_then(|params| Ok((LogoutRequest::read(&params)?, params)));
        let (request, params) = match read {
            Ok(read) => read,
            Err(reason) => {
                let frame = Frame::branded(&app.config.branding, browser.language(None));
                let page = BadLink { frame, reason };
                let refusal = render(StatusCode::BAD_REQUEST, PageClass::Logout, &page);
                return Ok(Err(refusal));
            }
        };
        let hint = hinted(app, &request).await?;
        let back = hint.as_ref().and_then(|(client, _)| {
            PostLogoutRedirect::matching(
                &client.settings.post_logout_redirect_uris,
                request.post_logout_redirect_uri.as_deref()?,
                request.state.as_deref(),
            )
        });
        let wish = Self {
            request,
            hint,
            back,
        };
        Ok(Ok((wish, params)))
    }

    async fn session(
        &self,
        app: &App,
        browser: &Browser,
    ) -> Result<Option<(Brought, Token)>, Failure> {
        let Some(cookie) = browser.cookies(app).session() else {
            return Ok(None);
        };
        let (client, sid) = match &self.hint {
            Some((client, sid)) => (Some(client.client_id.as_str()), sid.as_deref()),
            None => (None, None),
        };
        let lane = app.db.relaxed_steps();
        let found =
            logout::find_session(lane, &cookie.hash(), client, sid, app.clock.now()).await?;
        Ok(found.map(|session| (session, cookie)))
    }

    fn frame(&self, app: &App, browser: &Browser) -> Frame {
        let language = browser.language(self.request.ui_locales.as_deref());
        Frame {
            app: self.hint.as_ref().map(|(client, _)| page::App {
                name: client.name.clone(),
                domain: self
                    .back
                    .as_ref()
                    .and_then(PostLogoutRedirect::host)
                    .unwrap_or_else(|| client.sector.clone()),
            }),
            ..Frame::branded(&app.config.branding, language)
        }
    }

    fn ask(&self, app: &App, browser: &Browser, cookie: &Token) -> Response {
        let page = Confirm {
            frame: Frame {
                form: Some(Form {
                    base: "/logout".to_owned(),
                    csrf: csrf::token(&app.vault, cookie),
                }),
                ..self.frame(app, browser)
            },
            fields: self.request.fields(),
            stay: self
                .back
                .as_ref()
                .map_or_else(|| "/".to_owned(), |back| back.url().to_owned()),
        };
        render(StatusCode::OK, PageClass::Logout, &page)
    }

    async fn end(
        &self,
        app: &App,
        browser: &Browser,
        session: Brought,
        asked: bool,
    ) -> Result<Response, Failure> {
        let now = app.clock.now();
        let subject = Subject {
            client_id: self
                .hint
                .as_ref()
                .map(|(client, _)| client.client_id.clone()),
            ..Subject::default()
        };
        let event = Event::Logout {
            session: session.id,
            asked,
        };
        let record = browser.recorder(app, now).record(subject, &event);
        let browser_hash = browser.cookies(app).browser().map(|cookie| cookie.hash());
        let told = logout::end_session(
            app.db.durable_steps(),
            session.id,
            browser_hash.as_deref(),
            now,
            Appended::new([record]),
        )
        .await?;
        tokio::spawn(backchannel::deliver_now(app.clone()));
        Ok(self.done(app, browser, &told, asked))
    }

    /// The session is over: back to the app if it may be led there, else a page that says so. Apps that
    /// want to be told through the browser are told by frames on a page that then goes on. The answer to
    /// a form is a page too: browsers apply `form-action` to every hop after it.
    fn done(
        &self,
        app: &App,
        browser: &Browser,
        told: &[FrontChannel],
        after_form: bool,
    ) -> Response {
        let mut response = match &self.back {
            Some(back) if told.is_empty() && !after_form => {
                Redirect::to(back.url()).into_response()
            }
            back => {
                let page = SignedOut {
                    frame: self.frame(app, browser),
                    frames: told.iter().map(|to| frame_of(app, to)).collect(),
                    wait: if told.is_empty() { 0 } else { TIME_FOR_FRAMES },
                    back: back.as_ref().map(|back| back.url().to_owned()),
                };
                render(StatusCode::OK, PageClass::Logout, &page)
            }
        };
        let clear = app.cookies.clear(app.cookies.session());
        response
            .headers_mut()
            .append(http::header::SET_COOKIE, clear);
        response
    }
}

/// Front-Channel Logout 1.0 section 2: `iss` and `sid` always come together.
fn frame_of(app: &App, to: &FrontChannel) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("iss", app.config.issuer.as_str());
    query.append_pair("sid", &to.sid);
    let join = if to.uri.contains('?') { '&' } else { '?' };
    format!("{}{join}{}", to.uri, query.finish())
}

/// The client and session an `id_token_hint` names, if it is ours, expired or not. A `client_id` beside
/// it must be that client's.
async fn hinted(
    app: &App,
    request: &LogoutRequest,
) -> Result<Option<(Arc<Client>, Option<String>)>, Failure> {
    let Some(token) = &request.id_token_hint else {
        return Ok(None);
    };
    let issuer = app.config.issuer.as_str();
    let Ok(claims) = app.keyring.current().verify(issuer, token) else {
        return Ok(None);
    };
    let Some(client_id) = claims.get("aud").and_then(|aud| aud.as_str()) else {
        return Ok(None);
    };
    if request
        .client_id
        .as_deref()
        .is_some_and(|id| id != client_id)
    {
        return Ok(None);
    }
    let sid = claims.get("sid").and_then(|sid| sid.as_str());
    let client = app.client(client_id).await?;
    Ok(client.map(|client| (client, sid.map(str::to_owned))))
}
