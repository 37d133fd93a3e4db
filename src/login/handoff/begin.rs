//! `POST /login/{id}/handoff`, `/renew`, `/here`: the desktop asks for a phone, for a fresh ticket, or
//! takes the login back.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use uuid::Uuid;

use crate::audit::event::Event;
use crate::audit::record::Record;
use crate::login::entry::{Entry, posted};
use crate::login::handoff::code;
use crate::login::opening::{about, seal_number};
use crate::login::release::number_hashes;
use crate::login::{depart, handoff, policy, show};
use crate::phone::PhoneNumber;
use crate::secret::{Token, new_id};
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::handoffs::{self, Beginning, Begun, Ticket, TicketRow};
use crate::store::logins::{Login, NumberSource, Stage};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The person wants to use their phone, for the number there is.
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
    match (login.number(&app.vault)?, login.number_source) {
        (Some(number), Some(source)) => {
            from_page(&app, &browser, &entry, &number, source, Vec::new()).await
        }
        _ => show::of(&app, &browser, &entry).await,
    }
}

/// Begins a hand-off for a number, and goes on to the page with the QR code.
pub async fn from_page(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    number: &PhoneNumber,
    source: NumberSource,
    mut records: Vec<Record>,
) -> Result<Response, Failure> {
    let (login, now) = (&entry.login, entry.now);
    let open = matches!(login.stage, Stage::Open | Stage::Away | Stage::Problem)
        && now < login.expires_at
        && login.handoff_id.is_none()
        && policy::may_depart(login)
        && handoff::is_allowed(&entry.client, &login.request);
    if !open {
        return show::of(app, browser, entry).await;
    }
    let made = Made::draw(app, browser, new_id(now));
    let sealed_number = seal_number(app, &login.id, number);
    let beginning = Beginning {
        login: login.id,
        sealed_number: &sealed_number,
        source,
        number_hashes: &number_hashes(app, number),
        ticket: made.row(app, login, now),
    };
    let recorder = browser.recorder(app, now);
    let event = Event::HandoffStarted {
        handoff: made.handoff,
        renewed: false,
    };
    records.push(recorder.record_of(number, about(login), &event));
    let lane = app.db.relaxed_steps();
    match handoffs::begin(lane, &beginning, now, Appended::new(records)).await {
        Ok(Begun::Waiting) | Err(StoreError::Stale) => Ok(show::again(login.id)),
        Ok(Begun::TooOften) => {
            let refused = depart::refusal(
                Outcome::RateLimited,
                "the number was handed off too often within the hour, or somebody said no",
            );
            let login = Login {
                sealed: Some(sealed_number),
                number_source: Some(source),
                ..login.clone()
            };
            let (client, cookie) = (&entry.client, &entry.cookie);
            depart::stop(
                app,
                browser,
                client,
                cookie,
                &login,
                Some(number),
                refused,
                now,
            )
            .await
        }
        Err(error) => Err(error.into()),
    }
}

/// The ticket is too old: another one takes its place.
pub async fn renew(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (entry, _) = match posted(&app, &browser, &id, &body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    let (login, now) = (&entry.login, entry.now);
    let Some(handoff) = login.handoff_id else {
        return show::of(&app, &browser, &entry).await;
    };
    let made = Made::draw(&app, &browser, handoff);
    let event = Event::HandoffStarted {
        handoff,
        renewed: true,
    };
    let record = browser.recorder(&app, now).record(about(login), &event);
    let ticket = made.row(&app, login, now);
    let lane = app.db.relaxed_steps();
    match handoffs::renew(lane, login.id, &ticket, now, Appended::new([record])).await {
        Ok(()) | Err(StoreError::Stale) => Ok(show::again(login.id)),
        Err(error) => Err(error.into()),
    }
}

/// The person goes on at this device.
pub async fn here(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (entry, _) = match posted(&app, &browser, &id, &body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    let (login, now) = (&entry.login, entry.now);
    let Some(handoff) = login.handoff_id else {
        return show::of(&app, &browser, &entry).await;
    };
    let event = Event::HandoffStopped {
        handoff,
        by: "desktop".to_owned(),
    };
    let record = browser.recorder(&app, now).record(about(login), &event);
    let lane = app.db.relaxed_steps();
    match handoffs::withdraw(lane, login.id, handoff, now, Appended::new([record])).await {
        Ok(()) | Err(StoreError::Stale) => Ok(show::again(login.id)),
        Err(error) => Err(error.into()),
    }
}

/// A ticket before it is stored.
struct Made {
    handoff: Uuid,
    ticket_hash: Vec<u8>,
    code_hash: Vec<u8>,
    sealed: Vec<u8>,
}

impl Made {
    fn draw(app: &App, browser: &Browser, handoff: Uuid) -> Self {
        let token = Token::random();
        let code = code::draw();
        let ticket = Ticket {
            token: token.reveal(),
            desktop: browser.family(),
            code: code.clone(),
        };
        let canonical = code::canonical(&code).expect("what we draw can be typed");
        Self {
            handoff,
            ticket_hash: token.hash(),
            code_hash: code::hash(&app.vault, &canonical),
            sealed: ticket.seal(&app.vault, &handoff),
        }
    }

    fn row<'a>(&'a self, app: &App, login: &Login, now: crate::clock::Time) -> TicketRow<'a> {
        TicketRow {
            handoff: self.handoff,
            ticket_hash: &self.ticket_hash,
            code_hash: &self.code_hash,
            sealed: &self.sealed,
            expires_at: (now + app.config.login.handoff_ticket).min(login.expires_at),
        }
    }
}
