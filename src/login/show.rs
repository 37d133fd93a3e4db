//! `GET /login/{id}`: the page of a login as it stands. Changes nothing, so reload and the back
//! button are harmless.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use uuid::Uuid;

use crate::clock::Time;
use crate::login::entry::{Entry, enter, frame};
use crate::login::view;
use crate::login::{answer, choose, handoff, network, policy};
use crate::phone::{NotANumber, PhoneNumber};
use crate::secret::Token;
use crate::store::clients::Client;
use crate::store::logins::{self, Login, NumberSource, Stage};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};

/// How long to wait when a number was checked too often, seconds. Not when the next check is free:
/// that would tell when others tried.
const WAIT_FOR_NUMBER: u64 = 600;

/// The page.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let mut entry = match enter(&app, &browser, &id).await {
        Ok(entry) => entry,
        Err(answer) => return Ok(answer),
    };
    // What a phone is asked may take a while: the desktop has a page for that.
    if entry.login.stage == Stage::Checking && entry.login.handoff_id.is_none() {
        entry.login = settled(&app, entry.login).await?;
    }
    of(&app, &browser, &entry).await
}

/// Waits while an operator is being called for a login, so that a reload, or the same callback once
/// more, gets what came of it.
pub async fn settled(app: &App, mut login: Login) -> Result<Login, Failure> {
    for _ in 0..100 {
        if login.stage != Stage::Checking {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        login = match logins::find(app.db.relaxed_steps(), &app.vault, login.id).await? {
            Some(login) => login,
            None => break,
        };
    }
    Ok(login)
}

/// The page of an opened login.
pub async fn of(app: &App, browser: &Browser, entry: &Entry) -> Result<Response, Failure> {
    if entry.login.is_phones(&entry.cookie) {
        return handoff::phone::shown(app, browser, entry).await;
    }
    let over = entry.login.stage != Stage::Ended && entry.now >= entry.login.expires_at;
    if over {
        return Ok(expired(app, browser, entry));
    }
    page(app, browser, &entry.login, &entry.client, &entry.cookie).await
}

/// Sends the browser to the login's page: for steps that came too late.
pub fn again(login: Uuid) -> Response {
    (
        StatusCode::SEE_OTHER,
        [
            (LOCATION, format!("/login/{login}")),
            (CACHE_CONTROL, "no-store".to_owned()),
        ],
    )
        .into_response()
}

fn expired(app: &App, browser: &Browser, entry: &Entry) -> Response {
    let told = answer::of_outcome(Outcome::Expired);
    let page = view::Expired {
        frame: entry.frame(app, browser),
        return_url: Some(answer::link(app, &entry.login, &told)),
    };
    render(StatusCode::GONE, PageClass::Journey, &page)
}

/// The page that asks to wait.
pub fn too_many(frame: Frame, wait_s: u64, why: view::TooMany) -> Response {
    let page = view::TooManyTries { frame, wait_s, why };
    let mut response = render(StatusCode::TOO_MANY_REQUESTS, PageClass::Watching, &page);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(wait_s));
    response
}

