//! `config show`: every key with its value and origin, without secrets.

use std::fmt::Write as _;

use toml::Value;

use super::schema::Key;
use super::sources::{Given, Origin};

/// One key, as shown.
#[derive(Clone, Debug)]
pub(super) struct Line {
    section: String,
    key: String,
    value: Option<Value>,
    origin: String,
}

/// Makes the lines; `resolved` holds values that differ from what was written or that depend on
/// others. A secret's value is not copied.
pub(super) fn lines(keys: &[Key], given: &Given, resolved: &[(&str, String)]) -> Vec<Line> {
    let line = |key: &Key| {
        let (section, name) = key.name.rsplit_once('.').unwrap_or(("", &key.name));
        let set = given.values.get(&key.name);
        let resolved = resolved.iter().find(|(name, _)| *name == key.name);
        let value = if key.is_secret() {
            set.map(|_| Value::String("[redacted]".to_owned()))
        } else if let Some((_, value)) = resolved {
            Some(Value::String(value.clone()))
        } else if let Some((value, _)) = set {
            Some(value.clone())
        } else {
            key.default().and_then(|value| Value::try_from(value).ok())
        };
        let origin = match set {
            Some((_, Origin::File(path, line))) => format!("file {path}:{line}"),
            Some((_, Origin::Env(name))) => format!("env {name}"),
            Some((_, Origin::Flag)) => "flag".to_owned(),
            None => "default".to_owned(),
        };
        Line {
            section: section.to_owned(),
            key: name.to_owned(),
            value,
            origin,
        }
    };
    let mut lines: Vec<Line> = keys.iter().map(line).collect();
    // Keys of a section stand together, those of its subsections after them.
    lines.sort_by(|a, b| a.section.cmp(&b.section));
    lines
}

/// The lines as TOML, origins as comments.
pub(super) fn toml(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut section = "";
    for line in lines {
        if line.section != section {
            section = &line.section;
            write!(text, "\n[{section}]\n").expect("writing to a String works");
        }
        match &line.value {
            Some(value) => writeln!(text, "{} = {value} # {}", line.key, line.origin),
            None => writeln!(text, "# {} is not set", line.key),
        }
        .expect("writing to a String works");
    }
    text
}
