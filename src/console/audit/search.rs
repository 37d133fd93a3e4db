//! `/admin/audit`: records, searched. Every filter stands in the address; pages are cut by the record's
//! id in both directions, so the hundredth costs what the first does.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use uuid::Uuid;

use crate::admin::Refused;
use crate::admin::audit::{self, Entry, Found, Query};
use crate::console::audit::filter::{Chip, Filter, Wrong, moment};
use crate::console::audit::{as_path, step, words};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::secret::{first_id, made_at};
use crate::verdict::Outcome;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Records on a page.
const ON_A_PAGE: u16 = 50;
/// Parameters of the page that are no filters.
const OTHERS: [&str; 4] = ["before", "after", "at", "done"];
/// Searches that everybody has.
pub const USUAL: [(&str, &str); 6] = [
    (
        "Confirmed numbers, 24 hours",
        "type=NUMBER_VERIFIED&since=24h",
    ),
    (
        "Not confirmed, 24 hours",
        "type=NUMBER_NOT_VERIFIED&since=24h",
    ),
    (
        "Sign-ins without a code, 24 hours",
        "type=LOGIN_ERROR&since=24h",
    ),
    (
        "Apps that failed to authenticate",
        "type=CLIENT_LOGIN_ERROR&since=7d",
    ),
    ("What staff did, 7 days", "type=ADMIN_EVENT&since=7d"),
    ("Alerts", "type=ALERT"),
];

struct Row {
    at: String,
    at_iso: String,
    /// Its login's page, or its own.
    path: String,
    says: String,
    kind: String,
    outcome: String,
    tone: &'static str,
    client: String,
    operator: String,
    number: String,
    actor: String,
    authentic: bool,
}

#[derive(Template)]
#[template(path = "console/audit_search.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    /// What the form shows.
    form: Typed,
    chips: Vec<Chip>,
    text: String,
    rows: Vec<Row>,
    newer: Option<String>,
    older: Option<String>,
    /// If records older than that were not looked at yet.
    looked_back_to: Option<String>,
    is_cut: bool,
    wrong: Option<Wrong>,
    late: bool,
    export: String,
    usual: &'static [(&'static str, &'static str)],
    outcomes: Vec<&'static str>,
    kinds: &'static [(&'static str, &'static str)],
    hidden: Vec<(&'static str, String)>,
}

/// The form's fields.
#[derive(Default)]
struct Typed {
    number: String,
    kept_number: String,
    network: String,
    kept_network: String,
    reference: String,
    client: String,
    operator: String,
    outcome: String,
    kind: String,
    actor: String,
    since: String,
    until: String,
    login: String,
}

/// Which page of what was found.
enum Cursor {
    Newest,
    Before(Uuid),
    After(Uuid),
}

/// The form's post: only the address it leads to is kept, and that holds nothing personal in clear.
pub async fn find(visit: Visit) -> Result<Response, Trouble> {
    match Filter::typed(&visit.app.vault, visit.now, &visit.form) {
        Ok(filter) => {
            let text = filter.text();
            let target = if text.is_empty() {
                "/admin/audit".to_owned()
            } else {
                format!("/admin/audit?{text}")
            };
            Ok(Redirect::to(&target).into_response())
        }
        Err(wrong) => {
            let field = |name: &str| visit.field(name).to_owned();
            let form = Typed {
                number: field("number"),
                kept_number: field("kept_number"),
                network: field("network"),
                kept_network: field("kept_network"),
                reference: field("reference"),
                client: field("client"),
                operator: field("operator"),
                outcome: field("outcome"),
                kind: field("type"),
                actor: field("actor"),
                since: field("since"),
                until: field("until"),
                login: field("login"),
            };
            let page = page(&visit, &Filter::default(), form, Some(wrong));
            Ok(answer(&page))
        }
    }
}

/// A page of what was found.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let read = Filter::read(&visit.app.vault, visit.now, &visit.query, &OTHERS)
        .and_then(|filter| Ok((cursor(&visit)?, filter)));
    let (cursor, filter) = match read {
        Ok(read) => read,
        Err(wrong) => {
            let page = page(&visit, &Filter::default(), Typed::default(), Some(wrong));
            return Ok(answer(&page));
        }
    };
    let mut page = page(&visit, &filter, typed(&filter), None);
    let mut query = filter.query.clone();
    match cursor {
        Cursor::Newest => {}
        Cursor::Before(id) => query.before = Some(id),
        Cursor::After(id) => query.after = Some(id),
    }
    let found = match list(&visit, query).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            page.late = true;
            return Ok(answer(&page));
        }
        Err(Refused::Invalid { field, message }) => {
            page.wrong = Some(Wrong {
                field,
                message: format!("{message}."),
            });
            return Ok(answer(&page));
        }
        Err(other) => return Err(other.into()),
    };
    fill(&mut page, &filter, &cursor, found);
    Ok(answer(&page))
}

