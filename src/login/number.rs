//! `POST /login/{id}/number`: the person gives a number, first or another one.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::audit::event::Event;
use crate::login::depart::{self, Way, question};
use crate::login::entry::{Entry, posted};
use crate::login::opening::about;
use crate::login::{handoff, policy, show};
use crate::operator::routing;
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
        && policy::may_depart(login);
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
    let number = match read(&app, &browser, &entry, typed).await? {
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

/// A number as a person types it. Without a country code it is taken as one of a country that the browser's
/// languages name, but only where an operator that this client accepts says that it has numbers there:
/// everybody else would have a stranger's number checked.
async fn read(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    typed: &str,
) -> Result<Result<PhoneNumber, NotANumber>, Failure> {
    let number = PhoneNumber::parse(typed, None);
    if number != Err(NotANumber::NoCountryCode) {
        return Ok(number);
    }
    let registry = app.registry().await?;
    let national = browser.countries().into_iter().find_map(|country| {
        let number = PhoneNumber::parse(typed, Some(&country)).ok()?;
        let way = Way {
            number: Some(&number),
            ..Way::default()
        };
        let question = question(&registry, browser, &entry.client, &entry.login, &way);
        routing::has_numbers_there(&question).then_some(number)
    });
    Ok(national.ok_or(NotANumber::NoCountryCode))
}