/// Whole seconds from now on, rounded up.
pub fn seconds_until(at: Time, now: Time) -> u64 {
    let wait = at.signed_duration_since(now).to_std().unwrap_or_default();
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The operator does not answer, or wants no more for now. If it said when it will, page and header say so;
/// the page is none of RFC 9110's 503, because we are well.
pub async fn operator_down(app: &App, frame: Frame, login: &Login) -> Result<Response, Failure> {
    // What it told this login, or what it told another since.
    let told = login
        .retry_at
        .map_or(0, |at| seconds_until(at, app.clock.now()));
    let left_alone = wait(app, login).await?.unwrap_or(0);
    let wait = Some(told.max(left_alone)).filter(|seconds| *seconds > 0);
    let page = view::OperatorDown {
        operator_name: operator_name(app, &frame, login).await?,
        frame,
        retry_after_s: wait,
        is_busy: login.outcome == Some(Outcome::OperatorRateLimited),
        on_phone: login.phone_hash.is_some(),
    };
    let mut response = render(StatusCode::OK, PageClass::Watching, &page);
    if let Some(seconds) = wait {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// The page for where a login stands.
pub async fn page(
    app: &App,
    browser: &Browser,
    login: &Login,
    client: &Client,
    cookie: &Token,
) -> Result<Response, Failure> {
    let frame = frame(app, browser, login, client, cookie);
    if login.is_phones(cookie) {
        return handoff::phone::page(app, browser, frame, login, client).await;
    }
    framed(app, browser, login, client, frame).await
}

/// The same in a frame that says more, for a browser that is no phone's.
pub async fn framed(
    app: &App,
    browser: &Browser,
    login: &Login,
    client: &Client,
    frame: Frame,
) -> Result<Response, Failure> {
    if let Some(handoff) = login.handoff_id
        && let Some(page) = handoff::desktop::page(app, &frame, login, handoff, false).await?
    {
        return Ok(page);
    }
    let to_phone = handoff::is_offered(browser, client, &login.request);
    let number = login.number(&app.vault)?;
    let may_change = policy::may_change_number(client, login.number_source);
    Ok(match login.stage {
        Stage::Open | Stage::Away => {
            missing(app, browser, login, client, frame, number, may_change).await?
        }
        Stage::Checking => ok(&view::Checking {
            url: format!("/login/{}", login.id),
            operator_name: operator_name(app, &frame, login).await?,
            frame,
        }),
        Stage::Confirm => {
            let held = login.held(&app.vault)?;
            let number = held.and_then(|held| PhoneNumber::from_e164(&held.number).ok());
            ok(&view::Share {
                frame,
                number_masked: number.map(|n| n.masked()).unwrap_or_default(),
            })
        }
        Stage::Problem if login.outcome == Some(Outcome::OperatorUnsupportedNumber) => {
            let offered = choose::offered(app, browser, login, client, number.as_ref()).await?;
            if offered.is_empty() {
                ok(&view::Unsupported { frame, may_change })
            } else {
                let why = choose::Why::Declined(operator_name(app, &frame, login).await?);
                choose::page(frame, &offered, number.as_ref(), may_change, why)
            }
        }
        // The leg was closed for what somebody else did with it, or came too late: ask again.
        Stage::Problem if closed_from_elsewhere(login) => {
            missing(app, browser, login, client, frame, number, may_change).await?
        }
        Stage::Problem if login.outcome == Some(Outcome::NotOnMobileNetwork) => {
            let offered = choose::offered(app, browser, login, client, number.as_ref()).await?;
            let may = network::May {
                change: may_change,
                choose: !offered.is_empty(),
                use_phone: to_phone,
            };
            network::page(app, browser, frame, login, may).await?
        }
        Stage::Problem => problem(app, frame, login, number, may_change).await?,
        Stage::Ended => ended(app, frame, login, client).await?,
    })
}

fn ok(page: &impl Template) -> Response {
    render(StatusCode::OK, PageClass::Journey, page)
}

fn closed_from_elsewhere(login: &Login) -> bool {
    matches!(
        login.outcome,
        Some(Outcome::BrowserMismatch | Outcome::Abandoned | Outcome::Expired)
    )
}

/// Asks for what is missing: the operator where only that is, because the person has said to go on.
async fn missing(
    app: &App,
    browser: &Browser,
    login: &Login,
    client: &Client,
    frame: Frame,
    number: Option<PhoneNumber>,
    may_change: bool,
) -> Result<Response, Failure> {
    let to_phone = handoff::is_offered(browser, client, &login.request);
    if number.is_some() && !login.pressed {
        return Ok(ask(frame, number, may_change, to_phone));
    }
    let offered = choose::offered(app, browser, login, client, number.as_ref()).await?;
    Ok(if offered.is_empty() {
        ask(frame, number, may_change, to_phone)
    } else {
        let number = number.as_ref();
        choose::page(frame, &offered, number, may_change, choose::Why::Unknown)
    })
}

/// Asks for what is missing: the go-ahead for a known number, or the number.
fn ask(frame: Frame, number: Option<PhoneNumber>, may_change: bool, to_phone: bool) -> Response {
    match number {
        Some(number) => {
            let class = asking(&frame);
            let page = view::GoAhead {
                frame,
                number_masked: number.masked(),
                may_change,
                to_phone,
            };
            render(StatusCode::OK, class, &page)
        }
        None => number_form(frame, String::new(), None, to_phone),
    }
}

/// The class of a page that asks something: with a script that copies where a browser inside another app
/// is told to go elsewhere.
fn asking(frame: &Frame) -> PageClass {
    match frame.in_app {
        Some(_) => PageClass::Watching,
        None => PageClass::Journey,
    }
}

/// The page that asks for the number, with what was wrong with the last one.
pub fn number_form(
    frame: Frame,
    value: String,
    error: Option<NotANumber>,
    to_phone: bool,
) -> Response {
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let class = asking(&frame);
    let page = view::Number {
        frame,
        value,
        error,
        to_phone,
    };
    render(status, class, &page)
}

/// The operator's name, as a person reads it.
pub async fn operator_name(app: &App, frame: &Frame, login: &Login) -> Result<String, Failure> {
    let Some(alias) = &login.operator else {
        return Ok(frame.language.text("your_operator").to_owned());
    };
    let registry = app.registry().await?;
    let live = registry.get(alias);
    Ok(live.map_or_else(|| alias.clone(), |live| live.operator.name.clone()))
}

/// How long the login's operator is left alone, seconds, if it is.
async fn wait(app: &App, login: &Login) -> Result<Option<u64>, Failure> {
    let Some(alias) = &login.operator else {
        return Ok(None);
    };
    let registry = app.registry().await?;
    let live = registry.get(alias);
    Ok(live.and_then(|live| app.operators.wait(&live.operator, app.clock.now())))
}

/// A leg opened nothing: says what happened and what to do.
async fn problem(
    app: &App,
    frame: Frame,
    login: &Login,
    number: Option<PhoneNumber>,
    may_change: bool,
) -> Result<Response, Failure> {
    let operator_name = operator_name(app, &frame, login).await?;
    let outcome = login.outcome.unwrap_or(Outcome::Expired);
    Ok(match outcome {
        Outcome::Mismatch => {
            let left = (policy::MISMATCHES - login.mismatches).max(0);
            let typed = login.number_source == Some(NumberSource::Person);
            let value = number.as_ref().filter(|_| typed);
            ok(&view::Mismatch {
                frame,
                value: value.map(PhoneNumber::international).unwrap_or_default(),
                number_masked: number.map(|n| n.masked()).unwrap_or_default(),
                may_change,
                tries_left: left.unsigned_abs(),
            })
        }
        Outcome::OperatorUnknown | Outcome::OperatorUnsupportedNumber => {
            ok(&view::Unsupported { frame, may_change })
        }
        Outcome::ConsentDenied | Outcome::ConsentRequired => ok(&view::OperatorConsentDenied {
            frame,
            operator_name,
            refused: outcome == Outcome::ConsentDenied,
        }),
        Outcome::OperatorTimeout | Outcome::OperatorUnavailable | Outcome::OperatorRateLimited => {
            operator_down(app, frame, login).await?
        }
        Outcome::SimSwapped => ok(&view::Refused {
            frame,
            why: view::RefusedWhy::SimSwapped,
        }),
        Outcome::NumberRecycled => ok(&view::Refused {
            frame,
            why: view::RefusedWhy::NumberRecycled,
        }),
        Outcome::CheckUnavailable => ok(&view::Refused {
            frame,
            why: view::RefusedWhy::CheckUnavailable,
        }),
        Outcome::RateLimited => match login.retry_at {
            Some(at) => {
                let why = view::TooMany::Numbers { may_change };
                too_many(frame, seconds_until(at, app.clock.now()).max(1), why)
            }
            None => too_many(frame, WAIT_FOR_NUMBER, view::TooMany::Number),
        },
        _ => ok(&view::OperatorInvalid {
            frame,
            operator_name,
        }),
    })
}

/// The login is over. A code that was not redeemed yet may still be on its way (the phone changed
/// networks while we answered), so its own browser gets it again; otherwise nothing happens twice.
async fn ended(
    app: &App,
    frame: Frame,
    login: &Login,
    client: &Client,
) -> Result<Response, Failure> {
    let now = app.clock.now();
    let redirect = &login.request.redirect;
    if login.outcome == Some(Outcome::Verified) {
        if let Some(code) = login.answer(&app.vault)?
            && logins::has_live_code(app.db.relaxed_steps(), login.id, now).await?
        {
            return answer::leaving(app, frame, client, redirect, &code, view::Why::Confirmed);
        }
        return Ok(ok(&view::AlreadyDone {
            frame,
            return_url: client
                .settings
                .client_uri
                .clone()
                .or_else(|| redirect.front_page()),
        }));
    }
    // An error may be told twice: it opens nothing.
    let told = login.answer(&app.vault)?;
    let told =
        told.unwrap_or_else(|| answer::of_outcome(login.outcome.unwrap_or(Outcome::Expired)));
    let url = answer::link(app, login, &told);
    Ok(match login.outcome {
        Some(Outcome::Expired | Outcome::Abandoned) => render(
            StatusCode::GONE,
            PageClass::Journey,
            &view::Expired {
                frame,
                return_url: Some(url),
            },
        ),
        _ => ok(&view::AlreadyDone {
            frame,
            return_url: Some(url),
        }),
    })
}
