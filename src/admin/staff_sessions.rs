//! Sessions of staff in the console: found by their cookie, listed and ended by their owner, and by whoever decides about staff.

use serde_json::json;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::staff_sign_in::IDLE;
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::secret::Token;
use crate::store::db::{Db, StoreError};
use crate::store::staff_sessions::{self as rows, Seen, Signed};

/// Who is signed in by this cookie, seen now.
///
/// # Errors
/// If the database cannot be read.
pub async fn signed_in(db: &Db, cookie: &Token, now: Time) -> Result<Option<Signed>, StoreError> {
    // Losing the last seconds of idle time in a crash does no harm.
    rows::see(db.relaxed(), &cookie.hash(), now - IDLE, now).await
}

/// The live sessions of an account.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk, staff: Uuid) -> Result<Vec<Seen>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(rows::list(&mut db, staff, desk.now - IDLE, desk.now).await?)
}

/// Ends one session of an account.
///
/// # Errors
/// [`Refused::NotFound`], also if it is another account's.
pub async fn end(desk: &Desk, (staff, email): (Uuid, &str), session: Uuid) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    if !rows::end(&mut tx, staff, session, desk.now).await? {
        return Err(Refused::not_found("session", &session.to_string()));
    }
    let act = Act {
        operation: "ACTION",
        resource: "staff",
        id: email,
        details: json!({ "action": "end_session", "session": session }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// Ends all sessions of an account, or all but one. Returns how many there were.
///
/// # Errors
/// [`Refused::Database`].
pub async fn end_all(
    desk: &Desk,
    (staff, email): (Uuid, &str),
    but: Option<Uuid>,
) -> Result<u64, Refused> {
    let mut tx = desk.begin().await?;
    let ended = rows::end_all(&mut tx, staff, but, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "staff",
        id: email,
        details: json!({
            "action": if but.is_some() { "end_other_sessions" } else { "end_sessions" },
            "count": ended,
        }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(ended)
}
