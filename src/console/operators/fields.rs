//! Every setting of an operator's contract as a field of a form: what it is called, how it is written,
//! and the way there and back. A test holds that no setting is missing.

use serde_json::{Map, Value};

use crate::admin::Refused;
use crate::oauth::params::Params;
use crate::store::operators::Settings;

/// How a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Text,
    /// A URL.
    Url,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// A part that is there or not; what is below it counts only if it is.
    Part,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Several words, parted by spaces, commas or lines.
    Words,
    /// Lines of `name: value`.
    Pairs,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its place in the settings: `checks.sim_swap.flow`.
    pub name: &'static str,
    label: &'static str,
    hint: &'static str,
    kind: Kind,
}

/// Settings that belong together.
pub struct Group {
    title: &'static str,
    fields: &'static [Field],
}

const fn field(name: &'static str, kind: Kind, label: &'static str, hint: &'static str) -> Field {
    Field {
        name,
        label,
        hint,
        kind,
    }
}

const ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256", "EdDSA"];
const FLOWS: &[&str] = &["client_credentials", "jwt_bearer", "ciba"];

/// All of them.
pub const ALL: [Group; 7] = [
    Group {
        title: "Where it is",
        fields: &[
            field(
                "dialect",
                Kind::Choice(&["camara", "telefonica", "vonage", "mobile_connect"]),
                "Dialect",
                "How to speak to it.",
            ),
            field(
                "issuer",
                Kind::Url,
                "Issuer",
                "To the letter as it stands in its ID tokens.",
            ),
            field(
                "discovery",
                Kind::Flag,
                "Endpoints left empty are read from its discovery document.",
                "",
            ),
            field(
                "authorization_endpoint",
                Kind::Url,
                "Authorization endpoint",
                "Where the phone's browser goes. Empty: by discovery.",
            ),
            field(
                "token_endpoint",
                Kind::Url,
                "Token endpoint",
                "Where the code is exchanged. Empty: by discovery.",
            ),
            field("jwks_uri", Kind::Url, "Keys (JWKS)", "Empty: by discovery."),
            field(
                "api_root",
                Kind::Url,
                "API root",
                "The URL that stands before /number-verification/v2.",
            ),
            field(
                "api_path",
                Kind::Text,
                "API path",
                "Only if it is not the release's own.",
            ),
            field(
                "release",
                Kind::Choice(&["0.3", "1.0", "2.0", "2.1"]),
                "Release of CAMARA Number Verification",
                "",
            ),
            field(
                "enablement_endpoint",
                Kind::Url,
                "Coverage endpoint",
                "Vonage only: asked before anybody departs.",
            ),
        ],
    },
    Group {
        title: "Who we are to it",
        fields: &[
            field("client_id", Kind::Text, "Our client ID there", ""),
            field(
                "token_auth",
                Kind::Choice(&[
                    "client_secret_basic",
                    "client_secret_post",
                    "private_key_jwt",
                    "application_jwt",
                ]),
                "How we authenticate",
                "",
            ),
            field(
                "token_parameters",
                Kind::Choice(&["body", "query"]),
                "Parameters of the token request stand in the",
                "",
            ),
            field(
                "token_redirect_uri",
                Kind::Flag,
                "The token request repeats the redirect URI.",
                "",
            ),
            field(
                "assertion_alg",
                Kind::Choice(ALGORITHMS),
                "Algorithm of our assertions and signed requests",
                "",
            ),
            field(
                "assertion_audience",
                Kind::Text,
                "Audience of our assertions",
                "Empty: the token endpoint.",
            ),
        ],
    },
    Group {
        title: "Whose numbers",
        fields: &[
            field(
                "prefixes",
                Kind::Words,
                "Prefixes of its numbers",
                "With country code, without +. It can confirm no others.",
            ),
            field(
                "ip_ranges",
                Kind::Words,
                "Addresses of its subscribers",
                "Networks such as 192.0.2.0/24.",
            ),
            field(
                "network_ids",
                Kind::Words,
                "Names of its network",
                "MCC and MNC (21407), operator ids (movistar-es).",
            ),
            field(
                "aggregator",
                Kind::Flag,
                "It finds the subscriber's network itself and is asked first.",
                "",
            ),
            field(
                "notice",
                Kind::Text,
                "Notice on our page",
                "What the operator's law demands.",
            ),
        ],
    },
    Group {
        title: "What is asked",
        fields: &[
            field(
                "scope_verify",
                Kind::Text,
                "Scope for verify",
                "To the letter.",
            ),
            field(
                "scope_device_phone_number",
                Kind::Text,
                "Scope for device-phone-number",
                "Empty: not offered.",
            ),
            field(
                "login_hint",
                Kind::Choice(&["none", "tel", "e164"]),
                "The number is hinted as",
                "",
            ),
            field(
                "number_form",
                Kind::Choice(&["plain", "digits", "sha256", "sha256_digits"]),
                "The number is sent as",
                "",
            ),
            field("pkce", Kind::Flag, "PKCE with S256.", ""),
            field("prompt_none", Kind::Flag, "prompt=none is sent.", ""),
            field(
                "guarantees_silence",
                Kind::Flag,
                "It never shows people a page, whatever comes of it.",
                "",
            ),
            field(
                "retry_with_page",
                Kind::Flag,
                "If it asks for consent, once more with its page.",
                "",
            ),
            field(
                "signed_request",
                Kind::Flag,
                "The request goes as a signed object (RFC 9101).",
                "",
            ),
            field(
                "authorize_params",
                Kind::Pairs,
                "Further parameters",
                "One a line: acr_values: 2",
            ),
            field(
                "api_headers",
                Kind::Pairs,
                "Further headers of the call",
                "One a line: x-name: value",
            ),
            field(
                "device_ip_header",
                Kind::Text,
                "Header that tells the phone's address",
                "",
            ),
            field(
                "device_port_header",
                Kind::Text,
                "Header that tells the phone's port",
                "",
            ),
            field(
                "correlation_in_call",
                Kind::Flag,
                "The call repeats the correlation id (Mobile Connect).",
                "",
            ),
        ],
    },
    Group {
        title: "What counts",
        fields: &[
            field(
                "id_token",
                Kind::Choice(&["required", "if_present", "ignored"]),
                "ID token",
                "",
            ),
            field(
                "id_token_algs",
                Kind::Words,
                "Algorithms of its ID tokens",
                "Of RS256, PS256, ES256, EdDSA.",
            ),
            field(
                "accepted_amr",
                Kind::Words,
                "amr values that are network authentication",
                "",
            ),
            field(
                "require_iss",
                Kind::Flag,
                "The callback must carry iss (RFC 9207).",
                "",
            ),
        ],
    },
    Group {
        title: "Extra checks it offers",
        fields: &[
            field("checks.sim_swap", Kind::Part, "SIM swap is offered.", ""),
            field(
                "checks.sim_swap.flow",
                Kind::Choice(FLOWS),
                "SIM swap: its token is got by",
                "",
            ),
            field(
                "checks.sim_swap.url",
                Kind::Url,
                "SIM swap: URL",
                "Empty: CAMARA's path below the API root.",
            ),
            field(
                "checks.sim_swap.scope",
                Kind::Text,
                "SIM swap: scope",
                "Empty: CAMARA's.",
            ),
            field(
                "checks.number_recycling",
                Kind::Part,
                "Number recycling is offered.",
                "",
            ),
            field(
                "checks.number_recycling.flow",
                Kind::Choice(FLOWS),
                "Number recycling: its token is got by",
                "",
            ),
            field(
                "checks.number_recycling.url",
                Kind::Url,
                "Number recycling: URL",
                "Empty: CAMARA's path below the API root.",
            ),
            field(
                "checks.number_recycling.scope",
                Kind::Text,
                "Number recycling: scope",
                "Empty: CAMARA's.",
            ),
            field(
                "checks.backchannel_endpoint",
                Kind::Url,
                "Back-channel endpoint",
                "For ciba.",
            ),
            field(
                "checks.timeout_ms",
                Kind::Number,
                "Time for one check, milliseconds",
                "Its token included.",
            ),
        ],
    },
    Group {
        title: "Limits",
        fields: &[
            field(
                "connect_timeout_ms",
                Kind::Number,
                "Time to connect, milliseconds",
                "",
            ),
            field(
                "total_timeout_ms",
                Kind::Number,
                "Time for one call, milliseconds",
                "",
            ),
            field(
                "restraint.breaker_failures",
                Kind::Number,
                "Failed calls before it is left alone",
                "0: never.",
            ),
            field(
                "restraint.breaker_window_s",
                Kind::Number,
                "counted within, seconds",
                "",
            ),
            field(
                "restraint.breaker_pause_s",
                Kind::Number,
                "and then left alone for, seconds",
                "",
            ),
            field(
                "restraint.departures_per_minute",
                Kind::Number,
                "Departures a minute, at most",
                "0: no limit.",
            ),
            field(
                "restraint.departures_per_day",
                Kind::Number,
                "Departures a day, at most",
                "0: no limit.",
            ),
            field(
                "quota_per_month",
                Kind::Number,
                "Billable calls a month after which staff are alerted",
                "Empty: never.",
            ),
        ],
    },
];

