//! Apps that register themselves (RFC 7591): the tokens that let them, and the tokens with which they
//! manage what they registered (RFC 7592).

use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// What lets an app register itself.
#[derive(Clone, Debug)]
pub struct InitialAccessToken {
    /// The row's key.
    pub id: Uuid,
    /// Whom it was made for.
    pub note: String,
    /// How many apps it still registers.
    pub uses_left: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Time,
}

/// Adds a token.
pub async fn insert_token(
    db: &mut PgConnection,
    token: &InitialAccessToken,
    hash: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into initial_access_tokens (id, hash, note, uses_left, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        token.id,
        hash,
        token.note,
        token.uses_left,
        token.created_at,
        token.expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// All tokens, the newest first.
pub async fn tokens(db: &mut PgConnection) -> Result<Vec<InitialAccessToken>, StoreError> {
    let tokens = sqlx::query_as!(
        InitialAccessToken,
        r#"
        select id, note, uses_left, created_at, expires_at
        from initial_access_tokens
        order by id desc
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(tokens)
}

/// Whether the token would register an app now. Uses nothing up.
pub async fn is_good(db: &mut PgConnection, hash: &[u8], now: Time) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"
        select exists (
            select from initial_access_tokens
            where hash = $1 and uses_left > 0 and expires_at > $2
        ) as "found!"
        "#,
        hash,
        now
    )
    .fetch_one(db)
    .await?;
    Ok(found)
}

/// Uses a token up by one (P6). Returns its key.
///
/// # Errors
/// [`StoreError::Stale`] if it is unknown, used up or over.
pub async fn use_token(db: &mut PgConnection, hash: &[u8], now: Time) -> Result<Uuid, StoreError> {
    let id = sqlx::query_scalar!(
        r#"
        update initial_access_tokens
        set uses_left = uses_left - 1
        where hash = $1 and uses_left > 0 and expires_at > $2
        returning id
        "#,
        hash,
        now
    )
    .fetch_optional(db)
    .await?;
    id.ok_or(StoreError::Stale)
}

/// Removes a token. Returns whether there was one.
pub async fn delete_token(db: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from initial_access_tokens where id = $1", id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a client the token with which it manages itself.
pub async fn insert(
    db: &mut PgConnection,
    client: Uuid,
    token_hash: &[u8],
    initial: Uuid,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into client_registrations (client, token_hash, initial_access_token, created_at)
        values ($1, $2, $3, $4)
        "#,
        client,
        token_hash,
        initial,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The `client_id` of the client that this token manages.
pub async fn client_of(
    db: &mut PgConnection,
    token_hash: &[u8],
) -> Result<Option<String>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"
        select c.client_id
        from client_registrations r
        join clients c on c.id = r.client
        where r.token_hash = $1 and c.disabled_at is null
        "#,
        token_hash
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Ends a client's management of itself. Returns whether it had it.
pub async fn delete(db: &mut PgConnection, client: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from client_registrations where client = $1", client)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}
