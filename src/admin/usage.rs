//! What operators charge for: calls and verifications per day, as a table too, and the quotas that staff
//! set themselves.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::store::db::StoreError;
use crate::store::usage;
pub use crate::store::usage::{QuotaUse, Used, Verified};

/// The longest span, days.
const MOST_DAYS: i64 = 800;
/// Shares of a quota that staff are told of, percent.
const ALERTS: [i32; 2] = [80, 100];

/// One client at one operator on one day (UTC).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "UsageDay")]
pub struct Day {
    /// The day.
    #[schemars(with = "String", extend("format" = "date"))]
    pub day: NaiveDate,
    /// The client's `client_id`.
    pub client_id: String,
    /// The operator, by alias.
    pub operator: String,
    /// Trips to the operator that ended, whatever it said.
    pub verifications: i64,
    /// Those that ended with the number confirmed.
    pub verified: i64,
    /// Calls it answered and charges for.
    pub billable: i64,
    /// Calls that brought no answer: it may charge for them.
    pub unsure: i64,
    /// The billable ones by their kind.
    pub calls: BTreeMap<String, i64>,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Span {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// One client.
    pub client_id: Option<String>,
    /// One operator.
    pub operator: Option<String>,
}

impl Span {
    /// Everything from one day to another, both included.
    #[must_use]
    pub fn of(from: NaiveDate, to: NaiveDate) -> Self {
        Self {
            from,
            to,
            client_id: None,
            operator: None,
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let days = (self.to - self.from).num_days();
        if !(0..=MOST_DAYS).contains(&days) {
            let message = format!("the span is 1 to {MOST_DAYS} days");
            return Err(Refused::invalid("since", message));
        }
        let known = |day: NaiveDate| (2000..=9999).contains(&day.year());
        if !known(self.from) || !known(self.to) {
            return Err(Refused::invalid(
                "since",
                "is a day between the years 2000 and 9999",
            ));
        }
        Ok(())
    }

    fn holds(&self, client_id: &str, operator: &str) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|w| w == has);
        is(&self.client_id, client_id) && is(&self.operator, operator)
    }
}

/// Calls per day (UTC), app, operator and kind, from one day to another, both included.
///
/// # Errors
/// [`Refused::Invalid`] if the span is empty or too long.
pub async fn list(desk: &Desk, from: NaiveDate, to: NaiveDate) -> Result<Vec<Used>, Refused> {
    Span::of(from, to).check()?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(usage::list(&mut db, from, to).await?)
}

/// Verifications and calls per day (UTC), app and operator, in this order.
///
/// # Errors
/// [`Refused::Invalid`] if the span is empty or too long.
pub async fn report(desk: &Desk, span: &Span) -> Result<Vec<Day>, Refused> {
    span.check()?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let calls = usage::list(&mut db, span.from, span.to).await?;
    let verified = usage::verifications(&mut db, span.from, span.to).await?;
    Ok(by_day(&calls, verified, span))
}

/// The same, with the quotas: calls are read once for both.
///
/// # Errors
/// As [`report`].
pub async fn report_and_quotas(
    desk: &Desk,
    span: &Span,
) -> Result<(Vec<Day>, Vec<QuotaUse>), Refused> {
    span.check()?;
    let today = desk.now.date_naive();
    let month = first_of_month(today);
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let (from, to) = (span.from.min(month), span.to.max(today));
    let calls = usage::list(&mut db, from, to).await?;
    let verified = usage::verifications(&mut db, span.from, span.to).await?;
    let of_month = || {
        calls
            .iter()
            .filter(|row| (month..=today).contains(&row.day))
    };
    let quotas = usage::quotas(&mut db).await?.into_iter();
    let quotas = quotas.map(|quota| quota.counted(of_month())).collect();
    Ok((by_day(&calls, verified, span), quotas))
}

