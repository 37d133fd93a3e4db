//! How long records stay: months that are older go as a whole, and a tombstone stays; a legal hold keeps
//! them.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::audit::event::{ErasedRange, Event, Retired, Subject};
use crate::clock::Time;
use crate::config::Retention;
use crate::secret::{first_id, new_id};
use crate::store::db::StoreError;
pub use crate::store::retention::Month;
use crate::store::retention::{self, Hold};

const DAY: u64 = 86_400;
/// Longest reason, characters.
const LONGEST_REASON: usize = 500;

/// Why a month is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is not old enough.
    Kept,
    /// A legal hold lies on it.
    Held,
    /// It is old enough, and something in it is not sealed yet.
    Unsealed,
    /// The next run drops it.
    Due,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Held => "held",
            Self::Unsealed => "unsealed",
            Self::Due => "due",
        }
    }
}

fn keep(settings: &Retention, table: &str) -> Duration {
    match table {
        "audit_personal" | "record_words" => settings.personal,
        "logins" | "legs" => settings.logins,
        _ => settings.audit,
    }
}

/// Every month of every table that grows, oldest first, and how it stands.
///
/// # Errors
/// [`Refused::Database`].
pub async fn months(desk: &Desk, settings: &Retention) -> Result<Vec<(Month, Standing)>, Refused> {
    let mut tx = desk.begin().await?;
    let months = retention::months(&mut tx).await?;
    let standing = |month: Month| {
        let is_record = !matches!(month.table.as_str(), "logins" | "legs");
        let standing = if month.until + keep(settings, &month.table) > desk.now {
            Standing::Kept
        } else if is_record && month.held {
            Standing::Held
        } else if is_record && month.unsealed {
            Standing::Unsealed
        } else {
            Standing::Due
        };
        (month, standing)
    };
    Ok(months.into_iter().map(standing).collect())
}

/// Drops every month that is due, each in a transaction with its tombstone. The database checks age,
/// seal and hold once more. Returns what went; a month that somebody uses right now stays for the next
/// run.
///
/// # Errors
/// [`Refused::Database`]; what was dropped stays dropped.
pub async fn run(desk: &Desk, settings: &Retention) -> Result<Vec<Month>, Refused> {
    let mut gone: Vec<Month> = Vec::new();
    let months = months(desk, settings).await?;
    for (month, standing) in &months {
        // A record stays as long as its personal part, and its place in the log as long as the record: the
        // tombstone of records names their leaves.
        let before = match month.table.as_str() {
            "audit_records" => "audit_personal",
            "log_leaves" => "audit_records",
            _ => "",
        };
        let stays = |(other, _): &(Month, Standing)| {
            other.table == before && other.first == month.first && !gone.contains(other)
        };
        let waits = months.iter().any(stays);
        if *standing != Standing::Due || waits {
            continue;
        }
        let mut tx = desk.begin().await?;
        retention::take_time(&mut tx).await?;
        let rows = retention::rows(&mut tx, month).await?;
        let (from, until) = (first_id(month.from), first_id(month.until));
        let of_parts = month.table == "audit_personal";
        let retired = if month.table == "audit_records" {
            Some(Retired {
                from,
                until,
                records: rows,
                leaves: retention::leaves(&mut tx, from, until).await?,
            })
        } else {
            None
        };
        let event = Event::PartitionDropped {
            table: month.table.clone(),
            from: month.from,
            until: month.until,
            rows,
            erased_range: of_parts.then_some(ErasedRange { from, until }),
            retired,
        };
        let subject = Subject {
            actor: Some(desk.actor.clone()),
            ..Subject::default()
        };
        let tombstone = desk.recorder().record(subject, &event);
        let kept = keep(settings, &month.table).as_secs().div_ceil(DAY);
        let kept = i32::try_from(kept).unwrap_or(i32::MAX);
        match retention::drop_month(&mut tx, month, desk.now, kept, tombstone).await {
            Ok(()) => commit(tx).await?,
            Err(error) => {
                tracing::warn!(%error, table = month.table, month = %month.first, "a month could not be dropped yet");
                continue;
            }
        }
        gone.push(month.clone());
    }
    Ok(gone)
}

/// All legal holds, newest first.
///
/// # Errors
/// [`Refused::Database`].
pub async fn holds(desk: &Desk) -> Result<Vec<Hold>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(retention::holds(&mut db).await?)
}

/// Places a legal hold: no record of that time is dropped and no personal part of it erased, until the
/// hold is released.
///
/// # Errors
/// [`Refused::Invalid`] for an empty span or no reason.
pub async fn hold(desk: &Desk, from: Time, until: Time, reason: &str) -> Result<Hold, Refused> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Refused::invalid(
            "reason",
            "say why, in 1 to 500 characters",
        ));
    }
    if from >= until {
        return Err(Refused::invalid("until", "a hold ends after it begins"));
    }
    let hold = Hold {
        id: new_id(desk.now),
        from,
        until,
        reason: reason.to_owned(),
        placed_by: desk.actor.clone(),
        placed_at: desk.now,
        released_by: None,
        released_at: None,
    };
    let mut tx = desk.begin().await?;
    retention::hold(&mut tx, &hold).await?;
    let act = Act {
        operation: "CREATE",
        resource: "hold",
        id: &hold.id.to_string(),
        details: json!({ "from": from, "until": until, "reason": reason }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(hold)
}

/// Releases a legal hold.
///
/// # Errors
/// [`Refused::NotFound`] if there is none that lies.
pub async fn release(desk: &Desk, id: Uuid, reason: &str) -> Result<(), Refused> {
    let name = id.to_string();
    let mut tx = desk.begin().await?;
    retention::release(&mut tx, id, &desk.actor, desk.now)
        .await
        .map_err(|error| match Refused::from(error) {
            Refused::Stale => Refused::not_found("hold", &name),
            other => other,
        })?;
    let act = Act {
        operation: "UPDATE",
        resource: "hold",
        id: &name,
        details: json!({ "action": "release", "reason": reason }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}
