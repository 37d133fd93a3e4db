//! `/audit/records`: what was recorded. Numbers are masked.

use axum::Json;
use chrono::Datelike as _;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::admin::audit::{self, Entry, Found, MOST};
use crate::admin::moment::{Id, Moment};
use crate::api::body::{Body, Name, Query};
use crate::api::guard::Caller;
use crate::api::lists::Listed;
use crate::api::problem::No;
use crate::api::schemas;
use crate::api::sessions::number;
use crate::clock::Time;
use crate::verdict::Outcome;

/// A record.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Record")]
pub struct RecordView {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// Whether it carries our MAC.
    authentic: bool,
    /// The number, masked; null if there is none or it was erased.
    number: Option<String>,
    /// What was recorded: v, id, at, type, login_id, client_id, operator, outcome, actor and the
    /// event's own.
    record: Map<String, Value>,
}

/// Which records: every filter narrows it.
#[derive(Debug, Default, Deserialize, IntoParams, JsonSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RecordFilter {
    /// Not older than this.
    #[param(value_type = Option<String>, format = DateTime)]
    #[schemars(with = "Option<Moment>")]
    since: Option<Time>,
    /// Older than this.
    #[param(value_type = Option<String>, format = DateTime)]
    #[schemars(with = "Option<Moment>")]
    until: Option<Time>,
    /// The event: NUMBER_VERIFIED, LOGIN_ERROR, ADMIN_EVENT, …
    #[serde(rename = "type")]
    kind: Option<String>,
    /// One login.
    #[schemars(with = "Option<Id>")]
    login_id: Option<Uuid>,
    /// One app.
    client_id: Option<String>,
    /// One operator.
    operator: Option<String>,
    /// One outcome: verified, mismatch, …
    outcome: Option<String>,
    /// Who did it: a member of staff's email, cli, system, token:NAME.
    actor: Option<String>,
    /// What a person reads to support: 7F3A-21AB.
    reference: Option<String>,
    /// The page after: what `next` of the page before said.
    #[schemars(with = "Option<Id>")]
    after: Option<Uuid>,
    /// Records at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u16>,
}

/// Which records, also by what stands in no address: number and network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSearch {
    /// The number, international.
    number: Option<String>,
    /// The network that sign-ins began from: a whole address, an IPv4 /24 or /16, or an IPv6 /64, /48
    /// or /32.
    network: Option<String>,
    /// What narrows it further.
    #[serde(default)]
    filter: RecordFilter,
}

impl RecordSearch {
    /// What it looks for, and how many at most.
    pub fn read(self) -> Result<(audit::Query, u16), No> {
        let (mut query, limit) = read(self.filter)?;
        query.number = self.number.as_deref().map(number).transpose()?;
        query.network = self.network.as_deref().map(network).transpose()?;
        Ok((query, limit))
    }
}

fn network(text: &str) -> Result<IpNet, No> {
    let read = text.parse::<IpNet>();
    read.or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| No::invalid("network", "is no address and no network"))
}

/// Refuses times that the database has not.
pub fn check_year(field: &str, time: Time) -> Result<(), No> {
    if (2000..=9999).contains(&time.year()) {
        return Ok(());
    }
    let message = "is a time between the years 2000 and 9999";
    Err(No::invalid(field, message))
}

fn read(filter: RecordFilter) -> Result<(audit::Query, u16), No> {
    let limit = filter.limit.unwrap_or(50);
    if !(1..=MOST).contains(&limit) {
        return Err(No::invalid("limit", format!("is 1 to {MOST}")));
    }
    for (field, time) in [("since", filter.since), ("until", filter.until)] {
        time.map_or(Ok(()), |time| check_year(field, time))?;
    }
    let outcome = match filter.outcome {
        None => None,
        Some(word) => {
            let read: Result<Outcome, _> = serde_json::from_value(Value::String(word));
            Some(read.map_err(|error| No::invalid("outcome", error.to_string()))?)
        }
    };
    let query = audit::Query {
        before: filter.after,
        since: filter.since,
        until: filter.until,
        kind: filter.kind.map(|kind| kind.to_uppercase()),
        login_id: filter.login_id,
        client_id: filter.client_id,
        operator: filter.operator,
        outcome,
        actor: filter.actor,
        reference: filter.reference,
        ..audit::Query::default()
    };
    Ok((query, limit))
}

fn shown(found: Found, limit: u16) -> Json<Listed<RecordView>> {
    let is_full = found.entries.len() == usize::from(limit);
    let last = found.entries.last().filter(|_| is_full);
    let next = last.map(|entry| entry.id).or(found.looked_back_to);
    let view = |entry: Entry| RecordView {
        id: entry.id,
        authentic: entry.authentic,
        number: entry.number,
        record: match entry.body {
            Value::Object(members) => members,
            _ => Map::new(),
        },
    };
    let items = found.entries.into_iter().map(view).collect();
    let next = next.map(|id| id.to_string());
    Json(Listed { items, next })
}

/// Lists records, newest first.
///
/// A page may hold fewer than `limit`, even none, and have a `next`: what hardly anything fits is looked for a stretch
/// at a time. Only a null `next` is the end.
#[utoipa::path(get, path = "/audit/records", operation_id = "list_records", tag = "audit", params(RecordFilter),
    responses((status = 200, description = "A page of records.", body = schemas::RecordPage)))]
pub async fn list(
    caller: Caller,
    Query(filter): Query<RecordFilter>,
) -> Result<Json<Listed<RecordView>>, No> {
    let (query, limit) = read(filter)?;
    Ok(shown(audit::list(&caller.desk, query, limit).await?, limit))
}

/// Finds records of a number or a network, newest first. That somebody looked for a number is recorded.
///
/// As in the list, a short page with a `next` is not the last.
#[utoipa::path(post, path = "/audit/records/find", operation_id = "find_records", tag = "audit",
    request_body = schemas::RecordSearch,
    responses((status = 200, description = "A page of records.", body = schemas::RecordPage)))]
pub async fn find(
    caller: Caller,
    Body { value, .. }: Body<RecordSearch>,
) -> Result<Json<Listed<RecordView>>, No> {
    if value.number.is_none() && value.network.is_none() {
        let no = No::invalid("number", "name a number or a network");
        return Err(no.fix("List records without one by GET /audit/records."));
    }
    let (query, limit) = value.read()?;
    Ok(shown(audit::list(&caller.desk, query, limit).await?, limit))
}

/// Shows the records of one login, newest first.
#[utoipa::path(get, path = "/audit/logins/{login_id}", operation_id = "show_login_records", tag = "audit",
    params(("login_id" = Uuid, Path, description = "The login's reference.")),
    responses((status = 200, description = "Its records.", body = schemas::RecordPage)))]
pub async fn of_login(
    caller: Caller,
    Name(login): Name<Uuid>,
) -> Result<Json<Listed<RecordView>>, No> {
    let query = audit::Query {
        login_id: Some(login),
        ..audit::Query::default()
    };
    Ok(shown(audit::list(&caller.desk, query, MOST).await?, MOST))
}
