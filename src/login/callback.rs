//! `GET /broker/{alias}/endpoint`: the browser comes back from the operator. The leg is claimed first,
//! once, by the login's own browser; only then the operator is called.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use tracing::Instrument as _;

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::login::conclude::{Concluded, Conclusion};
use crate::login::entry::{bad_link, frame, lost_cookie, lost_cookie_of};
use crate::login::{answer, handoff, retry, show, silent, sweep, trial};
use crate::operator::Callback;
use crate::secret::{Handle, same};
use crate::store::audit::{self, Appended};
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::logins::{self, Leg, LegStage, Login, Stage};
use crate::store::operators::Operator;
use crate::store::path;
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// Takes the browser back.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    Path(alias): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    // Its own task, from the claim on: it ends even if this browser hangs up, and the server waits for it
    // before it stops (P7).
    let unfinished = app.unfinished.begin();
    let taken = async move {
        let answer = take(app, browser, alias, query.unwrap_or_default()).await;
        drop(unfinished);
        answer
    };
    tokio::spawn(taken.in_current_span())
        .await
        .map_err(Failure::internal)?
}

async fn take(
    app: App,
    browser: Browser,
    alias: String,
    query: String,
) -> Result<Response, Failure> {
    let now = app.clock.now();
    let callback = Callback::parse(&query);
    let Some(state) = callback.state.as_deref().and_then(Handle::parse) else {
        let reason = match callback.state {
            None => "no state",
            Some(_) => "a state that is none of ours",
        };
        return lost_state(&app, &browser, &alias, reason, now).await;
    };
    // No operator's: Postgres cannot even look for a NUL.
    let alias = alias.replace('\0', "?");
    let cookies = browser.cookies(&app);
    let hashes: Vec<Vec<u8>> = cookies.logins().iter().map(|c| c.hash()).collect();
    let session = cookies.session().map(|cookie| cookie.hash());
    let claimed = path::claim(
        app.db.relaxed_steps(),
        &app.vault,
        state.id,
        &state.hash(),
        &alias,
        &hashes,
        session.as_deref(),
        now,
    )
    .await;
    let claimed = match claimed {
        Ok(claimed) => claimed,
        Err(StoreError::Stale) => {
            if let Some(answer) =
                trial::come_back(&app, &browser, &alias, &state, &callback, &hashes, now).await?
            {
                return Ok(answer);
            }
            return unexpected(&app, &browser, &alias, &state, &hashes, now).await;
        }
        Err(error) => return Err(error.into()),
    };
    let registry = app.registry().await?;
    let (Some(live), Some(client)) = (
        registry.get(&alias).cloned(),
        app.client(&claimed.login.client_id).await?,
    ) else {
        let reason = "the app or the operator is gone";
        return Ok(bad_link(&app, &browser, reason, Some(claimed.login.id)));
    };
    let login = claimed.login.clone();
    let (asked, back) = (live.clone(), browser.clone());
    let conclusion = Conclusion {
        app: app.clone(),
        browser: browser.clone(),
        claimed,
        client: client.clone(),
        live,
        state,
        callback,
        now,
    };
    let concluded = conclusion.run().await;
    if login.phone_hash.is_some() {
        return on_phone(&app, &back, &login, &client, &asked.operator, concluded).await;
    }
    match concluded {
        Ok(Concluded::Released(released)) => released.redirect(&app, &browser, &client),
        Ok(Concluded::Told(told)) => {
            let redirect = &login.request.redirect;
            answer::at_once(&app, &browser, &client, redirect, &told)
        }
        Ok(Concluded::Onward(next)) if login.request.prompt.is_silent() => Ok(next.redirect()),
        Ok(Concluded::Onward(next)) => Ok(match back.cookies(&app).login(login.id) {
            Some(cookie) => next.leave(frame(&app, &back, &login, &client, &cookie)),
            None => show::again(login.id),
        }),
        Ok(Concluded::Page) if login.request.prompt.is_silent() => {
            silent::page_or_app(&app, &browser, &login).await
        }
        Ok(Concluded::Page) => retry::or_page(&app, &back, &login, &asked.operator).await,
        Err(failure) => {
            // The answer is lost. If that can be recorded now, the person need not wait for the
            // sweeper to try again; a verdict that was stored after all stays.
            if let Err(error) = sweep::end(&app, &login).await {
                tracing::warn!(%error, "a login is left to the sweeper");
            } else if login.request.prompt.is_silent() {
                return silent::page_or_app(&app, &browser, &login).await;
            }
            Err(failure.at_login(login.id))
        }
    }
}

