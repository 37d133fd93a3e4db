//! The go-aheads of one browser, as its person sees and withdraws them.

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// An app that a browser remembers.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its `client_id`.
    pub client_id: String,
    /// Its name.
    pub name: String,
    /// One of its redirect URIs: where it is at home.
    pub redirect_uri: String,
    /// Whether it may have the number itself.
    pub number: bool,
    /// When it was first let.
    pub given_at: Time,
    /// How long it is remembered.
    pub expires_at: Time,
}

/// The apps under a browser's cookie, in order of name. One that may know its person under several
/// numbers stands there once.
pub async fn of_browser(
    lane: &Lane,
    browser_hash: &[u8],
    now: Time,
) -> Result<Vec<Remembered>, StoreError> {
    let mut lent = lane.get().await?;
    let apps = sqlx::query_as!(
        Remembered,
        r#"
        select c.client_id, c.name, c.redirect_uris[1] as "redirect_uri!",
            bool_or('phone' = any (g.release)) as "number!",
            min(g.given_at) as "given_at!", max(g.expires_at) as "expires_at!"
        from go_aheads g
        join clients c on c.client_id = g.client_id
        where g.browser_hash = $1 and g.expires_at > $2
        group by c.id
        order by lower(c.name), c.client_id
        limit 200
        "#,
        browser_hash,
        now,
    )
    .fetch_all(lent.connection())
    .await?;
    lent.give_back();
    Ok(apps)
}

/// Forgets what a browser's person let an app do, and records it. Whether there was anything to forget.
pub async fn withdraw(
    lane: &Lane,
    browser_hash: &[u8],
    client_id: &str,
    records: Appended,
) -> Result<bool, StoreError> {
    let mut lent = lane.get().await?;
    let gone = sqlx::query_scalar!(
        r#"
        with gone as (
            delete from go_aheads
            where browser_hash = $1 and client_id = $2
            returning client_id
        ),
        audit as (
            select append_audit($3) as appended
            where exists (select from gone)
        )
        select exists (select appended from audit) as "gone!"
        "#,
        browser_hash,
        client_id,
        records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    Ok(gone)
}
