//! Numbers that changed hands. `sub` is made of the number and its epoch; moving the epoch makes a
//! stranger of whoever has the number now, and [`move_on`] is the one place where that happens
//! (DESIGN.md section 3, The number).

use sqlx::PgConnection;

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// How often a number changed hands, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch {
    /// 0 for a number that never did.
    pub number: i32,
    /// When the present one began; absent for the first.
    pub began_at: Option<Time>,
}

/// The epoch of the number with these keyed hashes (one per live root key).
pub async fn find(lane: &Lane, number_hashes: &[Vec<u8>]) -> Result<Epoch, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        select epoch, changed_at
        from subject_epochs
        where number_hash = any($1)
        order by epoch desc
        limit 1
        "#,
        number_hashes,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(row.map_or_else(Epoch::default, |row| Epoch {
        number: row.epoch,
        began_at: Some(row.changed_at),
    }))
}

/// A number whose epoch is to move.
#[derive(Debug)]
pub struct Moving<'a> {
    /// Its keyed hashes under every live root key, the active one first.
    pub number_hashes: &'a [Vec<u8>],
    /// The active root key's id.
    pub key_id: &'a str,
    /// The epoch it was seen in; absent: whichever it is in.
    pub from: Option<i32>,
    /// The time.
    pub now: Time,
}

/// What a moved epoch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The epoch before.
    pub from: i32,
    /// The epoch now.
    pub to: i32,
    /// Sessions that ended.
    pub sessions: i64,
    /// Grants that ended, and with them codes and access tokens.
    pub grants: i64,
    /// Go-aheads that were forgotten.
    pub go_aheads: i64,
}

/// Moves a number's epoch on by one and ends everything of the epochs before: sessions, grants with
/// their codes and access tokens, go-aheads. The caller's transaction also holds the record of it.
///
/// A release that runs at the same moment may commit a grant of the old epoch after this looked;
/// that one is dead all the same, because whoever reads a grant compares epochs.
///
/// # Errors
/// [`StoreError::Stale`] if the number is not in that epoch (any more): somebody else moved it.
pub async fn move_on(tx: &mut PgConnection, moving: &Moving<'_>) -> Result<Moved, StoreError> {
    let active = moving
        .number_hashes
        .first()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let to = sqlx::query_scalar!(
        r#"
        with moved as (
            update subject_epochs
            set epoch = epoch + 1, changed_at = $5
            where number_hash = any($1) and ($4::integer is null or epoch = $4)
            returning epoch
        ),
        made as (
            insert into subject_epochs (number_hash, key_id, epoch, changed_at)
            select $2, $3, 1, $5
            where coalesce($4, 0) = 0
                and not exists (select from subject_epochs where number_hash = any($1))
            on conflict (number_hash) do nothing
            returning epoch
        )
        select max(epoch)
        from (select epoch from moved union all select epoch from made) as now
        "#,
        moving.number_hashes,
        active,
        moving.key_id,
        moving.from,
        moving.now,
    )
    .fetch_one(&mut *tx)
    .await?
    .ok_or(StoreError::Stale)?;
    let ended = sqlx::query!(
        r#"
        with session as (
            update sessions
            set ended_at = $3
            where number_hash = any($1) and epoch < $2 and ended_at is null
            returning 1
        ),
        given as (
            update grants
            set ended_at = $3
            where number_hash = any($1) and epoch < $2 and ended_at is null
            returning id
        ),
        code as (
            delete from codes
            where grant_id in (select id from given)
        ),
        token as (
            delete from access_tokens
            where grant_id in (select id from given)
        ),
        go_ahead as (
            delete from go_aheads
            where number_hash = any($1)
            returning 1
        )
        select (select count(*) from session) as "sessions!",
            (select count(*) from given) as "grants!",
            (select count(*) from go_ahead) as "go_aheads!"
        "#,
        moving.number_hashes,
        to,
        moving.now,
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(Moved {
        from: to - 1,
        to,
        sessions: ended.sessions,
        grants: ended.grants,
        go_aheads: ended.go_aheads,
    })
}
