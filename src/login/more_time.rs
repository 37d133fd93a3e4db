//! `POST /login/{id}/more-time`: a person needs longer than a login has (WCAG 2.2, 2.2.1).

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use crate::audit::event::Event;
use crate::login::entry::{enter, posted};
use crate::login::opening::about;
use crate::login::{policy, show};
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::logins::Login;
use crate::store::path;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::page::Frame;

/// The person pressed "I need more time". The same page comes again, with what they had typed.
pub async fn post(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let (mut entry, form) = match posted(&app, &browser, &id, &body).await {
        Ok(posted) => posted,
        Err(answer) => return Ok(answer),
    };
    let now = entry.now;
    let lifetime = app.config.login.login;
    let may = |login: &Login| policy::may_extend(login, lifetime, now);
    if may(&entry.login) && policy::is_ending(&entry.login, lifetime, now) {
        let until = now + lifetime;
        let event = Event::LoginExtended { until };
        let record = browser
            .recorder(&app, now)
            .record(about(&entry.login), &event);
        let bounds = (
            now - lifetime * policy::EXTENSIONS,
            now + policy::ending(lifetime),
        );
        let (lane, login) = (app.db.relaxed_steps(), entry.login.id);
        match path::extend(lane, login, until, bounds, now, Appended::new([record])).await {
            Ok(()) => entry.login.expires_at = until,
            // Of two at once the other was first, or the login went on.
            Err(StoreError::Stale) => match enter(&app, &browser, &id).await {
                Ok(again) => entry = again,
                Err(answer) => return Ok(answer),
            },
            Err(error) => return Err(error.into()),
        }
    }
    if !may(&entry.login) {
        return show::of(&app, &browser, &entry).await;
    }
    let frame = Frame {
        typed: form.get("phone_number").map(str::to_owned),
        was_extended: true,
        ..entry.frame(&app, &browser)
    };
    show::framed(&app, &browser, &entry.login, &entry.client, frame).await
}
