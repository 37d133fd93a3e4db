//! `/admin/audit/logins/…` and `/admin/audit/records/…`: one login told step by step, one record in full,
//! and the proof that it is in the log.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use uuid::Uuid;

use crate::admin::audit_story::{self, Step};
use crate::admin::{Refused, unmask_rights};
use crate::console::audit::filter::{Filter, encoded};
use crate::console::audit::step::{Shown, shown};
use crate::console::audit::words::{Fact, lasted};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::ledger::{prove, public_key};
use crate::store::db::StoreError;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// A login's neighbours are those of so long before and after.
const NEAR: TimeDelta = TimeDelta::minutes(10);

#[derive(Template)]
#[template(path = "console/audit_login.html")]
struct LoginPage {
    frame: Frame,
    login: Uuid,
    client: String,
    operator: String,
    number: String,
    outcome: String,
    tone: &'static str,
    began: String,
    began_iso: String,
    took: String,
    asked: Vec<Fact>,
    received: Vec<Fact>,
    /// Records that a checkpoint covers, and all of them.
    covered: usize,
    steps: Vec<Shown>,
    same_number: Option<String>,
    near: String,
}

#[derive(Template)]
#[template(path = "console/audit_record.html")]
struct RecordPage {
    frame: Frame,
    step: Shown,
    may_unmask: bool,
}

/// The story of one login.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let login = id(&visit, "login")?;
    let steps = audit_story::of_login(&visit.desk(), login).await?;
    let digits = login.simple().to_string().to_uppercase();
    let reference = format!("{}-{}", &digits[24..28], &digits[28..]);
    let all: Vec<Shown> = steps.iter().map(shown).collect();
    let of = |kinds: &[&str]| all.iter().rev().find(|s| kinds.contains(&s.kind.as_str()));
    let end = of(&["LOGIN", "LOGIN_ERROR"]);
    let verdict = of(&["NUMBER_VERIFIED", "NUMBER_NOT_VERIFIED"]);
    let told = end.or(verdict);
    let first = &all[0];
    let page = LoginPage {
        frame: visit.frame(&format!("Sign-in {reference}")),
        login,
        client: first.client.clone(),
        operator: verdict.map_or(String::new(), |s| s.operator.clone()),
        number: all
            .iter()
            .map(|s| s.number.clone())
            .find(|number| !number.is_empty())
            .unwrap_or_default(),
        outcome: match (told, end) {
            (Some(told), _) if !told.outcome.is_empty() => told.outcome.clone(),
            (Some(told), Some(_)) => told.says.clone(),
            _ => "not ended yet".to_owned(),
        },
        tone: told.map_or("", |s| if s.kind == "LOGIN" { "good" } else { s.tone }),
        began: first.at.clone(),
        began_iso: first.at_iso.clone(),
        took: took(&steps),
        asked: asked(first),
        received: received(&all),
        covered: all.iter().filter(|step| step.covered.is_some()).count(),
        same_number: steps
            .iter()
            .find_map(|step| step.number.as_ref())
            .map(|number| Filter::of_number(&visit.app.vault, number)),
        near: near(&steps[0], &first.client),
        steps: all,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// One record.
pub async fn record(visit: Visit) -> Result<Response, Trouble> {
    let step = audit_story::one(&visit.desk(), id(&visit, "record")?).await?;
    let may_unmask = unmask_rights::may(&visit.desk()).await?;
    let page = RecordPage {
        frame: visit.frame("Record"),
        step: shown(&step),
        may_unmask,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Its proof, as a file that is checked without us.
pub async fn proof(visit: Visit) -> Result<Response, Trouble> {
    let record = id(&visit, "record")?;
    let ours = |error: crate::ledger::LedgerError| Trouble::Failure(Failure::internal(error));
    let (db, vault) = (&visit.app.db, &visit.app.vault);
    let key = public_key(db, vault, visit.now).await.map_err(ours)?;
    let mut lent = db.relaxed().acquire().await.map_err(StoreError::from)?;
    let proved = prove::inclusion(&mut lent, &key, record).await;
    let proof = proved.map_err(ours)?.map_err(|why| Refused::Invalid {
        field: "record",
        message: why.to_string(),
    })?;
    let text = serde_json::to_string_pretty(&proof).map_err(Failure::internal)? + "\n";
    let name = format!("attachment; filename=\"proof-{record}.json\"");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).map_err(Failure::internal)?,
        ),
    ];
    Ok((headers, text).into_response())
}

/// The id in the path.
pub fn id(visit: &Visit, what: &'static str) -> Result<Uuid, Trouble> {
    let text = visit.path(what);
    let not_found = || Refused::NotFound {
        what,
        id: text.chars().take(40).collect(),
    };
    Ok(text.parse().map_err(|_| not_found())?)
}

fn took(steps: &[Step]) -> String {
    let ends = |step: &&Step| {
        let kind = step.entry.body["type"].as_str().unwrap_or_default();
        matches!(kind, "LOGIN" | "LOGIN_ERROR")
    };
    let end = steps.iter().rev().find(ends);
    end.map_or_else(|| "–".to_owned(), |step| lasted(step.offset_ms))
}

/// What the app asked for.
fn asked(first: &Shown) -> Vec<Fact> {
    if first.kind == "LOGIN_STARTED" {
        let own = |fact: &&Fact| fact.label != "Software version";
        first.facts.iter().filter(own).cloned().collect()
    } else {
        Vec::new()
    }
}

/// What the app received, in the end.
fn received(all: &[Shown]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for step in all {
        let told: &[&str] = match step.kind.as_str() {
            "LOGIN" => &[
                "What the app is told",
                "Rests on the check (txn)",
                "Answered from a session",
            ],
            "LOGIN_ERROR" => &["Error the app is told", "Why"],
            "NUMBER_VERIFIED" => &["Subject (sub)"],
            _ => &[],
        };
        let own = |fact: &&Fact| told.contains(&fact.label.as_str());
        facts.extend(step.facts.iter().filter(own).cloned());
        if let "CODE_TO_TOKEN" | "REFRESH_TOKEN" = step.kind.as_str() {
            facts.push(Fact {
                label: step.says.clone(),
                value: format!("{} UTC", step.at),
            });
        }
    }
    facts
}

/// The same app's records around this login.
fn near(first: &Step, client: &str) -> String {
    let Some(at) = first.at() else {
        return String::new();
    };
    let time = |at: crate::clock::Time| encoded(&at.format("%Y-%m-%d %H:%M:%S").to_string());
    let (since, until) = (time(at - NEAR), time(at + NEAR));
    format!("client={}&since={since}&until={until}", encoded(client))
}
