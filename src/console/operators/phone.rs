//! `/admin/operators/{alias}/phone`: "test with my phone". A code leads the admin's own phone through one
//! real check at this operator; the result stands here. The phone's pages are below `/phone-test`: they need
//! the ticket and no account, and nothing that comes of them signs anybody in.

use std::time::Duration;

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use serde_json::Value;
use uuid::Uuid;

use crate::admin::operator_trials::{self, Asking, LIFE};
use crate::admin::{Refused, operators};
use crate::console::frame::Frame;
use crate::console::qr;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::phone::PhoneNumber;
use crate::secret::{Token, same};
use crate::store::operator_trials::{Stage, Trial};
use crate::verdict::Outcome;
use crate::web::csrf;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/phone_test_new.html")]
struct Begin {
    frame: Frame,
    alias: String,
    name: String,
    is_paused: bool,
    prefixes: Vec<String>,
    number: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/phone_test.html")]
struct Page {
    frame: Frame,
    alias: String,
    number: String,
    /// What the phone opens, and its picture, while it waits.
    link: Option<(String, String)>,
    state: State,
    facts: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Away,
    Good,
    Bad(&'static str),
    TooLate,
}

/// Asks for the number of the admin's phone.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    begin_page(&visit, StatusCode::OK, None).await
}

async fn begin_page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let operator = operators::show(&visit.desk(), visit.path("alias")).await?;
    let page = Begin {
        frame: visit.frame("Test with my phone"),
        is_paused: operator.disabled_at.is_some(),
        prefixes: operator.settings.prefixes,
        alias: operator.alias,
        name: operator.name,
        number: visit.field("number").to_owned(),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}

/// Begins a test.
pub async fn begin(visit: Visit) -> Result<Response, Trouble> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let Ok(number) = PhoneNumber::parse(visit.field("number").trim(), None) else {
        let message =
            "This is no phone number. Write it with its country code, for example +44 7700 900123.";
        return begin_page(&visit, status, Some(message.to_owned())).await;
    };
    let alias = visit.path("alias");
    match operator_trials::begin(&visit.desk(), visit.staff().staff, alias, &number).await {
        Ok(id) => {
            let page = format!("/admin/operators/{alias}/phone/{id}");
            Ok(Redirect::to(&page).into_response())
        }
        Err(Refused::Invalid { message, .. }) => {
            begin_page(&visit, status, Some(format!("The number {message}."))).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The code, and then what came of it. The page asks for itself again while something may still come.
pub async fn watch(visit: Visit) -> Result<Response, Trouble> {
    let desk = visit.desk();
    let given = visit.path("id");
    let id = Uuid::parse_str(given).map_err(|_| Refused::NotFound {
        what: "test",
        id: given.chars().take(40).collect(),
    })?;
    let trial = operator_trials::show(&desk, visit.staff().staff, id).await?;
    let (kept, number) = operator_trials::kept(&desk, &trial)?;
    let state = state(&visit, &trial);
    let link = if state == State::Waiting {
        let path = format!("/phone-test/{}", kept.ticket);
        let link = visit.app.config.issuer.url(&path);
        let picture = qr::svg(&link)?;
        Some((link, picture))
    } else {
        None
    };
    let page = Page {
        frame: visit.frame("Test with my phone"),
        alias: trial.operator.clone(),
        number: number.masked(),
        link,
        state,
        facts: facts(&trial),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

fn state(visit: &Visit, trial: &Trial) -> State {
    match (trial.stage, trial.outcome.as_deref()) {
        (Stage::Ended, Some(outcome)) if outcome == Outcome::Verified.as_str() => State::Good,
        (Stage::Ended, outcome) => State::Bad(means(outcome.unwrap_or_default())),
        _ if visit.now >= trial.expires_at => State::TooLate,
        (Stage::Waiting, _) => State::Waiting,
        (Stage::Away | Stage::Checking, _) => State::Away,
    }
}

/// What an outcome tells an admin to look at.
fn means(outcome: &str) -> &'static str {
    match outcome {
        "mismatch" => "The operator answers, and says that this phone's SIM has another number.",
        "not_on_mobile_network" => {
            "The operator did not see the phone in its network. Turn Wi-Fi off and use this SIM's mobile data."
        }
        "operator_unsupported_number" => "The operator says that the number is not one of its own.",
        "consent_denied" | "consent_required" => {
            "The operator wants the subscriber's consent first. Ask it how that is given."
        }
        "operator_timeout" | "operator_unavailable" => "The operator did not answer.",
        "operator_rate_limited" => "The operator wants to be asked less often.",
        "operator_misconfigured" => {
            "The operator refuses what we send. Compare its settings, and run the connection test."
        }
        "protocol_violation" => "The operator's answer is not what its contract says.",
        _ => "The number was not confirmed.",
    }
}

/// What was seen on the wire.
fn facts(trial: &Trial) -> Vec<(&'static str, String)> {
    let outcome = trial.outcome.clone().map(|outcome| ("Outcome", outcome));
    let seen = |(name, member): (&'static str, &str)| {
        let value = trial.report.as_ref()?.get(member)?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Array(all) => all
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            other => other.to_string(),
        };
        Some((name, text))
    };
    let members = [
        ("Decided at", "stage"),
        ("HTTP status", "http_status"),
        ("The operator's word", "operator_error"),
        ("What was wrong", "detail"),
        ("Token call, milliseconds", "token_ms"),
        ("Check, milliseconds", "api_ms"),
        ("Correlator", "correlator"),
        ("The operator charges for", "billable"),
        ("It may charge for", "unsure"),
    ];
    outcome
        .into_iter()
        .chain(members.into_iter().filter_map(seen))
        .collect()
}

#[derive(Template)]
#[template(path = "console/phone_test_phone.html")]
struct PhonePage {
    frame: Frame,
    operator: String,
    number: String,
    step: Step,
}

#[derive(PartialEq, Eq)]
enum Step {
    /// Somebody opened the ticket; where its form posts to.
    Ask(String),
    /// On to the operator, at this URL.
    Leave(String),
    /// The operator confirmed the number.
    Good,
    /// It did not.
    Bad,
    /// The ticket leads nowhere for this browser.
    Gone,
}

/// What the phone shows. Opening it changes nothing: a camera's preview may do so.
pub async fn on_phone(visit: Visit) -> Result<Response, Trouble> {
    let Some(trial) = brought(&visit).await? else {
        return gone(&visit);
    };
    let (_, number) = operator_trials::kept(&visit.desk(), &trial)?;
    let step = match trial.stage {
        Stage::Waiting if visit.now < trial.expires_at => {
            Step::Ask(visit.path("ticket").to_owned())
        }
        Stage::Ended if is_its_phone(&visit, &trial) => match trial.outcome.as_deref() {
            Some(outcome) if outcome == Outcome::Verified.as_str() => Step::Good,
            _ => Step::Bad,
        },
        _ => return gone(&visit),
    };
    let cookies = visit.app.cookies;
    let known = visit.browser.cookies(&visit.app).scanner();
    let scanner = known.unwrap_or_else(Token::random);
    let mut response = phone_page(&visit, &trial, number.masked(), step, &scanner);
    let set = cookies.set(cookies.scanner(), &scanner, LIFE);
    response.headers_mut().append(SET_COOKIE, set);
    Ok(response)
}

/// Yes, check this phone: uses the ticket up and goes to the operator.
pub async fn depart(visit: Visit) -> Result<Response, Trouble> {
    let scanner = visit.browser.cookies(&visit.app).scanner();
    let origin = visit.app.config.issuer.origin();
    let (headers, given) = (&visit.browser.headers, visit.field("csrf"));
    let scanner = scanner
        .filter(|scanner| csrf::is_ours(&visit.app.vault, scanner, given, headers, &origin))
        .ok_or(Trouble::StaleForm)?;
    let Some(trial) = brought(&visit).await? else {
        return gone(&visit);
    };
    if trial.stage != Stage::Waiting || visit.now >= trial.expires_at {
        return gone(&visit);
    }
    let desk = visit.desk();
    let (_, number) = operator_trials::kept(&desk, &trial)?;
    let asking = Asking {
        operators: &visit.app.operators,
        issuer: &visit.app.config.issuer,
        clock: &visit.app.clock,
    };
    let cookie = Token::random();
    let step = match operator_trials::depart(&desk, asking, &trial, &cookie).await? {
        Some(url) => Step::Leave(url),
        None => Step::Gone,
    };
    let mut response = phone_page(&visit, &trial, number.masked(), step, &scanner);
    let cookies = visit.app.cookies;
    let left = (trial.expires_at - visit.now).to_std();
    let set = cookies.set(
        &cookies.phone(trial.id),
        &cookie,
        left.unwrap_or(Duration::ZERO),
    );
    response.headers_mut().append(SET_COOKIE, set);
    Ok(response)
}

async fn brought(visit: &Visit) -> Result<Option<Trial>, Trouble> {
    let Some(ticket) = Token::parse(visit.path("ticket")) else {
        return Ok(None);
    };
    Ok(operator_trials::find_by_ticket(&visit.desk(), &ticket).await?)
}

fn is_its_phone(visit: &Visit, trial: &Trial) -> bool {
    let cookie = visit.browser.cookies(&visit.app).phone(trial.id);
    let hash = trial.cookie_hash.as_deref();
    cookie.is_some_and(|cookie| hash.is_some_and(|hash| same(hash, &cookie.hash())))
}

fn gone(visit: &Visit) -> Result<Response, Trouble> {
    let page = PhonePage {
        frame: visit.frame("This test is over"),
        operator: String::new(),
        number: String::new(),
        step: Step::Gone,
    };
    Ok(render(StatusCode::GONE, PageClass::Console, &page))
}

fn phone_page(
    visit: &Visit,
    trial: &Trial,
    number: String,
    step: Step,
    scanner: &Token,
) -> Response {
    let (title, status) = match step {
        Step::Ask(_) => ("Test this phone", StatusCode::OK),
        Step::Leave(_) => ("Asking the operator", StatusCode::OK),
        Step::Good => ("Confirmed", StatusCode::OK),
        Step::Bad => ("Not confirmed", StatusCode::OK),
        Step::Gone => ("This test is over", StatusCode::GONE),
    };
    let mut frame = visit.frame(title);
    frame.csrf = csrf::token(&visit.app.vault, scanner);
    let page = PhonePage {
        frame,
        operator: trial.operator.clone(),
        number,
        step,
    };
    render(status, PageClass::Console, &page)
}
