//! `config.example.toml` tells the truth.

use super::*;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// The example with its commented-out keys made keys.
fn example_with_everything() -> String {
    let is_key = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let bare = |line: &'static str| match line.strip_prefix("# ") {
        Some(rest) if rest.split_once(" = ").is_some_and(|(name, _)| is_key(name)) => rest,
        _ => line,
    };
    EXAMPLE.lines().map(bare).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_loads_as_it_stands() {
    let folder = Folder::new();
    let key = folder.0.join("root.key");
    let flags = [("keys.root_key_file", key.to_str().unwrap())];
    let config = load_text(&folder, EXAMPLE, &[], &flags).unwrap();
    assert_eq!(config.issuer.as_str(), "https://id.example.com");
}

#[test]
fn the_example_holds_every_key_with_its_default() {
    let example: toml::Table = example_with_everything().parse().unwrap();
    for key in schema::keys() {
        let mut value = Some(toml::Value::Table(example.clone()));
        for part in key.name.split('.') {
            value = value.and_then(|value| value.get(part).cloned());
        }
        let value = value.unwrap_or_else(|| panic!("{} is not in the example", key.name));
        let Some(default) = key
            .default()
            .filter(|default| **default != serde_json::json!([]))
        else {
            continue;
        };
        // "24h" and "1d" are the same.
        match value.as_str().and_then(span::parse) {
            Some(span) => assert_eq!(span::show(span), default.as_str().unwrap(), "{}", key.name),
            None => assert_eq!(
                &serde_json::to_value(&value).unwrap(),
                default,
                "{}",
                key.name
            ),
        }
    }
}

#[test]
fn the_minimal_file_in_the_example_works_and_is_short() {
    let lines = EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix("#     "));
    let minimal: Vec<_> = lines.collect();
    assert!((3..=15).contains(&minimal.len()));
    let folder = Folder::new();
    let key = folder.0.join("root.key");
    let flags = [("keys.root_key_file", key.to_str().unwrap())];
    assert!(load_text(&folder, &minimal.join("\n"), &[], &flags).is_ok());
}
