//! The pictures that stand beside apps' names.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// Gives a client a picture, instead of the one it had.
pub async fn put(
    db: &mut PgConnection,
    client: Uuid,
    hash: &str,
    png: &[u8],
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into client_logos (client, hash, png, set_at)
        values ($1, $2, $3, $4)
        on conflict (client) do update
        set hash = excluded.hash, png = excluded.png, set_at = excluded.set_at
        "#,
        client,
        hash,
        png,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a client the picture of another, if that has one.
pub async fn copy(db: &mut PgConnection, from: Uuid, to: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into client_logos (client, hash, png, set_at)
        select $2, hash, png, set_at
        from client_logos
        where client = $1
        "#,
        from,
        to,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a client's picture away.
pub async fn remove(db: &mut PgConnection, client: Uuid) -> Result<(), StoreError> {
    sqlx::query!("delete from client_logos where client = $1", client)
        .execute(db)
        .await?;
    Ok(())
}

/// The picture with this hash, whoever has it.
pub async fn find(db: &PgPool, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let png = sqlx::query_scalar!(
        r#"
        select png
        from client_logos
        where hash = $1
        limit 1
        "#,
        hash,
    )
    .fetch_optional(db)
    .await?;
    Ok(png)
}

/// Where the picture with this hash is served.
#[must_use]
pub fn path(hash: &str) -> String {
    format!("/brand/logo-{hash}.png")
}
