//! The journal: the last requests we received, for tests and the admin page. Secrets are cut out
//! before anything is kept; numbers are shown only if they are test numbers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use super::parameters::Parameters;
use crate::clock::Time;
use crate::phone::PhoneNumber;

/// How many requests are remembered.
const KEPT: usize = 1000;
/// Longest value kept, bytes.
const LONGEST: usize = 512;

/// One request as it came in, without its secrets.
#[derive(Clone, Debug, Serialize)]
pub struct Received {
    /// When.
    pub at: Time,
    /// `GET` or `POST`.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// Lower-case names in order; cookies and credentials are redacted.
    pub headers: Vec<(String, String)>,
    /// Query and form, decoded, in order; codes, secrets, assertions and verifiers are redacted.
    pub parameters: Vec<(String, String)>,
    /// The body if it was JSON, its numbers and hashes redacted unless they are test numbers.
    pub body: Option<Value>,
    /// The status we answered; none while the answer is out or if the connection was cut.
    pub status: Option<u16>,
    /// The code of the scenario that shaped this answer.
    pub scenario: Option<u16>,
}

/// Finds the journal's entry of the request being answered; in the request's extensions.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry(pub(super) u64);

pub(super) struct Journal(Option<Mutex<Ring>>);

#[derive(Default)]
struct Ring {
    entries: VecDeque<Received>,
    /// How many were dropped at the front, so that an entry can be found by its number.
    dropped: u64,
}

