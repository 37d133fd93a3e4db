//! Passkeys of staff: public keys and how often they were used.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::staff::Role;

/// A passkey, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its key.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// Its id at the authenticator.
    pub credential_id: Vec<u8>,
    /// When it was added.
    pub created_at: Time,
    /// When it was last used.
    pub used_at: Option<Time>,
    /// Counts its names.
    pub revision: i32,
}

/// A passkey with its account.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its key.
    pub id: Uuid,
    /// The account.
    pub staff: Uuid,
    /// The account's address.
    pub email: String,
    /// Its role.
    pub role: Role,
    /// Whether the account is locked out.
    pub disabled: bool,
    /// The public key, as the library keeps it.
    pub passkey: Value,
}

/// A new passkey.
#[derive(Debug)]
pub struct New<'a> {
    /// Its key.
    pub id: Uuid,
    /// Whose.
    pub staff: Uuid,
    /// What its owner calls it.
    pub name: &'a str,
    /// Its id at the authenticator.
    pub credential_id: &'a [u8],
    /// The public key.
    pub passkey: &'a Value,
}

/// Adds a passkey.
///
/// # Errors
/// [`StoreError::Conflict`] with `staff_passkeys_credential_id_key` if any account has it.
pub async fn insert(db: &mut PgConnection, new: &New<'_>, now: Time) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into staff_passkeys (id, staff, name, credential_id, passkey, counter, created_at)
        values ($1, $2, $3, $4, $5, 0, $6)
        "#,
        new.id,
        new.staff,
        new.name,
        new.credential_id,
        new.passkey,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The passkeys of an account, the oldest first.
pub async fn list(db: &mut PgConnection, staff: Uuid) -> Result<Vec<Shown>, StoreError> {
    let rows = sqlx::query_as!(
        Shown,
        r#"
        select id, name, credential_id, created_at, used_at, revision
        from staff_passkeys
        where staff = $1
        order by id
        "#,
        staff
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The passkey with this id at its authenticator.
pub async fn find(
    db: &mut PgConnection,
    credential_id: &[u8],
) -> Result<Option<Found>, StoreError> {
    let found = sqlx::query_as!(
        Found,
        r#"
        select p.id, p.staff, s.email, s.role as "role: Role",
            s.disabled_at is not null as "disabled!", p.passkey
        from staff_passkeys p
        join staff s on s.id = p.staff
        where p.credential_id = $1
        "#,
        credential_id
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Notes that a passkey was used and what it is then. A counter that was shown before does not count:
/// somebody answered with a copy at the same moment. Authenticators that do not count show 0.
///
/// # Errors
/// [`StoreError::Stale`] if the counter went back, or the passkey is gone.
pub async fn used(
    db: &mut PgConnection,
    id: Uuid,
    passkey: &Value,
    counter: i64,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff_passkeys
        set passkey = $2, counter = $3, used_at = $4
        where id = $1 and (counter < $3 or (counter = 0 and $3 = 0))
        "#,
        id,
        passkey,
        counter,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Calls a passkey of an account something else; another account's keeps its name, and so does one that is
/// not in the revision that was seen. Returns the name it had.
pub async fn rename(
    db: &mut PgConnection,
    staff: Uuid,
    id: Uuid,
    name: &str,
    seen: Option<i32>,
) -> Result<Option<String>, StoreError> {
    let before = sqlx::query_scalar!(
        r#"
        with before as (
            select id, name
            from staff_passkeys
            where staff = $1 and id = $2 and revision = coalesce($4, revision)
            for update
        )
        update staff_passkeys p
        set name = $3, revision = p.revision + 1
        from before
        where p.id = before.id
        returning before.name
        "#,
        staff,
        id,
        name,
        seen,
    )
    .fetch_optional(db)
    .await?;
    Ok(before)
}

/// Removes a passkey of an account; another account's stays. Returns its name.
pub async fn delete(
    db: &mut PgConnection,
    staff: Uuid,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    let gone = sqlx::query_scalar!(
        "delete from staff_passkeys where staff = $1 and id = $2 returning name",
        staff,
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(gone)
}
