//! `POST /login/{id}/number`: the person gives a number, first or another one.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::audit::event::Event;
use crate::login::depart::{self, Way};
use crate::login::entry::posted;
use crate::login::opening::about;
use crate::login::{go_on, handoff, policy, show};
use crate::phone::{NotANumber, PhoneNumber};
use crate::store::logins::{NumberSource, Stage};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The person gave a number; without one, the page asks for it.
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
        && go_on::may_depart(login);
    // A number the app fixed stays: whatever a form says, the check is about the hinted one (P2).
    if !open
        || login.handoff_id.is_some()
        || !policy::may_change_number(&entry.client, login.number_source)
    {
        return show::of(&app, &browser, &entry).await;
    }
    let frame = || entry.frame(&app, &browser);
    let to_phone = handoff::is_offered(&browser, &entry.client, &login.request);
    let Some(typed) = form.get("phone_number") else {
        let asked_before = login.number_source.is_none();
        let error = asked_before.then_some(NotANumber::Empty);
        return Ok(show::number_form(frame(), String::new(), error, to_phone));
    };
    let number = match PhoneNumber::parse(typed, None) {
        Ok(number) => number,
        Err(why) => {
            let value = typed.chars().take(64).collect();
            return Ok(show::number_form(frame(), value, Some(why), to_phone));
        }
    };
    let entered = browser.recorder(&app, entry.now).record_of(
        &number,
        about(login),
        &Event::NumberEntered {},
    );
    if form.get("on") == Some("phone") && handoff::is_allowed(&entry.client, &login.request) {
        let source = NumberSource::Person;
        return handoff::begin::from_page(&app, &browser, &entry, &number, source, vec![entered])
            .await;
    }
    let source = Some(NumberSource::Person);
    let way = Way {
        number: Some(&number),
        ..Way::default()
    };
    depart::from_page(&app, &browser, &entry, &way, source, vec![entered]).await
}
