//! `/admin/audit/log`: how the log stands, who outside has it, how long records stay, and legal holds.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::audit::Entry;
use crate::admin::log_state::{self, LogState, Place};
use crate::admin::{Refused, retention};
use crate::clock::Time;
use crate::console::audit::filter::moment;
use crate::console::audit::views::refused;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::retention::Hold;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Alerts shown.
const ALERTS: u16 = 10;
/// Records wait no longer than this to be sealed.
const LATE: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

struct Alert {
    at: String,
    alert: String,
    about: String,
    message: String,
    id: Uuid,
}

#[derive(Template)]
#[template(path = "console/audit_log.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    state: Option<LogState>,
    places: Vec<Place>,
    /// Whether something waits for its seal longer than it should.
    is_late: bool,
    alerts: Vec<Alert>,
    holds: Vec<Hold>,
    audit_days: u64,
    personal_days: u64,
}

/// Shows it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let desk = visit.desk();
    let state = log_state::look(&desk).await?;
    let alerts = log_state::alerts(&desk, ALERTS).await?;
    let days = |long: std::time::Duration| long.as_secs() / 86_400;
    let keep = &visit.app.config.retention;
    let page = Page {
        frame: visit.frame("Log"),
        tab: "log",
        places: state.as_ref().map(log_state::places).unwrap_or_default(),
        is_late: state
            .as_ref()
            .is_some_and(|s| s.unsealed > 0 && s.sealed_at + LATE < visit.now),
        alerts: alerts.iter().map(alert).collect(),
        holds: retention::holds(&desk).await?,
        audit_days: days(keep.audit),
        personal_days: days(keep.personal),
        state,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Places a legal hold.
pub async fn hold(visit: Visit) -> Result<Response, Trouble> {
    let time =
        |name: &'static str, field| moment(field, visit.field(name), visit.now).map_err(refused);
    let (from, until) = (time("from", "since")?, time("until", "until")?);
    retention::hold(&visit.desk(), from, until, visit.field("reason")).await?;
    Ok(to("/admin/audit/log", "held"))
}

/// Releases one.
pub async fn release(visit: Visit) -> Result<Response, Trouble> {
    let id: Uuid = visit.field("hold").parse().map_err(|_| Refused::NotFound {
        what: "hold",
        id: visit.field("hold").chars().take(40).collect(),
    })?;
    let reason = visit.field("reason").trim();
    if reason.is_empty() {
        return Err(Refused::Invalid {
            field: "reason",
            message: "say why, in 1 to 500 characters".to_owned(),
        }
        .into());
    }
    retention::release(&visit.desk(), id, reason).await?;
    Ok(to("/admin/audit/log", "released"))
}

fn alert(entry: &Entry) -> Alert {
    let text = |field: &str| entry.body[field].as_str().unwrap_or_default().to_owned();
    let at = text("at").parse::<Time>().ok();
    Alert {
        at: at.map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M").to_string()),
        alert: text("alert").replace('_', " "),
        about: text("about"),
        message: text("message"),
        id: entry.id,
    }
}
