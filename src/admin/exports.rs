//! Exporting records: page after page, so that neither memory nor the database feels how many they are,
//! as a job that tells how far it is and can be stopped. Newest first.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use uuid::Uuid;

use crate::admin::audit::{self, Entry, Query};
use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::clock::{Clock, Time};
use crate::secret::{b64, first_id, made_at, new_id};
use crate::store::audit_search::{self, Listed};
use crate::store::db::StoreError;
use crate::store::exports;
pub use crate::store::exports::Export;

/// Records that are decoded without giving others a turn: a millisecond or two.
const AT_A_TIME: usize = 64;
/// The columns of a table.
const COLUMNS: [&str; 11] = [
    "id",
    "at",
    "type",
    "outcome",
    "client_id",
    "operator",
    "login_id",
    "actor",
    "number",
    "authentic",
    "record",
];

/// The shape of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, a heading and one line a record; cells that a spreadsheet would calculate are
    /// disarmed.
    Csv,
    /// One JSON object a line, with the record's exact bytes and their MAC.
    JsonLines,
}

impl Format {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

/// What an export was and is: enough to tell whether a file is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The export's id.
    pub id: Uuid,
    /// As JSON, for the file beside it. It is also the body of the record that the export left.
    pub told: Value,
    /// How many records.
    pub records: i64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
}

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Staff may not, or the database failed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database could not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error("what was exported could not be written: {0}")]
    Write(#[from] std::io::Error),
    /// Somebody stopped it.
    #[error("the export was stopped")]
    Cancelled,
}

/// Where an export goes.
pub trait Sink: Send {
    /// Takes what comes next.
    fn put(&mut self, text: &[u8]) -> impl Future<Output = Result<(), ExportError>> + Send;
    /// Everything was put: it is kept when this returns.
    fn finish(&mut self) -> impl Future<Output = Result<(), ExportError>> + Send;
}

impl<W: AsyncWrite + Unpin + Send> Sink for W {
    async fn put(&mut self, text: &[u8]) -> Result<(), ExportError> {
        Ok(self.write_all(text).await?)
    }

    async fn finish(&mut self) -> Result<(), ExportError> {
        Ok(self.flush().await?)
    }
}

/// Writes every record that a query finds. The export has a row that tells how far it is, and records
/// at its beginning and end.
///
/// # Errors
/// [`ExportError`]; the row says the same.
pub async fn run(
    desk: &Desk,
    clock: &Clock,
    query: Query,
    format: Format,
    target: &str,
    sink: &mut impl Sink,
) -> Result<Manifest, ExportError> {
    let query = until_now(desk, query);
    let export = begin(desk, &query, format, target).await?;
    carry_out(desk, clock, query, format, export, sink).await
}

/// What is recorded from now on, an export first, is another export's.
pub(super) fn until_now(desk: &Desk, query: Query) -> Query {
    Query {
        until: Some(query.until.map_or(desk.now, |until| until.min(desk.now))),
        ..query
    }
}

/// Writes what was begun.
pub(super) async fn carry_out(
    desk: &Desk,
    clock: &Clock,
    query: Query,
    format: Format,
    export: Export,
    sink: &mut impl Sink,
) -> Result<Manifest, ExportError> {
    let written = write(desk, clock, &query, format, export.id, sink).await;
    let end = match &written {
        Ok(_) => ("done", None),
        Err(ExportError::Cancelled) => ("cancelled", None),
        Err(error) => ("failed", Some(error.to_string())),
    };
    let sha256 = written
        .as_ref()
        .ok()
        .map(|written| written.sha256.as_slice());
    let desk = &Desk {
        now: clock.now(),
        ..desk.clone()
    };
    let mut tx = desk.begin().await?;
    let problem = end.1.as_deref();
    exports::finish(&mut tx, export.id, end.0, sha256, problem, desk.now)
        .await
        .map_err(Refused::from)?;
    let told = json!({
        "export": export.id,
        "state": end.0,
        "format": format.as_str(),
        "filters": export.filters,
        "order": "newest first",
        "requested_by": desk.actor,
        "requested_at": export.requested_at,
        "finished_at": desk.now,
        "records": written.as_ref().map(|written| written.records).ok(),
        "bytes": written.as_ref().map(|written| written.bytes).ok(),
        "sha256": sha256.map(hex),
        "first": written.as_ref().ok().and_then(|written| written.first),
        "last": written.as_ref().ok().and_then(|written| written.last),
        "problem": problem,
    });
    record(desk, &mut tx, export.id, "end", told.clone()).await?;
    commit(tx).await?;
    let written = written?;
    Ok(Manifest {
        id: export.id,
        told,
        records: written.records,
        sha256: hex(&written.sha256),
    })
}

