//! Staff: accounts and the single-use links that let a person set a password.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// What a staff member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Clients and operators.
    Admin,
    /// Reads and verifies records.
    Auditor,
    /// Finds one login by its reference.
    Support,
}

/// An account.
#[derive(Clone, Debug, Serialize)]
pub struct Staff {
    /// The row's key.
    pub id: Uuid,
    /// The address it signs in with.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// Whether it has a password yet, or signed in at the company's provider.
    pub ready: bool,
    /// Whether it was given the right to see what is personal in full; owners have it by their role.
    pub may_unmask: bool,
    /// Set: may not sign in.
    pub disabled_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// Counts changes of what it may do.
    pub revision: i32,
}

/// Serialises what depends on who else is an owner, over all replicas. Any constant will do.
const STAFF_LOCK: i64 = 0x7374_6166;

/// Waits until nobody else changes roles or locks accounts; held to the end of the transaction.
pub async fn lock(db: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        select pg_advisory_xact_lock($1) as "locked: ()"
        "#,
        STAFF_LOCK
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

impl Staff {
    /// Whether it may do everything, now.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.role == Role::Owner && self.disabled_at.is_none()
    }
}

/// All accounts, by address.
pub async fn list(db: &mut PgConnection) -> Result<Vec<Staff>, StoreError> {
    let rows = sqlx::query_as!(
        Staff,
        r#"
        select id, email, role as "role: Role", (password_hash is not null or company_subject is not null) as "ready!",
            may_unmask, disabled_at, created_at, revision
        from staff
        order by lower(email)
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// An account, as the company's provider knows it.
#[derive(Clone, Debug)]
pub struct Known {
    /// The row's key.
    pub id: Uuid,
    /// The address it signs in with.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// Whether it is locked out.
    pub disabled: bool,
    /// Whether it signed in there before.
    pub linked: bool,
}

/// The account of somebody at a provider; else the one with their address that nobody has there.
pub async fn find_at_company(
    db: &mut PgConnection,
    issuer: &str,
    subject: &str,
    email: Option<&str>,
) -> Result<Option<Known>, StoreError> {
    let found = sqlx::query_as!(
        Known,
        r#"
        select id, email, role as "role: Role", disabled_at is not null as "disabled!",
            company_subject is not null as "linked!"
        from staff
        where (company_issuer = $1 and company_subject = $2)
            or (company_subject is null and lower(email) = lower($3))
        order by company_subject is null
        limit 1
        "#,
        issuer,
        subject,
        email,
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Says who an account is at the company's provider, and what it may do from now on.
///
/// # Errors
/// [`StoreError::Conflict`] with `staff_company_key` if they have another account.
pub async fn set_company(
    db: &mut PgConnection,
    id: Uuid,
    issuer: &str,
    subject: &str,
    role: Role,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff
        set company_issuer = $2, company_subject = $3, role = $4, updated_at = $5,
            revision = revision + (role <> $4)::int,
            may_unmask = may_unmask and $4 = 'auditor'
        where id = $1 and disabled_at is null
        "#,
        id,
        issuer,
        subject,
        role as Role,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Adds an account without a password.
///
/// # Errors
/// [`StoreError::Conflict`] with `staff_email_key` if the address is taken.
pub async fn insert(
    db: &mut PgConnection,
    id: Uuid,
    email: &str,
    role: Role,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into staff (id, email, role, created_at, updated_at)
        values ($1, $2, $3, $4, $4)
        "#,
        id,
        email,
        role as Role,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Disables an account.
///
/// # Errors
/// [`StoreError::Stale`] if there is no such account, or it is disabled already.
pub async fn disable(db: &mut PgConnection, email: &str, now: Time) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff
        set disabled_at = $2, updated_at = $2, revision = revision + 1
        where lower(email) = lower($1) and disabled_at is null
        "#,
        email,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Lets a disabled account sign in again.
///
/// # Errors
/// [`StoreError::Stale`] if it is not disabled.
pub async fn enable(db: &mut PgConnection, id: Uuid, now: Time) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff
        set disabled_at = null, updated_at = $2, revision = revision + 1
        where id = $1 and disabled_at is not null
        "#,
        id,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Gives an account another role. A right that only auditors can be given goes with theirs.
///
/// # Errors
/// [`StoreError::Stale`] if there is no such account any more, it has the role already, or it is not in
/// the revision that was seen.
pub async fn set_role(
    db: &mut PgConnection,
    id: Uuid,
    role: Role,
    seen: i32,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff
        set role = $2, may_unmask = may_unmask and $2 = 'auditor', updated_at = $3,
            revision = revision + 1
        where id = $1 and role <> $2 and revision = $4
        "#,
        id,
        role as Role,
        now,
        seen,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Stores a setup link and ends all earlier ones for the same account (or, with `staff` null, for the
/// first owner).
pub async fn insert_setup_link(
    db: &mut PgConnection,
    hash: &[u8],
    staff: Option<Uuid>,
    now: Time,
    expires_at: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with earlier as (
            delete from staff_setup_links
            where staff is not distinct from $2 and used_at is null
        )
        insert into staff_setup_links (hash, staff, created_at, expires_at)
        values ($1, $2, $3, $4)
        "#,
        hash,
        staff,
        now,
        expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}