/// What a phone sees that a login was moved to: its own pages, and never the way to the app.
async fn on_phone(
    app: &App,
    browser: &Browser,
    login: &Login,
    client: &Client,
    asked: &Operator,
    concluded: Result<Concluded, Failure>,
) -> Result<Response, Failure> {
    match concluded {
        Ok(Concluded::Onward(next)) => Ok(match browser.cookies(app).phone(login.id) {
            Some(cookie) => next.leave(frame(app, browser, login, client, &cookie)),
            None => handoff::phone::again(login.id),
        }),
        Ok(Concluded::Page) => retry::or_page(app, browser, login, asked).await,
        Ok(Concluded::Told(_) | Concluded::Released(_)) => Ok(handoff::phone::again(login.id)),
        Err(failure) => {
            if let Err(error) = sweep::end(app, login).await {
                tracing::warn!(%error, "a login is left to the sweeper");
            }
            Err(failure.at_login(login.id))
        }
    }
}

/// The callback is not the one awaited. Its own browser sees its login; anything else closes the leg,
/// keeps nothing of the callback, and no page learns of it (P8).
async fn unexpected(
    app: &App,
    browser: &Browser,
    alias: &str,
    state: &Handle,
    cookies: &[Vec<u8>],
    now: Time,
) -> Result<Response, Failure> {
    let Some(leg) = logins::find_leg(app.db.relaxed_steps(), state.id, &state.hash()).await? else {
        let reason = "a state that names no leg";
        return lost_state(app, browser, alias, reason, now).await;
    };
    let Some(login) = logins::find(app.db.relaxed_steps(), &app.vault, leg.login_id).await? else {
        return Ok(lost_cookie(app, browser));
    };
    let own_browser = cookies
        .iter()
        .any(|hash| same(hash, login.leg_cookie_hash()));
    if !own_browser {
        let reason = "another browser";
        break_off(app, browser, &leg, Outcome::BrowserMismatch, reason, now).await?;
        return Ok(match app.client(&login.client_id).await? {
            Some(client) => lost_cookie_of(app, browser, &login, &client),
            None => lost_cookie(app, browser),
        });
    }
    if leg.operator != alias {
        let reason = "the callback of another operator";
        break_off(app, browser, &leg, Outcome::ProtocolViolation, reason, now).await?;
        return silent::page_or_app(app, browser, &login).await;
    }
    match leg.stage {
        LegStage::Away => {
            break_off(app, browser, &leg, Outcome::Expired, "too late", now).await?;
            silent::page_or_app(app, browser, &login).await
        }
        // The same callback once more, while the first one is being worked on or after it.
        LegStage::Claimed | LegStage::Closed => {
            let login = show::settled(app, login).await?;
            if login.phone_hash.is_some() {
                return Ok(handoff::phone::again(login.id));
            }
            let released = login.stage == Stage::Ended
                && login.outcome == Some(Outcome::Verified)
                && logins::has_live_code(app.db.relaxed_steps(), login.id, now).await?;
            match (
                login.answer(&app.vault)?,
                app.client(&login.client_id).await?,
            ) {
                (Some(code), Some(client)) if released => {
                    answer::at_once(app, browser, &client, &login.request.redirect, &code)
                }
                _ => silent::page_or_app(app, browser, &login).await,
            }
        }
    }
}

/// The callback names no leg of ours. Its browser sees its own last login, which knows the way back;
/// the record is about no login, because nothing proves which one it was.
async fn lost_state(
    app: &App,
    browser: &Browser,
    alias: &str,
    reason: &str,
    now: Time,
) -> Result<Response, Failure> {
    let registry = app.registry().await?;
    // Anybody can send these: only as many are written as an address may start logins, and of the path
    // only what names an operator.
    if app.throttles.login_from(browser.address).is_ok() {
        let subject = Subject {
            operator: registry.get(alias).map(|_| alias.to_owned()),
            outcome: Some(Outcome::ProtocolViolation),
            ..Subject::default()
        };
        let event = Event::IdentityProviderResponseError {
            leg: None,
            reason: reason.to_owned(),
        };
        let record = browser.recorder(app, now).record(subject, &event);
        audit::append_alone(&app.db, app.db.relaxed(), [record]).await?;
    }
    Ok(match browser.cookies(app).newest_login() {
        Some(login) => show::again(login),
        None => lost_cookie(app, browser),
    })
}

async fn break_off(
    app: &App,
    browser: &Browser,
    leg: &Leg,
    outcome: Outcome,
    reason: &str,
    now: Time,
) -> Result<(), Failure> {
    let subject = Subject {
        login_id: Some(leg.login_id),
        operator: Some(leg.operator.clone()),
        outcome: Some(outcome),
        ..Subject::default()
    };
    let event = Event::IdentityProviderResponseError {
        leg: Some(leg.id),
        reason: reason.to_owned(),
    };
    let record = browser.recorder(app, now).record(subject, &event);
    let broken = path::break_off(
        app.db.relaxed_steps(),
        leg.id,
        outcome,
        now,
        Appended::new([record]),
    )
    .await;
    match broken {
        Ok(()) | Err(StoreError::Stale) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
