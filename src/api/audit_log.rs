//! `/audit/log`, `/audit/holds`, `/audit/charts`: how the log stands, what must be kept, how logins fare.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DurationRound as _, TimeDelta};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::admin::charts::{self, Charts, Span};
use crate::admin::log_state::{self, Place};
use crate::admin::moment::{Id, Moment};
use crate::admin::{Refused, retention};
use crate::api::answers::Made;
use crate::api::audit::check_year;
use crate::api::body::{Body, Name, Query};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::store::retention::Hold;
use crate::web::app::App;

/// How the current log stands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LogState")]
pub struct LogView {
    /// Its name in checkpoints.
    origin: String,
    /// Leaves.
    size: i64,
    /// Since when.
    #[schemars(with = "Moment")]
    started_at: Time,
    /// When it last grew.
    #[schemars(with = "Moment")]
    sealed_at: Time,
    /// Logs before it, which restores left behind.
    earlier_logs: i64,
    /// Records that wait to be sealed; counted to 10,000.
    unsealed: i64,
    /// Leaves that the last checkpoint covers.
    covered: Option<i64>,
    /// The last checkpoint, a signed note.
    checkpoint: Option<String>,
    /// When it was signed.
    #[schemars(with = "Option<Moment>")]
    signed_at: Option<Time>,
    /// The places outside and what each has.
    places: Vec<Place>,
}

/// A legal hold: no record of its time is dropped, and nothing personal of it erased.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Hold")]
pub struct HoldView {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// Records not older than this,
    #[schemars(with = "Moment")]
    from: Time,
    /// and older than this.
    #[schemars(with = "Moment")]
    until: Time,
    /// Why.
    reason: String,
    /// Who placed it.
    placed_by: String,
    /// When.
    #[schemars(with = "Moment")]
    placed_at: Time,
    /// Who released it.
    released_by: Option<String>,
    /// When.
    #[schemars(with = "Option<Moment>")]
    released_at: Option<Time>,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id,
            from: hold.from,
            until: hold.until,
            reason: hold.reason,
            placed_by: hold.placed_by,
            placed_at: hold.placed_at,
            released_by: hold.released_by,
            released_at: hold.released_at,
        }
    }
}

/// A hold to place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Records not older than this,
    #[schemars(with = "Moment")]
    from: Time,
    /// and older than this.
    #[schemars(with = "Moment")]
    until: Time,
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// Why a hold is released.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseReason {
    /// It stays in the log.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// Which hours are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChartSpan {
    /// From this hour on; a day ago if left out.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// And before this one; now if left out.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Time>,
    /// One app. Latencies are counted over all apps.
    client_id: Option<String>,
    /// One operator.
    operator: Option<String>,
}

/// Shows how the log stands.
#[utoipa::path(get, path = "/audit/log", operation_id = "show_log", tag = "audit",
    responses((status = 200, description = "The current log.", body = schemas::LogState),
        (status = 404, description = "No log has begun yet.")))]
pub async fn show(caller: Caller) -> Result<Json<LogView>, No> {
    let state = log_state::look(&caller.desk).await?;
    let state = state.ok_or_else(|| {
        No::new(StatusCode::NOT_FOUND, "not_found", "no log has begun yet")
            .fix("A server begins one within seconds.")
    })?;
    Ok(Json(LogView {
        places: log_state::places(&state),
        origin: state.origin,
        size: state.size,
        started_at: state.started_at,
        sealed_at: state.sealed_at,
        earlier_logs: state.earlier,
        unsealed: state.unsealed,
        covered: state.covered,
        checkpoint: state.checkpoint,
        signed_at: state.signed_at,
    }))
}

/// Counts how sign-ins fared, from whole hours that were counted once.
#[utoipa::path(get, path = "/audit/charts", operation_id = "show_charts", tag = "audit", params(ChartSpan),
    responses((status = 200, description = "The counts.", body = schemas::Charts)))]
pub async fn chart(caller: Caller, Query(span): Query<ChartSpan>) -> Result<Json<Charts>, No> {
    let now = caller.desk.now;
    let until = span.until.unwrap_or(now);
    let since = span
        .since
        .or(until.checked_sub_signed(TimeDelta::hours(24)));
    let since = since.unwrap_or(until);
    check_year("since", since)?;
    check_year("until", until)?;
    let from = since.duration_trunc(TimeDelta::hours(1)).unwrap_or(since);
    let span = Span {
        from,
        until,
        client_id: span.client_id,
        operator: span.operator,
    };
    Ok(Json(charts::look(&caller.desk, &span).await?))
}

/// Lists legal holds, newest first.
#[utoipa::path(get, path = "/audit/holds", operation_id = "list_holds", tag = "audit",
    responses((status = 200, description = "All of them.", body = schemas::HoldList)))]
pub async fn holds(caller: Caller) -> Result<Json<All<HoldView>>, No> {
    let rows = retention::holds(&caller.desk).await?;
    let items = rows.into_iter().map(HoldView::from).collect();
    Ok(Json(All { items }))
}

/// Places a legal hold.
#[utoipa::path(post, path = "/audit/holds", operation_id = "place_hold", tag = "audit",
    request_body = schemas::NewHold,
    responses((status = 201, description = "The hold.", body = schemas::Hold)))]
pub async fn hold(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    body: Body<NewHold>,
) -> Result<Response, No> {
    let Body { value, hash } = body;
    check_year("from", value.from)?;
    check_year("until", value.until)?;
    let work = async {
        let hold = retention::hold(&caller.desk, value.from, value.until, &value.reason).await?;
        let view = HoldView::from(hold);
        Ok(Made::new(&view).at("audit/holds", &view.id.to_string()))
    };
    once(&app, &caller, key, hash, work).await
}

/// Releases a legal hold.
#[utoipa::path(post, path = "/audit/holds/{id}/release", operation_id = "release_hold", tag = "audit",
    params(("id" = Uuid, Path, description = "Its id.")),
    request_body = schemas::ReleaseReason,
    responses((status = 204, description = "It is released.")))]
pub async fn release(
    caller: Caller,
    Name(id): Name<Uuid>,
    Body { value, .. }: Body<ReleaseReason>,
) -> Result<StatusCode, No> {
    let reason = value.reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 {
        let message = "say why, in 1 to 500 characters".to_owned();
        return Err(Refused::Invalid {
            field: "reason",
            message,
        }
        .into());
    }
    retention::release(&caller.desk, id, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
