//! Records as people read them: a sentence for each event, a label for each of its fields.

use serde_json::Value;

/// Every event with what it says. A test holds this against the catalogue of events.
pub const KINDS: [(&str, &str); 43] = [
    ("LOGIN_STARTED", "The app asked for a sign-in"),
    ("NUMBER_ENTERED", "The person gave a number"),
    ("OPERATOR_SELECTED", "The browser was sent to the operator"),
    ("NUMBER_VERIFIED", "The operator confirmed the number"),
    (
        "NUMBER_NOT_VERIFIED",
        "The operator did not confirm the number",
    ),
    ("OPERATOR_SELECTED_ERROR", "No operator could be asked"),
    (
        "IDENTITY_PROVIDER_RESPONSE_ERROR",
        "What came back from the operator was refused",
    ),
    ("LOGIN_EXTENDED", "The person asked for more time"),
    ("GRANT_CONSENT", "The person agreed to what the app is told"),
    ("LOGIN", "The sign-in ended with a code for the app"),
    ("LOGIN_ERROR", "The sign-in ended without a code"),
    ("PUSHED_AUTHORIZATION_REQUEST", "The app pushed a request"),
    (
        "PUSHED_AUTHORIZATION_REQUEST_ERROR",
        "A pushed request was refused",
    ),
    ("CODE_TO_TOKEN", "The app exchanged the code for tokens"),
    ("CODE_TO_TOKEN_ERROR", "A code was refused"),
    ("REFRESH_TOKEN", "The app refreshed its tokens"),
    ("REFRESH_TOKEN_ERROR", "A refresh token was refused"),
    ("REVOKE_GRANT", "The app gave a token back"),
    (
        "REVOKE_GRANT_ERROR",
        "An app tried to give back another app's token",
    ),
    ("USER_INFO_REQUEST_ERROR", "An access token was refused"),
    (
        "INTROSPECT_TOKEN_ERROR",
        "An app may not ask what a token is",
    ),
    ("LOGOUT", "A session ended"),
    (
        "GO_AHEAD_WITHDRAWN",
        "The person withdrew what they had agreed to",
    ),
    (
        "BACKCHANNEL_LOGOUT",
        "The app was told that a session ended",
    ),
    (
        "BACKCHANNEL_LOGOUT_ERROR",
        "The app could not be told that a session ended",
    ),
    ("CLIENT_LOGIN_ERROR", "The app failed to authenticate"),
    ("NUMBER_CHANGED_HANDS", "The number has a new owner"),
    (
        "OPERATOR_BREAKER",
        "A server stopped asking an operator, or asks it again",
    ),
    ("HANDOFF_STARTED", "The desktop showed a code for a phone"),
    ("HANDOFF_CLAIMED", "A phone took it over"),
    ("HANDOFF_CLAIM_ERROR", "A phone was refused"),
    ("HANDOFF_DIGITS_ERROR", "The digits typed were wrong"),
    ("HANDOFF_STOPPED", "Handing over to a phone was stopped"),
    (
        "HANDOFF_REPORTED",
        "The person at the phone says that they did not start it",
    ),
    (
        "PERSONAL_DATA_ERASED",
        "Personal data was erased on request",
    ),
    ("PARTITION_DROPPED", "A month past its time was dropped"),
    ("EXPIRED_DATA_PURGED", "What was over was deleted"),
    ("ALERT", "Something a person should look at"),
    ("AUDIT_LOG_STARTED", "A log began"),
    ("AUDIT_MANIFEST", "A server named what it had committed"),
    ("AUDIT_LOG_VERIFIED", "The whole log was verified"),
    (
        "AUDIT_RECORD_REFUSED",
        "Something that was no record of ours was not sealed",
    ),
    ("ADMIN_EVENT", "Staff or the system changed something"),
];

