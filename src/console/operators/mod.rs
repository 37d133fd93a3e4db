//! `/admin/operators`: the networks that are asked, how they do, and the test of a connection.

mod addresses;
mod contract;
pub mod edit;
pub mod finder;
pub mod import;
pub mod networks;
pub mod new;
pub mod phone;
pub mod ranges;

use askama::Template;
use axum::response::Response;
use chrono::TimeDelta;
use http::StatusCode;

use crate::admin::breakers::{self, OpenBreaker};
use crate::admin::operator_view::{OperatorView, redirect_uri};
use crate::admin::operators;
use crate::console::frame::Frame;
use crate::console::overview::{milliseconds, percent};
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::operator::test::{Step, walk};
use crate::secret::first_id;
use crate::store::operators::Operator;
use crate::store::overview::{self, Health};
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;

struct Row {
    view: OperatorView,
    trips: i64,
    verified: String,
    p95: String,
    last: String,
}

impl Row {
    /// Which servers leave it alone, and until when.
    fn breaker(&self) -> String {
        let told = self.view.breakers.iter().map(|open| {
            let (state, until) = (open.state.replace('_', " "), open.until.format("%H:%M:%S"));
            format!("{state} until {until} UTC at {}", open.replica)
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

#[derive(Template)]
#[template(path = "console/operators.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/operator.html")]
struct Page {
    frame: Frame,
    row: Row,
    settings: String,
    steps: Option<Vec<Step>>,
}

/// Lists them.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    let all = operators::list(&visit.desk()).await?;
    let (healths, open) = health(&visit).await?;
    let page = List {
        frame: visit.frame("Operators"),
        rows: all
            .into_iter()
            .map(|operator| row(&visit, &operator, &healths, &open))
            .collect(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// One of them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, None).await
}

/// Walks the way to an operator, as far as it goes without a phone.
pub async fn test(visit: Visit) -> Result<Response, Trouble> {
    let operator = operators::show(&visit.desk(), visit.path("alias")).await?;
    let app = &visit.app;
    let credentials = operator.credentials(&app.vault).map_err(Failure::from)?;
    let callback = redirect_uri(&app.config.issuer, &operator.alias);
    let steps = walk(
        &app.outbound,
        &operator,
        &credentials,
        &callback,
        &app.clock,
    )
    .await;
    page(&visit, Some(steps)).await
}

/// Stops asking an operator, or asks it again.
pub async fn set_enabled(visit: Visit) -> Result<Response, Trouble> {
    let disabled = visit.field("enabled") != "yes";
    let alias = visit.path("alias");
    operators::set_disabled(&visit.desk(), alias, disabled).await?;
    visit.app.forget("operators").await;
    let done = if disabled { "paused" } else { "resumed" };
    Ok(to(&format!("/admin/operators/{alias}"), done))
}

async fn page(visit: &Visit, steps: Option<Vec<Step>>) -> Result<Response, Trouble> {
    let operator = operators::show(&visit.desk(), visit.path("alias")).await?;
    let (healths, open) = health(visit).await?;
    let settings = serde_json::to_string_pretty(&operator.settings);
    let page = Page {
        frame: visit.frame(&operator.name),
        settings: settings.map_err(Failure::internal)?,
        row: row(visit, &operator, &healths, &open),
        steps,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

async fn health(visit: &Visit) -> Result<(Vec<Health>, Vec<OpenBreaker>), Trouble> {
    let from = first_id(visit.now - TimeDelta::hours(24));
    let healths = overview::operators(visit.app.db.relaxed(), from).await?;
    Ok((healths, breakers::open(&visit.desk()).await?))
}

fn row(visit: &Visit, operator: &Operator, healths: &[Health], open: &[OpenBreaker]) -> Row {
    let health = healths
        .iter()
        .find(|health| health.operator == operator.alias);
    Row {
        view: OperatorView::of(operator, Some(&visit.app.config.issuer), open),
        trips: health.map_or(0, |health| health.trips),
        verified: health.map_or_else(
            || "–".to_owned(),
            |health| percent(health.verified, health.trips),
        ),
        p95: milliseconds(health.and_then(|health| health.p95_ms)),
        last: health
            .and_then(|health| health.last.clone())
            .unwrap_or_else(|| "–".to_owned()),
    }
}
