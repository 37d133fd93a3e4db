//! What staff prove themselves with: passwords, authenticator apps, recovery codes, and how often
//! they were tried.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::staff::Role;

/// A setup link that still works.
#[derive(Clone, Debug)]
pub struct SetupLink {
    /// Whose; absent: it makes the first owner.
    pub email: Option<String>,
}

/// The link behind a token, if it works now. Changes nothing.
pub async fn setup_link(
    db: &mut PgConnection,
    hash: &[u8],
    now: Time,
) -> Result<Option<SetupLink>, StoreError> {
    let found = sqlx::query_as!(
        SetupLink,
        r#"
        select s.email as "email?"
        from staff_setup_links l
        left join staff s on s.id = l.staff
        where l.hash = $1 and l.used_at is null and l.expires_at > $2 and s.disabled_at is null
        "#,
        hash,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Uses a setup link up, once over all replicas. Returns whose it was.
///
/// # Errors
/// [`StoreError::Stale`] if it does not work any more.
pub async fn use_setup_link(
    db: &mut PgConnection,
    hash: &[u8],
    now: Time,
) -> Result<Option<Uuid>, StoreError> {
    let used = sqlx::query_scalar!(
        r#"
        update staff_setup_links
        set used_at = $2
        where hash = $1 and used_at is null and expires_at > $2
        returning staff
        "#,
        hash,
        now,
    )
    .fetch_optional(db)
    .await?;
    used.ok_or(StoreError::Stale)
}

/// What a person chose by a setup link.
#[derive(Clone, Debug)]
pub struct Chosen<'a> {
    /// The password's hash.
    pub password_hash: &'a str,
    /// The authenticator app's secret, sealed.
    pub totp: &'a [u8],
    /// The step whose code proved the app.
    pub totp_step: i64,
    /// The recovery codes' hashes.
    pub recovery: &'a [Vec<u8>],
}

/// Replaces everything an account proves itself with and ends its sessions. Returns its address.
///
/// # Errors
/// [`StoreError::Stale`] if there is no such enabled account.
pub async fn choose(
    db: &mut PgConnection,
    staff: Uuid,
    chosen: &Chosen<'_>,
    now: Time,
) -> Result<(String, Role), StoreError> {
    let row = sqlx::query!(
        r#"
        with ended as (
            update staff_sessions
            set ended_at = $5
            where staff = $1 and ended_at is null
        ),
        forgotten as (
            delete from staff_recovery_codes
            where staff = $1
        ),
        removed as (
            delete from staff_passkeys
            where staff = $1
        )
        update staff
        set password_hash = $2, totp = $3, totp_step = $4, updated_at = $5
        where id = $1 and disabled_at is null
        returning email, role as "role: Role"
        "#,
        staff,
        chosen.password_hash,
        chosen.totp,
        chosen.totp_step,
        now,
    )
    .fetch_optional(&mut *db)
    .await?
    .ok_or(StoreError::Stale)?;
    sqlx::query!(
        r#"
        insert into staff_recovery_codes (staff, hash)
        select $1, hash
        from unnest($2::bytea[]) as hash
        "#,
        staff,
        chosen.recovery,
    )
    .execute(db)
    .await?;
    Ok((row.email, row.role))
}

/// What is compared at a sign-in.
#[derive(Clone, Debug)]
pub struct Proofs {
    /// The account.
    pub id: Uuid,
    /// Its address, as it was written when it was made.
    pub email: String,
    /// Its role.
    pub role: Role,
    /// The password's hash.
    pub password_hash: String,
    /// The authenticator app's secret, sealed.
    pub totp: Vec<u8>,
}

/// An enabled account that has set itself up.
pub async fn proofs(db: &mut PgConnection, email: &str) -> Result<Option<Proofs>, StoreError> {
    let found = sqlx::query_as!(
        Proofs,
        r#"
        select id, email, role as "role: Role", password_hash as "password_hash!",
            totp as "totp!"
        from staff
        where lower(email) = lower($1) and disabled_at is null and password_hash is not null
            and totp is not null
        "#,
        email,
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Uses up the code of a time step: neither it nor an earlier one signs in again.
///
/// # Errors
/// [`StoreError::Stale`] if it was used.
pub async fn use_totp_step(
    db: &mut PgConnection,
    staff: Uuid,
    step: i64,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff
        set totp_step = $2
        where id = $1 and (totp_step is null or totp_step < $2)
        "#,
        staff,
        step,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Uses up a recovery code.
///
/// # Errors
/// [`StoreError::Stale`] if there is none such, or it was used.
pub async fn use_recovery_code(
    db: &mut PgConnection,
    staff: Uuid,
    hash: &[u8],
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff_recovery_codes
        set used_at = $3
        where staff = $1 and hash = $2 and used_at is null
        "#,
        staff,
        hash,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// One subject's tries since its window began.
#[derive(Clone, Debug)]
pub struct Tries {
    /// Whose.
    pub subject: Vec<u8>,
    /// How many, this one included.
    pub tries: i32,
    /// When the window began.
    pub since: Time,
}

/// Counts a try for every subject; a window older than `window` begins anew. Subjects must differ.
pub async fn count_tries(
    db: &mut PgConnection,
    subjects: &[Vec<u8>],
    window: Time,
    now: Time,
) -> Result<Vec<Tries>, StoreError> {
    let rows = sqlx::query_as!(
        Tries,
        r#"
        insert into staff_attempts as known (subject, tries, since)
        select subject, 1, $3
        from unnest($1::bytea[]) as subject
        order by subject
        on conflict (subject) do update
        set tries = case when known.since <= $2 then 1 else known.tries + 1 end,
            since = case when known.since <= $2 then $3 else known.since end
        returning subject, tries, since
        "#,
        subjects,
        window,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Forgets a subject's tries: it proved itself.
pub async fn forget_tries(db: &mut PgConnection, subject: &[u8]) -> Result<(), StoreError> {
    sqlx::query!("delete from staff_attempts where subject = $1", subject)
        .execute(db)
        .await?;
    Ok(())
}
