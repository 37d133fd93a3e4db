//! The job that writes what records are found by beside their own columns: references and networks.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::admin::desk::commit;
use crate::admin::{Desk, Refused, audit};
use crate::audit::networks;
use crate::store::audit_index;

/// The job's name.
const NAME: &str = "index";
/// How far it stays behind: a record's time is its request's, and until then its transaction has ended.
pub const BEHIND: TimeDelta = TimeDelta::minutes(2);
/// How much time one run covers at most.
const STRIDE: TimeDelta = TimeDelta::hours(1);
/// Records at a time.
const BATCH: i64 = 1000;

/// Goes on where it stopped; returns how many records it went through. Of two servers, one works.
///
/// # Errors
/// [`Refused::Database`]; it goes on from there the next time.
pub async fn run(desk: &Desk) -> Result<usize, Refused> {
    let mut done = 0;
    loop {
        let mut tx = desk.begin().await?;
        let Some(from) = audit_index::take_job(&mut tx, NAME).await? else {
            commit(tx).await?;
            return Ok(done);
        };
        // Hours without a record are skipped.
        let next = audit_index::next(&mut tx, from).await?;
        let now = desk.now - BEHIND;
        let until = next.map_or(now, |next| now.min(next.max(from) + STRIDE));
        if until <= from {
            commit(tx).await?;
            return Ok(done);
        }
        let mut after = Uuid::nil();
        loop {
            let firsts = audit_index::firsts(&mut tx, from, until, after, BATCH).await?;
            let Some(last) = firsts.last() else { break };
            after = last.id;
            done += firsts.len();
            let logins: Vec<Uuid> = firsts.iter().filter_map(|first| first.login_id).collect();
            let (mut records, mut words) = (Vec::new(), Vec::new());
            for first in &firsts {
                let personal = first
                    .sealed
                    .as_deref()
                    .and_then(|sealed| audit::open(desk, first.id, sealed));
                let address = personal.and_then(|personal| personal.address?.parse().ok());
                for word in address.into_iter().flat_map(networks::words) {
                    records.push(first.id);
                    words.push(desk.vault.search_hash(&word));
                }
            }
            audit_index::write(&mut tx, &logins, &records, &words).await?;
        }
        audit_index::job_done(&mut tx, NAME, until).await?;
        commit(tx).await?;
    }
}
