//! `prompt=none`: an operator that never interacts may be asked, and whatever comes of it is told the
//! app; no page of ours is shown (OIDC Core section 3.1.2.1).

use axum::response::Response;
use http::header::SET_COOKIE;

use crate::audit::event::{Event, Subject};
use crate::audit::record::Record;
use crate::login::authorize::refuse;
use crate::login::depart::{self, Stopped, Way};
use crate::login::opening::{about, cookie_lifetime, opening};
use crate::login::{answer, counted, show};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::phone::PhoneNumber;
use crate::secret::Token;
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::logins::{self, Login, Stage, seal_answer};
use crate::store::path::{self, Departed};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// Sends the browser to an operator by a redirect. No form of ours led here, so no `form-action`
/// stands in its way.
pub async fn check(
    app: &App,
    browser: &Browser,
    client: &Client,
    cookie: &Token,
    login: &Login,
    number: Option<&PhoneNumber>,
    started: Record,
) -> Result<Response, Failure> {
    let now = login.opened_at;
    let way = Way {
        number,
        ..Way::default()
    };
    let needs_a_page = |why| OAuthError::new(ErrorCode::InteractionRequired, why);
    let redirect = &login.request.redirect;
    let prepared = match depart::prepare(app, browser, client, login, &way, now).await? {
        Ok(prepared) => prepared,
        Err(Stopped::Refused(refusal)) => {
            return tell(app, browser, client, login, refusal.outcome).await;
        }
        Err(Stopped::Ask(_)) => {
            let error = needs_a_page("the person would have to say which operator it is");
            return refuse(app, browser, client, redirect, &error).await;
        }
    };
    if !prepared.is_silent() {
        let error = needs_a_page("the operator may have to show the person a page");
        return refuse(app, browser, client, redirect, &error).await;
    }
    let mut records = vec![started];
    records.extend(prepared.records(app, browser, login, number));
    let departed = path::open_and_depart(
        app.db.relaxed_steps(),
        &opening(&app.vault, login, now),
        &prepared.departing(),
        Appended::new(records),
    )
    .await?;
    if departed != Departed::Away {
        return tell(app, browser, client, login, Outcome::RateLimited).await;
    }
    let mut response = prepared.redirect();
    let name = app.cookies.login(login.id);
    let set = app.cookies.set(&name, cookie, cookie_lifetime(app));
    response.headers_mut().append(SET_COOKIE, set);
    Ok(response)
}

/// Tells the app how a login ended that was never opened.
async fn tell(
    app: &App,
    browser: &Browser,
    client: &Client,
    login: &Login,
    outcome: Outcome,
) -> Result<Response, Failure> {
    let error = OAuthError::for_outcome(outcome)
        .unwrap_or_else(|| OAuthError::new(ErrorCode::LoginRequired, "nobody could be asked"));
    let redirect = &login.request.redirect;
    refuse(app, browser, client, redirect, &error).await
}

/// Where a browser goes after a callback that opened nothing: to its login's page, or, where no page
/// may be shown, back to the app.
pub async fn page_or_app(app: &App, browser: &Browser, login: &Login) -> Result<Response, Failure> {
    let steps = app.db.relaxed_steps();
    if !login.request.prompt.is_silent() {
        return Ok(show::again(login.id));
    }
    let client = app.client(&login.client_id).await?;
    let (Some(login), Some(client)) = (logins::find(steps, &app.vault, login.id).await?, client)
    else {
        return Ok(show::again(login.id));
    };
    let redirect = &login.request.redirect;
    let outcome = match login.stage {
        Stage::Problem => login.outcome.unwrap_or(Outcome::Expired),
        // An error may be told twice: it opens nothing.
        Stage::Ended => {
            return match login.answer(&app.vault)? {
                Some(told) if login.outcome != Some(Outcome::Verified) => {
                    answer::at_once(app, browser, &client, redirect, &told)
                }
                _ => Ok(show::again(login.id)),
            };
        }
        Stage::Open | Stage::Away | Stage::Checking | Stage::Confirm => Outcome::Expired,
    };
    let now = app.clock.now();
    let told = answer::of_outcome(outcome);
    let subject = Subject {
        outcome: Some(outcome),
        ..about(&login)
    };
    let event = Event::LoginError {
        error: OAuthError::for_outcome(outcome).map(|error| error.code.as_str().to_owned()),
        reason: None,
    };
    let record = browser.recorder(app, now).record(subject, &event);
    let sealed = seal_answer(&app.vault, &login.id, &told);
    let records = Appended::new([record]);
    match path::end(steps, login.id, outcome, Some(&sealed), now, records).await {
        Ok(()) => {
            counted::end(outcome);
            answer::at_once(app, browser, &client, redirect, &told)
        }
        Err(StoreError::Stale) => Ok(show::again(login.id)),
        Err(error) => Err(error.into()),
    }
}
