//! After `consent_required`: the same question once more, with the operator's own page. A leg of its
//! own, so that a late answer of the first one is refused. Only for operators whose record allows it,
//! and only where the person has already pressed a button: an app that asked for silence, and a login
//! that nobody touched, get no page of an operator.

use axum::response::Response;

use crate::login::depart::{self, Way};
use crate::login::entry::enter_for_leg;
use crate::login::{policy, show};
use crate::store::logins::{Login, Stage};
use crate::store::operators::{Operator, Settings};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The way to the operator's page, if that is what the login needs now; its own page otherwise.
/// `before` is the login as it was when its leg was claimed.
pub async fn or_page(
    app: &App,
    browser: &Browser,
    before: &Login,
    asked: &Operator,
) -> Result<Response, Failure> {
    if !was_silent(before, &asked.settings) || !before.pressed {
        return Ok(show::again(before.id));
    }
    let entry = match enter_for_leg(app, browser, before).await {
        Ok(entry) => entry,
        Err(answer) => return Ok(answer),
    };
    let login = &entry.login;
    let wanted = login.stage == Stage::Problem
        && login.outcome == Some(Outcome::ConsentRequired)
        && entry.now < login.expires_at
        && policy::may_depart(login);
    if !wanted {
        return Ok(show::again(login.id));
    }
    let number = login.number(&app.vault)?;
    let source = login.number_source;
    let way = Way {
        number: number.as_ref(),
        // The rules may lead elsewhere by now: to the page that asks, or to the one that declined.
        again: Some(&asked.alias),
        ..Way::default()
    };
    depart::from_page(app, browser, &entry, &way, source, Vec::new()).await
}

/// Whether the leg that came back had asked for no page, though one may be shown: what departs after
/// a word about consent asks for one.
fn was_silent(before: &Login, asked: &Settings) -> bool {
    let after_consent = matches!(
        before.outcome,
        Some(Outcome::ConsentRequired | Outcome::ConsentDenied)
    );
    asked.prompt_none && asked.retry_with_page && !after_consent
}
