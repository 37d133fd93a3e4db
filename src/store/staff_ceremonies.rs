//! What staff were asked to prove and have not answered yet: a passkey's challenge, a trip to the company's
//! provider. Each is answered once.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// A new passkey.
    PasskeyAdd,
    /// A passkey, to sign in.
    PasskeySignIn,
    /// A passkey, once more before secrets and keys.
    PasskeyConfirm,
    /// The company's provider, to sign in.
    CompanySignIn,
    /// The company's provider, once more before secrets and keys.
    CompanyConfirm,
}

/// A question.
#[derive(Clone, Debug)]
pub struct Ceremony<'a> {
    /// The row's key.
    pub id: Uuid,
    /// The hash of its token.
    pub hash: &'a [u8],
    /// What is asked for.
    pub kind: Kind,
    /// Whose answer counts, where that is known.
    pub staff: Option<Uuid>,
    /// What the answer is compared with, sealed.
    pub sealed: &'a [u8],
    /// When it is too late.
    pub expires_at: Time,
}

/// Remembers a question.
pub async fn insert(db: &mut PgConnection, new: &Ceremony<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into staff_ceremonies (id, hash, kind, staff, sealed, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        new.id,
        new.hash,
        new.kind as Kind,
        new.staff,
        new.sealed,
        new.expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A question that is being answered.
#[derive(Debug)]
pub struct Taken {
    /// The row's key.
    pub id: Uuid,
    /// What the answer is compared with, sealed.
    pub sealed: Vec<u8>,
}

/// Takes a question away, once over all replicas: its answer counts now or never.
pub async fn take(
    db: &mut PgConnection,
    hash: &[u8],
    kind: Kind,
    staff: Option<Uuid>,
    now: Time,
) -> Result<Option<Taken>, StoreError> {
    let taken = sqlx::query_as!(
        Taken,
        r#"
        delete from staff_ceremonies
        where hash = $1 and kind = $2 and staff is not distinct from $3 and expires_at > $4
        returning id, sealed
        "#,
        hash,
        kind as Kind,
        staff,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(taken)
}

/// Deletes what nobody answered in time, at most `limit`.
pub async fn purge(db: &PgPool, before: Time, limit: i64) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        delete from staff_ceremonies
        where id in (select id from staff_ceremonies where expires_at < $1 limit $2)
        "#,
        before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(())
}