/// Labels of fields, in the order in which they are shown; what is not here is shown under its own name.
const LABELS: [(&str, &str); 47] = [
    ("scopes", "Asked for"),
    ("redirect_uri", "Answered at"),
    ("number_hinted", "The app named the number"),
    ("pkce", "PKCE"),
    ("prompt", "Prompt"),
    ("pushed", "Pushed: no browser could alter it"),
    ("signed", "Signed by the app"),
    ("rule", "Chosen by rule"),
    ("method", "Asked how"),
    ("revision", "Revision of the operator's record"),
    ("pressed", "A person pressed a button before"),
    ("leg", "Trip"),
    ("subject", "Subject (sub)"),
    ("epoch", "The number's epoch"),
    ("test", "Test operator"),
    ("pinned", "The number was fixed by the request"),
    ("away_ms", "Away until the callback"),
    ("evidence.stage", "Decided at"),
    ("evidence.http_status", "HTTP status"),
    ("evidence.operator_error", "The operator's own error"),
    ("evidence.correlator", "Correlator sent"),
    ("evidence.detail", "In our words"),
    ("evidence.token_ms", "Token call"),
    ("evidence.api_ms", "Verification call"),
    ("evidence.retry_after", "Asked to wait (seconds)"),
    ("evidence.operator", "Operator that was not asked"),
    ("evidence.billable", "Billable calls"),
    ("evidence.unsure", "Calls without an answer"),
    ("release", "What the app is told"),
    ("until", "Until"),
    ("txn", "Rests on the check (txn)"),
    ("session", "Session"),
    ("from_session", "Answered from a session"),
    ("error", "Error the app is told"),
    ("reason", "Why"),
    ("grant", "Grant"),
    ("resources", "For resources"),
    ("bound_to", "Bound to"),
    ("rotated", "Rotated"),
    ("revoked", "Grant and tokens ended"),
    ("tries", "Try"),
    ("handoff", "Hand-off"),
    ("operation", "What kind of act"),
    ("resource", "On"),
    ("resource_id", "Which"),
    ("details.action", "Act"),
    ("software", "Software version"),
];

/// Fields that every record has, told elsewhere on the page.
const COMMON: [&str; 10] = [
    "v",
    "id",
    "at",
    "type",
    "login_id",
    "client_id",
    "operator",
    "outcome",
    "actor",
    "personal",
];

/// A field as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its label.
    pub label: String,
    /// What it says.
    pub value: String,
}

/// What an event says.
pub fn says(kind: &str) -> &str {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or(kind, |(_, says)| says)
}

/// An outcome or event as words.
pub fn spelt(word: &str) -> String {
    word.replace('_', " ").to_lowercase()
}

/// A time of calls as people read it.
pub fn lasted(ms: i64) -> String {
    if ms < 1000 {
        return format!("{ms} ms");
    }
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}

/// An event's own fields.
pub fn facts(body: &Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    let fields = body.as_object().into_iter().flatten();
    for (name, value) in fields.filter(|(name, _)| !COMMON.contains(&name.as_str())) {
        tell(name, value, &mut facts);
    }
    // A JSON object has no order.
    facts.sort_by_key(|(place, _)| *place);
    facts.into_iter().map(|(_, fact)| fact).collect()
}

fn tell(name: &str, value: &Value, facts: &mut Vec<(usize, Fact)>) {
    if let Value::Object(fields) = value {
        for (inner, value) in fields {
            tell(&format!("{name}.{inner}"), value, facts);
        }
        return;
    }
    let value = match value {
        Value::Null => return,
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if name.ends_with("_ms") => {
            number.as_i64().map_or_else(|| number.to_string(), lasted)
        }
        Value::Array(items) => {
            let text = |item: &Value| item.as_str().map_or(item.to_string(), str::to_owned);
            items.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    if value.is_empty() {
        return;
    }
    let known = LABELS.iter().position(|(field, _)| *field == name);
    let label = known.map_or_else(
        || spelt(&name.replace('.', " ")),
        |place| LABELS[place].1.to_owned(),
    );
    facts.push((known.unwrap_or(LABELS.len()), Fact { label, value }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_event_of_the_catalogue_has_its_sentence() {
        let catalogue = include_str!("../../../docs/audit-events.md");
        let kinds: Vec<&str> = catalogue
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .collect();
        let said: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(said, kinds);
    }

    #[test]
    fn fields_are_told_flat_with_times_and_without_what_every_record_has() {
        let body = json!({
            "v": 1, "id": "x", "type": "NUMBER_VERIFIED", "software": "1.0", "away_ms": 1204,
            "evidence": { "api_ms": 81, "operator_error": "X", "billable": ["verify"] },
            "pinned": true, "checks": {},
        });
        let told: Vec<String> = facts(&body)
            .iter()
            .map(|fact| format!("{}: {}", fact.label, fact.value))
            .collect();
        for line in [
            "Away until the callback: 1.204 s",
            "Verification call: 81 ms",
            "The operator's own error: X",
            "Billable calls: verify",
            "The number was fixed by the request: yes",
            "Software version: 1.0",
        ] {
            assert!(told.iter().any(|t| t == line), "{line} in {told:?}");
        }
        assert_eq!(told.len(), 6);
    }
}
