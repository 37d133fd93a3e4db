//! `POST /login/{id}/operator`, and the page before it: the person says which operator it is, where no
//! rule tells. What they say counts only among those the client accepts and that have authority over
//! the number (P5).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use crate::login::depart::{self, Way, question};
use crate::login::entry::{Entry, posted};
use crate::login::view::ChooseOperator;
use crate::login::{policy, show};
use crate::oauth::params::Params;
use crate::operator::routing::{self, NoOperator};
use crate::phone::PhoneNumber;
use crate::store::clients::Client;
use crate::store::logins::{self, Login, Stage};
use crate::store::operators::Operator;
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};

/// What the form says for: mine is not listed. No alias starts so.
const NONE: &str = "-";
/// What another page's form says for: let me choose again.
pub const LIST: &str = "-list";

/// Why the person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No rule tells.
    Unknown,
    /// The operator of this name said that the number is not its own.
    Declined(String),
    /// What the form named cannot be asked.
    NotOnTheList,
}

/// The person named an operator, or said that theirs is not among them.
pub async fn post(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (entry, form) = match posted(&app, &browser, &id, &body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    let login = &entry.login;
    let open = matches!(login.stage, Stage::Open | Stage::Away | Stage::Problem)
        && entry.now < login.expires_at
        && login.handoff_id.is_none()
        && policy::may_depart(login);
    if !open {
        return show::of(&app, &browser, &entry).await;
    }
    pick(&app, &browser, &entry, &form).await
}

/// Departs for the operator that a form names.
pub async fn pick(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    form: &Params,
) -> Result<Response, Failure> {
    let login = &entry.login;
    // The number is the login's own, whatever the form says (P2).
    let number = login.number(&app.vault)?;
    let named = form.get("operator");
    if named == Some(NONE) {
        let none = depart::refusal(
            Outcome::OperatorUnknown,
            "the person's operator is not among those that could be asked",
        );
        let (client, cookie, now) = (&entry.client, &entry.cookie, entry.now);
        let number = number.as_ref();
        return depart::stop(app, browser, client, cookie, login, number, none, now).await;
    }
    let declined = declined(app, login).await?;
    let way = Way {
        number: number.as_ref(),
        picked: named,
        declined: &declined,
        ..Way::default()
    };
    let able = {
        let registry = app.registry().await?;
        routing::able(&question(&registry, browser, &entry.client, login, &way))
    };
    let Ok(able) = able else {
        return show::of(app, browser, entry).await;
    };
    if !able.iter().any(|one| Some(one.alias.as_str()) == named) {
        let frame = entry.frame(app, browser);
        let may_change = may_change(&entry.client, login);
        let number = number.as_ref();
        let why = if named == Some(LIST) {
            Why::Unknown
        } else {
            Why::NotOnTheList
        };
        return Ok(page(frame, &able, number, may_change, why));
    }
    let source = login.number_source;
    depart::from_page(app, browser, entry, &way, source, Vec::new()).await
}

/// The operators among which the person chooses as the login stands, if there are several; after one
/// said that the number is not its own, those that are left.
pub async fn offered(
    app: &App,
    browser: &Browser,
    login: &Login,
    client: &Client,
    number: Option<&PhoneNumber>,
) -> Result<Vec<Arc<Operator>>, Failure> {
    let declined = declined(app, login).await?;
    let way = Way {
        number,
        declined: &declined,
        ..Way::default()
    };
    let registry = app.registry().await?;
    let question = question(&registry, browser, client, login, &way);
    if !declined.is_empty() {
        return Ok(routing::able(&question).unwrap_or_default());
    }
    match routing::choose(&question) {
        Err(NoOperator::Several(several)) => Ok(several),
        _ => Ok(Vec::new()),
    }
}

/// Those that said so in this login. Asked only where one did.
async fn declined(app: &App, login: &Login) -> Result<Vec<String>, Failure> {
    if login.stage != Stage::Problem || login.outcome != Some(Outcome::OperatorUnsupportedNumber) {
        return Ok(Vec::new());
    }
    Ok(logins::declined(app.db.relaxed_steps(), login.id).await?)
}

/// Whether the page offers to give another number.
pub fn may_change(client: &Client, login: &Login) -> bool {
    // A phone that a login was moved to checks the number that the desktop gave.
    login.phone_hash.is_none() && policy::may_change_number(client, login.number_source)
}

/// The page that asks which operator it is.
pub fn page(
    frame: Frame,
    operators: &[Arc<Operator>],
    number: Option<&PhoneNumber>,
    may_change: bool,
    why: Why,
) -> Response {
    let status = if why == Why::NotOnTheList {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let offered = operators
        .iter()
        .map(|operator| (operator.alias.clone(), operator.name.clone()));
    let page = ChooseOperator {
        frame,
        operators: offered.collect(),
        number_masked: number.map(PhoneNumber::masked),
        may_change,
        is_error: why == Why::NotOnTheList,
        declined: match why {
            Why::Declined(name) => Some(name),
            Why::Unknown | Why::NotOnTheList => None,
        },
    };
    render(status, PageClass::Journey, &page)
}