impl Journal {
    pub(super) fn new(on: bool) -> Self {
        Self(on.then(Mutex::default))
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps a request; the number returned finds it again.
    pub(super) fn record(&self, entry: Received) -> u64 {
        let Some(mut ring) = self.ring() else {
            return 0;
        };
        if ring.entries.len() == KEPT {
            ring.entries.pop_front();
            ring.dropped += 1;
        }
        ring.entries.push_back(entry);
        ring.dropped + ring.entries.len() as u64 - 1
    }

    /// Adds what we answered.
    pub(super) fn answered(&self, number: u64, status: Option<u16>, scenario: Option<u16>) {
        let Some(mut ring) = self.ring() else { return };
        let at = number
            .checked_sub(ring.dropped)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(entry) = at.and_then(|at| ring.entries.get_mut(at)) {
            entry.status = status.or(entry.status);
            entry.scenario = scenario.or(entry.scenario);
        }
    }

    pub(super) fn entries(&self) -> Vec<Received> {
        self.ring()
            .map_or_else(Vec::new, |ring| ring.entries.iter().cloned().collect())
    }

    pub(super) fn clear(&self) {
        if let Some(mut ring) = self.ring() {
            ring.dropped += ring.entries.len() as u64;
            ring.entries.clear();
        }
    }

    fn ring(&self) -> Option<MutexGuard<'_, Ring>> {
        Some(
            self.0
                .as_ref()?
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl Received {
    /// Reads a request whose body is already in memory.
    pub(super) fn new(
        at: Time,
        method: &str,
        uri: &http::Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let kind = headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        let mut parameters = redacted(&Parameters::parse(uri.query().unwrap_or("").as_bytes()));
        if kind.starts_with("application/x-www-form-urlencoded") {
            parameters.extend(redacted(&Parameters::parse(body)));
        }
        let body = kind
            .starts_with("application/json")
            .then(|| serde_json::from_slice(body).ok())
            .flatten()
            .map(without_numbers);
        Self {
            at,
            method: method.to_owned(),
            path: uri.path().chars().take(LONGEST).collect(),
            headers: headers
                .iter()
                .map(|(name, value)| header(name.as_str(), value))
                .collect(),
            parameters,
            body,
            status: None,
            scenario: None,
        }
    }
}

fn header(name: &str, value: &http::HeaderValue) -> (String, String) {
    let value = match name {
        // The scheme shows how the client authenticated.
        "authorization" => match value.to_str().unwrap_or("").split_once(' ') {
            Some((scheme, _)) => format!("{} [redacted]", cut(scheme)),
            None => "[redacted]".to_owned(),
        },
        "cookie" | "proxy-authorization" | "dpop" => "[redacted]".to_owned(),
        // The number, as our radio adds it.
        "x-msisdn" => match value.to_str() {
            Ok(digits) if shown(&format!("+{digits}")) != "[redacted]" => digits.to_owned(),
            _ => "[redacted]".to_owned(),
        },
        // It may hold a query with anything in it.
        "referer" => "[redacted]".to_owned(),
        _ => cut(value.to_str().unwrap_or("[not text]")),
    };
    (name.to_owned(), value)
}

fn redacted(parameters: &Parameters) -> Vec<(String, String)> {
    parameters
        .iter()
        .map(|(name, value)| {
            let value = match name {
                "code" | "client_secret" | "client_assertion" | "code_verifier" | "request"
                | "ticket" | "id_token_hint" | "assertion" | "refresh_token" | "access_token"
                | "return_to" => "[redacted]".to_owned(),
                "login_hint" | "sim" => shown(value),
                _ => cut(value),
            };
            (cut(name), value)
        })
        .collect()
}

/// A text that may be a number: test numbers stay, others go.
fn shown(text: &str) -> String {
    let number = text.strip_prefix("tel:").unwrap_or(text);
    match PhoneNumber::from_e164(number) {
        Ok(number) if number.is_test() => text.to_owned(),
        _ if text == "wifi" => text.to_owned(),
        _ => "[redacted]".to_owned(),
    }
}

fn without_numbers(body: Value) -> Value {
    match body {
        Value::String(text) => Value::String(shown(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(without_numbers).collect()),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (cut(&name), without_numbers(value)))
            .collect(),
        // A number without quotes may be a phone number too.
        Value::Number(_) => Value::String("[redacted]".to_owned()),
        Value::Null | Value::Bool(_) => body,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use http::HeaderValue;

    fn received(uri: &str, kind: &'static str, body: &str) -> Received {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        headers.insert("authorization", HeaderValue::from_static("Basic c2VjcmV0"));
        headers.insert("cookie", HeaderValue::from_static("sim=abcdef"));
        Received::new(
            Clock::system().now(),
            "POST",
            &uri.parse().unwrap(),
            &headers,
            body.as_bytes(),
        )
    }

    #[test]
    fn secrets_and_real_numbers_are_not_kept() {
        let form =
            "code=c0de&client_secret=s3cret&code_verifier=ver1fier&client_assertion=ass3rt&scope=x";
        let entry = received(
            "/token?login_hint=tel%3A%2B34666111334",
            "application/x-www-form-urlencoded",
            form,
        );
        let json = serde_json::to_string(&entry).unwrap();
        for secret in [
            "c0de",
            "s3cret",
            "ver1fier",
            "ass3rt",
            "34666111334",
            "c2VjcmV0",
            "abcdef",
        ] {
            assert!(!json.contains(secret), "{secret}");
        }
        assert!(json.contains("Basic [redacted]") && json.contains("scope"));
    }

    #[test]
    fn test_numbers_are_kept_for_tests_to_read() {
        let entry = received(
            "/authorize?login_hint=%2B990700000",
            "application/json",
            r#"{"phoneNumber":"+990700000"}"#,
        );
        assert_eq!(entry.parameters[0].1, "+990700000");
        assert_eq!(entry.body.unwrap()["phoneNumber"], "+990700000");
        let entry = received(
            "/x",
            "application/json",
            r#"{"phoneNumber":"+34666111334","n":34666111334}"#,
        );
        assert!(!entry.body.unwrap().to_string().contains("34666111334"));
    }

    #[test]
    fn the_ring_keeps_the_last_thousand() {
        let journal = Journal::new(true);
        let entry = received("/x", "text/plain", "");
        let first = journal.record(entry.clone());
        for _ in 0..KEPT {
            journal.record(entry.clone());
        }
        let last = journal.record(entry);
        journal.answered(first, Some(200), None);
        journal.answered(last, Some(418), Some(7));
        let entries = journal.entries();
        assert_eq!(entries.len(), KEPT);
        assert_eq!(entries[KEPT - 1].status, Some(418));
        assert!(
            entries[..KEPT - 1]
                .iter()
                .all(|entry| entry.status.is_none())
        );
    }
}
