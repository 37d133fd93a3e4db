//! `POST /login/{id}/digits`: the four digits from the phone, typed at the desktop. They lead the other
//! way than what a phisher can print: whoever sends the QR code must have them read back by the person
//! with the phone. A try is counted and compared in one statement; two wrong ones end the login.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::login::entry::posted;
use crate::login::handoff::view::Digits;
use crate::login::opening::about;
use crate::login::{answer, counted, release, show};
use crate::oauth::error::OAuthError;
use crate::secret::{Vault, random};
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::handoffs::{self, HandoffStage, Tried, Typed};
use crate::store::logins::{Login, Stage, seal_answer};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Four digits, all as likely.
pub fn draw() -> String {
    loop {
        let number = u16::from_be_bytes(random());
        // The rest above the last whole ten thousand would make some likelier.
        if number < 60_000 {
            return format!("{:04}", number % 10_000);
        }
    }
}

/// What is compared: keyed, because four digits are guessed at once from a plain hash.
pub fn hash(vault: &Vault, handoff: Uuid, digits: &str) -> Vec<u8> {
    let parts = [handoff.as_bytes().as_slice(), digits.as_bytes()];
    vault.ticket("handoff-digits", &parts).to_vec()
}

/// The four digits that a person typed, however they are written.
fn read(typed: &str) -> Option<String> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// The person at the desktop typed the digits.
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
    let (login, now) = (&entry.login, entry.now);
    let (Some(handoff), Stage::Confirm) = (login.handoff_id, login.stage) else {
        return show::of(&app, &browser, &entry).await;
    };
    if now >= login.expires_at {
        return show::of(&app, &browser, &entry).await;
    }
    let refused = async |error| {
        let found = handoffs::find(app.db.relaxed_steps(), handoff).await?;
        let tries = found.map_or(0, |found| found.digit_tries);
        let page = Digits {
            error: Some(error),
            tries_left: (handoffs::DIGIT_TRIES - tries).max(0).unsigned_abs(),
            login: login.id,
            frame: entry.frame(&app, &browser),
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Ok::<_, Failure>(render(status, PageClass::Watching, &page))
    };
    let Some(digits) = read(form.get("digits").unwrap_or_default()) else {
        // Not a guess: costs nothing.
        return refused("handoff_digits_four").await;
    };
    let outcome = Outcome::HandoffStopped;
    let recorder = browser.recorder(&app, now);
    let record = |last| {
        recorder.record(
            of_outcome(login, last),
            &Event::HandoffDigitsError { handoff, last },
        )
    };
    let told = answer::of_outcome(outcome);
    let error = OAuthError::for_outcome(outcome).map(|error| error.code.as_str().to_owned());
    let ended = recorder.record(
        of_outcome(login, true),
        &Event::LoginError {
            error,
            reason: None,
        },
    );
    let typed = Typed {
        login: login.id,
        handoff,
        digits_hash: &hash(&app.vault, handoff, &digits),
        sealed_answer: &seal_answer(&app.vault, &login.id, &told),
        cooled_until: now + app.config.login.handoff_cool_down,
    };
    let tried = handoffs::try_digits(
        app.db.durable_steps(),
        &typed,
        now,
        Appended::new([record(false)]),
        Appended::new([record(true), ended]),
    )
    .await;
    match tried {
        Ok(Tried::Proven) => release::held(&app, &browser, &entry).await,
        Ok(Tried::Wrong) => refused("handoff_digits_wrong").await,
        Ok(Tried::Stopped) => {
            counted::end(outcome);
            Ok(show::again(login.id))
        }
        Err(StoreError::Stale) => {
            let found = handoffs::find(app.db.relaxed_steps(), handoff).await?;
            match found.map(|found| found.stage) {
                // Typed right before, and the release failed: it may be done now.
                Some(HandoffStage::Proven) => release::held(&app, &browser, &entry).await,
                // The same wrong ones, sent twice.
                Some(HandoffStage::Matched) => refused("handoff_digits_wrong").await,
                _ => Ok(show::again(login.id)),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn of_outcome(login: &Login, ended: bool) -> Subject {
    Subject {
        outcome: ended.then_some(Outcome::HandoffStopped),
        ..about(login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::secret::RootKey;

    #[test]
    fn digits_are_four_and_hashed_for_their_hand_off() {
        let vault = Vault::new(&[RootKey::generate(Clock::system().now())]);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for _ in 0..50 {
            let digits = draw();
            assert_eq!(read(&digits).as_deref(), Some(digits.as_str()));
        }
        assert_eq!(hash(&vault, one, "0471"), hash(&vault, one, "0471"));
        assert_ne!(hash(&vault, one, "0471"), hash(&vault, other, "0471"));
        assert_ne!(hash(&vault, one, "0471"), hash(&vault, one, "0472"));
    }

    #[test]
    fn digits_may_be_typed_with_spaces_and_nothing_else_is_a_try() {
        assert_eq!(read(" 04 71 ").as_deref(), Some("0471"));
        for typed in ["", "471", "04711", "04x1", "٠٤٧١"] {
            assert_eq!(read(typed), None, "{typed}");
        }
    }
}
