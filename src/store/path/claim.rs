//! The browser came back: its leg is claimed, once, before the operator is called.

use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::request::AuthorizeRequest;
use crate::secret::Vault;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::logins::{Leg, LegStage, Login, NumberSource, Row, Stage};
use crate::store::sessions::Remembered;
use crate::verdict::{Method, Outcome};

/// What a claimed callback works with.
#[derive(Debug)]
pub struct Claimed {
    /// The login.
    pub login: Login,
    /// The leg.
    pub leg: Leg,
    /// The session the browser has, if it has one.
    pub session: Option<Remembered>,
}

/// Claims a leg for the browser that came back with its state: once, before the operator is called.
/// `cookies` are the hashes of all login and phone cookies the browser sent, `session` that of its
/// session's. A login that was handed off comes back with its phone's cookie and no other.
///
/// # Errors
/// [`StoreError::Stale`] if this callback is not the one awaited; ask [`crate::store::logins::find_leg`] why.
#[expect(
    clippy::too_many_arguments,
    reason = "everything the one statement compares"
)]
pub async fn claim(
    lane: &Lane,
    vault: &Vault,
    leg: Uuid,
    state_hash: &[u8],
    operator: &str,
    cookies: &[Vec<u8>],
    session: Option<&[u8]>,
    now: Time,
) -> Result<Claimed, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with login as (
            update logins
            set stage = 'checking', changed_at = $6
            where id = (
                    select login_id
                    from legs
                    where id = $1 and state_hash = $2 and operator = $3 and stage = 'away'
                        and expires_at > $6
                )
                and stage = 'away' and leg_id = $1 and coalesce(phone_hash, cookie_hash) = any($4)
                and expires_at > $6
            returning *
        ),
        leg as (
            update legs
            set stage = 'claimed', claimed_at = $6
            where id = $1 and exists (select from login)
            returning *
        )
        select login.id, login.client_id, login.cookie_hash, login.stage as "stage: Stage",
            login.request as "request: Json<AuthorizeRequest>", login.sealed_request, login.sealed,
            login.number_source as "number_source: NumberSource", login.pressed, login.leg_id,
            login.legs, login.mismatches, login.rerouted,
            login.outcome as "outcome: Outcome", login.retry_at, login.answer,
            login.session_id as login_session_id, login.handoff_id, login.phone_hash,
            login.visit_hash, login.opened_at, login.expires_at,
            leg.operator, leg.operator_revision, leg.method as "method: Method", leg.departed_at,
            leg.sealed as leg_sealed,
            s.id as "session_id?", s.number_hash as "session_number_hash?",
            s.epoch as "session_epoch?", s.expires_at as "session_expires_at?"
        from login
        cross join leg
        left join sessions s
            on s.cookie_hash = $5 and s.ended_at is null and s.expires_at > $6
                and s.idle_expires_at > $6
        "#,
        leg,
        state_hash,
        operator,
        cookies,
        session,
        now,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    let row = row.ok_or(StoreError::Stale)?;
    let session = match (
        row.session_id,
        row.session_number_hash,
        row.session_epoch,
        row.session_expires_at,
    ) {
        (Some(id), Some(number_hash), Some(epoch), Some(expires_at)) => Some(Remembered {
            id,
            number_hash,
            epoch,
            expires_at,
        }),
        _ => None,
    };
    Ok(Claimed {
        leg: Leg {
            id: leg,
            login_id: row.id,
            operator: row.operator.clone(),
            operator_revision: row.operator_revision,
            method: row.method,
            stage: LegStage::Claimed,
            departed_at: row.departed_at,
            sealed: row.leg_sealed,
        },
        login: Row {
            id: row.id,
            client_id: row.client_id,
            cookie_hash: row.cookie_hash,
            stage: row.stage,
            request: row.request,
            sealed_request: row.sealed_request,
            sealed: row.sealed,
            number_source: row.number_source,
            pressed: row.pressed,
            leg_id: row.leg_id,
            operator: Some(row.operator),
            legs: row.legs,
            mismatches: row.mismatches,
            rerouted: row.rerouted,
            outcome: row.outcome,
            retry_at: row.retry_at,
            answer: row.answer,
            session_id: row.login_session_id,
            handoff_id: row.handoff_id,
            phone_hash: row.phone_hash,
            visit_hash: row.visit_hash,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
        }
        .open(vault)?,
        session,
    })
}
