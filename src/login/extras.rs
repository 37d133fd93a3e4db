//! The extra checks of a confirmed number, and what follows of them: a number that changed hands
//! moves its epoch, a login that the app's policy refuses ends here. Nothing is held while the
//! operator is asked (P7).

use crate::audit::event::{ChangedHandsBy, Event, Subject};
use crate::audit::record::Recorder;
use crate::login::counted;
use crate::login::release::number_hashes;
use crate::operator::{Ask, Extras};
use crate::phone::PhoneNumber;
use crate::store::audit;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::epochs::{self, Epoch, Moving};
use crate::verdict::checks::{CheckResult, CheckedAll, Extra};
use crate::verdict::{Proof, Refusal, Verdict};
use crate::web::app::App;
use crate::web::failure::Failure;

/// Makes the checks that the client wants. The verdict that comes back is refused if one of them
/// refuses it; its evidence names every call that was made.
///
/// # Errors
/// If the number's epoch could not be read or moved: nothing is released then.
pub async fn check(
    app: &App,
    client: &Client,
    ask: &Ask<'_>,
    recorder: &Recorder<'_>,
    about: Subject,
    mut proof: Proof,
) -> Result<(Verdict, CheckedAll), Failure> {
    let policy = &client.settings.checks;
    let wanted = policy.wanted();
    if wanted.is_empty() {
        return Ok((Verdict::Verified(proof), CheckedAll::new()));
    }
    let hashes = number_hashes(app, &proof.number);
    let epoch = if wanted.contains_key(&Extra::NumberRecycling) {
        epochs::find(app.db.relaxed_steps(), &hashes).await?
    } else {
        Epoch::default()
    };
    let extras = Extras {
        number: &proof.number,
        wanted: &wanted,
        new_owner_since: epoch.began_at,
    };
    let mut checks = Box::pin(app.operators.check(ask, &extras, &app.clock)).await;
    for (extra, checked) in &mut checks {
        counted::check(&ask.operator.alias, *extra, checked.check.result);
        proof
            .evidence
            .billable
            .append(&mut checked.evidence.billable);
        proof.evidence.unsure.append(&mut checked.evidence.unsure);
    }
    let changed_hands = checks
        .get(&Extra::NumberRecycling)
        .is_some_and(|checked| checked.check.result == CheckResult::Fail);
    if changed_hands {
        move_epoch(app, recorder, about, &proof.number, &hashes, epoch.number).await?;
    }
    let verdict = match policy.refusal(&checks) {
        None => Verdict::Verified(proof),
        Some(outcome) => Verdict::Refused(Refusal {
            outcome,
            evidence: proof.evidence,
        }),
    };
    Ok((verdict, checks))
}

/// Whoever has the number now is a stranger to every app, and nothing of the one before remains.
async fn move_epoch(
    app: &App,
    recorder: &Recorder<'_>,
    about: Subject,
    number: &PhoneNumber,
    hashes: &[Vec<u8>],
    from: i32,
) -> Result<(), Failure> {
    let moving = Moving {
        number_hashes: hashes,
        key_id: app.vault.key_id(),
        from: Some(from),
        now: recorder.now,
    };
    let mut tx = app.db.durable().begin().await.map_err(StoreError::from)?;
    let moved = match epochs::move_on(&mut tx, &moving).await {
        Ok(moved) => moved,
        // Another login found the same a moment ago.
        Err(StoreError::Stale) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let event = Event::NumberChangedHands {
        from: moved.from,
        to: moved.to,
        by: ChangedHandsBy::Operator,
        reason: None,
        sessions: moved.sessions,
        grants: moved.grants,
        go_aheads: moved.go_aheads,
    };
    audit::append(&mut *tx, [recorder.record_of(number, about, &event)]).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(())
}
