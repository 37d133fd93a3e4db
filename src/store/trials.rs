//! Sign-ins that staff try out from the console.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// A trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its key.
    pub id: Uuid,
    /// The client it tries out.
    pub client_id: String,
    /// The copy that runs it.
    pub trial_client: String,
    /// What the copy keeps, sealed.
    pub sealed: Vec<u8>,
    /// What came back, sealed; absent while it is out.
    pub result: Option<Vec<u8>>,
    /// When it ends.
    pub expires_at: Time,
}

/// What a new trial is.
#[derive(Clone, Debug)]
pub struct NewTrial<'a> {
    /// Its key.
    pub id: Uuid,
    /// Whose it is.
    pub staff: Uuid,
    /// The client it tries out.
    pub client_id: &'a str,
    /// The copy that runs it.
    pub trial_client: &'a str,
    /// The hash of its `state`.
    pub state_hash: &'a [u8],
    /// What the copy keeps, sealed.
    pub sealed: &'a [u8],
    /// When it ends.
    pub expires_at: Time,
}

/// Begins a trial.
pub async fn insert(
    db: &mut PgConnection,
    new: &NewTrial<'_>,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into staff_trials
            (id, staff, client_id, trial_client, state_hash, sealed, opened_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        new.id,
        new.staff,
        new.client_id,
        new.trial_client,
        new.state_hash,
        new.sealed,
        now,
        new.expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A trial of this member of staff; nobody else's.
pub async fn find(
    db: &mut PgConnection,
    id: Uuid,
    staff: Uuid,
) -> Result<Option<Trial>, StoreError> {
    let found = sqlx::query_as!(
        Trial,
        r#"
        select id, client_id, trial_client, sealed, result, expires_at
        from staff_trials
        where id = $1 and staff = $2
        "#,
        id,
        staff,
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Takes the answer to a trial's request, once.
pub async fn claim(
    db: &mut PgConnection,
    state_hash: &[u8],
    now: Time,
) -> Result<Option<Trial>, StoreError> {
    let claimed = sqlx::query_as!(
        Trial,
        r#"
        update staff_trials
        set answered_at = $2
        where state_hash = $1 and answered_at is null and expires_at > $2
        returning id, client_id, trial_client, sealed, result, expires_at
        "#,
        state_hash,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(claimed)
}

/// Keeps what came back, and forgets the copy that ran the trial.
pub async fn finish(db: &mut PgConnection, id: Uuid, result: &[u8]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with over as (
            update staff_trials
            set result = $2
            where id = $1
            returning trial_client
        )
        delete from clients
        where client_id in (select trial_client from over)
        "#,
        id,
        result,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets trials whose time is over, with the copies that ran them; at most `limit`.
pub async fn purge(db: &PgPool, now: Time, limit: i64) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with over as (
            delete from staff_trials
            where id in (select id from staff_trials where expires_at < $1 limit $2)
            returning trial_client
        )
        delete from clients
        where client_id in (select trial_client from over)
        "#,
        now,
        limit,
    )
    .execute(db)
    .await?;
    Ok(())
}
