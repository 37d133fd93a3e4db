//! What people may ask of us about their number (GDPR articles 15 and 17), and hashing numbers anew
//! under another root key.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused, audit};
use crate::audit::event::{Event, Subject};
use crate::audit::record::{Personal, personal_place};
use crate::phone::PhoneNumber;
use crate::secret::sealed_under;
use crate::store::db::StoreError;
use crate::store::{number, rekey, sessions};
use crate::verdict::Outcome;

/// Records that one record of an erasure lists at most.
const LISTED: usize = 500;
/// Rows moved to another root key at a time.
const BATCH: i64 = 200;
/// Longest ticket, characters.
const LONGEST_TICKET: usize = 200;

fn hashes(desk: &Desk, number: &PhoneNumber) -> Vec<Vec<u8>> {
    let hashes = desk.vault.search_hashes(number.e164());
    hashes.into_iter().map(|(_, hash)| hash).collect()
}

/// Everything that is kept about a number, to be handed to its owner: the records of its logins with
/// their personal parts in full, and what else names it. Recorded.
///
/// # Errors
/// [`Refused::Database`].
pub async fn export(desk: &Desk, number: &PhoneNumber) -> Result<Value, Refused> {
    let hashes = hashes(desk, number);
    let mut tx = desk.begin().await?;
    let parts = number::parts(&mut tx, &hashes).await?;
    let rows = number::rows(&mut tx, &hashes).await?;
    let records: Vec<Value> = parts
        .iter()
        .map(|part| {
            let personal = audit::open(desk, part.id, &part.sealed).unwrap_or_default();
            json!({
                "id": part.id,
                "record": part.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok()),
                "personal": personal,
                "under_legal_hold": part.held,
            })
        })
        .collect();
    let act = Act {
        operation: "ACTION",
        resource: "number",
        id: "number",
        details: json!({ "action": "export", "records": records.len() }),
    };
    desk.record_about(&mut tx, act, Some(number)).await?;
    commit(tx).await?;
    let mut told = json!({
        "number": number.e164(),
        "exported_at": desk.now,
        "records": records,
    });
    for (kind, rows) in rows {
        told[kind] = rows.into();
    }
    Ok(told)
}

/// What an erasure did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Personal parts that went.
    pub parts: i64,
    /// Personal parts that stay because of a legal hold.
    pub held: i64,
    /// Rows that went besides, by kind.
    pub rows: BTreeMap<String, i64>,
    /// The records that list what went.
    pub records: Vec<Uuid>,
}

/// Erases what is personal about a number and ends what lives of it: personal parts of its records,
/// sessions, grants with their tokens, go-aheads, logins on their way. What stays are the records
/// without their personal parts, and the fact that it changed hands, if it did.
///
/// # Errors
/// [`Refused::Invalid`] for a ticket that is too long; [`Refused::Database`], and nothing has changed.
pub async fn erase(
    desk: &Desk,
    number: &PhoneNumber,
    ticket: Option<&str>,
) -> Result<Erased, Refused> {
    if ticket.is_some_and(|ticket| ticket.chars().count() > LONGEST_TICKET) {
        let message = "a ticket has at most 200 characters";
        return Err(Refused::invalid("ticket", message));
    }
    let hashes = hashes(desk, number);
    let mut tx = desk.begin().await?;
    let parts = number::parts(&mut tx, &hashes).await?;
    let held = parts.iter().filter(|part| part.held).count();
    let held = i64::try_from(held).unwrap_or(i64::MAX);
    let ids: Vec<Uuid> = parts
        .iter()
        .filter(|part| !part.held)
        .map(|part| part.id)
        .collect();
    let mut logins: Vec<Uuid> = parts.iter().filter_map(login_of).collect();
    logins.sort_unstable();
    logins.dedup();
    let (ended, rows) = number::forget(&mut tx, &hashes, &logins, desk.now).await?;
    let recorder = desk.recorder();
    let about = |login_id, client_id, outcome| Subject {
        login_id,
        client_id,
        outcome,
        actor: Some(desk.actor.clone()),
        ..Subject::default()
    };
    let mut records: Vec<_> = ended
        .into_iter()
        .map(|login| {
            let event = Event::LoginError {
                error: None,
                reason: Some("the number's data was erased".to_owned()),
            };
            let subject = about(
                Some(login.id),
                Some(login.client_id),
                Some(Outcome::Expired),
            );
            recorder.record(subject, &event)
        })
        .collect();
    let mut lists: Vec<&[Uuid]> = ids.chunks(LISTED).collect();
    if lists.is_empty() {
        lists.push(&[]);
    }
    let mut listing = Vec::new();
    for (index, list) in lists.iter().enumerate() {
        let event = Event::PersonalDataErased {
            erased: list.to_vec(),
            part: index + 1,
            parts: lists.len(),
            ticket: ticket.map(str::to_owned),
            rows: if index == 0 {
                rows.clone()
            } else {
                BTreeMap::new()
            },
            held: if index == 0 { held } else { 0 },
        };
        let record = recorder.record(about(None, None, None), &event);
        listing.push(record.id);
        records.push(record);
    }
    let parts = number::erase_parts(&mut tx, &ids, records).await?;
    commit(tx).await?;
    Ok(Erased {
        parts,
        held,
        rows,
        records: listing,
    })
}

