//! `/phone/{id}`: what the phone shows once it has claimed a login. Everything here needs the phone's own
//! cookie, and no page leads to the app: the finish is the desktop's.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use std::sync::Arc;
use uuid::Uuid;

use crate::login::entry::{Entry, enter_on_phone};
use crate::login::handoff::stop;
use crate::login::handoff::view::{End, Gone, GonePage, PhoneEnd, PhoneStep, ShowDigits};
use crate::login::{choose, go_on as again_with, network, policy, show};
use crate::oauth::params::Params;
use crate::phone::PhoneNumber;
use crate::secret::Token;
use crate::store::clients::Client;
use crate::store::handoffs::{self, HandoffStage};
use crate::store::logins::{Login, Stage};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};

/// Sends the phone to its page.
pub fn again(login: Uuid) -> Response {
    (
        StatusCode::SEE_OTHER,
        [
            (LOCATION, format!("/phone/{login}")),
            (CACHE_CONTROL, "no-store".to_owned()),
        ],
    )
        .into_response()
}

/// The page for a browser that is no phone of this login, or not any more. It learns nothing.
pub fn lost(app: &App, browser: &Browser) -> Response {
    let frame = Frame::branded(&app.config.branding, browser.language(None));
    let why = Gone::Expired;
    render(
        StatusCode::GONE,
        PageClass::Journey,
        &GonePage { frame, why },
    )
}

/// The phone's page as its login stands.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let mut entry = match enter_on_phone(&app, &browser, &id).await {
        Ok(entry) => entry,
        Err(answer) => return Ok(answer),
    };
    if entry.login.stage == Stage::Checking {
        entry.login = show::settled(&app, entry.login).await?;
    }
    shown(&app, &browser, &entry).await
}

/// The page of an opened login.
pub async fn shown(app: &App, browser: &Browser, entry: &Entry) -> Result<Response, Failure> {
    let frame = entry.frame(app, browser);
    if entry.login.stage != Stage::Ended && entry.now >= entry.login.expires_at {
        return Ok(ended(frame, End::Over));
    }
    page(app, browser, frame, &entry.login, &entry.client).await
}

fn ended(frame: Frame, end: End) -> Response {
    // Only what was stopped can be reported; the rest needs no form.
    let frame = Frame {
        form: frame.form.filter(|_| end == End::Stopped),
        ..frame
    };
    let page = PhoneEnd { frame, end };
    render(StatusCode::OK, PageClass::Journey, &page)
}

/// The phone's page for where its login stands.
pub async fn page(
    app: &App,
    browser: &Browser,
    frame: Frame,
    login: &Login,
    client: &Client,
) -> Result<Response, Failure> {
    let number = login.number(&app.vault)?;
    let step = |frame, texts, operator_name, may_try, is_problem| {
        let page = PhoneStep {
            frame,
            texts,
            operator_name,
            number_masked: number.as_ref().map(PhoneNumber::masked).unwrap_or_default(),
            may_try,
            is_problem,
        };
        render(StatusCode::OK, PageClass::Journey, &page)
    };
    let ready = ("handoff_ready_title", "handoff_ready_lead");
    Ok(match login.stage {
        Stage::Open => {
            let offered = choose::offered(app, browser, login, client, number.as_ref()).await?;
            if offered.is_empty() {
                step(frame, ready, String::new(), true, false)
            } else {
                let why = choose::Why::Unknown;
                choose::page(frame, &offered, number.as_ref(), false, why)
            }
        }
        Stage::Away | Stage::Checking => step(frame, ready, String::new(), true, false),
        Stage::Confirm => digits(app, frame, login).await?,
        Stage::Ended => ended(
            frame,
            match login.outcome {
                Some(Outcome::Verified) => End::Done,
                Some(Outcome::HandoffStopped) => End::Stopped,
                _ => End::Over,
            },
        ),
        Stage::Problem => {
            let outcome = login.outcome.unwrap_or(Outcome::Expired);
            if outcome == Outcome::NotOnMobileNetwork {
                let offered = choose::offered(app, browser, login, client, number.as_ref()).await?;
                let may = network::May {
                    choose: !offered.is_empty(),
                    ..network::May::default()
                };
                return network::page(app, browser, frame, login, may).await;
            }
            if outcome == Outcome::OperatorUnsupportedNumber {
                let offered = choose::offered(app, browser, login, client, number.as_ref()).await?;
                if !offered.is_empty() {
                    let name = show::operator_name(app, &frame, login).await?;
                    let why = choose::Why::Declined(name);
                    return Ok(choose::page(frame, &offered, number.as_ref(), false, why));
                }
            }
            if matches!(
                outcome,
                Outcome::OperatorTimeout
                    | Outcome::OperatorUnavailable
                    | Outcome::OperatorRateLimited
            ) {
                return show::operator_down(app, frame, login).await;
            }
            let operator_name = show::operator_name(app, &frame, login).await?;
            let may_try = policy::may_depart(login) && login.mismatches < policy::MISMATCHES;
            step(frame, problem_texts(outcome), operator_name, may_try, true)
        }
    })
}

