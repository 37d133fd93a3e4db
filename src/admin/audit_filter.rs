//! What is looked for, as it stands in a page's address: shareable, one part each, and nothing personal in
//! clear. A number and a network go in sealed, because addresses stay in histories and logs of others.

use std::net::IpAddr;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use ipnet::IpNet;
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};
use uuid::Uuid;

use crate::admin::audit::Query;
use crate::clock::Time;
use crate::oauth::params::Params;
use crate::phone::PhoneNumber;
use crate::secret::{Place, Vault, b64, from_b64};
use crate::verdict::Outcome;

/// The filters, in the order in which they stand in an address, with their labels.
pub const FIELDS: [(&str, &str); 11] = [
    ("number", "Number"),
    ("network", "Network"),
    ("reference", "Reference"),
    ("login", "Sign-in"),
    ("client", "App"),
    ("operator", "Operator"),
    ("outcome", "Outcome"),
    ("type", "Event"),
    ("actor", "Done by"),
    ("since", "From"),
    ("until", "Before"),
];

/// Filters that name a person: neither saved nor told.
const PERSONAL: [&str; 2] = ["number", "network"];
/// The longest value, bytes.
const LONGEST: usize = 300;

/// A filter that cannot be, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Which.
    pub field: &'static str,
    /// What to do about it.
    pub message: String,
}

/// One part of a filter, as a page shows it.
#[derive(Clone, Debug)]
pub struct Chip {
    /// Its label.
    pub label: &'static str,
    /// What it says; a number is masked.
    pub value: String,
    /// The address's query without it.
    pub without: String,
}

/// A filter that was read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// What it finds.
    pub query: Query,
    /// What stands in the address, in order.
    values: Vec<(&'static str, String)>,
}

impl Filter {
    /// Reads an address's query; `others` are parameters of the page that are no filters.
    ///
    /// # Errors
    /// [`Wrong`] naming the filter.
    pub fn read(vault: &Vault, now: Time, params: &Params, others: &[&str]) -> Result<Self, Wrong> {
        let mut values = Vec::new();
        for (name, value) in params.pairs() {
            if value.is_empty() || others.contains(&name) {
                continue;
            }
            // A filter with a typing error must not show everything.
            let known = FIELDS.iter().find(|(field, _)| *field == name);
            let Some((field, label)) = known else {
                return Err(wrong(
                    "type",
                    "This address holds a filter that there is not.",
                ));
            };
            if values.iter().any(|(other, _)| other == field) {
                let message = format!("“{label}” stands in this address twice.");
                return Err(wrong(field, message));
            }
            if value.len() > LONGEST {
                return Err(wrong(field, format!("“{label}” is too long.")));
            }
            values.push((*field, value.trim().to_owned()));
        }
        values.retain(|(_, value)| !value.is_empty());
        values.sort_by_key(|(field, _)| FIELDS.iter().position(|(known, _)| known == field));
        let mut filter = Self {
            values,
            ..Self::default()
        };
        filter.query = filter.understand(vault, now)?;
        Ok(filter)
    }

    /// Reads a query's text.
    ///
    /// # Errors
    /// [`Wrong`] naming the filter.
    pub fn parse(vault: &Vault, now: Time, text: &str) -> Result<Self, Wrong> {
        let params = Params::parse(text.as_bytes(), 2 * FIELDS.len());
        match params {
            Ok(params) if params.with_nul().is_none() => Self::read(vault, now, &params, &[]),
            _ => Err(wrong("type", "This address holds too much.")),
        }
    }

    /// Reads the form: as an address, but for the number and the network, which stand there as they were
    /// typed, or sealed in `kept_number` and `kept_network` where they were left as they are.
    ///
    /// # Errors
    /// [`Wrong`] naming the filter.
    pub fn typed(vault: &Vault, now: Time, form: &Params) -> Result<Self, Wrong> {
        let mut pairs = Vec::new();
        for (field, _) in FIELDS {
            let typed = form.get(field).unwrap_or_default().trim();
            if !PERSONAL.contains(&field) {
                pairs.push((field.to_owned(), typed.to_owned()));
                continue;
            }
            if !typed.is_empty() {
                let canonical = canonical(field, typed)?;
                pairs.push((field.to_owned(), seal(vault, field, &canonical)));
            } else if let Some(kept) = form.get(&format!("kept_{field}")) {
                pairs.push((field.to_owned(), kept.to_owned()));
            }
        }
        Self::read(vault, now, &Params::of(pairs), &[])
    }

