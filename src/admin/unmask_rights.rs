//! Who may see numbers and addresses of records in full: owners, and the auditors an owner allows it.

use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::store::db::StoreError;
use crate::store::staff;
use crate::store::unmask_rights as rows;
pub use crate::store::unmask_rights::Holder;

/// Owners and auditors, by address.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<Holder>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(rows::list(&mut db).await?)
}

/// Whether whoever is at the desk may, now.
///
/// # Errors
/// [`Refused::Database`].
pub async fn may(desk: &Desk) -> Result<bool, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(rows::may(&mut db, &desk.actor).await?)
}

/// Gives an auditor the right, or takes it.
///
/// # Errors
/// [`Refused::NotFound`] if there is no such auditor, or nothing would change; [`Refused::Stale`] if the
/// account is not in the revision that was seen.
pub async fn set(desk: &Desk, email: &str, may: bool, seen: Option<i32>) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let done = rows::set(&mut tx, email, may, seen, desk.now).await;
    if let Err(error) = done {
        return Err(match Refused::from(error) {
            Refused::Stale => why_not(&mut tx, email, seen).await?,
            other => other,
        });
    }
    let act = Act {
        operation: "UPDATE",
        resource: "staff",
        id: email,
        details: json!({ "may_unmask": { "before": !may, "after": may } }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

async fn why_not(
    tx: &mut sqlx::PgConnection,
    email: &str,
    seen: Option<i32>,
) -> Result<Refused, Refused> {
    let all = staff::list(tx).await?;
    let account = all
        .iter()
        .find(|account| account.email.to_lowercase() == email.to_lowercase());
    Ok(match (account, seen) {
        (Some(account), Some(seen)) if account.revision != seen => Refused::Stale,
        _ => Refused::not_found("auditor", email),
    })
}
