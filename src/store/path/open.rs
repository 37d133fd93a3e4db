//! A login that starts with a page.

use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::logins::NumberSource;

/// A login to open.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Its key.
    pub id: Uuid,
    /// The client's `client_id`.
    pub client_id: &'a str,
    /// The hash of the cookie set with the answer.
    pub cookie_hash: &'a [u8],
    /// The checked request, sealed for the login's row.
    pub sealed_request: Vec<u8>,
    /// The number, sealed, if it is known.
    pub sealed_number: Option<&'a [u8]>,
    /// Where it comes from.
    pub number_source: Option<NumberSource>,
    /// The session that may answer once the person has agreed.
    pub session: Option<Uuid>,
    /// The hash of the browser's visit cookie.
    pub visit: Option<&'a [u8]>,
    /// When it opens.
    pub now: Time,
    /// When its time is out.
    pub expires_at: Time,
}

/// Opens a login that starts with a page.
pub async fn open(lane: &Lane, login: &Opening<'_>, records: Appended) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    sqlx::query_scalar!(
        r#"
        with login as (
            insert into logins
                (id, client_id, cookie_hash, stage, sealed_request, sealed, number_source, pressed,
                session_id, legs, mismatches, opened_at, expires_at, changed_at, visit_hash)
            values ($1, $2, $3, 'open', $4, $5, $6, false, $7, 0, 0, $8, $9, $8, $11)
        )
        select append_audit($10)
        "#,
        login.id,
        login.client_id,
        login.cookie_hash,
        login.sealed_request,
        login.sealed_number,
        login.number_source.map(NumberSource::as_str),
        login.session,
        login.now,
        login.expires_at,
        &records as _,
        login.visit,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, true);
    Ok(())
}
