//! The JSON Schema made of [`super::sections`], and the flat list of keys read off it.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::sections::Settings;
use super::span;

/// One key, as its schema describes it.
#[derive(Debug)]
pub(super) struct Key {
    /// `server.tls.key_file`.
    pub(super) name: String,
    schema: Map<String, Value>,
}

/// The schema of the whole file.
pub(super) fn json() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<Settings>();
    let mut value = std::mem::take(schema.ensure_object());
    tidy(&mut value);
    Value::Object(value)
}

/// Closes every section to unknown keys, joins wrapped descriptions, and drops what says nothing:
/// defaults of whole sections and of keys that are simply not set.
fn tidy(schema: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    let Some(Value::Object(keys)) = schema.get_mut("properties") else {
        return;
    };
    for key in keys.values_mut().filter_map(Value::as_object_mut) {
        tidy(key);
    }
    schema.remove("default");
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
}

/// Every key, those at the top first, then section by section.
pub(super) fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    if let Value::Object(root) = json() {
        collect("", &root, &mut keys);
    }
    keys.sort_by_key(|key| key.name.contains('.'));
    keys
}

fn collect(prefix: &str, section: &Map<String, Value>, keys: &mut Vec<Key>) {
    let Some(Value::Object(properties)) = section.get("properties") else {
        return;
    };
    for (name, schema) in properties {
        let name = format!("{prefix}{name}");
        match schema.as_object() {
            Some(schema) if schema.contains_key("properties") => {
                collect(&format!("{name}."), schema, keys);
            }
            Some(schema) => keys.push(Key {
                name,
                schema: schema.clone(),
            }),
            None => {}
        }
    }
}

impl Key {
    /// Whether the value must never be shown.
    pub(super) fn is_secret(&self) -> bool {
        self.schema.get("writeOnly") == Some(&Value::Bool(true))
    }

    /// Whether the value is a path or a list of paths.
    pub(super) fn is_path(&self) -> bool {
        self.schema.get("format").and_then(Value::as_str) == Some("path")
    }

    /// Whether the key takes values of this JSON type.
    pub(super) fn takes(&self, kind: &str) -> bool {
        match self.schema.get("type") {
            Some(Value::String(one)) => one == kind,
            Some(Value::Array(several)) => several.iter().any(|one| one == kind),
            _ => kind == "string",
        }
    }

    /// The value used if none is given.
    pub(super) fn default(&self) -> Option<&Value> {
        self.schema.get("default")
    }

    /// What the key is for.
    #[cfg(test)]
    pub(super) fn description(&self) -> &str {
        let text = self.schema.get("description").and_then(Value::as_str);
        text.unwrap_or_default()
    }

    /// What to write instead of a wrong value.
    pub(super) fn advice(&self) -> String {
        let example = self
            .schema
            .get("examples")
            .and_then(|list| list.get(0))
            .or(self.default())
            .map(|example| format!(", for example {} = {example}", self.name));
        format!("write {}{}", self.expected(), example.unwrap_or_default())
    }

    fn expected(&self) -> String {
        if let Some(range) = self.span_range() {
            let (min, max) = (span::show(range.0), span::show(range.1));
            return format!("a duration from {min} to {max} in ms, s, m, h or d (alone: seconds)");
        }
        if let Some(words) = self.schema.get("enum").and_then(Value::as_array) {
            let words: Vec<_> = words.iter().map(Value::to_string).collect();
            return format!("one of {}", words.join(", "));
        }
        if let Some((min, max)) = self.number_range() {
            return format!("a whole number from {min} to {max}");
        }
        let text = match (self.takes("boolean"), self.takes("array")) {
            (true, true) => "true, false or a list of texts",
            (true, false) => "true or false",
            (false, true) => "a list of texts",
            (false, false) => "a text",
        };
        text.to_owned()
    }

    /// Whether a value of the right type lies in the key's range; true for keys without one.
    pub(super) fn is_in_range(&self, value: &toml::Value) -> bool {
        if let Some((min, max)) = self.span_range() {
            let text = value.as_str().map(str::to_owned);
            let text = text.unwrap_or_else(|| value.to_string());
            return span::parse(&text).is_some_and(|span| (min..=max).contains(&span));
        }
        match (self.number_range(), value.as_integer()) {
            (Some((min, max)), Some(number)) => (min..=max).contains(&number),
            _ => true,
        }
    }

    fn span_range(&self) -> Option<(std::time::Duration, std::time::Duration)> {
        let bound = |name| span::parse(self.schema.get(name)?.as_str()?);
        Some((bound("x-min")?, bound("x-max")?))
    }

    fn number_range(&self) -> Option<(i64, i64)> {
        let bound = |name| self.schema.get(name)?.as_i64();
        Some((bound("minimum")?, bound("maximum")?))
    }
}

/// The key or section most like a mistyped one, if any is like it.
pub(super) fn nearest<'a>(wrong: &str, keys: &'a [Key]) -> Option<&'a str> {
    let last = |name: &'a str| name.rsplit('.').next().unwrap_or(name);
    let sections = keys
        .iter()
        .filter_map(|key| Some(key.name.rsplit_once('.')?.0));
    keys.iter()
        .map(|key| key.name.as_str())
        .chain(sections)
        .map(|name| {
            let whole = strsim::normalized_damerau_levenshtein(wrong, name);
            let wrong_end = wrong.rsplit('.').next().unwrap_or(wrong);
            let end = strsim::normalized_damerau_levenshtein(wrong_end, last(name));
            (whole.max(0.9 * end), name)
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
