//! Trials: one real check of a staff member's own phone at one operator. A trial is no login and no leg:
//! no statement of the login's path can find one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::{Place, Unsealable, Vault};
use crate::store::db::StoreError;

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Stage {
    /// Its code waits for a phone.
    Waiting,
    /// The phone is at the operator.
    Away,
    /// The operator is being asked.
    Checking,
    /// Over.
    Ended,
}

/// What is secret of a trial.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The number, E.164.
    pub number: String,
    /// The ticket, as its code shows it.
    pub ticket: String,
    /// The nonce sent to the operator.
    #[serde(default)]
    pub nonce: String,
    /// The PKCE verifier.
    #[serde(default)]
    pub verifier: Option<String>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept([redacted])")
    }
}

impl Kept {
    /// Seals it for a trial's row.
    ///
    /// # Panics
    /// Never: strings always serialise.
    #[must_use]
    pub fn seal(&self, vault: &Vault, trial: &Uuid) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).expect("strings serialise"));
        vault.seal(Place::new("operator_trials", "sealed", trial), &plain)
    }
}

/// A trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The row's key.
    pub id: Uuid,
    /// Who made it.
    pub staff: Uuid,
    /// Their address.
    pub email: String,
    /// The operator, by alias.
    pub operator: String,
    /// Where it stands.
    pub stage: Stage,
    /// What is secret of it; open with [`Trial::kept`].
    pub sealed: Vec<u8>,
    /// The hash of the phone's cookie, once one came.
    pub cookie_hash: Option<Vec<u8>>,
    /// The hash of the state it departed with.
    pub state_hash: Option<Vec<u8>>,
    /// The revision of the operator's record it departed with.
    pub operator_revision: Option<i32>,
    /// What came of it.
    pub outcome: Option<String>,
    /// What was seen on the wire.
    pub report: Option<Value>,
    /// When it was made.
    pub created_at: Time,
    /// When it is over in any case.
    pub expires_at: Time,
}

impl Trial {
    /// What is secret of it.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn kept(&self, vault: &Vault) -> Result<Kept, Unsealable> {
        let place = Place::new("operator_trials", "sealed", &self.id);
        let plain = vault.open(place, &self.sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Unsealable)
    }
}

/// A new trial.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// The row's key.
    pub id: Uuid,
    /// Who makes it.
    pub staff: Uuid,
    /// The operator, by alias.
    pub operator: &'a str,
    /// The hash of its ticket.
    pub ticket_hash: &'a [u8],
    /// What is secret of it.
    pub sealed: &'a [u8],
    /// When.
    pub now: Time,
    /// When it is over.
    pub expires_at: Time,
}

/// Adds a trial, unless its maker made `most` since `since`.
///
/// # Errors
/// [`StoreError::Stale`] if there were as many.
pub async fn insert(
    db: &mut PgConnection,
    new: &New<'_>,
    since: Time,
    most: i64,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        insert into operator_trials
            (id, staff, operator, ticket_hash, stage, sealed, created_at, expires_at)
        select $1, $2, $3, $4, 'waiting', $5, $6, $7
        where (
            select count(*) from operator_trials t where t.staff = $2 and t.created_at > $8
        ) < $9
        "#,
        new.id,
        new.staff,
        new.operator,
        new.ticket_hash,
        new.sealed,
        new.now,
        new.expires_at,
        since,
        most,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// A trial by its key.
pub async fn find(db: &mut PgConnection, id: Uuid) -> Result<Option<Trial>, StoreError> {
    let found = sqlx::query_as!(
        Trial,
        r#"
        select t.id, t.staff, s.email, t.operator, t.stage as "stage: Stage", t.sealed,
            t.cookie_hash, t.state_hash, t.operator_revision, t.outcome, t.report, t.created_at, t.expires_at
        from operator_trials t
        join staff s on s.id = t.staff
        where t.id = $1
        "#,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// A trial by its ticket.
pub async fn find_by_ticket(
    db: &mut PgConnection,
    ticket_hash: &[u8],
) -> Result<Option<Trial>, StoreError> {
    let found = sqlx::query_as!(
        Trial,
        r#"
        select t.id, t.staff, s.email, t.operator, t.stage as "stage: Stage", t.sealed,
            t.cookie_hash, t.state_hash, t.operator_revision, t.outcome, t.report, t.created_at, t.expires_at
        from operator_trials t
        join staff s on s.id = t.staff
        where t.ticket_hash = $1
        "#,
        ticket_hash
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Gives a waiting trial to one phone, once over all replicas.
///
/// # Errors
/// [`StoreError::Stale`] if another was first, or its time is out.
pub async fn depart(
    db: &mut PgConnection,
    id: Uuid,
    cookie_hash: &[u8],
    state_hash: &[u8],
    sealed: &[u8],
    operator_revision: i32,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update operator_trials
        set stage = 'away', cookie_hash = $2, state_hash = $3, sealed = $4, operator_revision = $5,
            departed_at = $6
        where id = $1 and stage = 'waiting' and expires_at > $6
        "#,
        id,
        cookie_hash,
        state_hash,
        sealed,
        operator_revision,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Claims a trial's callback, once, for the phone that departed. Returns whether it was claimed.
pub async fn claim(
    db: &mut PgConnection,
    id: Uuid,
    state_hash: &[u8],
    operator: &str,
    cookies: &[Vec<u8>],
    now: Time,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        update operator_trials
        set stage = 'checking'
        where id = $1 and state_hash = $2 and operator = $3 and cookie_hash = any($4)
            and stage = 'away' and expires_at > $5
        "#,
        id,
        state_hash,
        operator,
        cookies,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a trial that stands at `from`.
///
/// # Errors
/// [`StoreError::Stale`] if it does not stand there any more.
pub async fn end(
    db: &mut PgConnection,
    id: Uuid,
    from: Stage,
    outcome: &str,
    report: &Value,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update operator_trials
        set stage = 'ended', outcome = $3, report = $4, ended_at = $5
        where id = $1 and stage = $2
        "#,
        id,
        from as Stage,
        outcome,
        report,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Deletes what has been over since `before`, at most `limit`.
pub async fn purge(db: &PgPool, before: Time, limit: i64) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        delete from operator_trials
        where id in (select id from operator_trials where expires_at < $1 limit $2)
        "#,
        before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(())
}
