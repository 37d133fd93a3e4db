//! Bearer tokens of the admin API.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::staff::Role;

/// A token without its secret.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// The row's key.
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub hash: Vec<u8>,
    /// Its short name; records call it `token:NAME`.
    pub name: String,
    /// The most it may do.
    pub role: Role,
    /// What it may do, as far as the role allows.
    pub scopes: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Time>,
    /// Set: it was ended early.
    pub revoked_at: Option<Time>,
}

/// Adds one.
///
/// # Errors
/// [`StoreError::Conflict`] with `api_tokens_name_key` if a live one has the name.
pub async fn insert(db: &mut PgConnection, token: &ApiToken) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into api_tokens (id, hash, name, role, scopes, created_by, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        token.id,
        &token.hash,
        token.name,
        token.role as Role,
        &token.scopes,
        token.created_by,
        token.created_at,
        token.expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The token that works now under this hash.
pub async fn find_working(
    db: &PgPool,
    hash: &[u8],
    now: Time,
) -> Result<Option<ApiToken>, StoreError> {
    let row = sqlx::query_as!(
        ApiToken,
        r#"
        select id, hash, name, role as "role: Role", scopes, created_by, created_at, expires_at,
            last_used_at, revoked_at
        from api_tokens
        where hash = $1 and revoked_at is null and expires_at > $2
        "#,
        hash,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// A page of tokens, the newest first, before the given one; ended ones too.
pub async fn page(
    db: &mut PgConnection,
    search: &str,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ApiToken>, StoreError> {
    let rows = sqlx::query_as!(
        ApiToken,
        r#"
        select id, hash, name, role as "role: Role", scopes, created_by, created_at, expires_at,
            last_used_at, revoked_at
        from api_tokens
        where ($1 = '' or strpos(name, lower($1)) > 0) and ($2::uuid is null or id < $2)
        order by id desc
        limit $3
        "#,
        search,
        before,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Ends one that works by its id or its name; returns it as it was.
pub async fn revoke(
    db: &mut PgConnection,
    which: &str,
    now: Time,
) -> Result<Option<(Uuid, String)>, StoreError> {
    let row = sqlx::query!(
        r#"
        update api_tokens
        set revoked_at = $2
        where (id::text = $1 or name = $1) and revoked_at is null
        returning id, name
        "#,
        which,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.id, row.name)))
}

/// Writes when tokens were used; a later time that is known already stays.
pub async fn used(db: &PgPool, uses: &[(Uuid, Time)]) -> Result<(), StoreError> {
    if uses.is_empty() {
        return Ok(());
    }
    let (ids, times): (Vec<Uuid>, Vec<Time>) = uses.iter().copied().unzip();
    sqlx::query!(
        r#"
        update api_tokens t
        set last_used_at = greatest(t.last_used_at, used.at)
        from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
        where t.id = used.id
        "#,
        &ids,
        &times
    )
    .execute(db)
    .await?;
    Ok(())
}
