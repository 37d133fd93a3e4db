//! Where values come from: file, environment, flags. Each source adds to what is given, the later
//! ones overwrite; every value is checked alone, so that all faults are found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::faults::Fault;
use super::root_keys;
use super::schema::{Key, nearest};
use super::sections::Settings;

const PREFIX: &str = "NUMBERCLOAK__";
const FALLBACK_URL: &str = "DATABASE_URL";

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File(String, usize),
    Env(String),
    Flag,
}

impl Origin {
    /// The place named in a fault.
    pub(super) fn place(&self, key: &str) -> String {
        match self {
            Self::File(path, line) => format!("{path}:{line} {key}"),
            Self::Env(name) => format!("env {name}"),
            Self::Flag => format!("flag {key}"),
        }
    }
}

/// What is set, by key, and which keys are set to something unusable.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) values: BTreeMap<String, (Value, Origin)>,
    pub(super) failed: BTreeSet<String>,
}

impl Given {
    /// The place named in a fault about this key.
    pub(super) fn place(&self, key: &str) -> String {
        match self.values.get(key) {
            Some((_, origin)) => origin.place(key),
            None => key.to_owned(),
        }
    }

    fn set(&mut self, key: &Key, value: Value, origin: Origin) {
        self.values.insert(key.name.clone(), (value, origin));
    }
}

/// Whether a variable is one that [`read_env`] looks at.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || name == FALLBACK_URL
}

/// Adds the file's values; false if it could not be read at all.
pub(super) fn read_file(
    path: &Path,
    keys: &[Key],
    given: &mut Given,
    faults: &mut Vec<Fault>,
) -> bool {
    let shown = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let fix = "name a readable UTF-8 file, or leave it out and use the environment";
            faults.push(Fault::new(shown, format!("cannot be read ({error})"), fix));
            return false;
        }
    };
    let line = |at: usize| 1 + text[..at].matches('\n').count();
    // The error's own text would quote the line, which may hold a secret.
    let syntax = |error: &toml::de::Error| {
        let line = error.span().map_or(1, |span| line(span.start));
        let what = format!(
            "is not valid TOML ({})",
            error.message().replace('\n', ", ")
        );
        Fault::new(format!("{shown}:{line}"), what, "see https://toml.io")
    };
    let (spans, table) = match (DeTable::parse(&text), text.parse::<Table>()) {
        (Ok(spans), Ok(table)) => (spans, table),
        (Err(error), _) | (_, Err(error)) => {
            faults.push(syntax(&error));
            return false;
        }
    };
    let mut walk = Walk {
        keys,
        given,
        faults,
        origin: &|at| Origin::File(shown.clone(), line(at)),
        folder: path.parent().unwrap_or(Path::new("")),
    };
    walk.table("", &table, spans.get_ref());
    true
}

struct Walk<'a> {
    keys: &'a [Key],
    given: &'a mut Given,
    faults: &'a mut Vec<Fault>,
    origin: &'a dyn Fn(usize) -> Origin,
    folder: &'a Path,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, table: &Table, spans: &DeTable<'_>) {
        for (key, spanned) in spans {
            let Some(value) = table.get(key.get_ref().as_ref()) else {
                continue;
            };
            let name = format!("{prefix}{}", key.get_ref());
            let origin = (self.origin)(key.span().start);
            let inside = format!("{name}.");
            if let Some(known) = self.keys.iter().find(|known| known.name == name) {
                let value = self.with_full_path(known, value.clone());
                self.given.set(known, value, origin);
            } else if !self
                .keys
                .iter()
                .any(|known| known.name.starts_with(&inside))
            {
                self.faults.push(unknown(
                    origin.place(&name),
                    &name,
                    self.keys,
                    str::to_owned,
                ));
            } else if let (Value::Table(table), DeValue::Table(spans)) = (value, spanned.get_ref())
            {
                self.table(&inside, table, spans);
            } else {
                let fix = format!("write [{name}] on a line of its own and its keys below");
                self.faults.push(Fault::new(
                    origin.place(&name),
                    "is a section, not a key",
                    fix,
                ));
            }
        }
    }

    /// A service's working folder is `/` or worse: paths in a file are relative to the file.
    fn with_full_path(&self, key: &Key, value: Value) -> Value {
        match value {
            Value::String(path) if key.is_path() => {
                Value::String(self.folder.join(path).to_string_lossy().into_owned())
            }
            Value::Array(list) if key.is_path() => {
                let list = list.into_iter();
                Value::Array(list.map(|path| self.with_full_path(key, path)).collect())
            }
            other => other,
        }
    }
}

