//! `GET /authorize`, `POST /authorize` (OIDC Core section 3.1.2): the client and its redirect URI
//! first, then everything else; a valid request opens a login, and asks or departs at once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::audit::record::Record;
use crate::clock::Time;
use crate::login::entry::bad_link;
use crate::login::opening::{cookie_lifetime, depart_at_once, new_login, open, started};
use crate::login::session::{self, Live, Seen};
use crate::login::step::Step;
use crate::login::view::{self, Links};
use crate::login::{answer, handoff, show, silent};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::redirect::{Answer, VerifiedRedirect};
use crate::oauth::request::{self, AuthorizeError, AuthorizeRequest};
use crate::secret::{Handle, Token, new_id, same};
use crate::store::clients::Client;
use crate::store::logins::{self, Login, Stage};

use crate::store::pushed::Bringing;
use crate::store::sessions::{self, Known};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::authorization::{self, URN, Unpacked};
use crate::web::brand::Brand;
use crate::web::browser::{Browser, LanguageWish};
use crate::web::failure::Failure;
use crate::web::limits::TooMany;
use crate::web::page::{self, Frame};

/// Longest request that is read, bytes.
const LONGEST: usize = 16 * 1024;

/// A request in the query.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.unwrap_or_default();
    if query.len() > LONGEST {
        return Ok(bad_link(&app, &browser, "the request is too long", None));
    }
    let params = match Params::parse(query.as_bytes(), app.config.limits.parameters) {
        Ok(params) => params,
        Err(refused) => return Ok(bad_link(&app, &browser, &refused.to_string(), None)),
    };
    let now = app.clock.now();
    // Whoever asks too often is told so whatever is asked about, and opens nothing.
    let in_time = app.throttles.login_from(browser.address);
    let login = in_time.is_ok().then(|| new_id(now));
    match ask(&app, &browser, params, login, now).await? {
        Asked::Nobody(reason) => Ok(bad_link(&app, &browser, &reason, None)),
        Asked::Misled(client, error) => {
            if let Some(id) = login {
                record_misled(&app, &browser, &client, &error, id).await?;
            }
            Ok(bad_link(&app, &browser, &error.to_string(), login))
        }
        Asked::Before(login) => before(&app, &browser, login).await,
        Asked::Refused(client, redirect, error) if in_time.is_err() => {
            answer::at_once(&app, &browser, &client, &redirect, &Answer::from(&error))
        }
        Asked::Refused(client, redirect, error) => {
            refuse(&app, &browser, &client, &redirect, &error).await
        }
        Asked::Login(client, request, known) => match (in_time, login) {
            (Ok(()), Some(id)) => start(&app, &browser, &client, id, *request, known, now).await,
            (in_time, _) => {
                let wait = in_time.err().unwrap_or(TooMany(1));
                too_many(&app, &browser, &client, &request, &query, wait)
            }
        },
    }
}

