//! `POST /login/{id}/cancel` and `/return`: back to the app without a code.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::audit::event::{Event, Subject};
use crate::login::entry::posted;
use crate::login::opening::about;
use crate::login::view::Why;
use crate::login::{answer, counted, show};
use crate::oauth::error::OAuthError;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::logins::{Stage, seal_answer};
use crate::store::path;
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The person gave up. The app is told how the last try ended, or that the person cancelled.
pub async fn post(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (entry, _) = match posted(&app, &browser, &id, &body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    let login = &entry.login;
    let is_told = |outcome: &Outcome| OAuthError::for_outcome(*outcome).is_some();
    let outcome = match login.stage {
        Stage::Ended => return show::of(&app, &browser, &entry).await,
        _ if entry.now >= login.expires_at => Outcome::Expired,
        // The app asked for no silence, so what the operator lacked was the person's yes.
        Stage::Problem if login.outcome == Some(Outcome::ConsentRequired) => Outcome::ConsentDenied,
        Stage::Problem => login
            .outcome
            .filter(is_told)
            .unwrap_or(Outcome::UserCancelled),
        Stage::Confirm if login.handoff_id.is_some() => Outcome::UserCancelled,
        Stage::Confirm => Outcome::ConsentDenied,
        Stage::Open | Stage::Away | Stage::Checking => Outcome::UserCancelled,
    };
    let told = answer::of_outcome(outcome);
    let subject = Subject {
        outcome: Some(outcome),
        ..about(login)
    };
    let event = Event::LoginError {
        error: OAuthError::for_outcome(outcome).map(|error| error.code.as_str().to_owned()),
        reason: None,
    };
    let record = browser.recorder(&app, entry.now).record(subject, &event);
    let sealed = seal_answer(&app.vault, &login.id, &told);
    let ended = path::end(
        app.db.relaxed_steps(),
        login.id,
        outcome,
        Some(&sealed),
        entry.now,
        Appended::new([record]),
    )
    .await;
    match ended {
        Ok(()) => {
            counted::end(outcome);
            let why = match outcome {
                Outcome::UserCancelled | Outcome::ConsentDenied => Why::Cancelled,
                _ => Why::Error,
            };
            let frame = entry.frame(&app, &browser);
            let redirect = &login.request.redirect;
            answer::leaving(&app, frame, &entry.client, redirect, &told, why)
        }
        Err(StoreError::Stale) => Ok(show::again(login.id)),
        Err(error) => Err(error.into()),
    }
}