/// A field as the page shows it.
#[derive(Debug)]
pub struct Input {
    /// Its name in the form, and its id.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What helps to write it; empty: nothing.
    pub hint: &'static str,
    /// What stands in it.
    pub value: String,
    kind: Kind,
}

impl Input {
    /// Whether it is ticked or not.
    pub fn is_tick(&self) -> bool {
        matches!(self.kind, Kind::Flag | Kind::Part)
    }

    /// Whether it has several lines.
    pub fn is_long(&self) -> bool {
        self.kind == Kind::Pairs
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }

    /// Its words to choose from; none: it is written.
    pub fn choices(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Choice(words) => words,
            _ => &[],
        }
    }
}

/// A group as the page shows it.
#[derive(Debug)]
pub struct Inputs {
    /// Its title.
    pub title: &'static str,
    /// Its fields.
    pub inputs: Vec<Input>,
}

/// All fields, group by group, with what `text` says stands in each; only those that `wanted` names, in
/// groups that have any.
pub fn inputs(wanted: &dyn Fn(&str) -> bool, text: &dyn Fn(&Field) -> String) -> Vec<Inputs> {
    let shown = |group: &Group| Inputs {
        title: group.title,
        inputs: group
            .fields
            .iter()
            .filter(|field| wanted(field.name))
            .map(|field| Input {
                name: field.name,
                label: field.label,
                hint: field.hint,
                value: text(field),
                kind: field.kind,
            })
            .collect(),
    };
    let groups = ALL.iter().map(shown);
    groups.filter(|group| !group.inputs.is_empty()).collect()
}