fn login_of(part: &number::Part) -> Option<Uuid> {
    let body: Value = serde_json::from_slice(part.body.as_deref()?).ok()?;
    body["login_id"].as_str()?.parse().ok()
}

/// What [`rekey`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rekeyed {
    /// Personal parts moved to the active root key.
    pub parts: i64,
    /// Other rows whose number hash was made anew.
    pub rows: i64,
    /// Personal parts that stay under an earlier root key: they do not open.
    pub parts_left: i64,
    /// Numbers that changed hands and were not seen since: they are found only while their root key is
    /// given.
    pub epochs_left: i64,
}

/// Seals personal parts and hashes numbers anew under the active root key. Runs beside the servers, in
/// pieces; it may be stopped and started again at any time. Look-ups try every root key that is given
/// meanwhile.
///
/// # Errors
/// [`Refused::Database`]; what was moved stays moved.
pub async fn rekey(desk: &Desk) -> Result<Rekeyed, Refused> {
    let active = desk.vault.key_id().to_owned();
    let mut done = Rekeyed::default();
    let mut after = Uuid::nil();
    loop {
        let mut tx = desk.begin().await?;
        let parts = rekey::parts(&mut tx, &active, after, BATCH).await?;
        let Some(last) = parts.last() else { break };
        after = last.id;
        for part in &parts {
            let place = personal_place(&part.id);
            let Ok(plain) = desk.vault.open(place, &part.sealed) else {
                continue;
            };
            let personal: Personal = serde_json::from_slice(&plain).unwrap_or_default();
            let hash = personal
                .number
                .as_deref()
                .map(|n| desk.vault.search_hash(n));
            if part.has_number != hash.is_some() {
                continue;
            }
            let sealed = desk.vault.seal(place, &plain);
            let hash = hash.as_deref();
            if rekey::move_part(&mut tx, part, &active, hash, &sealed).await? {
                done.parts += 1;
            }
            if let Some(number) = &personal.number {
                done.rows += move_number(desk, &mut tx, number).await?;
            }
        }
        commit(tx).await?;
    }
    let mut after = Uuid::nil();
    loop {
        let mut tx = desk.begin().await?;
        let rows = rekey::sessions(&mut tx, after, BATCH).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in &rows {
            let is_active = sealed_under(&row.sealed).is_some_and(|(key, _)| key == active);
            let place = sessions::number_place(&row.id);
            let Some(plain) = (!is_active)
                .then(|| desk.vault.open(place, &row.sealed).ok())
                .flatten()
            else {
                continue;
            };
            rekey::move_session(&mut tx, row, &desk.vault.seal(place, &plain)).await?;
            if let Ok(number) = std::str::from_utf8(&plain) {
                done.rows += move_number(desk, &mut tx, number).await?;
            }
        }
        commit(tx).await?;
    }
    let mut tx = desk.begin().await?;
    (done.epochs_left, done.parts_left) = rekey::remaining(&mut tx, &active).await?;
    let act = Act {
        operation: "ACTION",
        resource: "key",
        id: &active,
        details: json!({
            "action": "rekey",
            "parts": done.parts,
            "rows": done.rows,
            "parts_left": done.parts_left,
            "epochs_left": done.epochs_left,
        }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(done)
}

async fn move_number(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    number: &str,
) -> Result<i64, StoreError> {
    let mut hashes = desk.vault.search_hashes(number).into_iter();
    let Some((active, new)) = hashes.next() else {
        return Ok(0);
    };
    let old: Vec<Vec<u8>> = hashes.map(|(_, hash)| hash).collect();
    if old.is_empty() {
        return Ok(0);
    }
    rekey::move_number(tx, &old, &new, &active).await
}
