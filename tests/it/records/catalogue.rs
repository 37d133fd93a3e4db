//! docs/audit-events.md is a contract: it holds what the code can record, and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const MARK: &str = "<!-- from here on made from src/audit/event.rs; a test holds it -->\n";

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

struct Variant {
    name: String,
    words: String,
    fields: Vec<(String, String, String)>,
}

/// `NumberVerified` as serde writes it.
fn screaming(name: &str) -> String {
    let mut word = String::new();
    for (index, c) in name.char_indices() {
        if c.is_ascii_uppercase() && index > 0 {
            word.push('_');
        }
        word.push(c.to_ascii_uppercase());
    }
    word
}

/// The variants of `Event`, read off its source: rustfmt gives it one shape.
fn variants() -> Vec<Variant> {
    let source = read("src/audit/event.rs");
    let body = source.split_once("pub enum Event {\n").unwrap().1;
    let body = body.split_once("\n}\n").unwrap().0;
    let (mut found, mut words): (Vec<Variant>, String) = (Vec::new(), String::new());
    let mut renamed = None;
    for line in body.lines() {
        let text = line.trim();
        if let Some(doc) = text.strip_prefix("/// ") {
            let _ = write!(words, "{}{doc}", if words.is_empty() { "" } else { " " });
        } else if let Some(rename) = text.strip_prefix("#[serde(rename = \"") {
            renamed = rename.split('"').next().map(str::to_owned);
        } else if text.starts_with('#') {
        } else if line.starts_with("        ") {
            let (name, kind) = text.trim_end_matches(',').split_once(": ").unwrap();
            let name = renamed.take().unwrap_or_else(|| name.to_owned());
            let field = (name, kind.to_owned(), std::mem::take(&mut words));
            found.last_mut().unwrap().fields.push(field);
        } else if let Some((name, _)) = text.split_once(" {") {
            found.push(Variant {
                name: name.to_owned(),
                words: std::mem::take(&mut words),
                fields: Vec::new(),
            });
        }
    }
    found
}

fn catalogue() -> String {
    let mut text = MARK.to_owned();
    for variant in variants() {
        let _ = write!(
            text,
            "\n### {}\n\n{}\n",
            screaming(&variant.name),
            variant.words
        );
        if !variant.fields.is_empty() {
            text.push_str("\n| field | type | meaning |\n|---|---|---|\n");
        }
        for (name, kind, words) in variant.fields {
            let _ = writeln!(text, "| `{name}` | `{kind}` | {words} |");
        }
    }
    text
}

#[test]
fn the_catalogue_tells_every_event_and_field_that_the_code_has() {
    let document = read("docs/audit-events.md");
    let (_, told) = document.split_once(MARK).unwrap();
    let expected = catalogue();
    let expected = expected.strip_prefix(MARK).unwrap();
    if told != expected {
        let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit-events.md");
        std::fs::write(&at, expected).unwrap();
        panic!(
            "docs/audit-events.md is not what src/audit/event.rs says: after the mark, put {}",
            at.display()
        );
    }
}

#[test]
fn the_words_are_those_that_are_recorded() {
    #[derive(serde::Deserialize, Debug)]
    struct Unknown {
        #[serde(flatten)]
        _event: numbercloak::audit::event::Event,
    }
    let error = serde_json::from_str::<Unknown>(r#"{"type":"NONE"}"#).unwrap_err();
    let error = error.to_string();
    let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
    let read: Vec<String> = variants().iter().map(|v| screaming(&v.name)).collect();
    assert_eq!(known, read);
}

fn sources(folder: PathBuf, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn every_event_is_recorded_somewhere() {
    let mut all = Vec::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    for variant in variants() {
        let made = format!("Event::{} {{", variant.name);
        let somewhere = all
            .iter()
            .any(|(path, text)| !path.ends_with("audit/event.rs") && text.contains(&made));
        assert!(somewhere, "{} is never recorded", variant.name);
    }
}

/// What follows a mark in quotes, wherever the mark stands.
fn quoted(text: &str, mark: &str) -> Vec<String> {
    let words = text.split(mark).skip(1).filter_map(|rest| {
        let (word, _) = rest.split_once('"')?;
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        (!word.is_empty() && word.chars().all(plain)).then(|| word.to_owned())
    });
    words.collect()
}

#[test]
fn every_thing_that_staff_change_and_every_act_is_in_the_catalogue() {
    let document = read("docs/audit-events.md");
    let (head, _) = document.split_once(MARK).unwrap();
    let mut all = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(root.join("admin"), &mut all);
    let lifecycle = root.join("token/lifecycle.rs");
    all.push((
        lifecycle.clone(),
        std::fs::read_to_string(lifecycle).unwrap(),
    ));
    let mut seen = 0;
    for (path, text) in all {
        for mark in ["resource: \"", "\"action\": \""] {
            for word in quoted(&text, mark) {
                seen += 1;
                assert!(
                    head.contains(&format!("`{word}`")),
                    "{word} of {} is not in docs/audit-events.md",
                    path.display()
                );
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
