//! Trials: a member of staff has their own phone checked at one operator, for real, before people depend on
//! it. The operator is asked as in a login, but there is no login: no app, no session, no code, nothing
//! that a claim could be made of. What came of it is told to whoever began it, and stands in the records.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::operator_view::redirect_uri;
use crate::admin::{Desk, Refused, operators};
use crate::clock::Clock;
use crate::config::Issuer;
use crate::operator::{self, Ask, Callback, Operators, Phone};
use crate::phone::PhoneNumber;
use crate::secret::{Handle, Token, new_id, same};
use crate::store::db::StoreError;
use crate::store::operator_trials::{self, Kept, New, Stage, Trial};
use crate::store::operators::{Credentials, Operator};
use crate::verdict::{Evidence, Method, Outcome, Refusal, Verdict};

/// How long a trial waits and lasts, all of it.
pub const LIFE: Duration = Duration::from_secs(10 * 60);
/// Trials of one member of staff within an hour: the operator charges for each.
const MOST_PER_HOUR: i64 = 20;

/// What asks operators, and under which name.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The operators.
    pub operators: &'a Operators,
    /// Us.
    pub issuer: &'a Issuer,
    /// The time.
    pub clock: &'a Clock,
}

/// Begins a trial of a number at an operator, also at a paused one. Returns its id.
///
/// # Errors
/// [`Refused::NotFound`] without such an operator; [`Refused::Invalid`] for a number it could not confirm,
/// or too many trials.
pub async fn begin(
    desk: &Desk,
    staff: Uuid,
    alias: &str,
    number: &PhoneNumber,
) -> Result<Uuid, Refused> {
    let operator = operators::show(desk, alias).await?;
    if !operator.may_vouch_for(number, true) {
        let message = "is none that this operator may confirm; see its prefixes";
        return Err(Refused::invalid("number", message));
    }
    let (id, ticket) = (new_id(desk.now), Token::random());
    let kept = Kept {
        number: number.e164().to_owned(),
        ticket: ticket.reveal(),
        nonce: String::new(),
        verifier: None,
    };
    let new = New {
        id,
        staff,
        operator: alias,
        ticket_hash: &ticket.hash(),
        sealed: &kept.seal(&desk.vault, &id),
        now: desk.now,
        expires_at: desk.now + LIFE,
    };
    let hour_ago = desk.now - Duration::from_secs(3600);
    let mut tx = desk.begin().await?;
    match operator_trials::insert(&mut tx, &new, hour_ago, MOST_PER_HOUR).await {
        Ok(()) => {}
        Err(StoreError::Stale) => {
            let message = "was tested too often within the hour; wait a little";
            return Err(Refused::invalid("number", message));
        }
        Err(error) => return Err(error.into()),
    }
    let act = Act {
        operation: "ACTION",
        resource: "operator",
        id: alias,
        details: json!({ "action": "phone_test", "trial": id }),
    };
    desk.record_about(&mut tx, act, Some(number)).await?;
    commit(tx).await?;
    Ok(id)
}

/// A trial, for whoever began it.
///
/// # Errors
/// [`Refused::NotFound`], also for anybody else's.
pub async fn show(desk: &Desk, staff: Uuid, id: Uuid) -> Result<Trial, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let found = operator_trials::find(&mut db, id).await?;
    found
        .filter(|trial| trial.staff == staff)
        .ok_or_else(|| Refused::not_found("test", &id.to_string()))
}

/// The trial behind a ticket.
///
/// # Errors
/// [`Refused::Database`].
pub async fn find_by_ticket(desk: &Desk, ticket: &Token) -> Result<Option<Trial>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(operator_trials::find_by_ticket(&mut db, &ticket.hash()).await?)
}

/// What is secret of a trial.
///
/// # Errors
/// [`Refused::Database`] if it does not open.
pub fn kept(desk: &Desk, trial: &Trial) -> Result<(Kept, PhoneNumber), Refused> {
    let unsealable = |error| Refused::Database(StoreError::Unsealable(error));
    let kept = trial.kept(&desk.vault).map_err(unsealable)?;
    let number = PhoneNumber::from_e164(&kept.number)
        .map_err(|_| Refused::invalid("number", "cannot be read any more"))?;
    Ok((kept, number))
}

