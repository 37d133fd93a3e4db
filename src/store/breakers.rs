//! Which servers leave which operators alone, as their last records say: a server's own memory is
//! not to be asked from outside.

use sqlx::PgConnection;

use crate::audit::event::BreakerState;
use crate::clock::Time;
use crate::store::db::StoreError;

/// The last that one server recorded about one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastChange {
    /// The operator, by alias.
    pub operator: String,
    /// The server.
    pub replica: String,
    /// What it does.
    pub state: BreakerState,
    /// When it recorded that.
    pub since: Time,
    /// When it tries again.
    pub until: Option<Time>,
}

/// The last change of every operator and server that was recorded since then.
pub async fn last_changes(
    db: &mut PgConnection,
    since: Time,
) -> Result<Vec<LastChange>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select distinct on (r.operator, b.body ->> 'replica')
            r.operator as "operator!", b.body ->> 'replica' as "replica!",
            b.body ->> 'state' as "state!", r.at, (b.body ->> 'until')::timestamptz as until
        from audit_records r
        cross join lateral (select convert_from(r.body, 'UTF8')::jsonb as body) b
        where r.type = 'OPERATOR_BREAKER' and r.id >= uuid_floor($1) and r.operator is not null
        order by r.operator, b.body ->> 'replica', r.at desc, r.id desc
        "#,
        since,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| LastChange {
            operator: row.operator,
            replica: row.replica,
            state: if row.state == "open" {
                BreakerState::Open
            } else {
                BreakerState::Closed
            },
            since: row.at,
            until: row.until,
        })
        .collect())
}
