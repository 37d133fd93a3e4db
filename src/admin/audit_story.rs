//! Records with where the log has them: the story of one login, or one record alone.

use uuid::Uuid;

use crate::admin::audit::{self, Entry, MOST};
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::store::audit_story::{self as rows, Placed};
use crate::store::db::StoreError;

pub use crate::store::audit_story::Leaf;

/// A record of a story.
#[derive(Clone, Debug)]
pub struct Step {
    /// The record.
    pub entry: Entry,
    /// Milliseconds since the first one.
    pub offset_ms: i64,
    /// Its leaf, once it is sealed.
    pub leaf: Option<Leaf>,
    /// Whether something personal is kept with it.
    pub has_personal: bool,
    /// The number, to look for more of it; shown masked only.
    pub number: Option<PhoneNumber>,
}

impl Step {
    /// Whether the last checkpoint covers it.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.leaf.as_ref().is_some_and(|l| l.leaf < l.covered)
    }

    /// Records of one moment have ids in no order; what one of them rests on comes first.
    fn place_in_moment(&self) -> u8 {
        match self.entry.body["type"].as_str().unwrap_or_default() {
            "LOGIN_STARTED" => 0,
            "NUMBER_ENTERED" => 1,
            "NUMBER_VERIFIED" | "NUMBER_NOT_VERIFIED" => 2,
            "OPERATOR_SELECTED" => 3,
            "GRANT_CONSENT" => 4,
            _ => 5,
        }
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Option<Time> {
        self.entry.body["at"].as_str()?.parse().ok()
    }
}

/// The records of one login, oldest first, at most [`MOST`].
///
/// # Errors
/// [`Refused::NotFound`] if there is none, [`Refused::Database`].
pub async fn of_login(desk: &Desk, login: Uuid) -> Result<Vec<Step>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let placed = rows::of_login(&mut db, login, i64::from(MOST)).await?;
    let mut steps: Vec<Step> = placed.into_iter().map(|row| step(desk, row)).collect();
    if steps.is_empty() {
        return Err(Refused::not_found("login", &login.to_string()));
    }
    steps.sort_by_key(|step| (step.at(), step.place_in_moment(), step.entry.id));
    let first = steps.first().and_then(Step::at);
    for step in &mut steps {
        let since = step.at().zip(first).map(|(at, first)| at - first);
        step.offset_ms = since.map_or(0, |since| since.num_milliseconds());
    }
    Ok(steps)
}

/// One record.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Database`].
pub async fn one(desk: &Desk, id: Uuid) -> Result<Step, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let placed = rows::one(&mut db, id).await?;
    let placed = placed.ok_or_else(|| Refused::not_found("record", &id.to_string()))?;
    Ok(step(desk, placed))
}

fn step(desk: &Desk, placed: Placed) -> Step {
    let row = placed.record;
    let sealed = row.sealed.as_deref();
    let personal = sealed.and_then(|sealed| audit::open(desk, row.id, sealed));
    let number = personal.and_then(|personal| PhoneNumber::from_e164(&personal.number?).ok());
    Step {
        entry: audit::decode(desk, &row),
        offset_ms: 0,
        leaf: placed.leaf,
        has_personal: row.sealed.is_some(),
        number,
    }
}