/// One record more than a page holds; none if that took too long.
async fn list(visit: &Visit, query: Query) -> Result<Option<Found>, Refused> {
    match audit::list(&visit.desk(), query, ON_A_PAGE + 1).await {
        Err(Refused::Database(error)) if error.is_too_slow() => Ok(None),
        other => other.map(Some),
    }
}

fn fill(page: &mut Page, filter: &Filter, cursor: &Cursor, found: Found) {
    let mut entries = found.entries;
    let most = usize::from(ON_A_PAGE);
    let more = entries.len() > most;
    let backwards = matches!(cursor, Cursor::After(_));
    if more && backwards {
        entries.remove(0);
    }
    entries.truncate(most);
    let link = |name: &str, entry: Option<&Entry>| {
        entry.map(|entry| filter.text_with(name, &entry.id.to_string()))
    };
    let (has_newer, has_older) = match cursor {
        Cursor::Newest => (false, more),
        Cursor::Before(_) => (true, more),
        Cursor::After(_) => (more, true),
    };
    page.newer = link("after", entries.first()).filter(|_| has_newer);
    page.older = link("before", entries.last()).filter(|_| has_older);
    if let Some(next) = found.looked_back_to {
        page.looked_back_to = made_at(next).map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string());
        page.older = Some(filter.text_with("before", &next.to_string()));
    }
    page.rows = entries.iter().map(row).collect();
}

fn row(entry: &Entry) -> Row {
    let body = &entry.body;
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let (kind, outcome, at_iso) = (text("type"), text("outcome"), text("at"));
    let at = at_iso.parse::<crate::clock::Time>().ok();
    Row {
        at: at.map_or_else(String::new, |at| {
            at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
        }),
        at_iso,
        path: match body["login_id"].as_str() {
            Some(login) => format!("/admin/audit/logins/{login}"),
            None => format!("/admin/audit/records/{}", entry.id),
        },
        says: if kind == "ADMIN_EVENT" {
            step::did(body)
        } else {
            words::says(&kind).to_owned()
        },
        tone: step::tone(&kind, &outcome),
        outcome: words::spelt(&outcome),
        client: text("client_id"),
        operator: text("operator"),
        number: entry.number.clone().unwrap_or_default(),
        actor: text("actor"),
        authentic: entry.authentic,
        kind,
    }
}

fn cursor(visit: &Visit) -> Result<Cursor, Wrong> {
    let id = |text: &str| {
        text.parse::<Uuid>().map_err(|_| Wrong {
            field: "since",
            message: "This page does not exist. Begin with the newest.".to_owned(),
        })
    };
    if let Some(before) = visit.query.get("before") {
        return Ok(Cursor::Before(id(before)?));
    }
    if let Some(after) = visit.query.get("after") {
        return Ok(Cursor::After(id(after)?));
    }
    let Some(at) = visit.query.get("at") else {
        return Ok(Cursor::Newest);
    };
    // The first page of records that were there at that moment.
    let moment = moment("until", at, visit.now)?;
    let next = moment + chrono::TimeDelta::milliseconds(1);
    Ok(Cursor::Before(first_id(next)))
}

fn typed(filter: &Filter) -> Typed {
    let value = |field: &str| filter.value(field).to_owned();
    Typed {
        number: String::new(),
        kept_number: value("number"),
        network: String::new(),
        kept_network: value("network"),
        reference: value("reference"),
        client: value("client"),
        operator: value("operator"),
        outcome: value("outcome"),
        kind: value("type"),
        actor: value("actor"),
        since: value("since"),
        until: value("until"),
        login: value("login"),
    }
}

fn page(visit: &Visit, filter: &Filter, form: Typed, wrong: Option<Wrong>) -> Page {
    let pairs = super::filter::FIELDS.iter().map(|(field, _)| *field);
    let hidden = pairs
        .map(|field| (field, filter.value(field).to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    Page {
        frame: visit.frame("Audit"),
        tab: "records",
        form,
        chips: filter.chips(),
        text: filter.text(),
        rows: Vec::new(),
        newer: None,
        older: None,
        looked_back_to: None,
        is_cut: OTHERS[..3]
            .iter()
            .any(|name| visit.query.get(name).is_some()),
        wrong,
        late: false,
        export: as_path(&filter.text()),
        usual: &USUAL,
        outcomes: Outcome::ALL
            .iter()
            .map(|outcome| outcome.as_str())
            .collect(),
        kinds: &words::KINDS,
        hidden,
    }
}

fn answer(page: &Page) -> Response {
    let status = if page.wrong.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else if page.late {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    render(status, PageClass::Console, page)
}
