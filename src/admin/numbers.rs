//! What staff do to a number.

use crate::admin::desk::commit;
use crate::admin::{Desk, Refused};
use crate::audit::event::{ChangedHandsBy, Event, Subject};
use crate::audit::record::{Personal, Recorder};
use crate::phone::PhoneNumber;
use crate::store::audit;
use crate::store::epochs::{self, Moved, Moving};

/// Longest reason, characters.
const LONGEST_REASON: usize = 500;

/// A number belongs to somebody else now: its next sign-in gets a new subject at every app, and
/// everything of the owner before ends. Cannot be taken back: the subject before never returns.
///
/// # Errors
/// [`Refused::Invalid`] without a reason, [`Refused::Stale`] if it was just moved by somebody else.
pub async fn new_owner(desk: &Desk, number: &PhoneNumber, reason: &str) -> Result<Moved, Refused> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        let message = "say why, in 1 to 500 characters";
        return Err(Refused::invalid("reason", message));
    }
    let hashes: Vec<Vec<u8>> = desk
        .vault
        .search_hashes(number.e164())
        .into_iter()
        .map(|(_, hash)| hash)
        .collect();
    let mut tx = desk.begin().await?;
    let moving = Moving {
        number_hashes: &hashes,
        key_id: desk.vault.key_id(),
        from: None,
        now: desk.now,
    };
    let moved = epochs::move_on(&mut tx, &moving).await?;
    let recorder = Recorder {
        vault: &desk.vault,
        now: desk.now,
        browser: Personal::default(),
    };
    let subject = Subject {
        actor: Some(desk.actor.clone()),
        ..Subject::default()
    };
    let event = Event::NumberChangedHands {
        from: moved.from,
        to: moved.to,
        by: ChangedHandsBy::Staff,
        reason: Some(reason.to_owned()),
        sessions: moved.sessions,
        grants: moved.grants,
        go_aheads: moved.go_aheads,
    };
    audit::append(&mut *tx, [recorder.record_of(number, subject, &event)]).await?;
    commit(tx).await?;
    Ok(moved)
}