    /// One that finds a number.
    #[must_use]
    pub fn of_number(vault: &Vault, number: &PhoneNumber) -> String {
        query(&[("number", &seal(vault, "number", number.e164()))])
    }

    /// What stands in the address of a field.
    #[must_use]
    pub fn value(&self, field: &str) -> &str {
        let found = self.values.iter().find(|(known, _)| *known == field);
        found.map_or("", |(_, value)| value)
    }

    /// The address's query.
    #[must_use]
    pub fn text(&self) -> String {
        query(&self.pairs(|_| true))
    }

    /// The address's query with something more of the page.
    #[must_use]
    pub fn text_with(&self, name: &str, value: &str) -> String {
        let mut pairs = self.pairs(|_| true);
        pairs.push((name, value));
        query(&pairs)
    }

    /// What may be kept of it: nothing of a person.
    #[must_use]
    pub fn kept(&self) -> String {
        query(&self.pairs(|field| !PERSONAL.contains(&field)))
    }

    /// Whether something of it may not be kept.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        PERSONAL.iter().any(|field| !self.value(field).is_empty())
    }

    /// Its parts.
    #[must_use]
    pub fn chips(&self) -> Vec<Chip> {
        let chip = |(field, value): &(&'static str, String)| {
            let label = FIELDS.iter().find(|(known, _)| known == field);
            let shown = match (*field, &self.query.number, &self.query.network) {
                ("number", Some(number), _) => number.masked(),
                ("network", _, Some(network)) => network.to_string(),
                ("outcome" | "type", ..) => value.replace('_', " ").to_lowercase(),
                ("since" | "until", ..) if is_relative(value) => format!("{value} ago"),
                ("since" | "until", ..) => format!("{value} (UTC)"),
                _ => value.clone(),
            };
            Chip {
                label: label.map_or("", |(_, label)| label),
                value: shown,
                without: query(&self.pairs(|other| other != *field)),
            }
        };
        self.values.iter().map(chip).collect()
    }

    fn pairs(&self, keep: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
        let kept = self.values.iter().filter(|(field, _)| keep(field));
        kept.map(|(field, value)| (*field, value.as_str()))
            .collect()
    }

    fn understand(&self, vault: &Vault, now: Time) -> Result<Query, Wrong> {
        let mut query = Query::default();
        for (field, value) in &self.values {
            let text = || Some(value.clone());
            match *field {
                "number" => {
                    let opened = opened(vault, "number", value)?;
                    query.number = PhoneNumber::from_e164(&opened).ok();
                }
                "network" => query.network = opened(vault, "network", value)?.parse().ok(),
                "reference" => query.reference = text(),
                "login" => {
                    let id: Uuid = value
                        .parse()
                        .map_err(|_| wrong("login", "This is no sign-in's id."))?;
                    query.login_id = Some(id);
                }
                "client" => query.client_id = text(),
                "operator" => query.operator = text(),
                "outcome" => {
                    let word = serde_json::from_value(Value::String(value.clone()));
                    let known: Outcome =
                        word.map_err(|_| wrong("outcome", "There is no such outcome."))?;
                    query.outcome = Some(known);
                }
                "type" => query.kind = Some(value.to_uppercase()),
                "actor" => query.actor = text(),
                "since" => query.since = Some(moment("since", value, now)?),
                "until" => query.until = Some(moment("until", value, now)?),
                _ => {}
            }
        }
        Ok(query)
    }
}

/// What a cursor or a time in an address says.
///
/// # Errors
/// [`Wrong`] with how to write it.
pub fn moment(field: &'static str, text: &str, now: Time) -> Result<Time, Wrong> {
    let says = "Write a time as 2026-11-22 10:00 (UTC), or how long ago: 30m, 24h, 7d.";
    let found = ago(text, now).or_else(|| written(text));
    found
        .filter(|time| (2000..=9999).contains(&time.year()))
        .ok_or_else(|| wrong(field, says))
}

fn is_relative(text: &str) -> bool {
    text.ends_with(['m', 'h', 'd'])
}

fn ago(text: &str, now: Time) -> Option<Time> {
    let count: i64 = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    let long = match text.as_bytes().last()? {
        b'm' => TimeDelta::try_minutes(count)?,
        b'h' => TimeDelta::try_hours(count)?,
        b'd' => TimeDelta::try_days(count)?,
        _ => return None,
    };
    (count >= 0).then(|| now.checked_sub_signed(long))?
}

fn written(text: &str) -> Option<Time> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let text = text.replace('T', " ");
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let naive = formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
        .or_else(|| {
            let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
            Some(day.and_time(NaiveTime::MIN))
        })?;
    Some(naive.and_utc())
}