/// What happened, in the words that the desktop's pages have for it where they fit a phone.
fn problem_texts(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Mismatch => ("mismatch_title", "handoff_mismatch_lead"),
        Outcome::OperatorUnknown | Outcome::OperatorUnsupportedNumber => {
            ("unsupported_title", "unsupported_lead")
        }
        Outcome::ConsentDenied => ("operator_consent_title", "operator_consent_lead"),
        Outcome::ConsentRequired => ("operator_consent_title", "operator_consent_missing_lead"),
        Outcome::RateLimited => ("too_many_title", "handoff_too_many_lead"),
        Outcome::BrowserMismatch | Outcome::Abandoned | Outcome::Expired => {
            ("handoff_ready_title", "handoff_ready_lead")
        }
        _ => ("handoff_problem_title", "handoff_phone_problem_lead"),
    }
}

async fn digits(app: &App, frame: Frame, login: &Login) -> Result<Response, Failure> {
    let found = match login.handoff_id {
        Some(id) => handoffs::find(app.db.relaxed_steps(), id).await?,
        None => None,
    };
    let Some(found) = found.filter(|found| found.stage != HandoffStage::Stopped) else {
        return Ok(ended(frame, End::Over));
    };
    let Some(digits) = found.digits(&app.vault)? else {
        return Ok(ended(frame, End::Over));
    };
    let page = ShowDigits {
        frame,
        login: login.id,
        digits,
        desktop: found.ticket(&app.vault)?.desktop,
    };
    Ok(render(StatusCode::OK, PageClass::Watching, &page))
}

/// The phone has just claimed a login: on to the operator, which is what its person said yes to.
pub async fn depart_claimed(
    app: &App,
    browser: &Browser,
    before: &Login,
    client: &Arc<Client>,
    cookie: Token,
) -> Result<Response, Failure> {
    let entry = Entry {
        login: Login {
            phone_hash: Some(cookie.hash()),
            ..before.clone()
        },
        client: client.clone(),
        cookie,
        now: app.clock.now(),
    };
    depart(app, browser, &entry, &Params::default()).await
}

async fn depart(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    form: &Params,
) -> Result<Response, Failure> {
    // Without a number nothing is ever handed off.
    let Some(number) = entry.login.number(&app.vault)? else {
        return shown(app, browser, entry).await;
    };
    again_with::again(app, browser, entry, Some(number), form).await
}

/// A form of the phone's own pages, and whether the login may still go on.
async fn posted(
    app: &App,
    browser: &Browser,
    id: &str,
    body: &[u8],
) -> Result<(Entry, Params), Response> {
    let entry = enter_on_phone(app, browser, id).await?;
    let form = entry.accept_form(app, browser, body)?;
    Ok((entry, form))
}

fn may_go_on(entry: &Entry) -> bool {
    let login = &entry.login;
    let waits = login.retry_at.is_some_and(|at| entry.now < at);
    matches!(login.stage, Stage::Open | Stage::Away | Stage::Problem)
        && entry.now < login.expires_at
        && !waits
        && policy::may_depart(login)
}

/// Continue, or try again.
pub async fn go_on(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (entry, form) = match posted(&app, &browser, &id, &body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    if !may_go_on(&entry) || !again_with::is_current(&entry.login, form.get("after")) {
        return shown(&app, &browser, &entry).await;
    }
    depart(&app, &browser, &entry, &form).await
}

/// The person says which operator it is.
pub async fn operator(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (entry, form) = match posted(&app, &browser, &id, &body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    if !may_go_on(&entry) {
        return shown(&app, &browser, &entry).await;
    }
    choose::pick(&app, &browser, &entry, &form).await
}

/// No, stop: also after the claim, and while the digits are shown.
pub async fn cancel(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    end(&app, &browser, &id, &body, End::Stopped).await
}

/// I did not start this.
pub async fn report(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    end(&app, &browser, &id, &body, End::Reported).await
}

async fn end(
    app: &App,
    browser: &Browser,
    id: &str,
    body: &[u8],
    how: End,
) -> Result<Response, Failure> {
    let (entry, _) = match posted(app, browser, id, body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    let handoff = match entry.login.handoff_id {
        Some(id) => handoffs::find(app.db.relaxed_steps(), id).await?,
        None => None,
    };
    let Some(handoff) = handoff else {
        return shown(app, browser, &entry).await;
    };
    match how {
        End::Reported => {
            stop::report(app, browser, &entry.login, &handoff).await?;
            Ok(ended(entry.frame(app, browser), End::Reported))
        }
        _ => {
            stop::stop(app, browser, &entry.login, &handoff).await?;
            Ok(again(entry.login.id))
        }
    }
}
