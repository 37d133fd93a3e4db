//! Who may see numbers and addresses of records in full: owners, and the auditors an owner allows it.

use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::store::db::StoreError;
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
/// [`Refused::NotFound`] if there is no such auditor, or nothing would change.
pub async fn set(desk: &Desk, email: &str, may: bool) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    rows::set(&mut tx, email, may, desk.now)
        .await
        .map_err(|error| match Refused::from(error) {
            Refused::Stale => Refused::not_found("auditor", email),
            other => other,
        })?;
    let act = Act {
        operation: "UPDATE",
        resource: "staff",
        id: email,
        details: json!({ "may_unmask": { "before": !may, "after": may } }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}
