//! Settings as fields of a form, and the way there and back. Which fields an operator's and an app's have,
//! stands with their pages.

use serde_json::{Map, Value};

use crate::admin::Refused;
use crate::oauth::params::Params;

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
    /// Several texts, a line each.
    Lines,
    /// Lines of `name: value`.
    Pairs,
    /// JSON.
    Json,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its place in the settings: `checks.sim_swap.flow`.
    pub name: &'static str,
    label: &'static str,
    hint: &'static str,
    /// How it is written.
    pub kind: Kind,
}

/// Settings that belong together.
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The settings.
    pub fields: &'static [Field],
}

/// A field: its place, how it is written, what it is called, and what helps to write it.
pub const fn field(
    name: &'static str,
    kind: Kind,
    label: &'static str,
    hint: &'static str,
) -> Field {
    Field {
        name,
        label,
        hint,
        kind,
    }
}

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
        matches!(self.kind, Kind::Lines | Kind::Pairs | Kind::Json)
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

/// Why nothing was saved: told above the form, and at the field if it is one's fault.
#[derive(Debug)]
pub struct Fault {
    /// The field's id; empty: it is none's.
    pub field: &'static str,
    /// What the page calls the field, if it shows it.
    pub label: Option<&'static str>,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    /// Of a page with these fields, and with others by name and label.
    pub fn new(
        field: &'static str,
        message: String,
        groups: &[Inputs],
        others: &[(&'static str, &'static str)],
    ) -> Self {
        let inputs = groups.iter().flat_map(|group| &group.inputs);
        let all = inputs.map(|input| (input.name, input.label));
        let mut all = all.chain(others.iter().copied());
        Self {
            field,
            label: all.find_map(|(name, label)| (name == field).then_some(label)),
            message,
        }
    }

    /// What is told at the field of this name.
    pub fn at<'a>(fault: Option<&'a Self>, name: &str) -> Option<&'a str> {
        fault
            .filter(|fault| fault.field == name)
            .map(|fault| fault.message.as_str())
    }
}

/// All fields, group by group, with what `text` says stands in each; only those that `wanted` names, in
/// groups that have any.
pub fn inputs(
    all: &[Group],
    wanted: &dyn Fn(&str) -> bool,
    text: &dyn Fn(&Field) -> String,
) -> Vec<Inputs> {
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
    let groups = all.iter().map(shown);
    groups.filter(|group| !group.inputs.is_empty()).collect()
}

/// What a form says in a field.
pub fn posted(form: &Params, field: &Field) -> String {
    form.get(field.name).unwrap_or_default().to_owned()
}

/// What settings say in a field.
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
        (Kind::Json, value) => format!("{value:#}"),
        (Kind::Lines, Value::Array(texts)) => {
            texts.iter().map(plain).collect::<Vec<_>>().join("\n")
        }
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

/// The settings that a form describes, over some that are there: every field that `wanted` names is as the
/// form says, also where it says nothing.
///
/// # Errors
/// [`Refused::Invalid`] naming the field.
pub fn written(
    all: &[Group],
    form: &Params,
    mut settings: Value,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Value, Refused> {
    let fields = all.iter().flat_map(|group| group.fields);
    for field in fields.filter(|field| wanted(field.name)) {
        let value = value(field, form.get(field.name).unwrap_or_default().trim())?;
        put(&mut settings, field, value);
    }
    Ok(settings)
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
        Kind::Lines => {
            let lines = text.lines().map(str::trim);
            lines
                .filter(|line| !line.is_empty())
                .map(Value::from)
                .collect()
        }
        Kind::Pairs | Kind::Json if text.is_empty() => Value::Null,
        Kind::Json => serde_json::from_str(text).map_err(|_| refuse("write JSON"))?,
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
pub fn put(settings: &mut Value, field: &Field, value: Value) {
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
