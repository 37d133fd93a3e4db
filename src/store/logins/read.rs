//! Logins and legs read back, and legs that nobody can claim closed.

use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::request::AuthorizeRequest;
use crate::secret::{Unsealable, Vault};
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::logins::sealed::request_place;
use crate::store::logins::{Leg, LegStage, Login, NumberSource, Stage};
use crate::verdict::{Method, Outcome};

pub(in crate::store) struct Row {
    pub id: Uuid,
    pub client_id: String,
    pub cookie_hash: Vec<u8>,
    pub stage: Stage,
    pub request: Option<Json<AuthorizeRequest>>,
    pub sealed_request: Option<Vec<u8>>,
    pub sealed: Option<Vec<u8>>,
    pub number_source: Option<NumberSource>,
    pub pressed: bool,
    pub leg_id: Option<Uuid>,
    pub operator: Option<String>,
    pub legs: i32,
    pub mismatches: i32,
    pub rerouted: bool,
    pub outcome: Option<Outcome>,
    pub retry_at: Option<Time>,
    pub answer: Option<Vec<u8>>,
    pub session_id: Option<Uuid>,
    pub handoff_id: Option<Uuid>,
    pub phone_hash: Option<Vec<u8>>,
    /// The hash of the visit cookie of the browser that opened it: the numbers tried count there.
    pub visit_hash: Option<Vec<u8>>,
    pub opened_at: Time,
    pub expires_at: Time,
}

impl Row {
    /// The login of this row, its request unsealed.
    pub(in crate::store) fn open(self, vault: &Vault) -> Result<Login, Unsealable> {
        let row = self;
        let request = match (row.sealed_request, row.request) {
            (Some(sealed), _) => {
                let plain = vault.open(request_place(&row.id), &sealed)?;
                serde_json::from_slice(&plain).map_err(|_| Unsealable)?
            }
            (None, Some(request)) => request.0,
            (None, None) => return Err(Unsealable),
        };
        Ok(Login {
            id: row.id,
            client_id: row.client_id,
            cookie_hash: row.cookie_hash,
            stage: row.stage,
            request,
            number_source: row.number_source,
            pressed: row.pressed,
            leg_id: row.leg_id,
            operator: row.operator,
            legs: row.legs,
            mismatches: row.mismatches,
            rerouted: row.rerouted,
            outcome: row.outcome,
            retry_at: row.retry_at,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
            sealed: row.sealed,
            answer: row.answer,
            session_id: row.session_id,
            handoff_id: row.handoff_id,
            phone_hash: row.phone_hash,
            visit_hash: row.visit_hash,
        })
    }
}

/// The login with this id, whoever asks: the caller compares the cookie.
pub async fn find(lane: &Lane, vault: &Vault, id: Uuid) -> Result<Option<Login>, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query_as!(
        Row,
        r#"
        select id, client_id, cookie_hash, stage as "stage: Stage",
            request as "request: Json<AuthorizeRequest>", sealed_request, sealed,
            number_source as "number_source: NumberSource", pressed, leg_id,
            (select operator from legs where legs.id = logins.leg_id) as operator, legs, mismatches,
            rerouted, outcome as "outcome: Outcome", retry_at, answer, session_id, handoff_id,
            phone_hash, visit_hash, opened_at, expires_at
        from logins
        where id = $1
        "#,
        id
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(row.map(|row| row.open(vault)).transpose()?)
}

/// The leg that a state of ours names, if the state is the one it departed with.
pub async fn find_leg(lane: &Lane, id: Uuid, state_hash: &[u8]) -> Result<Option<Leg>, StoreError> {
    let mut lent = lane.get().await?;
    let leg = sqlx::query_as!(
        Leg,
        r#"
        select id, login_id, operator, operator_revision, method as "method: Method",
            stage as "stage: LegStage", departed_at, sealed
        from legs
        where id = $1 and state_hash = $2
        "#,
        id,
        state_hash
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(leg)
}

/// The operators that said in this login that the number is not one of theirs.
pub async fn declined(lane: &Lane, id: Uuid) -> Result<Vec<String>, StoreError> {
    let mut lent = lane.get().await?;
    let operators = sqlx::query_scalar!(
        r#"
        select distinct operator
        from legs
        where login_id = $1 and outcome = 'operator_unsupported_number'
        "#,
        id
    )
    .fetch_all(lent.connection())
    .await?;
    lent.give_back();
    Ok(operators)
}

/// Whether the code of an ended login is still good: not redeemed, not expired.
pub async fn has_live_code(lane: &Lane, id: Uuid, now: Time) -> Result<bool, StoreError> {
    let mut lent = lane.get().await?;
    let live = sqlx::query_scalar!(
        r#"
        select exists (
            select from codes
            where grant_id = $1 and redeemed_at is null and expires_at > $2
        ) as "live!"
        "#,
        id,
        now
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    Ok(live)
}

/// Logins whose time is out, or whose operator call was cut short (the server died), oldest first.
pub async fn overdue(
    lane: &Lane,
    vault: &Vault,
    now: Time,
    stuck_since: Time,
    limit: i64,
) -> Result<Vec<Login>, StoreError> {
    let mut lent = lane.get().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id, client_id, cookie_hash, stage as "stage: Stage",
            request as "request: Json<AuthorizeRequest>", sealed_request, sealed,
            number_source as "number_source: NumberSource", pressed, leg_id,
            (select operator from legs where legs.id = logins.leg_id) as operator, legs, mismatches,
            rerouted, outcome as "outcome: Outcome", retry_at, answer, session_id, handoff_id,
            phone_hash, visit_hash, opened_at, expires_at
        from logins
        where ended_at is null
            and (expires_at <= $1 or (stage = 'checking' and changed_at <= $2))
        order by expires_at
        limit $3
        "#,
        now,
        stuck_since,
        limit
    )
    .fetch_all(lent.connection())
    .await?;
    lent.give_back();
    // One row that was altered must not keep all others from ending.
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let id = row.id;
            row.open(vault)
                .inspect_err(|_| tracing::error!(%id, "a login cannot be unsealed, and stays"))
                .ok()
        })
        .collect())
}

/// Closes legs whose time is out and that are no login's current one: two departures of one login at
/// the same moment do not see each other's leg. None of them could be claimed. Returns how many.
pub async fn close_superseded(lane: &Lane, now: Time, limit: i64) -> Result<u64, StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query!(
        r#"
        update legs
        set stage = 'closed', outcome = 'abandoned', closed_at = $1
        where id in (
            select id
            from legs
            where closed_at is null and expires_at <= $1
                and not exists (
                    select from logins
                    where logins.id = legs.login_id and logins.leg_id = legs.id
                )
            limit $2
        )
        "#,
        now,
        limit
    )
    .execute(lent.connection())
    .await?;
    lent.give_back();
    Ok(done.rows_affected())
}