fn unknown(place: String, name: &str, keys: &[Key], spell: fn(&str) -> String) -> Fault {
    let fix = match nearest(name, keys) {
        Some(near) => format!("did you mean `{}`?", spell(near)),
        None => "remove it; `numbercloak config schema` lists the keys".to_owned(),
    };
    Fault::new(place, format!("`{}` is not a key", spell(name)), fix)
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

pub(super) fn read_env(
    env: impl Iterator<Item = (String, String)>,
    keys: &[Key],
    given: &mut Given,
    faults: &mut Vec<Fault>,
) {
    let env: BTreeMap<String, String> = env.filter(|(name, _)| is_ours(name)).collect();
    for (variable_name, value) in &env {
        let Some(rest) = variable_name.strip_prefix(PREFIX) else {
            continue;
        };
        let name = rest.to_lowercase().replace("__", ".");
        let origin = Origin::Env(variable_name.clone());
        let find = |name: &str| keys.iter().find(|key| key.name == name);
        if let Some(key) = find(&name) {
            given.set(key, read_text(key, value), origin);
            continue;
        }
        match name.strip_suffix("_file").and_then(find) {
            Some(key) if !key.is_secret() => faults.push(Fault::new(
                origin.place(&name),
                format!(
                    "{} is no secret, only secrets are read from files",
                    key.name
                ),
                format!("set {} to the value itself", variable(&key.name)),
            )),
            Some(key) if env.contains_key(&variable(&key.name)) => faults.push(Fault::new(
                origin.place(&name),
                format!("{} is set as well", variable(&key.name)),
                "unset one of the two",
            )),
            Some(key) => match root_keys::read_secret_file(Path::new(value)) {
                Ok(secret) => given.set(key, Value::String(secret), origin),
                Err(error) => {
                    given.failed.insert(key.name.clone());
                    let what = format!("{value} cannot be read ({error})");
                    let fix = "name a file that this user may read";
                    faults.push(Fault::new(origin.place(&name), what, fix));
                }
            },
            None => faults.push(unknown(origin.place(&name), &name, keys, variable)),
        }
    }
    // A stray DATABASE_URL of some other tool must not outdo what was written for us.
    if let Some(url) = env.get(FALLBACK_URL)
        && !given.values.contains_key("database.url")
        && !given.failed.contains("database.url")
        && let Some(key) = keys.iter().find(|key| key.name == "database.url")
    {
        given.set(
            key,
            Value::String(url.clone()),
            Origin::Env(FALLBACK_URL.to_owned()),
        );
    }
}

pub(super) fn read_flags(
    flags: Vec<(String, String)>,
    keys: &[Key],
    given: &mut Given,
    faults: &mut Vec<Fault>,
) {
    for (name, value) in flags {
        match keys.iter().find(|key| key.name == name) {
            Some(key) if key.is_secret() => {
                let what = "is a secret; every user of this machine can read flags";
                let fix = format!("set {} or {0}_FILE", variable(&name));
                faults.push(Fault::new(Origin::Flag.place(&name), what, fix));
                given.failed.insert(name);
            }
            Some(key) => given.set(key, read_text(key, &value), Origin::Flag),
            None => {
                let place = Origin::Flag.place(&name);
                faults.push(unknown(place, &name, keys, str::to_owned));
            }
        }
    }
}

/// Reads a text from the environment or a flag as the type the key takes: TOML, or for lists also
/// plain text with commas. What does not read stays a text and fails the type check.
fn read_text(key: &Key, text: &str) -> Value {
    let as_toml = || {
        let table = format!("v = {text}").parse::<Table>().ok()?;
        (table.len() == 1)
            .then(|| table.get("v").cloned())
            .flatten()
    };
    let kept = || Value::String(text.to_owned());
    if key.takes("string") {
        return kept();
    }
    let is_word = key.takes("boolean") && matches!(text, "true" | "false");
    if !key.takes("array") || is_word || text.starts_with('[') {
        return as_toml().unwrap_or_else(kept);
    }
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
}

/// Checks every value alone and puts the good ones together.
pub(super) fn assemble(keys: &[Key], given: &mut Given, faults: &mut Vec<Fault>) -> Settings {
    let mut all = Table::new();
    for key in keys {
        let Some((value, origin)) = given.values.get(&key.name) else {
            continue;
        };
        match fault_in(key, value) {
            None => put(&mut all, &key.name, value.clone()),
            Some(what) => {
                faults.push(Fault::new(origin.place(&key.name), what, key.advice()));
                given.failed.insert(key.name.clone());
            }
        }
    }
    all.try_into().unwrap_or_else(|error: toml::de::Error| {
        faults.push(Fault::new("configuration", error.message(), "report this"));
        Settings::default()
    })
}

/// What is wrong with a value taken alone. For a secret, serde's message is not used: it quotes.
fn fault_in(key: &Key, value: &Value) -> Option<String> {
    if value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return Some("is empty".to_owned());
    }
    let mut alone = Table::new();
    put(&mut alone, &key.name, value.clone());
    match alone.try_into::<Settings>() {
        Err(_) if key.is_secret() => Some("has the wrong type".to_owned()),
        Err(error) => Some(error.message().trim_end().replace('\n', ", ")),
        Ok(_) if key.is_in_range(value) => None,
        Ok(_) => Some(format!("{value} is out of range")),
    }
}

fn put(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table
                .entry(section)
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}