fn by_day(calls: &[Used], verified: Vec<Verified>, span: &Span) -> Vec<Day> {
    let mut days: BTreeMap<(NaiveDate, String, String), Day> = BTreeMap::new();
    for row in verified {
        let key = (row.day, row.client_id, row.operator);
        let day = days.entry(key).or_default();
        day.verifications += row.verifications;
        day.verified += row.verified;
    }
    let within = span.from..=span.to;
    for row in calls.iter().filter(|row| within.contains(&row.day)) {
        let key = (row.day, row.client_id.clone(), row.operator.clone());
        let day = days.entry(key).or_default();
        day.billable += row.billable;
        day.unsure += row.unsure;
        *day.calls.entry(row.call.clone()).or_default() += row.billable;
    }
    let named = |((day, client_id, operator), counted): (_, Day)| Day {
        day,
        client_id,
        operator,
        ..counted
    };
    let wanted = |day: &Day| span.holds(&day.client_id, &day.operator);
    days.into_iter().map(named).filter(wanted).collect()
}

/// The same as a table for spreadsheets.
///
/// # Panics
/// Never: memory takes it.
#[must_use]
pub fn csv(days: &[Day]) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let heading = [
        "day",
        "client_id",
        "operator",
        "verifications",
        "verified",
        "billable",
        "unsure",
    ];
    table.write_record(heading).expect("memory takes it");
    for day in days {
        let row = [
            day.day.to_string(),
            plain(&day.client_id),
            plain(&day.operator),
            day.verifications.to_string(),
            day.verified.to_string(),
            day.billable.to_string(),
            day.unsure.to_string(),
        ];
        table.write_record(row).expect("memory takes it");
    }
    table.into_inner().expect("memory takes it")
}

/// A text that no spreadsheet takes for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The quotas that staff set, with what was used of them this month (UTC).
///
/// # Errors
/// [`Refused::Database`].
pub async fn quotas(desk: &Desk) -> Result<Vec<QuotaUse>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let quotas = usage::quotas(&mut db).await?;
    if quotas.is_empty() {
        // Whoever set none does not pay for counting.
        return Ok(quotas);
    }
    let today = desk.now.date_naive();
    let calls = usage::list(&mut db, first_of_month(today), today).await?;
    let counted = quotas.into_iter().map(|quota| quota.counted(calls.iter()));
    Ok(counted.collect())
}

/// Alerts staff of quotas that are used up, or nearly: once per month, quota and share, with a record
/// each. Any server may do it at any time. Returns the alerts it gave: the quota's use, and the share
/// in percent that was reached.
///
/// # Errors
/// [`Refused::Database`].
pub async fn alert(desk: &Desk) -> Result<Vec<(QuotaUse, i32)>, Refused> {
    let month = first_of_month(desk.now.date_naive());
    let mut given = Vec::new();
    for reached in quotas(desk).await? {
        for percent in ALERTS {
            if reached.used * 100 < reached.quota * i64::from(percent) {
                continue;
            }
            let mut tx = desk.begin().await?;
            if !usage::note_alert(&mut tx, month, &reached, percent, desk.now).await? {
                continue;
            }
            let act = Act {
                operation: "ACTION",
                resource: if reached.subject == "client" {
                    "client"
                } else {
                    "operator"
                },
                id: &reached.name,
                details: json!({
                    "action": "quota_reached", "percent": percent, "month": month,
                    "used": reached.used, "quota_per_month": reached.quota,
                }),
            };
            desk.record(&mut tx, act).await?;
            commit(tx).await?;
            given.push((reached.clone(), percent));
        }
    }
    Ok(given)
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_holds_no_formula() {
        let day = Day {
            client_id: "=cmd|'/c calc'!A1".to_owned(),
            operator: "a,\"b\"".to_owned(),
            verifications: 2,
            ..Day::default()
        };
        let text = String::from_utf8(csv(&[day])).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next(),
            Some("day,client_id,operator,verifications,verified,billable,unsure")
        );
        assert_eq!(
            lines.next(),
            Some("1970-01-01,'=cmd|'/c calc'!A1,\"a,\"\"b\"\"\",2,0,0,0")
        );
    }
}