/// Asks a running export to stop; it does so at its next page.
///
/// # Errors
/// [`Refused::NotFound`] if none of this id runs.
pub async fn cancel(desk: &Desk, id: Uuid) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    exports::cancel(&mut tx, id)
        .await
        .map_err(|error| match Refused::from(error) {
            Refused::Stale => Refused::not_found("running export", &id.to_string()),
            other => other,
        })?;
    record(desk, &mut tx, id, "cancel", json!({})).await?;
    commit(tx).await
}

/// Exports, newest first.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk, limit: u16) -> Result<Vec<Export>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(exports::list(&mut db, i64::from(limit)).await?)
}

/// The row of a new export, and the record of its beginning.
pub(super) async fn begin(
    desk: &Desk,
    query: &Query,
    format: Format,
    target: &str,
) -> Result<Export, Refused> {
    // A filter that is none says so before anything is recorded.
    query.filter(desk)?;
    let export = Export {
        id: new_id(desk.now),
        format: format.as_str().to_owned(),
        filters: query.told(),
        requested_by: desk.actor.clone(),
        requested_at: desk.now,
        state: "running".to_owned(),
        target: target.to_owned(),
        percent: 0,
        written: 0,
        bytes: 0,
        sha256: None,
        cancel: false,
        problem: None,
        changed_at: desk.now,
    };
    let mut tx = desk.begin().await?;
    exports::insert(&mut tx, &export).await?;
    let details = json!({ "format": export.format, "filters": export.filters, "target": target });
    record(desk, &mut tx, export.id, "begin", details).await?;
    commit(tx).await?;
    Ok(export)
}

pub(super) async fn record(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    id: Uuid,
    action: &str,
    mut details: Value,
) -> Result<(), Refused> {
    details["action"] = action.into();
    let act = Act {
        operation: "ACTION",
        resource: "export",
        id: &id.to_string(),
        details,
    };
    desk.record(tx, act).await
}

struct Written {
    records: i64,
    bytes: i64,
    sha256: Vec<u8>,
    first: Option<Uuid>,
    last: Option<Uuid>,
}

