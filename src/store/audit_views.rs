//! Searches of records that members of staff saved.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// A saved search.
#[derive(Clone, Debug)]
pub struct View {
    /// Its key.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// The filters, as in the page's address.
    pub filters: String,
    /// When it was saved.
    pub created_at: Time,
}

/// Those of an account, by name.
pub async fn list(db: &mut PgConnection, staff: Uuid) -> Result<Vec<View>, StoreError> {
    let rows = sqlx::query_as!(
        View,
        r#"
        select id, name, filters, created_at
        from audit_views
        where staff = $1
        order by lower(name), id
        "#,
        staff
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Saves one, unless the account has so many already; false then.
///
/// # Errors
/// [`StoreError::Conflict`] with `audit_views_name_key` if the account has one of that name.
pub async fn insert(
    db: &mut PgConnection,
    staff: Uuid,
    view: &View,
    most: i64,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        insert into audit_views (id, staff, name, filters, created_at)
        select $1, $2, $3, $4, $5
        where (select count(*) from audit_views where staff = $2) < $6
        "#,
        view.id,
        staff,
        view.name,
        view.filters,
        view.created_at,
        most,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes one of an account.
///
/// # Errors
/// [`StoreError::Stale`] if the account has none of this key.
pub async fn remove(db: &mut PgConnection, staff: Uuid, id: Uuid) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "delete from audit_views where staff = $1 and id = $2",
        staff,
        id
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}
