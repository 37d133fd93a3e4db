//! A record as pages show it: what happened, when, and where the log has it.

use serde_json::Value;
use uuid::Uuid;

use crate::admin::audit_story::Step;
use crate::console::audit::words::{self, Fact};

/// A record on a page.
pub struct Shown {
    /// Its id.
    pub id: Uuid,
    /// When, UTC, to the millisecond.
    pub at: String,
    /// The same for programs.
    pub at_iso: String,
    /// Since the first record of its login.
    pub offset: String,
    /// The event's word.
    pub kind: String,
    /// What it says.
    pub says: String,
    /// Its login.
    pub login: Option<Uuid>,
    /// The app.
    pub client: String,
    /// The operator.
    pub operator: String,
    /// The outcome, as words.
    pub outcome: String,
    /// Whether that is good, bad, or neither.
    pub tone: &'static str,
    /// Who did it.
    pub actor: String,
    /// The number, masked.
    pub number: String,
    /// Its own fields.
    pub facts: Vec<Fact>,
    /// Whether it carries our MAC.
    pub authentic: bool,
    /// Whether something personal is kept with it.
    pub has_personal: bool,
    /// The log that sealed it.
    pub origin: String,
    /// Its leaf there.
    pub leaf: Option<i64>,
    /// How many leaves the last checkpoint covers, if this one is among them.
    pub covered: Option<i64>,
    /// Its exact text, indented.
    pub json: String,
}

/// A record on a page.
pub fn shown(step: &Step) -> Shown {
    let body = &step.entry.body;
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let (kind, outcome) = (text("type"), text("outcome"));
    let says = if kind == "ADMIN_EVENT" {
        did(body)
    } else {
        words::says(&kind).to_owned()
    };
    Shown {
        id: step.entry.id,
        at: time(step),
        at_iso: text("at"),
        offset: format!("+{}", words::lasted(step.offset_ms)),
        says,
        login: body["login_id"].as_str().and_then(|id| id.parse().ok()),
        client: text("client_id"),
        operator: text("operator"),
        tone: tone(&kind, &outcome),
        outcome: words::spelt(&outcome),
        actor: text("actor"),
        number: step.entry.number.clone().unwrap_or_default(),
        facts: words::facts(body),
        authentic: step.entry.authentic,
        has_personal: step.has_personal,
        origin: step
            .leaf
            .as_ref()
            .map_or(String::new(), |l| l.origin.clone()),
        leaf: step.leaf.as_ref().map(|leaf| leaf.leaf),
        covered: step
            .leaf
            .as_ref()
            .filter(|_| step.is_covered())
            .map(|leaf| leaf.covered),
        json: serde_json::to_string_pretty(body).unwrap_or_default(),
        kind,
    }
}

fn time(step: &Step) -> String {
    let at = step.at();
    at.map_or_else(String::new, |at| {
        at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
    })
}

/// What staff did, in a line.
pub fn did(body: &Value) -> String {
    let text = |value: &Value| value.as_str().map(words::spelt).unwrap_or_default();
    let act = match body["details"]["action"].as_str() {
        Some(action) => words::spelt(action),
        None => text(&body["operation"]),
    };
    let which = body["resource_id"].as_str().unwrap_or_default();
    format!("{} {which}: {act}", text(&body["resource"]))
}

/// How a record is coloured, beside what it says.
pub fn tone(kind: &str, outcome: &str) -> &'static str {
    if kind.ends_with("_ERROR")
        || matches!(kind, "ALERT" | "AUDIT_RECORD_REFUSED" | "HANDOFF_REPORTED")
    {
        return "bad";
    }
    match outcome {
        "" => "",
        "verified" => "good",
        _ => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_staff_did_is_one_line() {
        let body = json!({ "operation": "ACTION", "resource": "client", "resource_id": "shop",
            "details": { "action": "rotate_secret" } });
        assert_eq!(did(&body), "client shop: rotate secret");
        let body = json!({ "operation": "CREATE", "resource": "staff", "resource_id": "a@b", "details": {} });
        assert_eq!(did(&body), "staff a@b: create");
    }

    #[test]
    fn failures_are_bad_and_confirmations_good() {
        assert_eq!(tone("NUMBER_VERIFIED", "verified"), "good");
        assert_eq!(tone("NUMBER_NOT_VERIFIED", "mismatch"), "bad");
        assert_eq!(tone("LOGIN_ERROR", ""), "bad");
        assert_eq!(tone("CODE_TO_TOKEN", ""), "");
    }
}
