//! Keys at rest: the proofs of root keys, random keys sealed under a root, token signing keys, and
//! the walk over sealed rows that re-seals them under another root (DESIGN.md section 6).

use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// Serialises everything that makes or moves keys, over all replicas. Any constant will do.
const KEYS_LOCK: i64 = 0x6b65_7973;

/// Waits until no other replica makes or moves keys; held to the end of the transaction.
pub async fn lock(db: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        select pg_advisory_xact_lock($1) as "locked: ()"
        "#,
        KEYS_LOCK
    )
    .fetch_one(db)
    .await?;
    Ok(())
}

/// What proves one root key without telling it.
#[derive(Clone, Debug)]
pub struct RootCheck {
    /// The root key's id.
    pub root_id: String,
    /// Derived from the root key; compared in constant time.
    pub check_value: Vec<u8>,
}

/// The proofs of all root keys this database was ever opened with, oldest first.
pub async fn root_checks(db: &mut PgConnection) -> Result<Vec<RootCheck>, StoreError> {
    let rows = sqlx::query_as!(
        RootCheck,
        r#"
        select root_id, check_value
        from root_checks
        order by created_at, root_id
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Remembers a root key's proof; one that is there already stays as it is.
pub async fn insert_root_check(
    db: &mut PgConnection,
    root_id: &str,
    check_value: &[u8],
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into root_checks (root_id, check_value, created_at)
        values ($1, $2, $3)
        on conflict do nothing
        "#,
        root_id,
        check_value,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The sealed random key of this name, if it was made already.
pub async fn wrapped_key(db: &mut PgConnection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = sqlx::query_scalar!(
        r#"
        select sealed
        from wrapped_keys
        where name = $1
        "#,
        name
    )
    .fetch_optional(db)
    .await?;
    Ok(sealed)
}

/// Stores a new sealed key under this name unless there is one, and returns the one that is there
/// then: two replicas that start on an empty database agree. Not inside a transaction that has read
/// before under a stricter isolation than `read committed`.
pub async fn wrapped_key_or_insert(
    db: &mut PgConnection,
    name: &str,
    sealed: &[u8],
    now: Time,
) -> Result<Vec<u8>, StoreError> {
    sqlx::query!(
        r#"
        insert into wrapped_keys (name, sealed, created_at)
        values ($1, $2, $3)
        on conflict do nothing
        "#,
        name,
        sealed,
        now,
    )
    .execute(&mut *db)
    .await?;
    // A statement of its own: the insert's snapshot does not see the row it ran into.
    wrapped_key(db, name).await?.ok_or(StoreError::Stale)
}

/// Where a signing key stands in its life; it only ever moves down this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Published, not signing.
    Next,
    /// Published and signing; one per algorithm.
    Active,
    /// Published until its last token has ended.
    Retiring,
    /// Gone from the published set, its private part erased.
    Retired,
}

impl Status {
    /// The word in rows and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }
}

/// One token signing key.
#[derive(Clone, Debug)]
pub struct SigningKeyRow {
    /// Its id in JOSE headers: the thumbprint of RFC 7638.
    pub kid: String,
    /// Its JOSE algorithm. Text, because a newer release on another replica may know more of them.
    pub alg: String,
    /// Where it stands.
    pub status: Status,
    /// PKCS#8, sealed; absent once retired.
    pub sealed: Option<Vec<u8>>,
    /// Its public part, for people and for receipts; what we publish is derived from `sealed`.
    pub public_jwk: Json<Value>,
    /// When it was made and first published.
    pub created_at: Time,
    /// When it began to sign.
    pub activated_at: Option<Time>,
    /// When it stopped to sign.
    pub retiring_at: Option<Time>,
    /// When it left the published set.
    pub retired_at: Option<Time>,
}

/// All signing keys, also retired ones, oldest first.
pub async fn signing_keys(db: &mut PgConnection) -> Result<Vec<SigningKeyRow>, StoreError> {
    let rows = sqlx::query_as!(
        SigningKeyRow,
        r#"
        select kid, alg, status as "status: Status", sealed,
            public_jwk as "public_jwk: Json<Value>", created_at, activated_at, retiring_at,
            retired_at
        from signing_keys
        order by created_at, kid
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Adds a signing key unless its algorithm has one of that status already. Says whether it did.
pub async fn insert_signing_key(
    db: &mut PgConnection,
    key: &SigningKeyRow,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        insert into signing_keys (kid, alg, status, sealed, public_jwk, created_at, activated_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict do nothing
        "#,
        key.kid,
        key.alg,
        key.status as Status,
        key.sealed.as_deref(),
        &key.public_jwk as _,
        key.created_at,
        key.activated_at,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Moves a signing key on, notes when, and erases the private part of one that retires.
///
/// # Errors
/// [`StoreError::Stale`] if it does not stand where the caller saw it.
pub async fn move_signing_key(
    db: &mut PgConnection,
    kid: &str,
    from: Status,
    to: Status,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update signing_keys
        set status = $3,
            activated_at = case when $3 = 'active' then $4 else activated_at end,
            retiring_at = case when $3 = 'retiring' then $4 else retiring_at end,
            retired_at = case when $3 = 'retired' then $4 else retired_at end,
            sealed = case when $3 = 'retired' then null else sealed end
        where kid = $1 and status = $2
        "#,
        kid,
        from as Status,
        to as Status,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// The tables whose long-lived sealed columns are re-sealed when the root key changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedTable {
    /// `wrapped_keys.sealed`, by name.
    WrappedKeys,
    /// `signing_keys.sealed`, by `kid`.
    SigningKeys,
    /// `operators.credentials`, by id.
    Operators,
    /// `staff.totp`, by id.
    Staff,
}

impl SealedTable {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::WrappedKeys,
        Self::SigningKeys,
        Self::Operators,
        Self::Staff,
    ];

    /// The table's and the column's name, as in the seal's place.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::WrappedKeys => ("wrapped_keys", "sealed"),
            Self::SigningKeys => ("signing_keys", "sealed"),
            Self::Operators => ("operators", "credentials"),
            Self::Staff => ("staff", "totp"),
        }
    }
}

/// One sealed value.
#[derive(Clone, Debug)]
pub struct SealedRow {
    /// The row's key as text.
    pub key: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

/// At most `limit` sealed values of a table in the order of their rows' keys as text, after the
/// given one.
pub async fn sealed_rows(
    db: &mut PgConnection,
    table: SealedTable,
    after: &str,
    limit: i64,
) -> Result<Vec<SealedRow>, StoreError> {
    let rows = match table {
        SealedTable::WrappedKeys => {
            sqlx::query_as!(
                SealedRow,
                r#"
                select name as key, sealed
                from wrapped_keys
                where name > $1
                order by name
                limit $2
                "#,
                after,
                limit,
            )
            .fetch_all(db)
            .await?
        }
        SealedTable::SigningKeys => {
            sqlx::query_as!(
                SealedRow,
                r#"
                select kid as key, sealed as "sealed!"
                from signing_keys
                where kid > $1 and sealed is not null
                order by kid
                limit $2
                "#,
                after,
                limit,
            )
            .fetch_all(db)
            .await?
        }
        SealedTable::Operators => {
            sqlx::query_as!(
                SealedRow,
                r#"
                select id::text as "key!", credentials as "sealed!"
                from operators
                where id::text > $1 and credentials is not null
                order by id::text
                limit $2
                "#,
                after,
                limit,
            )
            .fetch_all(db)
            .await?
        }
        SealedTable::Staff => {
            sqlx::query_as!(
                SealedRow,
                r#"
                select id::text as "key!", totp as "sealed!"
                from staff
                where id::text > $1 and totp is not null
                order by id::text
                limit $2
                "#,
                after,
                limit,
            )
            .fetch_all(db)
            .await?
        }
    };
    Ok(rows)
}

/// Replaces a sealed value, if it is still the one the caller opened. An operator's revision stays:
/// its contract did not change, and legs under way remember it.
///
/// # Errors
/// [`StoreError::Stale`] if it was replaced or erased meanwhile.
pub async fn replace_sealed(
    db: &mut PgConnection,
    table: SealedTable,
    row: &SealedRow,
    sealed: &[u8],
) -> Result<(), StoreError> {
    let done = match table {
        SealedTable::WrappedKeys => {
            sqlx::query!(
                r#"
                update wrapped_keys
                set sealed = $3
                where name = $1 and sealed = $2
                "#,
                row.key,
                row.sealed,
                sealed,
            )
            .execute(db)
            .await?
        }
        SealedTable::SigningKeys => {
            sqlx::query!(
                r#"
                update signing_keys
                set sealed = $3
                where kid = $1 and sealed = $2
                "#,
                row.key,
                row.sealed,
                sealed,
            )
            .execute(db)
            .await?
        }
        SealedTable::Operators => {
            let id = Uuid::parse_str(&row.key).map_err(|_| StoreError::Stale)?;
            sqlx::query!(
                r#"
                update operators
                set credentials = $3
                where id = $1 and credentials = $2
                "#,
                id,
                row.sealed,
                sealed,
            )
            .execute(db)
            .await?
        }
        SealedTable::Staff => {
            let id = Uuid::parse_str(&row.key).map_err(|_| StoreError::Stale)?;
            sqlx::query!(
                r#"
                update staff
                set totp = $3
                where id = $1 and totp = $2
                "#,
                id,
                row.sealed,
                sealed,
            )
            .execute(db)
            .await?
        }
    };
    StoreError::one_row(done.rows_affected())
}
