//! Clients, a page at a time.

use sqlx::PgPool;

use crate::clock::Time;
use crate::store::clients::{AuthMethod, Kind};
use crate::store::db::StoreError;

/// A client in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The `client_id`.
    pub client_id: String,
    /// The name people see.
    pub name: String,
    /// What runs it.
    pub kind: Kind,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Where its users come back to.
    pub redirect_uris: Vec<String>,
    /// Whether it is a test client.
    pub test: bool,
    /// Set: refused everywhere.
    pub disabled_at: Option<Time>,
}

/// At most `limit` clients in the order of `client_id`, after the given one, whose `client_id`, name
/// or redirect URIs hold the text, whatever its case.
pub async fn page(
    db: &PgPool,
    holding: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select client_id, name, kind as "kind: Kind",
            token_endpoint_auth_method as "auth_method: AuthMethod", redirect_uris, test,
            disabled_at
        from clients
        where client_id > $2
            and not exists (
                select from staff_trials t where t.trial_client = clients.client_id)
            and ($1 = '' or strpos(lower(client_id), lower($1)) > 0
                or strpos(lower(name), lower($1)) > 0
                or strpos(lower(array_to_string(redirect_uris, ' ')), lower($1)) > 0)
        order by client_id
        limit $3
        "#,
        holding,
        after,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
