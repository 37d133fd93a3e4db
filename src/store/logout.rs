//! Sessions that end, and the clients to be told of it. What ending a session entails stands in the
//! database (`session_ended`), so that it follows whoever ends one.

use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// The session a browser brings when it is to be signed out.
#[derive(Clone, Copy, Debug)]
pub struct Brought {
    /// Its key.
    pub id: Uuid,
    /// Whether it is the one that the client's hint names.
    pub hinted: bool,
}

/// The live session under a cookie's hash, and whether `client_id` knows it by `sid`.
pub async fn find_session(
    lane: &Lane,
    cookie_hash: &[u8],
    client_id: Option<&str>,
    sid: Option<&str>,
    now: Time,
) -> Result<Option<Brought>, StoreError> {
    let mut lent = lane.get().await?;
    let brought = sqlx::query_as!(
        Brought,
        r#"
        select id, exists (
                select
                from grants
                where session_id = sessions.id and client_id = $3 and facts ->> 'sid' = $4
            ) as "hinted!"
        from sessions
        where cookie_hash = $1 and ended_at is null and expires_at > $2 and idle_expires_at > $2
        "#,
        cookie_hash,
        now,
        client_id,
        sid,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(brought)
}

/// A client that took part in a session and wants to be told through the browser.
#[derive(Debug)]
pub struct FrontChannel {
    /// The client.
    pub client_id: String,
    /// Where it wants to be told.
    pub uri: String,
    /// The session as the client knows it.
    pub sid: String,
}

/// Ends a session at the person's wish, with everything that follows, and forgets this browser's
/// go-aheads. Returns the clients to be told through the browser; none if it had ended already.
pub async fn end_session(
    lane: &Lane,
    session: Uuid,
    browser_hash: Option<&[u8]>,
    now: Time,
    records: Appended,
) -> Result<Vec<FrontChannel>, StoreError> {
    let mut lent = lane.get().await?;
    let told = sqlx::query_as!(
        FrontChannel,
        r#"
        with session as (
            update sessions
            set ended_at = $2
            where id = $1 and ended_at is null
            returning id
        ),
        forgotten as (
            delete from go_aheads
            where browser_hash = $3 and exists (select from session)
        ),
        audit as (
            select append_audit($4) as appended
            from session
        )
        select distinct c.client_id as "client_id!",
            c.settings ->> 'frontchannel_logout_uri' as "uri!", g.facts ->> 'sid' as "sid!"
        from audit
        join grants g on g.session_id = $1
        join clients c on c.client_id = g.client_id
        where c.disabled_at is null and c.settings ->> 'frontchannel_logout_uri' is not null
        order by 1
        limit 20
        "#,
        session,
        now,
        browser_hash,
        &records as _,
    )
    .fetch_all(lent.connection())
    .await?;
    // Without anybody to tell, the answer does not say whether the session had ended already.
    lent.give_back_after(&records, !told.is_empty());
    Ok(told)
}

/// A client to be told now.
#[derive(Clone, Debug)]
pub struct Due {
    /// The session that ended.
    pub session_id: Uuid,
    /// The client.
    pub client_id: String,
    /// The subject it knows.
    pub subject: String,
    /// The session as it knows it.
    pub sid: String,
    /// Which try this is, from 1.
    pub tries: i32,
}

/// Takes deliveries that are due, so that no other replica does, until `again_at`.
pub async fn take_due(
    db: &PgPool,
    now: Time,
    again_at: Time,
    limit: i64,
) -> Result<Vec<Due>, StoreError> {
    let due = sqlx::query_as!(
        Due,
        r#"
        update logout_deliveries
        set tries = tries + 1, next_try_at = $2
        where (session_id, client_id) in (
            select session_id, client_id
            from logout_deliveries
            where next_try_at <= $1
            order by next_try_at
            limit $3
            for update skip locked
        )
        returning session_id, client_id, subject, sid, tries
        "#,
        now,
        again_at,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(due)
}

/// Nothing is left to do for a delivery: the client confirmed, or will not be asked again.
pub async fn finish(db: &PgPool, due: &Due, records: Appended) -> Result<(), StoreError> {
    sqlx::query_scalar!(
        r#"
        with gone as (
            delete from logout_deliveries
            where session_id = $1 and client_id = $2
            returning 1
        )
        select append_audit($3)
        from gone
        "#,
        due.session_id,
        due.client_id,
        records as _,
    )
    .fetch_optional(db)
    .await?;
    Ok(())
}

/// A try failed: when the next one is due.
pub async fn retry_at(db: &PgPool, due: &Due, at: Time) -> Result<(), StoreError> {
    sqlx::query!(
        "update logout_deliveries set next_try_at = $3 where session_id = $1 and client_id = $2",
        due.session_id,
        due.client_id,
        at,
    )
    .execute(db)
    .await?;
    Ok(())
}