/// What a form says in a field.
pub fn posted(form: &Params, field: &Field) -> String {
    form.get(field.name).unwrap_or_default().to_owned()
}

/// What a contract says in a field.
pub fn stored(settings: &Value, field: &Field) -> String {
    let pointer = format!("/{}", field.name.replace('.', "/"));
    let value = settings.pointer(&pointer).unwrap_or(&Value::Null);
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (field.kind, value) {
        (Kind::Part, Value::Object(_)) | (_, Value::Bool(true)) => "yes".to_owned(),
        (_, Value::Null | Value::Bool(false)) => String::new(),
        (_, Value::Array(words)) => words.iter().map(plain).collect::<Vec<_>>().join(" "),
        (_, Value::Object(pairs)) => {
            let lines = pairs
                .iter()
                .map(|(name, value)| format!("{name}: {}", plain(value)));
            lines.collect::<Vec<_>>().join("\n")
        }
        (_, value) => plain(value),
    }
}

/// The contract that a form describes, over one that is there: every field that `wanted` names is as the
/// form says, also where it says nothing.
///
/// # Errors
/// [`Refused::Invalid`] naming the field.
pub fn written(
    form: &Params,
    before: &Settings,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Settings, Refused> {
    let mut settings = serde_json::to_value(before).expect("settings serialise");
    let fields = ALL.iter().flat_map(|group| group.fields);
    for field in fields.filter(|field| wanted(field.name)) {
        let value = value(field, form.get(field.name).unwrap_or_default().trim())?;
        put(&mut settings, field, value);
    }
    serde_json::from_value(settings).map_err(|error| Refused::Invalid {
        field: "settings",
        message: error.to_string(),
    })
}

fn value(field: &Field, text: &str) -> Result<Value, Refused> {
    let refuse = |message: &str| Refused::Invalid {
        field: field.name,
        message: message.to_owned(),
    };
    Ok(match field.kind {
        Kind::Flag => Value::Bool(text == "yes"),
        Kind::Part if text == "yes" => Value::Object(Map::new()),
        Kind::Part => Value::Null,
        Kind::Choice(_) if text.is_empty() => Value::Null,
        Kind::Choice(words) if words.contains(&text) => Value::from(text),
        Kind::Choice(_) => return Err(refuse("choose one of the list")),
        Kind::Words => {
            let words = text.split([',', ' ', '\n', '\r', '\t']);
            let words = words.map(|word| match field.name {
                "prefixes" => word.trim_start_matches('+'),
                _ => word,
            });
            words
                .filter(|word| !word.is_empty())
                .map(Value::from)
                .collect()
        }
        Kind::Pairs => {
            let mut pairs = Map::new();
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let (name, value) = line
                    .split_once(':')
                    .ok_or_else(|| refuse("write one `name: value` a line"))?;
                pairs.insert(name.trim().to_owned(), Value::from(value.trim()));
            }
            Value::Object(pairs)
        }
        Kind::Number if text.is_empty() => Value::Null,
        Kind::Number => Value::from(
            text.parse::<u64>()
                .map_err(|_| refuse("write a whole number"))?,
        ),
        // A text that must be there is refused by its own rule if it is empty.
        Kind::Text | Kind::Url => match text {
            "" => Value::Null,
            text => Value::from(text),
        },
    })
}