async fn write(
    desk: &Desk,
    clock: &Clock,
    query: &Query,
    format: Format,
    id: Uuid,
    sink: &mut impl Sink,
) -> Result<Written, ExportError> {
    let mut tx = desk.begin().await?;
    let oldest = audit_search::oldest(&mut tx).await.map_err(Refused::from)?;
    commit(tx).await?;
    let until = query.until.unwrap_or(desk.now);
    let since = query.since.or(oldest).unwrap_or(until);
    let mut query = query.clone();
    let mut hash = Context::new(&SHA256);
    let mut written = Written {
        records: 0,
        bytes: 0,
        sha256: Vec::new(),
        first: None,
        last: None,
    };
    let heading = match format {
        Format::Csv => line_of(&COLUMNS)?,
        Format::JsonLines => Vec::new(),
    };
    let mut text = heading;
    loop {
        let told = query.number.as_ref().filter(|_| query.before.is_none());
        let page = audit::page(desk, &query, audit::MOST, told).await?;
        for rows in page.rows.chunks(AT_A_TIME) {
            for row in rows {
                match format {
                    Format::Csv => text.extend(csv_line(&audit::decode(desk, row))?),
                    Format::JsonLines => text.extend(json_line(desk, row)),
                }
            }
            tokio::task::yield_now().await;
        }
        hash.update(&text);
        sink.put(&text).await?;
        written.bytes += i64::try_from(text.len()).unwrap_or(i64::MAX);
        written.records += i64::try_from(page.rows.len()).unwrap_or(i64::MAX);
        text.clear();
        let last = page.rows.last().map(|row| row.id);
        written.first = written.first.or(page.rows.first().map(|row| row.id));
        written.last = last.or(written.last);
        let is_full = page.rows.len() == usize::from(audit::MOST);
        query.before = page
            .looked_back_to
            .map(first_id)
            .or(last.filter(|_| is_full));
        let Some(come_to) = query.before.or(last) else {
            break;
        };
        let percent = share(since, until, made_at(come_to));
        let mut tx = desk.begin().await?;
        let (records, bytes) = (written.records, written.bytes);
        let stop = exports::progress(&mut tx, id, percent, records, bytes, clock.now())
            .await
            .map_err(Refused::from)?;
        commit(tx).await?;
        if stop {
            return Err(ExportError::Cancelled);
        }
        if query.before.is_none() {
            break;
        }
    }
    sink.finish().await?;
    written.sha256 = hash.finish().as_ref().to_vec();
    Ok(written)
}

/// How much of the span lies behind, of 100: counting the records first would cost as much as the export.
fn share(since: Time, until: Time, at: Option<Time>) -> i32 {
    let all = (until - since).num_milliseconds();
    let Some(at) = at.filter(|_| all > 0) else {
        return 0;
    };
    let done = (until - at).num_milliseconds().clamp(0, all);
    i32::try_from(done * 99 / all).unwrap_or(99)
}

fn json_line(desk: &Desk, row: &Listed) -> Vec<u8> {
    let entry = audit::decode(desk, row);
    let line = json!({
        "id": row.id,
        // A text and not an object: the MAC and the log are over these very bytes.
        "body": String::from_utf8_lossy(&row.body),
        "mac": b64(&row.mac),
        "mac_key_id": row.mac_key_id,
        "authentic": entry.authentic,
        "number": entry.number,
    });
    let mut line = line.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn csv_line(entry: &Entry) -> Result<Vec<u8>, std::io::Error> {
    let text = |field: &str| entry.body[field].as_str().unwrap_or_default().to_owned();
    let cells = [
        entry.id.to_string(),
        text("at"),
        text("type"),
        text("outcome"),
        text("client_id"),
        text("operator"),
        text("login_id"),
        text("actor"),
        entry.number.clone().unwrap_or_default(),
        entry.authentic.to_string(),
        entry.body.to_string(),
    ];
    let cells = cells.map(disarmed);
    line_of(&cells.each_ref().map(String::as_str))
}

fn line_of(cells: &[&str; COLUMNS.len()]) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(cells)?;
    writer
        .into_inner()
        .map_err(|error| std::io::Error::other(error.to_string()))
}

/// A spreadsheet calculates what begins like a formula (CWE-1236): an apostrophe makes it text.
fn disarmed(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(disarmed(cell.to_owned()), format!("'{cell}"));
        }
        assert_eq!(disarmed("shop".to_owned()), "shop");
    }

    #[test]
    fn progress_is_the_share_of_the_span_that_lies_behind() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let (since, until) = (at("2026-01-01T00:00:00Z"), at("2026-01-11T00:00:00Z"));
        assert_eq!(share(since, until, Some(until)), 0);
        assert_eq!(share(since, until, Some(at("2026-01-06T00:00:00Z"))), 49);
        assert_eq!(share(since, until, Some(since)), 99);
        assert_eq!(share(until, until, Some(until)), 0);
    }
}
