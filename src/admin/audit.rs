//! Reading records. Numbers are shown masked; to see one in full is another right.

use ipnet::IpNet;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::audit::networks;
use crate::audit::record::{Personal, personal_place};
use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::secret::first_id;
use crate::store::audit_search::{self, Filter, Listed, Reach};
use crate::verdict::Outcome;

/// Records on one page at most.
pub const MOST: u16 = 1000;
/// Longest reason, characters.
const LONGEST_REASON: usize = 500;

/// What to look for; every field given narrows it.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Records before this one; a page's cursor.
    pub before: Option<Uuid>,
    /// Records next after this one; the cursor of the page before. Not with `before`.
    pub after: Option<Uuid>,
    /// Not older than this.
    pub since: Option<Time>,
    /// Older than this.
    pub until: Option<Time>,
    /// The event's word.
    pub kind: Option<String>,
    /// The login.
    pub login_id: Option<Uuid>,
    /// The client's `client_id`.
    pub client_id: Option<String>,
    /// The operator's alias.
    pub operator: Option<String>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// Who did it: a staff member's email, `cli`, `system`.
    pub actor: Option<String>,
    /// The number. Each page that a person sees of it is a record of its own.
    pub number: Option<PhoneNumber>,
    /// What a person read to support: `7F3K-21AB`, as it stands on our pages.
    pub reference: Option<String>,
    /// The network a login began from; finds first records only, and those some minutes after they
    /// were made.
    pub network: Option<IpNet>,
}

impl Query {
    /// The filters as a person sees them; a number only as the fact that there is one.
    #[must_use]
    pub fn told(&self) -> Value {
        json!({
            "since": self.since,
            "until": self.until,
            "type": self.kind,
            "login": self.login_id,
            "client": self.client_id,
            "operator": self.operator,
            "outcome": self.outcome,
            "actor": self.actor,
            "number": self.number.as_ref().map(|_| "given"),
            "reference": self.reference,
            "network": self.network.as_ref().map(|_| "given"),
        })
    }

    pub(super) fn filter(&self, desk: &Desk) -> Result<Filter, Refused> {
        let hashes = |text: &str| {
            let hashes = desk.vault.search_hashes(text);
            hashes.into_iter().map(|(_, hash)| hash).collect()
        };
        let network_hashes = match &self.network {
            None => None,
            Some(network) => {
                let word = networks::word(network).ok_or_else(|| {
                    let message =
                        "write a whole address, an IPv4 /24 or /16, or an IPv6 /64, /48 or /32";
                    Refused::invalid("network", message)
                })?;
                Some(hashes(&word))
            }
        };
        Ok(Filter {
            before: self.before,
            after: self.after,
            since: self.since,
            until: self.until,
            kind: self.kind.clone(),
            login_id: self.login_id,
            client_id: self.client_id.clone(),
            operator: self.operator.clone(),
            outcome: self.outcome,
            actor: self.actor.clone(),
            number_hashes: self.number.as_ref().map(|number| hashes(number.e164())),
            reference: self.reference.as_deref().map(digits).transpose()?,
            network_hashes,
        })
    }
}

fn digits(reference: &str) -> Result<String, Refused> {
    let digits = reference.trim().replace('-', "").to_lowercase();
    if digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        let message = "a reference has eight digits and letters from A to F: 7F3A-21AB";
        Err(Refused::invalid("reference", message))
    }
}

/// One record, decoded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// What was recorded; null if the bytes are no JSON, which only tampering explains.
    pub body: Value,
    /// Whether the bytes carry the MAC of a root key given here.
    pub authentic: bool,
    /// The number, masked; absent if the record is about none or its personal part was erased.
    pub number: Option<String>,
}

/// A page of records.
#[derive(Clone, Debug)]
pub struct Found {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// If there are fewer than wanted: the records before this one were not looked at yet. The next page
    /// goes on there.
    pub looked_back_to: Option<Uuid>,
}