fn canonical(field: &'static str, typed: &str) -> Result<String, Wrong> {
    if field == "number" {
        let number = PhoneNumber::parse(typed, None).map_err(|_| {
            let says = "This is no phone number. Write it with its country code, for example +44 7700 900123.";
            wrong(field, says)
        })?;
        return Ok(number.e164().to_owned());
    }
    let network = typed.parse::<IpNet>().ok();
    let network = network.or_else(|| typed.parse::<IpAddr>().ok().map(IpNet::from));
    let says = "Write a whole address, an IPv4 /24 or /16, or an IPv6 /64, /48 or /32.";
    let network = network.filter(|network| crate::audit::networks::word(network).is_some());
    network
        .map(|network| network.trunc().to_string())
        .ok_or_else(|| wrong(field, says))
}

/// Only the same deployment opens it, and only as what it was sealed as.
fn seal(vault: &Vault, field: &str, text: &str) -> String {
    b64(&vault.seal(
        Place::new("audit_address", field, &Uuid::nil()),
        text.as_bytes(),
    ))
}

fn opened(vault: &Vault, field: &'static str, value: &str) -> Result<String, Wrong> {
    let nowhere = Uuid::nil();
    let place = Place::new("audit_address", field, &nowhere);
    let sealed = from_b64(value);
    let plain = sealed.and_then(|sealed| vault.open(place, &sealed).ok());
    plain
        .and_then(|plain| String::from_utf8(plain.to_vec()).ok())
        .ok_or_else(|| {
            let says = "This address was altered. Type it once more.";
            wrong(field, says)
        })
}

fn query(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A value as a part of an address's query.
#[must_use]
pub fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn wrong(field: &'static str, message: impl Into<String>) -> Wrong {
    Wrong {
        field,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::RootKey;

    fn now() -> Time {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn vault() -> Vault {
        Vault::new(&[RootKey::generate(now())])
    }

    fn form(pairs: &[(&str, &str)]) -> Params {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Params::of(pairs.iter().map(pair).collect())
    }

    #[test]
    fn what_was_typed_stands_in_an_address_without_number_and_network() {
        let vault = vault();
        let typed = form(&[
            ("number", "+990 700 001"),
            ("network", "192.0.2.0/24"),
            ("client", " shop "),
            ("csrf", "x"),
        ]);
        let filter = Filter::typed(&vault, now(), &typed).unwrap();
        let text = filter.text();
        assert!(
            !text.contains("700001") && !text.contains("192.0"),
            "{text}"
        );
        let again = Filter::parse(&vault, now(), &text).unwrap();
        assert_eq!(again.text(), text);
        assert_eq!(again.query.number.as_ref().unwrap().e164(), "+990700001");
        assert_eq!(again.query.client_id.as_deref(), Some("shop"));
        assert_eq!(again.kept(), "client=shop");
        let chips = again.chips();
        assert_eq!(chips[0].value, "+990 •••001");
        assert!(chips[2].without.contains("number=") && !chips[2].without.contains("client"));
        // Sealed as one thing it opens as no other.
        let swapped = format!("network={}", encoded(again.value("number")));
        assert!(Filter::parse(&vault, now(), &swapped).is_err());
    }

    #[test]
    fn hostile_addresses_find_nothing() {
        let vault = vault();
        for bad in [
            "client=a&client=b",
            "clientt=a",
            "number=%2B990700001",
            "number=AAAA",
            "network=10.0.0.0%2F8",
            "outcome=good",
            "login=1",
            "since=soon",
            "since=0001-01-01",
            "since=99999999999999999d",
            "since=-5d",
            "since=d",
            "since=é",
            "until=%00",
            &format!("actor={}", "x".repeat(301)),
        ] {
            assert!(Filter::parse(&vault, now(), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_utc_written_out_or_so_long_ago() {
        let read = |text: &str| moment("since", text, now()).unwrap().to_rfc3339();
        assert_eq!(read("24h"), "2026-11-21T10:00:00+00:00");
        assert_eq!(read("2026-11-20"), "2026-11-20T00:00:00+00:00");
        assert_eq!(read("2026-11-20T08:30"), "2026-11-20T08:30:00+00:00");
        assert_eq!(
            read("2026-11-20 08:30:05.25"),
            "2026-11-20T08:30:05.250+00:00"
        );
        assert_eq!(
            read("2026-11-20T08:30:00+02:00"),
            "2026-11-20T06:30:00+00:00"
        );
    }
}
