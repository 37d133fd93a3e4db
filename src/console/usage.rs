//! `/admin/usage`: what operators charge for, per day, app and operator, and the quotas that staff set.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use chrono::{Days, NaiveDate};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::admin::Refused;
use crate::admin::usage::{self, Day, QuotaUse, Span};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Lines on the page; all of them are in the table to download.
const ON_THE_PAGE: usize = 200;

/// Sums over the span.
#[derive(Default)]
struct Sums {
    verifications: i64,
    verified: i64,
    billable: i64,
    unsure: i64,
}

struct Quota {
    name: String,
    path: String,
    used: i64,
    most: i64,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "console/usage.html")]
struct Page {
    frame: Frame,
    since: String,
    until: String,
    client: String,
    operator: String,
    sums: Sums,
    days: Vec<Day>,
    /// How many lines are only in the table to download.
    more: usize,
    /// The query of that.
    query: String,
    quotas: Vec<Quota>,
    refused: Option<String>,
}

/// Shows it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let text = |name: &str| visit.query.get(name).unwrap_or_default().trim().to_owned();
    let (mut status, mut refused) = (StatusCode::OK, None);
    let read = async {
        let span = span(&visit)?;
        usage::report_and_quotas(&visit.desk(), &span).await
    };
    let (days, quotas) = match read.await {
        Ok(found) => found,
        Err(error @ Refused::Invalid { .. }) => {
            status = StatusCode::UNPROCESSABLE_ENTITY;
            refused = Some(error.to_string());
            (Vec::new(), usage::quotas(&visit.desk()).await?)
        }
        Err(error) => return Err(error.into()),
    };
    let sums = days.iter().fold(Sums::default(), |sums, day| Sums {
        verifications: sums.verifications + day.verifications,
        verified: sums.verified + day.verified,
        billable: sums.billable + day.billable,
        unsure: sums.unsure + day.unsure,
    });
    let (since, until) = (text("since"), text("until"));
    let (client, operator) = (text("client"), text("operator"));
    let page = Page {
        frame: visit.frame("Usage"),
        query: url::form_urlencoded::Serializer::new(String::new())
            .append_pair("since", &since)
            .append_pair("until", &until)
            .append_pair("client", &client)
            .append_pair("operator", &operator)
            .finish(),
        since,
        until,
        client,
        operator,
        sums,
        more: days.len().saturating_sub(ON_THE_PAGE),
        days: days.into_iter().rev().take(ON_THE_PAGE).collect(),
        quotas: quotas.iter().map(quota).collect(),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}

/// The same as a table for spreadsheets, all of it.
pub async fn table(visit: Visit) -> Result<Response, Trouble> {
    let days = usage::report(&visit.desk(), &span(&visit)?).await?;
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        ),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"usage.csv\""),
        ),
    ];
    Ok((headers, usage::csv(&days)).into_response())
}

fn span(visit: &Visit) -> Result<Span, Refused> {
    let given = |name: &str| {
        let text = visit.query.get(name).unwrap_or_default().trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let day = |name: &'static str, usual: NaiveDate| match given(name) {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| Refused::Invalid {
            field: name,
            message: "write a day as 2026-07-31".to_owned(),
        }),
    };
    let today = visit.now.date_naive();
    Ok(Span {
        from: day(
            "since",
            today.checked_sub_days(Days::new(30)).unwrap_or(today),
        )?,
        to: day("until", today)?,
        client_id: given("client"),
        operator: given("operator"),
    })
}

fn quota(row: &QuotaUse) -> Quota {
    let folder = if row.subject == "client" {
        "clients"
    } else {
        "operators"
    };
    Quota {
        path: format!("/admin/{folder}/{}", row.name),
        name: row.name.clone(),
        used: row.used,
        most: row.quota,
        tone: match row.used * 100 {
            used if used >= row.quota * 100 => "bad",
            used if used >= row.quota * 80 => "",
            _ => "good",
        },
    }
}
