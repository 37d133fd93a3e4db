//! Who may see what is personal in records.

use sqlx::PgConnection;

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::staff::Role;

/// An account that can have the right.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The address it signs in with.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// Whether it has the right by itself; owners have it by their role.
    pub may_unmask: bool,
}

/// Owners and auditors who are not locked out, by address.
pub async fn list(db: &mut PgConnection) -> Result<Vec<Holder>, StoreError> {
    let rows = sqlx::query_as!(
        Holder,
        r#"
        select email, role as "role: Role", may_unmask
        from staff
        where disabled_at is null and role in ('owner', 'auditor')
        order by lower(email)
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Whether an account may, now.
pub async fn may(db: &mut PgConnection, email: &str) -> Result<bool, StoreError> {
    let may = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from staff
            where lower(email) = lower($1) and disabled_at is null
                and (role = 'owner' or role = 'auditor' and may_unmask)
        ) as "may!"
        "#,
        email
    )
    .fetch_one(db)
    .await?;
    Ok(may)
}

/// Gives an auditor the right, or takes it.
///
/// # Errors
/// [`StoreError::Stale`] if there is no such auditor, nothing would change, or the account is not in the
/// revision that was seen.
pub async fn set(
    db: &mut PgConnection,
    email: &str,
    may: bool,
    seen: Option<i32>,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff
        set may_unmask = $2, updated_at = $3, revision = revision + 1
        where lower(email) = lower($1) and disabled_at is null and role = 'auditor'
            and may_unmask <> $2 and revision = coalesce($4, revision)
        "#,
        email,
        may,
        now,
        seen,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}