/// A page of records. One that many records meet by one of its filters and few by all may be short, or
/// empty, and not the last.
///
/// # Errors
/// [`Refused::Invalid`] for a reference or network that is none, [`Refused::Database`].
pub async fn list(desk: &Desk, query: Query, limit: u16) -> Result<Found, Refused> {
    let found = page(desk, &query, limit, query.number.as_ref()).await?;
    Ok(Found {
        entries: found.rows.iter().map(|row| decode(desk, row)).collect(),
        looked_back_to: found.looked_back_to.map(first_id),
    })
}

/// The rows of a page. `told`: the number that the page's own record is about, if it leaves one.
pub(super) async fn page(
    desk: &Desk,
    query: &Query,
    limit: u16,
    told: Option<&PhoneNumber>,
) -> Result<audit_search::Found, Refused> {
    let filter = query.filter(desk)?;
    if !filter.may_be_looked_for_in_stretches() {
        return look(desk, query, &filter, limit, told, Reach::All).await;
    }
    match look(desk, query, &filter, limit, told, Reach::Quick).await {
        Err(Refused::Database(error)) if error.is_too_slow() => {
            look(desk, query, &filter, limit, told, Reach::Stretch).await
        }
        done => done,
    }
}

async fn look(
    desk: &Desk,
    query: &Query,
    filter: &Filter,
    limit: u16,
    told: Option<&PhoneNumber>,
    reach: Reach,
) -> Result<audit_search::Found, Refused> {
    let mut tx = audit_search::begin(&desk.db, reach).await?;
    let limit = i64::from(limit.clamp(1, MOST));
    let found = audit_search::list(&mut tx, filter, limit, reach).await?;
    if let Some(number) = told {
        // Who looked for whom is found with the number itself.
        let act = Act {
            operation: "ACTION",
            resource: "audit",
            id: "number",
            details: json!({ "action": "search", "filters": query.told() }),
        };
        desk.record_about(&mut tx, act, Some(number)).await?;
    }
    commit(tx).await?;
    Ok(found)
}

/// What is personal in a record, in full. A right of its own, and a record of its own.
///
/// # Errors
/// [`Refused::Invalid`] without a reason; [`Refused::NotFound`] if there is no such record or nothing
/// personal in it any more.
pub async fn unmask(desk: &Desk, id: Uuid, reason: &str) -> Result<Personal, Refused> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Refused::invalid(
            "reason",
            "say why, in 1 to 500 characters",
        ));
    }
    let mut tx = desk.begin().await?;
    let name = id.to_string();
    let sealed = audit_search::personal(&mut tx, id)
        .await?
        .ok_or_else(|| Refused::not_found("personal part of record", &name))?;
    let personal = open(desk, id, &sealed)
        .ok_or_else(|| Refused::not_found("readable personal part of record", &name))?;
    let act = Act {
        operation: "ACTION",
        resource: "audit",
        id: &name,
        details: json!({ "action": "unmask", "reason": reason }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(personal)
}

/// Records that the log was exported for verification with what is personal in it.
///
/// # Errors
/// [`Refused::Database`]; nothing may be exported then.
pub async fn exported(desk: &Desk, details: Value) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let act = Act {
        operation: "ACTION",
        resource: "audit_log",
        id: "log",
        details,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

pub(super) fn decode(desk: &Desk, row: &Listed) -> Entry {
    let authentic = desk
        .vault
        .audit_mac_is_valid(&row.mac_key_id, &row.body, &row.mac);
    let number = row
        .sealed
        .as_deref()
        .and_then(|sealed| open(desk, row.id, sealed))
        .and_then(|personal| PhoneNumber::from_e164(&personal.number?).ok());
    Entry {
        id: row.id,
        body: serde_json::from_slice(&row.body).unwrap_or_default(),
        authentic,
        number: number.map(|number| number.masked()),
    }
}

pub(super) fn open(desk: &Desk, id: Uuid, sealed: &[u8]) -> Option<Personal> {
    let plain = desk.vault.open(personal_place(&id), sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}
