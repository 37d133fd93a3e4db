use super::*;
use crate::console::fields::{put, stored};
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
