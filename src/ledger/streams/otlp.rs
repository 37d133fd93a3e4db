//! Records as OpenTelemetry logs: OTLP/HTTP with JSON (opentelemetry-proto 1.x, `ExportLogsServiceRequest`).

use serde_json::{Value, json};

use crate::clock::Time;
use crate::store::outbox::Due;

/// Severity numbers of the protocol.
const INFO: u8 = 9;
const WARN: u8 = 13;

/// Copies of a record's fields that collectors filter by.
const COPIED: [&str; 5] = ["client_id", "operator", "outcome", "login_id", "actor"];

/// The body of one request.
pub(super) fn request(records: &[Due]) -> Vec<u8> {
    let logs: Vec<Value> = records.iter().map(log).collect();
    let request = json!({ "resourceLogs": [{
        "resource": { "attributes": [text("service.name", "numbercloak")] },
        "scopeLogs": [{
            "scope": { "name": "numbercloak.audit", "version": env!("CARGO_PKG_VERSION") },
            "logRecords": logs,
        }],
    }] });
    request.to_string().into_bytes()
}

/// How many records an answer says were thrown away. The protocol forbids to send those again.
pub(super) fn rejected(answer: &[u8]) -> i64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let count = &answer["partialSuccess"]["rejectedLogRecords"];
    // 64-bit numbers stand in text; some collectors write them as numbers.
    count
        .as_str()
        .and_then(|text| text.parse().ok())
        .or(count.as_i64())
        .unwrap_or(0)
}

fn log(record: &Due) -> Value {
    let body: Value = serde_json::from_slice(&record.body).unwrap_or_default();
    let word = |field: &str| body[field].as_str().unwrap_or_default();
    let kind = word("type");
    let at = word("at").parse::<Time>().ok();
    let nanos = at.and_then(|at| at.timestamp_nanos_opt()).unwrap_or(0);
    let (number, name) = if kind == "ALERT" {
        (WARN, "WARN")
    } else {
        (INFO, "INFO")
    };
    let copied = COPIED.iter().filter(|field| !word(field).is_empty());
    let copied = copied.map(|field| text(&format!("numbercloak.{field}"), word(field)));
    let mut attributes = vec![
        // What comes again is known by it.
        text("log.record.uid", &record.id.to_string()),
        text("event.name", kind),
    ];
    attributes.extend(copied);
    json!({
        "timeUnixNano": nanos.to_string(),
        "observedTimeUnixNano": nanos.to_string(),
        "severityNumber": number,
        "severityText": name,
        "eventName": kind,
        // The exact bytes, which the MAC and the log are over.
        "body": { "stringValue": String::from_utf8_lossy(&record.body) },
        "attributes": attributes,
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_record_is_a_log_with_its_id_its_time_and_its_exact_text() {
        let body = r#"{"v":1,"at":"2026-11-22T07:00:00.5Z","type":"ALERT","client_id":"shop"}"#;
        let record = Due {
            id: Uuid::nil(),
            body: body.as_bytes().to_vec(),
            tries: 1,
        };
        let sent: Value = serde_json::from_slice(&request(&[record])).unwrap();
        let log = &sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(log["body"]["stringValue"], body);
        assert_eq!(log["timeUnixNano"], "1795330800500000000");
        assert_eq!(
            (&log["severityNumber"], &log["eventName"]),
            (&json!(13), &json!("ALERT"))
        );
        assert_eq!(
            log["attributes"][0],
            text("log.record.uid", &Uuid::nil().to_string())
        );
        assert_eq!(log["attributes"][2], text("numbercloak.client_id", "shop"));
    }

    #[test]
    fn what_a_collector_threw_away_is_counted_however_it_writes_numbers() {
        assert_eq!(rejected(b"{}"), 0);
        assert_eq!(rejected(b"no json"), 0);
        assert_eq!(
            rejected(br#"{"partialSuccess":{"rejectedLogRecords":"3"}}"#),
            3
        );
        assert_eq!(
            rejected(br#"{"partialSuccess":{"rejectedLogRecords":3}}"#),
            3
        );
    }
}
