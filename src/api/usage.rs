//! `/usage`: what operators charge for.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use chrono::{Days, NaiveDate};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::admin::usage::{self, Span};
use crate::api::body::Query;
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::problem::No;
use crate::api::schemas;

/// Which days, and whose.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The first day (UTC); 30 days ago if left out.
    #[param(value_type = Option<String>, format = Date)]
    since: Option<NaiveDate>,
    /// The last day (UTC); today if left out.
    #[param(value_type = Option<String>, format = Date)]
    until: Option<NaiveDate>,
    /// One app.
    client_id: Option<String>,
    /// One operator.
    operator: Option<String>,
}

/// A quota that staff set, with what was used of it this month (UTC).
#[derive(Debug, Serialize, JsonSchema)]
pub struct Quota {
    /// `client` or `operator`.
    subject: String,
    /// Its client_id or alias.
    name: String,
    /// Billable calls a month after which staff are alerted.
    quota_per_month: i64,
    /// Billable calls this month.
    used: i64,
}

/// Lists verifications and billable calls per day (UTC), app and operator; as text/csv too.
#[utoipa::path(get, path = "/usage", operation_id = "list_usage", tag = "usage", params(Wanted),
    responses((status = 200, description = "What was used.", content(
        (schemas::UsageDayList = "application/json"),
        (String = "text/csv")))))]
pub async fn list(
    caller: Caller,
    Query(query): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, No> {
    let today = caller.desk.now.date_naive();
    let month_ago = today.checked_sub_days(Days::new(30)).unwrap_or(today);
    let span = Span {
        from: query.since.unwrap_or(month_ago),
        to: query.until.unwrap_or(today),
        client_id: query.client_id,
        operator: query.operator,
    };
    let days = usage::report(&caller.desk, &span).await?;
    if !wants_table(&headers) {
        return Ok(Json(All { items: days }).into_response());
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind)], usage::csv(&days)).into_response())
}

/// Only whoever names it gets a table.
fn wants_table(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case("text/csv"))
}

/// Lists the quotas that staff set.
#[utoipa::path(get, path = "/usage/quotas", operation_id = "list_quotas", tag = "usage",
    responses((status = 200, description = "All of them.", body = schemas::QuotaList)))]
pub async fn quotas(caller: Caller) -> Result<Json<All<Quota>>, No> {
    let quotas = usage::quotas(&caller.desk).await?;
    let view = |row: usage::QuotaUse| Quota {
        subject: row.subject,
        name: row.name,
        quota_per_month: row.quota,
        used: row.used,
    };
    let items = quotas.into_iter().map(view).collect();
    Ok(Json(All { items }))
}