/// Puts a value at its place. Nothing: the default. What lies below a part that is not there is left out.
fn put(settings: &mut Value, field: &Field, value: Value) {
    let mut place = settings;
    let mut parts = field.name.split('.').peekable();
    while let Some(part) = parts.next() {
        let Some(members) = place.as_object_mut() else {
            return;
        };
        if parts.peek().is_none() {
            let there = matches!(members.get(part), Some(Value::Object(_)));
            match value {
                Value::Null => {
                    members.remove(part);
                }
                // What stands below it is written by its own fields.
                Value::Object(_) if field.kind == Kind::Part && there => {}
                value => {
                    members.insert(part.to_owned(), value);
                }
            }
            return;
        }
        let Some(next) = members.get_mut(part) else {
            return;
        };
        place = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::checks::{CheckContract, CheckFlow};

    fn everything(_: &str) -> bool {
        true
    }

    fn form(settings: &Settings) -> Params {
        let value = serde_json::to_value(settings).unwrap();
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for field in ALL.iter().flat_map(|group| group.fields) {
            encoded.append_pair(field.name, &stored(&value, field));
        }
        Params::parse(encoded.finish().as_bytes(), 200).unwrap()
    }

    /// With every optional part there.
    fn full() -> Settings {
        let mut settings = Settings {
            client_id: "us".to_owned(),
            api_root: "https://op.example".to_owned(),
            prefixes: vec!["34".to_owned(), "351".to_owned()],
            ip_ranges: vec!["192.0.2.0/24".parse().unwrap()],
            quota_per_month: Some(7),
            ..Settings::default()
        };
        settings.checks.sim_swap = Some(CheckContract {
            flow: CheckFlow::Ciba,
            url: Some("https://op.example/swap".to_owned()),
            scope: None,
        });
        settings.checks.number_recycling = Some(CheckContract::default());
        let pair = ("acr_values".to_owned(), "2".to_owned());
        settings.authorize_params.extend([pair]);
        settings
    }

    #[test]
    fn every_setting_of_a_contract_has_its_field() {
        fn leaves(prefix: &str, value: &Value, all: &mut Vec<String>) {
            // Maps of names that people choose are one field.
            let Some(members) = value
                .as_object()
                .filter(|_| !matches!(prefix, "api_headers" | "authorize_params"))
            else {
                return all.push(prefix.to_owned());
            };
            for (name, value) in members {
                let name = match prefix {
                    "" => name.clone(),
                    prefix => format!("{prefix}.{name}"),
                };
                leaves(&name, value, all);
            }
        }
        let mut settings = Vec::new();
        leaves("", &serde_json::to_value(full()).unwrap(), &mut settings);
        let fields = ALL.iter().flat_map(|group| group.fields);
        let mut fields: Vec<_> = fields
            .filter(|field| field.kind != Kind::Part)
            .map(|field| field.name.to_owned())
            .collect();
        settings.sort_unstable();
        fields.sort_unstable();
        assert_eq!(fields, settings);
    }

    #[test]
    fn a_form_that_was_not_touched_changes_nothing() {
        for settings in [Settings::default(), full()] {
            let same = written(&form(&settings), &settings, &everything).unwrap();
            assert_eq!(same, settings);
            let anew = written(&form(&settings), &Settings::default(), &everything).unwrap();
            assert_eq!(anew, settings);
        }
    }

    #[test]
    fn every_word_to_choose_is_one_that_the_contract_knows() {
        for field in ALL.iter().flat_map(|group| group.fields) {
            let Kind::Choice(words) = field.kind else {
                continue;
            };
            for word in words {
                let mut settings = serde_json::to_value(full()).unwrap();
                put(&mut settings, field, Value::from(*word));
                let read: Result<Settings, _> = serde_json::from_value(settings);
                assert!(read.is_ok(), "{} {word}", field.name);
            }
        }
    }

    #[test]
    fn what_a_form_empties_is_gone_and_nonsense_is_named() {
        let none = Params::parse(b"", 10).unwrap();
        let only = |name: &'static str| move |field: &str| field == name;
        let without = written(&none, &full(), &only("checks.sim_swap")).unwrap();
        assert!(without.checks.sim_swap.is_none());
        let without = written(&none, &full(), &only("authorize_params")).unwrap();
        assert!(without.authorize_params.is_empty());
        for (name, text) in [
            ("dialect", "dialect=other"),
            ("total_timeout_ms", "total_timeout_ms=soon"),
            ("api_headers", "api_headers=nonsense"),
        ] {
            let form = Params::parse(text.as_bytes(), 10).unwrap();
            let refused = written(&form, &full(), &only(name));
            assert!(
                matches!(refused, Err(Refused::Invalid { field, .. }) if field == name),
                "{name}"
            );
        }
    }
}
