//! What the desktop shows while a phone is awaited, busy, or done. Its script hears of changes. Without it
//! there is a link, and for those who want it `GET /login/{id}/waiting`: the same pages, reloading by
//! themselves, but for the one that somebody types into.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::login::entry::enter;
use crate::login::handoff::view::{Digits, OnPhone, Scan, Stopped};
use crate::login::handoff::{live, qr};
use crate::login::{answer, show};
use crate::store::handoffs::{self, Handoff, HandoffStage};
use crate::store::logins::{Login, Stage};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};

/// The desktop's page of a login that was handed off; `None` where it is the ordinary one.
pub async fn page(
    app: &App,
    frame: &Frame,
    login: &Login,
    handoff: Uuid,
    refreshes: bool,
) -> Result<Option<Response>, Failure> {
    if login.stage == Stage::Ended {
        return Ok((login.outcome == Some(Outcome::HandoffStopped)).then(|| {
            let told = answer::of_outcome(Outcome::HandoffStopped);
            watching(&Stopped {
                frame: frame.clone(),
                return_url: answer::link(app, login, &told),
            })
        }));
    }
    let Some(found) = handoffs::find(app.db.relaxed_steps(), handoff).await? else {
        return Ok(None);
    };
    Ok(Some(match (login.stage, found.stage) {
        (Stage::Confirm, _) => watching(&Digits {
            frame: frame.clone(),
            login: login.id,
            error: None,
            tries_left: (handoffs::DIGIT_TRIES - found.digit_tries)
                .max(0)
                .unsigned_abs(),
        }),
        (Stage::Open, HandoffStage::Waiting) => watching(&Scan {
            refreshes,
            ..scan(app, frame, login, &found)?
        }),
        _ => watching(&OnPhone {
            frame: frame.clone(),
            login: login.id,
            state: live::state(login),
            refreshes,
        }),
    }))
}

/// The page that waits, reloading by itself where no scripts run.
pub async fn waiting(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let entry = match enter(&app, &browser, &id).await {
        Ok(entry) => entry,
        Err(answer) => return Ok(answer),
    };
    let login = &entry.login;
    let over = entry.now >= login.expires_at;
    if let Some(handoff) = login.handoff_id
        && !over
        && !matches!(login.stage, Stage::Confirm | Stage::Ended)
        && let Some(page) = page(&app, &entry.frame(&app, &browser), login, handoff, true).await?
    {
        return Ok(page);
    }
    Ok(show::again(login.id))
}

fn scan(app: &App, frame: &Frame, login: &Login, found: &Handoff) -> Result<Scan, Failure> {
    let ticket = found.ticket(&app.vault)?;
    let url = app.config.issuer.url(&format!("/go/{}", ticket.token));
    let drawn = qr::draw(&url).map_err(Failure::internal)?;
    let left = found.ticket_expires_at - app.clock.now();
    let typed = app.config.issuer.url("/go");
    Ok(Scan {
        frame: frame.clone(),
        login: login.id,
        state: live::state(login),
        side: drawn.side,
        path: drawn.path,
        code: ticket.code,
        typed: typed
            .split_once("://")
            .map_or(typed.clone(), |(_, rest)| rest.to_owned()),
        seconds_left: left.num_seconds().max(0).unsigned_abs(),
        refreshes: false,
    })
}

fn watching(page: &impl Template) -> Response {
    render(StatusCode::OK, PageClass::Watching, page)
}
