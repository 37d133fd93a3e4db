//! Where one page of a search stops looking. Filters that many records meet each, and next to none
//! together, have no index: every record would be read to find that nothing is there. So a page looks
//! through a stretch of them and says how far it came.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::secret::first_id;
use crate::store::audit_search::Filter;
use crate::store::db::StoreError;
use crate::verdict::Outcome;

/// Records that one page looks at, at most, of those that meet the filter by which they are found.
const STRETCH: i64 = 10_000;

/// From where to where, by id: not before the first, before the second.
type Span = (Uuid, Uuid);

/// The oldest record of the stretch; none if it holds all that is left.
pub(super) async fn end(
    db: &mut PgConnection,
    filter: &Filter,
) -> Result<Option<Uuid>, StoreError> {
    let until = filter.until.map(first_id);
    let before = [filter.before, until].into_iter().flatten().min();
    let span = (
        filter.since.map_or(Uuid::nil(), first_id),
        before.unwrap_or(Uuid::max()),
    );
    let mut end = None;
    if let Some(hashes) = &filter.number_hashes {
        for hash in hashes {
            end = end.max(end_of_number(db, hash, span).await?);
        }
    } else if let Some(words) = &filter.network_hashes {
        for word in words {
            end = end.max(end_of_network(db, word, span).await?);
        }
    } else {
        end = end_of_records(db, filter, span).await?;
    }
    Ok(end)
}

async fn end_of_number(
    db: &mut PgConnection,
    hash: &[u8],
    (from, before): Span,
) -> Result<Option<Uuid>, StoreError> {
    let id = sqlx::query_scalar!(
        "select record_id from audit_personal where number_hash = $1 and record_id >= $2 and record_id < $3
        order by record_id desc offset $4 limit 1",
        hash,
        from,
        before,
        STRETCH,
    )
    .fetch_optional(db)
    .await?;
    Ok(id)
}

async fn end_of_network(
    db: &mut PgConnection,
    word: &[u8],
    (from, before): Span,
) -> Result<Option<Uuid>, StoreError> {
    let id = sqlx::query_scalar!(
        "select record_id from record_words where word = $1 and record_id >= $2 and record_id < $3
        order by record_id desc offset $4 limit 1",
        word,
        from,
        before,
        STRETCH,
    )
    .fetch_optional(db)
    .await?;
    Ok(id)
}

/// Of the filters that a record meets by its own columns the one that leads furthest back, for the fewest
/// records meet it; none if one of them leads to all that is left.
async fn end_of_records(
    db: &mut PgConnection,
    filter: &Filter,
    (from, before): Span,
) -> Result<Option<Uuid>, StoreError> {
    let given = [
        filter.client_id.is_some(),
        filter.actor.is_some(),
        filter.operator.is_some(),
        filter.outcome.is_some(),
        filter.kind.is_some(),
    ];
    let given = given.into_iter().filter(|given| *given).count();
    let id = sqlx::query_scalar!(
        r#"
        with ends (id) as (
            (
                select id from audit_records
                where client_id = $3 and id >= $1 and id < $2
                order by id desc offset $8 limit 1
            )
            union all
            (
                select id from audit_records
                where actor = $4 and id >= $1 and id < $2
                order by id desc offset $8 limit 1
            )
            union all
            (
                select id from audit_records
                where operator = $5 and id >= $1 and id < $2
                order by id desc offset $8 limit 1
            )
            union all
            (
                select id from audit_records
                where outcome = $6 and id >= $1 and id < $2
                order by id desc offset $8 limit 1
            )
            union all
            (
                select id from audit_records
                where type = $7 and id >= $1 and id < $2
                order by id desc offset $8 limit 1
            )
        )
        select (array_agg(id order by id))[1]
        from ends
        having count(*) = $9
        "#,
        from,
        before,
        filter.client_id.as_deref(),
        filter.actor.as_deref(),
        filter.operator.as_deref(),
        filter.outcome.map(Outcome::as_str),
        filter.kind.as_deref(),
        STRETCH,
        i64::try_from(given).unwrap_or(i64::MAX),
    )
    .fetch_optional(db)
    .await?;
    Ok(id.flatten())
}