/// A request in a form. It comes from the app's site, so the browser keeps our `Lax` cookies back;
/// the GET that follows brings them.
pub async fn post(body: Bytes) -> Response {
    match std::str::from_utf8(&body) {
        // What a header may hold: browsers encode everything else.
        Ok(form) if form.len() <= LONGEST && form.bytes().all(|b| matches!(b, b' '..=b'~')) => {
            Redirect::to(&format!("/authorize?{form}")).into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// What a request comes to.
enum Asked {
    /// It cannot be answered safely: what to put on a page.
    Nobody(String),
    /// The same, for an app that is registered.
    Misled(Arc<Client>, OAuthError),
    /// A pushed request that has opened this login before.
    Before(Uuid),
    /// The app is told what is wrong.
    Refused(Arc<Client>, VerifiedRedirect, OAuthError),
    /// It is valid. What is known of the browser was looked up with a pushed request.
    Login(Arc<Client>, Box<AuthorizeRequest>, Option<Known>),
}

/// Reads a request: its client, then what was pushed or signed, then the checks. `login` is what a
/// pushed request will have opened; without it nothing is used up.
async fn ask(
    app: &App,
    browser: &Browser,
    params: Params,
    login: Option<Uuid>,
    now: Time,
) -> Result<Asked, Failure> {
    let client_id = match request::client_id(&params) {
        Ok(client_id) => client_id,
        Err(AuthorizeError::Page(error) | AuthorizeError::Redirect(_, error)) => {
            return Ok(Asked::Nobody(error.to_string()));
        }
    };
    let Some(client) = app.client(client_id).await? else {
        return Ok(Asked::Nobody("client_id is not registered here".to_owned()));
    };
    let reference = params
        .get("request_uri")
        .and_then(|uri| uri.strip_prefix(URN));
    let pushed = reference.is_some();
    let mut known = None;
    let unpacked = match reference {
        // Only client_id and request_uri count (RFC 9126 section 4).
        Some(reference) => match bring(app, browser, &client, reference, login, now).await? {
            Brought::Request(unpacked, looked_up) => {
                known = Some(*looked_up);
                Ok(unpacked)
            }
            Brought::Before(login) => return Ok(Asked::Before(login)),
            Brought::Unknown => return Ok(Asked::Misled(client, no_such_request())),
        },
        None if client.must_push() && params.get("request_uri").is_none() => {
            request::way_back(&params, &client.registered()).and_then(|redirect| {
                let reason = "this client must push its requests, and send request_uri here";
                Err(AuthorizeError::Redirect(
                    redirect,
                    OAuthError::invalid_request(reason),
                ))
            })
        }
        None => authorization::unpack(app, &client, params, now).await,
    };
    let checked = unpacked.and_then(|unpacked| authorization::check(&unpacked, &client));
    Ok(match checked {
        Ok(request) => Asked::Login(
            client,
            Box::new(AuthorizeRequest { pushed, ..request }),
            known,
        ),
        Err(AuthorizeError::Page(error)) => Asked::Misled(client, error),
        Err(AuthorizeError::Redirect(redirect, error)) => Asked::Refused(client, redirect, error),
    })
}

/// What a `request_uri` brings.
enum Brought {
    /// The pushed request, and what is known of the browser.
    Request(Unpacked, Box<Known>),
    /// It has opened this login before.
    Before(Uuid),
    /// Nothing: unknown, expired or another client's.
    Unknown,
}

fn no_such_request() -> OAuthError {
    let reason = "the pushed request is unknown, used, expired, or another app's";
    OAuthError::new(ErrorCode::InvalidRequestUri, reason)
}

async fn bring(
    app: &App,
    browser: &Browser,
    client: &Client,
    reference: &str,
    login: Option<Uuid>,
    now: Time,
) -> Result<Brought, Failure> {
    let Some(handle) = Handle::parse(reference) else {
        return Ok(Brought::Unknown);
    };
    let mut known = sessions::look_up(
        app.db.relaxed_steps(),
        &session::carried(app, browser),
        &client.client_id,
        &[],
        Some(&Bringing {
            handle: &handle,
            login,
        }),
        now,
    )
    .await?;
    Ok(match known.pushed.take() {
        None => Brought::Unknown,
        Some(pushed) => match pushed.login {
            Some(before) if Some(before) != login => Brought::Before(before),
            _ => Brought::Request(
                authorization::open(&app.vault, &handle.id, &pushed.sealed)?,
                Box::new(known),
            ),
        },
    })
}

/// A pushed request comes again. Its own browser goes on with the login it opened (a reload, a second
/// press of the app's button); once that is over, and for everybody else, it is used.
async fn before(app: &App, browser: &Browser, login: Uuid) -> Result<Response, Failure> {
    if let Some(cookie) = browser.cookies(app).login(login)
        && let Some(found) = logins::find(app.db.relaxed_steps(), &app.vault, login).await?
        && same(&found.cookie_hash, &cookie.hash())
        && found.stage != Stage::Ended
    {
        return Ok(show::again(login));
    }
    let reason = no_such_request().to_string();
    Ok(bad_link(app, browser, &reason, Some(login)))
}

/// This address has started too many logins: nothing is opened, and nothing is recorded.
fn too_many(
    app: &App,
    browser: &Browser,
    client: &Client,
    request: &AuthorizeRequest,
    query: &str,
    TooMany(wait): TooMany,
) -> Result<Response, Failure> {
    let redirect = &request.redirect;
    let told = answer::of_outcome(Outcome::RateLimited);
    let back = match answer::url(app, redirect, &told) {
        Some(back) if !request.prompt.is_silent() => back,
        _ => return answer::at_once(app, browser, client, redirect, &told),
    };
    let language = browser.language_for(&LanguageWish {
        ui_locales: request.ui_locales.as_deref(),
        client: client.settings.default_locale.as_deref(),
        ..LanguageWish::default()
    });
    let frame = Frame {
        app: Some(page::App {
            name: client.name.clone(),
            domain: redirect.host(),
        }),
        brand: Brand::of(client),
        policy: client.settings.policy_uri.clone(),
        terms: client.settings.tos_uri.clone(),
        ..Frame::branded(&app.config.branding, language)
    };
    let links = Links {
        again: format!("/authorize?{query}"),
        back,
    };
    Ok(show::too_many(frame, wait, view::TooMany::Network(links)))
}

/// Records that a browser brought a request of an app's that leads nowhere: a mistake in its settings, or
/// somebody's attempt to have people led elsewhere. No login is opened; the id that it would have had is the
/// reference on the person's page.
async fn record_misled(
    app: &App,
    browser: &Browser,
    client: &Client,
    error: &OAuthError,
    id: Uuid,
) -> Result<(), Failure> {
    let subject = Subject {
        login_id: Some(id),
        client_id: Some(client.client_id.clone()),
        ..Subject::default()
    };
    let event = Event::LoginError {
        error: None,
        reason: Some(error.to_string()),
    };
    let recorder = browser.recorder(app, app.clock.now());
    let record = recorder.record(subject, &event);
    crate::store::audit::append_alone(&app.db, app.db.relaxed(), [record]).await?;
    Ok(())
}

/// Tells the app what is wrong with its request, or that it goes no further without a page.
pub async fn refuse(
    app: &App,
    browser: &Browser,
    client: &Client,
    redirect: &VerifiedRedirect,
    error: &OAuthError,
) -> Result<Response, Failure> {
    let now = app.clock.now();
    let subject = Subject {
        client_id: Some(client.client_id.clone()),
        ..Subject::default()
    };
    let event = Event::LoginError {
        error: Some(error.code.as_str().to_owned()),
        reason: Some(error.description.clone()),
    };
    let record = browser.recorder(app, now).record(subject, &event);
    crate::store::audit::append_alone(&app.db, app.db.relaxed(), [record]).await?;
    answer::at_once(app, browser, client, redirect, &Answer::from(error))
}

async fn start(
    app: &App,
    browser: &Browser,
    client: &Client,
    id: Uuid,
    request: AuthorizeRequest,
    known: Option<Known>,
    now: Time,
) -> Result<Response, Failure> {
    let redirect = request.redirect.clone();
    let request = match session::with_hinted_subject(app, client, request) {
        Ok(request) => request,
        Err(error) => return refuse(app, browser, client, &redirect, &error).await,
    };
    let seen = session::look(app, browser, client, &request, known, now).await?;
    let cookie = Token::random();
    let login = new_login(app, client, id, &cookie, request.clone(), &seen, now);
    let started = started(app, browser, &login, now);
    match (seen.step(client, &request), seen.sufficient()) {
        (Step::Answer, Some(live)) => {
            let answered =
                session::answer_at_once(app, browser, client, &login, live, started.clone());
            if let Some(released) = answered.await? {
                return released.redirect(app, browser, client);
            }
        }
        (step, _) => return take(app, browser, client, &cookie, &seen, login, step, started).await,
    }
    // The session ended in this very moment: the request is one of a browser without.
    let seen = seen.without_session();
    let step = seen.step(client, &request);
    let login = new_login(app, client, id, &cookie, request, &seen, now);
    take(app, browser, client, &cookie, &seen, login, step, started).await
}

/// Takes a step that the session does not answer.
#[expect(
    clippy::too_many_arguments,
    reason = "everything the one request knows"
)]
async fn take(
    app: &App,
    browser: &Browser,
    client: &Client,
    cookie: &Token,
    seen: &Seen,
    login: Login,
    step: Step,
    started: Record,
) -> Result<Response, Failure> {
    let number = seen.number.as_ref().map(|(number, _)| number);
    let now = login.opened_at;
    let step = match step {
        // No operator sees a desktop: there a page comes first, which offers the phone.
        Step::Depart if handoff::is_offered(browser, client, &login.request) => match number {
            Some(_) => Step::Ask,
            None => Step::AskNumber,
        },
        step => step,
    };
    let mut response = match step {
        Step::Refuse(code) => {
            let error = OAuthError::new(code, reason(code));
            let redirect = &login.request.redirect;
            return refuse(app, browser, client, redirect, &error).await;
        }
        Step::CheckSilently => {
            let mut response =
                silent::check(app, browser, client, cookie, &login, number, started).await?;
            seen.set_visit(app, &mut response);
            return Ok(response);
        }
        Step::Ask => {
            let session_id = seen.sufficient().map(Live::id);
            let login = Login {
                session_id,
                ..login
            };
            open(app, &login, now, started).await?;
            show::page(app, browser, &login, client, cookie).await?
        }
        Step::AskNumber => {
            let login = Login {
                sealed: None,
                number_source: None,
                ..login
            };
            open(app, &login, now, started).await?;
            show::page(app, browser, &login, client, cookie).await?
        }
        Step::Answer | Step::Depart => {
            depart_at_once(app, browser, client, cookie, &login, number, started, now).await?
        }
    };
    let kept = cookie_lifetime(app);
    let set = app.cookies.set(&app.cookies.login(login.id), cookie, kept);
    response.headers_mut().append(SET_COOKIE, set);
    seen.set_visit(app, &mut response);
    let most = usize::try_from(app.config.limits.open_logins_per_browser).unwrap_or(usize::MAX);
    for name in browser.cookies(app).surplus_logins(most) {
        let clear = app.cookies.clear(name);
        response.headers_mut().append(SET_COOKIE, clear);
    }
    Ok(response)
}

/// Why a request goes no further without a page, for the app's developer.
fn reason(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::ConsentRequired => "the person has not agreed to this release yet",
        _ => "nobody is signed in here as the request wants it",
    }
}
