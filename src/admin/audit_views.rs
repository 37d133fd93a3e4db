//! Searches of records that a member of staff saved, for themselves.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin::audit_filter::{Filter, Wrong};
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

/// Saves a search that somebody wrote for an account: by its id, and its address for the record.
///
/// # Errors
/// As [`save`], and [`Refused::Invalid`] for filters that cannot be or are of a person.
pub async fn save_for(
    desk: &Desk,
    (staff, email): (Uuid, &str),
    name: &str,
    filters: &str,
) -> Result<View, Refused> {
    let wrong = |wrong: Wrong| {
        let message = format!("{}: {}", wrong.field, wrong.message.trim_end_matches('.'));
        Refused::invalid("filters", message)
    };
    let filter = Filter::parse(&desk.vault, desk.now, filters).map_err(wrong)?;
    if filter.is_personal() {
        let message = "numbers and networks are not saved; leave them out";
        return Err(Refused::invalid("filters", message));
    }
    insert(desk, staff, name, &filter.kept(), json!({ "staff": email })).await
}

/// Saves a search; `filters` hold nothing personal.
///
/// # Errors
/// [`Refused::Invalid`] for a name that cannot be read or too many views, [`Refused::Taken`].
pub async fn save(desk: &Desk, staff: Uuid, name: &str, filters: &str) -> Result<(), Refused> {
    insert(desk, staff, name, filters, json!({}))
        .await
        .map(drop)
}

async fn insert(
    desk: &Desk,
    staff: Uuid,
    name: &str,
    filters: &str,
    mut details: Value,
) -> Result<View, Refused> {
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
    details["name"] = json!(name);
    details["filters"] = json!(filters);
    record(desk, &mut tx, "CREATE", view.id, details).await?;
    commit(tx).await?;
    Ok(view)
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
    details: Value,
) -> Result<(), Refused> {
    let act = Act {
        operation,
        resource: "view",
        id: &id.to_string(),
        details,
    };
    desk.record(tx, act).await
}
