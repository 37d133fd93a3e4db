//! `/admin/audit/exports`: records as a file. The server writes it by itself and tells how far it is; who
//! begins one proves anew who they are.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::export_files::{self, fetched_until, is_lost};
use crate::admin::exports::{self, Export, Format};
use crate::admin::{Refused, audit::Query};
use crate::clock::Time;
use crate::console::audit::filter::{Chip, FIELDS, Filter};
use crate::console::audit::of_path;
use crate::console::audit::views::refused;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Exports shown.
const MOST: u16 = 50;

struct Row {
    export: Export,
    at: String,
    state: &'static str,
    tone: &'static str,
    format: &'static str,
    filters: String,
    size: String,
    sha256: String,
    until: Option<String>,
    runs: bool,
}

#[derive(Template)]
#[template(path = "console/audit_exports.html")]
struct ListPage {
    frame: Frame,
    tab: &'static str,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/audit_export_new.html")]
struct NewPage {
    frame: Frame,
    chips: Vec<Chip>,
    text: String,
}

/// Those of before and now.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    let exports = exports::list(&visit.desk(), MOST).await?;
    let page = ListPage {
        frame: visit.frame("Exports"),
        tab: "exports",
        rows: exports.into_iter().map(|e| row(&visit, e)).collect(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// What would be exported, and in which shape.
pub async fn new(visit: Visit) -> Result<Response, Trouble> {
    let filter = filter(&visit)?;
    let page = NewPage {
        frame: visit.frame("Export records"),
        chips: filter.chips(),
        text: filter.text(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Begins one.
pub async fn start(visit: Visit) -> Result<Response, Trouble> {
    let format = match visit.field("format") {
        "csv" => Format::Csv,
        "jsonl" => Format::JsonLines,
        _ => {
            return Err(Refused::Invalid {
                field: "format",
                message: "choose a table or lines of JSON".to_owned(),
            }
            .into());
        }
    };
    let query: Query = filter(&visit)?.query;
    export_files::start(&visit.desk(), &visit.app.clock, query, format).await?;
    Ok(to("/admin/audit/exports", "exporting"))
}

/// Stops one.
pub async fn stop(visit: Visit) -> Result<Response, Trouble> {
    let id: Uuid = visit
        .field("export")
        .parse()
        .map_err(|_| Refused::NotFound {
            what: "running export",
            id: visit.field("export").chars().take(40).collect(),
        })?;
    exports::cancel(&visit.desk(), id).await?;
    Ok(to("/admin/audit/exports", "stopping"))
}

fn filter(visit: &Visit) -> Result<Filter, Trouble> {
    let part = visit.path("filter");
    let text = of_path(part).ok_or_else(|| Refused::NotFound {
        what: "filter",
        id: part.chars().take(40).collect(),
    })?;
    Filter::parse(&visit.app.vault, visit.now, &text).map_err(refused)
}

fn row(visit: &Visit, export: Export) -> Row {
    let lost = is_lost(&export, visit.now);
    let (state, tone) = match export.state.as_str() {
        "running" if lost => ("lost its server", "bad"),
        "running" if export.cancel => ("stops", ""),
        "running" => ("runs", ""),
        "done" => ("done", "good"),
        "cancelled" => ("stopped", ""),
        _ => ("failed", "bad"),
    };
    let until = fetched_until(&export, visit.now);
    Row {
        at: export.requested_at.format("%Y-%m-%d %H:%M").to_string(),
        state,
        tone,
        format: if export.format == "csv" {
            "CSV"
        } else {
            "JSON lines"
        },
        filters: told(&export.filters, export.requested_at),
        size: size(export.bytes),
        sha256: export.sha256.as_deref().map(hex).unwrap_or_default(),
        until: until.map(|until| until.format("%Y-%m-%d %H:%M").to_string()),
        runs: export.state == "running" && !export.cancel && !lost,
        export,
    }
}

/// The filters as they were recorded, in words.
fn told(filters: &serde_json::Value, requested_at: Time) -> String {
    // Every export ends where it began.
    let is_its_own = |value: &str| value.parse::<Time>().is_ok_and(|at| at == requested_at);
    let label = |name: &str| {
        let name = if name == "client_id" { "client" } else { name };
        let known = FIELDS.iter().find(|(field, _)| *field == name);
        known.map_or_else(|| name.to_owned(), |(_, label)| (*label).to_owned())
    };
    let fields = filters.as_object().into_iter().flatten();
    let told: Vec<String> = fields
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .filter(|(name, value)| *name != "until" || !is_its_own(value))
        .map(|(name, value)| format!("{}: {value}", label(name)))
        .collect();
    if told.is_empty() {
        "everything".to_owned()
    } else {
        told.join(", ")
    }
}

fn size(bytes: i64) -> String {
    match bytes {
        ..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_told_in_words() {
        let at: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        let filters = serde_json::json!({ "client_id": "shop", "number": "given", "type": null, "until": at });
        assert_eq!(told(&filters, at), "App: shop, Number: given");
        assert_eq!(told(&serde_json::json!({ "until": at }), at), "everything");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(12_345), "12 kB");
        assert_eq!(size(12_345_678), "12.3 MB");
    }
}
