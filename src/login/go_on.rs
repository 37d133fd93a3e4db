//! `POST /login/{id}/continue`: the go-ahead, or another try with the same number.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::login::depart::{self, Way};
use crate::login::entry::{Entry, posted};
use crate::login::policy::may_depart;
use crate::login::{release, session, show};
use crate::oauth::params::Params;
use crate::phone::PhoneNumber;
use crate::store::logins::{Login, Stage};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The person pressed Continue, Try again or Share.
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
    let in_time = entry.now < login.expires_at;
    if login.handoff_id.is_some() && login.stage != Stage::Confirm {
        // The phone goes on, or this browser takes the login back first.
        return show::of(&app, &browser, &entry).await;
    }
    if !is_current(login, form.get("after")) {
        return show::of(&app, &browser, &entry).await;
    }
    match login.stage {
        Stage::Confirm if in_time => release::held(&app, &browser, &entry).await,
        Stage::Open | Stage::Away if in_time && may_depart(&entry.login) => {
            if let Some(answered) = session::answer_agreed(&app, &browser, &entry).await? {
                return Ok(answered);
            }
            let Some(number) = login.number(&app.vault)? else {
                return show::of(&app, &browser, &entry).await;
            };
            again(&app, &browser, &entry, Some(number), &form).await
        }
        // The operator said when it can answer: the page says how long that is from now.
        Stage::Problem if login.retry_at.is_some_and(|at| entry.now < at) => {
            show::of(&app, &browser, &entry).await
        }
        Stage::Problem if in_time && may_depart(&entry.login) => {
            let number = login.number(&app.vault)?;
            again(&app, &browser, &entry, number, &form).await
        }
        _ => show::of(&app, &browser, &entry).await,
    }
}

/// Departs once more with the number there is.
pub async fn again(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    number: Option<PhoneNumber>,
    form: &Params,
) -> Result<Response, Failure> {
    let way = Way {
        number: number.as_ref(),
        once: form.get("after").is_some(),
        before: asked_before(&entry.login),
        ..Way::default()
    };
    let source = entry.login.number_source;
    depart::from_page(app, browser, entry, &way, source, Vec::new()).await
}

/// Whether a form was sent from the page of this very try. A page that goes on by itself names the legs
/// it has seen, so that two tabs do not depart one after the other; a person's own tap does not.
pub fn is_current(login: &crate::store::logins::Login, after: Option<&str>) -> bool {
    after.is_none_or(|after| after == login.legs.to_string())
}

/// The operator that another try is for: the one of the leg before, unless that try was about whose number
/// it is.
fn asked_before(login: &Login) -> Option<&str> {
    let whose = matches!(
        login.outcome,
        Some(Outcome::OperatorUnknown | Outcome::OperatorUnsupportedNumber)
    );
    let problem = login.stage == Stage::Problem && !whose;
    login.operator.as_deref().filter(|_| problem)
}
