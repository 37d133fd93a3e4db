//! Searches of records that a member of staff saved, for themselves.

use serde_json::json;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::refused::check_name;
use crate::admin::{Desk, Refused};
use crate::secret::new_id;
use crate::store::audit_views as rows;
pub use crate::store::audit_views::View;
use crate::store::db::StoreError;

/// Views of one account at most.
const MOST: i64 = 50;
/// The longest filters, bytes.
const LONGEST: usize = 2000;

/// Those of an account, by name.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk, staff: Uuid) -> Result<Vec<View>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(rows::list(&mut db, staff).await?)
}

/// Saves a search; `filters` hold nothing personal.
///
/// # Errors
/// [`Refused::Invalid`] for a name that cannot be read or too many views, [`Refused::Taken`].
pub async fn save(desk: &Desk, staff: Uuid, name: &str, filters: &str) -> Result<(), Refused> {
    check_name(name)?;
    if filters.len() > LONGEST {
        return Err(Refused::invalid("filters", "are too long to be saved"));
    }
    let view = View {
        id: new_id(desk.now),
        name: name.to_owned(),
        filters: filters.to_owned(),
        created_at: desk.now,
    };
    let mut tx = desk.begin().await?;
    let saved = rows::insert(&mut tx, staff, &view, MOST)
        .await
        .map_err(|error| Refused::or_taken(error, "audit_views_name_key", "name", name))?;
    if !saved {
        let message = format!("you have {MOST} views already; remove one first");
        return Err(Refused::invalid("name", message));
    }
    let details = json!({ "name": name, "filters": filters });
    record(desk, &mut tx, "CREATE", view.id, details).await?;
    commit(tx).await
}

/// Removes one.
///
/// # Errors
/// [`Refused::NotFound`], also if it is another account's.
pub async fn remove(desk: &Desk, staff: Uuid, id: Uuid) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    rows::remove(&mut tx, staff, id)
        .await
        .map_err(|error| match Refused::from(error) {
            Refused::Stale => Refused::not_found("view", &id.to_string()),
            other => other,
        })?;
    record(desk, &mut tx, "DELETE", id, json!({})).await?;
    commit(tx).await
}

async fn record(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    operation: &str,
    id: Uuid,
    details: serde_json::Value,
) -> Result<(), Refused> {
    let act = Act {
        operation,
        resource: "view",
        id: &id.to_string(),
        details,
    };
    desk.record(tx, act).await
}
