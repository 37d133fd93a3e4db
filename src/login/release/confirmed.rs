//! A number that may be released, and whose it is: its subject as a client knows it, and its epoch.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::clock::Time;
use crate::login::proven::Proven;
use crate::oauth::request::AuthorizeRequest;
use crate::phone::PhoneNumber;
use crate::store::clients::{Client, SubjectType};
use crate::store::db::StoreError;
use crate::store::logins::Held;
use crate::store::sessions::{self, Carried};
use crate::verdict::{Method, checks};
use crate::web::app::App;

/// A number that may be released: confirmed, and its check has an audit record.
#[derive(Debug)]
pub struct Confirmed {
    /// The number.
    pub number: PhoneNumber,
    /// The operator, by alias.
    pub operator: String,
    /// Whether it is a test operator.
    pub test: bool,
    /// How it was asked.
    pub method: Method,
    /// When it answered.
    pub verified_at: Time,
    /// The audit record of the check.
    pub txn: Uuid,
    /// The extra checks, as tokens tell them.
    pub checks: BTreeMap<String, checks::Check>,
    /// Whether a person pressed a button of ours in the login that asked.
    pub pressed: bool,
    /// Whether it was checked on a phone that the login was moved to.
    pub handoff: bool,
}

impl Confirmed {
    /// What a login keeps of it that waits for the person.
    pub fn held(&self) -> Held {
        Held {
            number: self.number.e164().to_owned(),
            operator: self.operator.clone(),
            test: self.test,
            method: self.method,
            verified_at: self.verified_at,
            txn: self.txn,
            checks: self.checks.clone(),
        }
    }

    /// What a session keeps of it.
    pub(super) fn proven(&self) -> Proven {
        Proven {
            operator: self.operator.clone(),
            test: self.test,
            method: self.method,
            verified_at: self.verified_at,
            txn: self.txn,
            handoff: self.handoff,
            pressed: self.pressed,
            checks: self.checks.clone(),
        }
    }
}

/// The sector of every client that chose the public subject.
const PUBLIC_SECTOR: &str = "";

/// The subject of a number as a client knows it.
#[must_use]
pub fn subject(app: &App, client: &Client, number: &PhoneNumber, epoch: i32) -> String {
    let sector = match client.settings.subject_type {
        SubjectType::Pairwise => client.sector.as_str(),
        SubjectType::Public => PUBLIC_SECTOR,
    };
    app.subject_key
        .subject(sector, number, epoch.unsigned_abs())
}

/// Whether a request lets this subject be answered for: it may name one.
#[must_use]
pub fn pins(request: &AuthorizeRequest, subject: &str) -> bool {
    let named = request.subject.as_deref();
    named.is_none_or(|named| named == subject)
}

/// The epoch of a number, by its keyed hashes.
pub async fn epoch(app: &App, hashes: &[Vec<u8>], now: Time) -> Result<i32, StoreError> {
    let steps = app.db.relaxed_steps();
    let known = sessions::look_up(steps, &Carried::default(), "", hashes, None, now).await?;
    Ok(known.epoch)
}

/// The keyed hashes of a number under every live root key, the active one first.
#[must_use]
pub fn number_hashes(app: &App, number: &PhoneNumber) -> Vec<Vec<u8>> {
    app.vault
        .search_hashes(number.e164())
        .into_iter()
        .map(|(_, hash)| hash)
        .collect()
}
