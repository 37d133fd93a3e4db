//! A login as it is opened: its row, the record of its start, and its first leg if nothing is missing.

use std::time::Duration;

use axum::response::Response;
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::audit::record::Record;
use crate::clock::Time;
use crate::login::depart::{self, Stopped, Way};
use crate::login::entry::frame;
use crate::login::session::Seen;
use crate::login::{choose, policy, show};
use crate::oauth::request::AuthorizeRequest;
use crate::phone::PhoneNumber;
use crate::secret::{Token, Vault};
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::logins::{self, Login, Stage};
use crate::store::path::{self, Departed, Opening};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The login's cookie outlives the login, however often it is given more time, so that its browser still finds
/// the way back. It is set once (P8).
#[must_use]
pub fn cookie_lifetime(app: &App) -> Duration {
    app.config.login.login * (policy::EXTENSIONS + 4)
}

/// A login that nobody has seen yet.
pub fn new_login(
    app: &App,
    client: &Client,
    id: Uuid,
    cookie: &Token,
    request: AuthorizeRequest,
    seen: &Seen,
    now: Time,
) -> Login {
    let number_source = seen.number.as_ref().map(|(_, source)| *source);
    let number = seen.number.as_ref().map(|(number, _)| number);
    let sealed = number.map(|number| seal_number(app, &id, number));
    Login {
        id,
        client_id: client.client_id.clone(),
        cookie_hash: cookie.hash(),
        stage: Stage::Open,
        request,
        number_source,
        pressed: false,
        leg_id: None,
        operator: None,
        legs: 0,
        mismatches: 0,
        rerouted: false,
        outcome: None,
        retry_at: None,
        opened_at: now,
        expires_at: now + app.config.login.login,
        sealed,
        answer: None,
        session_id: None,
        handoff_id: None,
        phone_hash: None,
        visit_hash: Some(seen.visit_hash()),
    }
}

/// Seals a number for a login's row.
#[must_use]
pub fn seal_number(app: &App, login: &Uuid, number: &PhoneNumber) -> Vec<u8> {
    app.vault
        .seal(logins::number_place(login), number.e164().as_bytes())
}

/// The record of its start.
pub fn started(app: &App, browser: &Browser, login: &Login, now: Time) -> Record {
    let request = &login.request;
    let event = Event::LoginStarted {
        scopes: request.scopes.text(),
        redirect_uri: request.redirect.uri().to_owned(),
        number_hinted: request.number.is_some(),
        pkce: request.challenge.is_some(),
        prompt: (!request.prompt.is_empty()).then(|| request.prompt.text()),
        pushed: request.pushed,
        signed: request.signed,
    };
    let recorder = browser.recorder(app, now);
    match &request.number {
        Some(number) => recorder.record_of(number, about(login), &event),
        None => recorder.record(about(login), &event),
    }
}

/// What audit records of a login are about.
#[must_use]
pub fn about(login: &Login) -> Subject {
    Subject {
        login_id: Some(login.id),
        client_id: Some(login.client_id.clone()),
        ..Subject::default()
    }
}

/// A login's row, before it is there.
#[must_use]
pub fn opening<'a>(vault: &Vault, login: &'a Login, now: Time) -> Opening<'a> {
    Opening {
        id: login.id,
        client_id: &login.client_id,
        cookie_hash: &login.cookie_hash,
        sealed_request: logins::seal_request(vault, &login.id, &login.request),
        sealed_number: login.sealed.as_deref(),
        number_source: login.number_source,
        session: login.session_id,
        visit: login.visit_hash.as_deref(),
        now,
        expires_at: login.expires_at,
    }
}

/// Opens it on a page of ours.
pub async fn open(app: &App, login: &Login, now: Time, started: Record) -> Result<(), Failure> {
    path::open(
        app.db.relaxed_steps(),
        &opening(&app.vault, login, now),
        Appended::new([started]),
    )
    .await?;
    Ok(())
}

/// Nothing is missing: opens the login on its first leg. If no operator can be asked, the login opens
/// with the page that says so, or with the one that asks for the number.
#[expect(
    clippy::too_many_arguments,
    reason = "everything the one request knows"
)]
pub async fn depart_at_once(
    app: &App,
    browser: &Browser,
    client: &Client,
    cookie: &Token,
    login: &Login,
    number: Option<&PhoneNumber>,
    started: Record,
    now: Time,
) -> Result<Response, Failure> {
    let way = Way {
        number,
        ..Way::default()
    };
    let stopped = match depart::prepare(app, browser, client, login, &way, now).await? {
        Ok(prepared) => {
            let mut records = vec![started.clone()];
            records.extend(prepared.records(app, browser, login, number));
            let departed = path::open_and_depart(
                app.db.relaxed_steps(),
                &opening(&app.vault, login, now),
                &prepared.departing(),
                Appended::new(records),
            )
            .await?;
            if departed == Departed::Away {
                return Ok(prepared.leave(frame(app, browser, login, client, cookie)));
            }
            depart::too_many(departed, now)
        }
        Err(Stopped::Refused(stopped)) => *stopped,
        Err(Stopped::Ask(several)) => {
            open(app, login, now, started).await?;
            let frame = frame(app, browser, login, client, cookie);
            let may_change = choose::may_change(client, login);
            let why = choose::Why::Unknown;
            return Ok(choose::page(frame, &several, number, may_change, why));
        }
    };
    open(app, login, now, started).await?;
    if number.is_none() && stopped.outcome == Outcome::OperatorUnknown {
        // Nobody tells numbers; the person does.
        return show::page(app, browser, login, client, cookie).await;
    }
    depart::stop(app, browser, client, cookie, login, number, stopped, now).await
}