/// Sends the phone to the operator: the ticket is used up. Returns where it goes, or `None` if the trial is
/// over, because another phone was first or the operator could not be asked.
///
/// # Errors
/// [`Refused`] if the operator is gone.
pub async fn depart(
    desk: &Desk,
    asking: Asking<'_>,
    trial: &Trial,
    cookie: &Token,
) -> Result<Option<String>, Refused> {
    let (mut kept, number) = kept(desk, trial)?;
    let (operator, credentials) = opened(desk, &trial.operator).await?;
    let state = Handle::random(trial.id);
    let ask = Ask {
        operator: &operator,
        credentials: &credentials,
        method: Method::Verify,
        number: Some(&number),
        redirect_uri: &redirect_uri(asking.issuer, &operator.alias),
        state: &state.reveal(),
        now: desk.now,
        silent: true,
        phone: Phone::default(),
    };
    let departure = match asking.operators.depart(&ask).await {
        Ok(departure) => departure,
        Err(refusal) => {
            end(
                desk,
                trial,
                Stage::Waiting,
                &number,
                &Verdict::Refused(refusal),
            )
            .await?;
            return Ok(None);
        }
    };
    kept.nonce = departure.nonce;
    kept.verifier = departure.verifier;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let departed = operator_trials::depart(
        &mut db,
        trial.id,
        &cookie.hash(),
        &state.hash(),
        &kept.seal(&desk.vault, &trial.id),
        operator.revision,
        desk.now,
    )
    .await;
    match departed {
        Ok(()) => Ok(Some(departure.url.to_string())),
        Err(StoreError::Stale) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The phone is back from the operator: claims the trial, once, and only then asks. Returns its ticket, for
/// the way to its page; `None` if this is no trial's callback, or not this browser's.
///
/// # Errors
/// [`Refused`] if the operator is gone.
pub async fn conclude(
    desk: &Desk,
    asking: Asking<'_>,
    alias: &str,
    state: &Handle,
    callback: &Callback,
    cookies: &[Vec<u8>],
    phone: Phone,
) -> Result<Option<String>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let claimed =
        operator_trials::claim(&mut db, state.id, &state.hash(), alias, cookies, desk.now).await?;
    let found = operator_trials::find(&mut db, state.id).await?;
    drop(db);
    let Some(trial) = found else {
        return Ok(None);
    };
    if !claimed {
        break_off(desk, &trial, state).await?;
        return Ok(None);
    }
    let (kept, number) = kept(desk, &trial)?;
    let (operator, credentials) = opened(desk, alias).await?;
    let edited = trial.operator_revision != Some(operator.revision);
    let verdict = if edited {
        refused(
            Outcome::OperatorMisconfigured,
            "the operator was edited meanwhile",
        )
    } else {
        let ask = Ask {
            operator: &operator,
            credentials: &credentials,
            method: Method::Verify,
            number: Some(&number),
            redirect_uri: &redirect_uri(asking.issuer, alias),
            state: &state.reveal(),
            now: desk.now,
            silent: true,
            phone,
        };
        let sent = operator::Kept {
            nonce: kept.nonce,
            verifier: kept.verifier,
        };
        let conclude = asking
            .operators
            .conclude(&ask, &sent, callback, asking.clock);
        match conclude.await {
            // Its word is believed where it would be in a login, and nowhere else (P2, P5).
            Verdict::Verified(proof)
                if proof.number != number || !operator.may_vouch_for(&proof.number, true) =>
            {
                refused(Outcome::Mismatch, "another number was confirmed")
            }
            verdict => verdict,
        }
    };
    end(desk, &trial, Stage::Checking, &number, &verdict).await?;
    Ok(Some(kept.ticket))
}

/// A callback that is not the one awaited: from another browser, at another operator's address, too late or
/// twice. A trial that is still away is over then (P8).
async fn break_off(desk: &Desk, trial: &Trial, state: &Handle) -> Result<(), Refused> {
    let is_its_own = trial
        .state_hash
        .as_deref()
        .is_some_and(|hash| same(hash, &state.hash()));
    if !is_its_own || trial.stage != Stage::Away {
        return Ok(());
    }
    let (_, number) = kept(desk, trial)?;
    let detail = "another browser, another operator's callback, or too late";
    let verdict = refused(Outcome::BrowserMismatch, detail);
    end(desk, trial, Stage::Away, &number, &verdict).await
}

fn refused(outcome: Outcome, detail: &str) -> Verdict {
    Verdict::Refused(Refusal {
        outcome,
        evidence: Evidence {
            stage: "callback".to_owned(),
            detail: Some(detail.to_owned()),
            ..Evidence::default()
        },
    })
}

async fn opened(desk: &Desk, alias: &str) -> Result<(Operator, Credentials), Refused> {
    let operator = operators::show(desk, alias).await?;
    let credentials = operator.credentials(&desk.vault).map_err(|_| {
        let message = "the stored ones do not open with the root keys given; give them anew";
        Refused::invalid("credentials", message)
    })?;
    Ok((operator, credentials))
}

/// Stores and records what came of it. The record is about the number and in the name of whoever began it.
async fn end(
    desk: &Desk,
    trial: &Trial,
    from: Stage,
    number: &PhoneNumber,
    verdict: &Verdict,
) -> Result<(), Refused> {
    let (outcome, evidence) = (verdict.outcome(), verdict.evidence());
    let report = serde_json::to_value(evidence).unwrap_or_default();
    let staff = Desk {
        actor: trial.email.clone(),
        ..desk.clone()
    };
    let mut tx = staff.begin().await?;
    match operator_trials::end(&mut tx, trial.id, from, outcome.as_str(), &report, desk.now).await {
        Ok(()) => {}
        // Somebody ended it meanwhile; what the operator said may be billed all the same.
        Err(StoreError::Stale) => {}
        Err(error) => return Err(error.into()),
    }
    let act = Act {
        operation: "ACTION",
        resource: "operator",
        id: &trial.operator,
        details: json!({
            "action": "phone_test_result",
            "trial": trial.id,
            "outcome": outcome.as_str(),
            "evidence": report,
        }),
    };
    staff.record_about(&mut tx, act, Some(number)).await?;
    commit(tx).await
}
