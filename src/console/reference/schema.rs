//! JSON Schemas in words: what type something has, which fields, and an example of it.

use serde_json::{Map, Value, json};

/// How deep an example goes.
const DEEPEST: usize = 3;

/// What something is: words, and the name of a schema that says more.
pub struct Kind {
    /// Before the name.
    pub before: String,
    /// A schema on the same page.
    pub name: Option<String>,
    /// After it.
    pub after: String,
}

/// One field or parameter.
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub says: String,
}

/// A schema with a name.
pub struct Described {
    /// The name.
    pub name: String,
    /// What it means.
    pub says: String,
    /// Its fields.
    pub fields: Vec<Field>,
    /// What it is, if it has no fields.
    pub kind: Kind,
}

impl Kind {
    /// In words.
    pub fn of(schema: &Value, schemas: &Value) -> Self {
        let words = |before: String| Self {
            before,
            name: None,
            after: String::new(),
        };
        if let Some(name) = referred(schema) {
            let target = &schemas[name];
            return match choices(target) {
                Some(choices) => words(choices),
                None => Self {
                    before: String::new(),
                    name: Some(name.to_owned()),
                    after: String::new(),
                },
            };
        }
        if let Some(choices) = choices(schema) {
            return words(choices);
        }
        let variants = ["anyOf", "oneOf"]
            .iter()
            .find_map(|of| schema[of].as_array());
        if let Some(variants) = variants {
            let is_null = |one: &&Value| one["type"] == "null";
            let nullable = variants.iter().any(|one| is_null(&one));
            let mut rest = variants.iter().filter(|one| !is_null(one));
            let (first, more) = (rest.next(), rest.next());
            return match (first, more) {
                (Some(only), None) => {
                    let mut kind = Self::of(only, schemas);
                    if nullable {
                        kind.after.push_str(" or null");
                    }
                    kind
                }
                _ => words("one of several forms".to_owned()),
            };
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => return words("anything".to_owned()),
        };
        if types.first() == Some(&"array") {
            let mut kind = Self::of(&schema["items"], schemas);
            kind.before = format!("list of {}", kind.before);
            if types.len() > 1 {
                kind.after.push_str(" or null");
            }
            return kind;
        }
        let mut said = types.join(" or ");
        if let Some(format) = schema["format"]
            .as_str()
            .filter(|f| !f.starts_with("uint") && !f.starts_with("int"))
        {
            said = format!("{said} ({format})");
        }
        let bound = |name: &str| schema[name].as_i64();
        match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => said = format!("{said}, {least} to {most}"),
            (None, Some(most)) => said = format!("{said}, at most {most}"),
            _ => {}
        }
        if let Some(most) = bound("maxLength") {
            said = format!("{said}, at most {most} characters");
        }
        words(said)
    }
}

impl Field {
    /// A parameter of a path, query or header.
    pub fn of_parameter(parameter: &Value, schemas: &Value) -> Self {
        let place = parameter["in"].as_str().unwrap_or_default();
        let mut kind = Kind::of(&parameter["schema"], schemas);
        kind.after = format!("{}, in the {place}", kind.after);
        Self {
            name: plain(&parameter["name"]),
            kind,
            required: parameter["required"] == true,
            says: plain(&parameter["description"]),
        }
    }
}

/// The schemas with fields that these lead to, the nearest first.
pub fn reached(roots: &[&Value], schemas: &Value) -> Vec<Described> {
    let mut names: Vec<String> = Vec::new();
    for root in roots {
        collect(root, schemas, &mut names);
    }
    let mut at = 0;
    while at < names.len() {
        let schema = schemas[&names[at]].clone();
        collect(&schema, schemas, &mut names);
        at += 1;
    }
    names
        .into_iter()
        .map(|name| described(name, schemas))
        .collect()
}

fn described(name: String, schemas: &Value) -> Described {
    let schema = &schemas[&name];
    let required = schema["required"].as_array();
    let is_required = |field: &str| required.is_some_and(|all| all.iter().any(|one| one == field));
    let fields = schema["properties"].as_object().into_iter().flatten();
    Described {
        says: plain(&schema["description"]),
        fields: fields
            .map(|(field, of)| Field {
                name: field.clone(),
                kind: Kind::of(of, schemas),
                required: is_required(field),
                says: plain(&of["description"]),
            })
            .collect(),
        kind: Kind::of(schema, schemas),
        name,
    }
}

/// Adds the names that a schema itself refers to, choices apart: those are told where they stand.
fn collect(schema: &Value, schemas: &Value, names: &mut Vec<String>) {
    if let Some(name) = referred(schema) {
        let known = names.iter().any(|known| known == name);
        if !known && choices(&schemas[name]).is_none() {
            names.push(name.to_owned());
        }
        return;
    }
    match schema {
        Value::Object(members) => members
            .values()
            .for_each(|member| collect(member, schemas, names)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, schemas, names)),
        _ => {}
    }
}

fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"]
        .as_str()?
        .strip_prefix("#/components/schemas/")
}

/// The words that a schema allows, if it is a choice of words.
fn choices(schema: &Value) -> Option<String> {
    let words: Vec<String> = if let Some(all) = schema["enum"].as_array() {
        all.iter().map(Value::to_string).collect()
    } else if schema.get("const").is_some() {
        vec![schema["const"].to_string()]
    } else {
        let variants = schema["oneOf"].as_array()?;
        let of_one = |one: &Value| choices(one);
        variants.iter().map(of_one).collect::<Option<_>>()?
    };
    Some(words.join(", "))
}

/// Something that fits a schema, as short as it may be: what is required, else its first field.
pub fn example(name: &str, schema: &Value, schemas: &Value, depth: usize) -> Value {
    if let Some(target) = referred(schema) {
        return example(name, &schemas[target], schemas, depth);
    }
    for given in ["const", "default"] {
        if let Some(value) = schema.get(given).filter(|value| !value.is_null()) {
            return value.clone();
        }
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    for of in ["anyOf", "oneOf"] {
        if let Some(first) = schema[of].get(0) {
            return example(name, first, schemas, depth);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(several) => several.first().and_then(Value::as_str),
        one => one.as_str(),
    };
    match kind {
        Some("string") => json!(text(name)),
        Some("boolean") => json!(true),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("array") => json!([example(name, &schema["items"], schemas, depth + 1)]),
        Some("object") if depth < DEEPEST => {
            let empty = Map::new();
            let fields = schema["properties"].as_object().unwrap_or(&empty);
            let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
            let is_shown = |field: &str| required.iter().any(|one| one == field);
            let mut shown: Map<String, Value> = fields
                .iter()
                .filter(|(field, _)| is_shown(field))
                .map(|(field, of)| (field.clone(), example(field, of, schemas, depth + 1)))
                .collect();
            let first = fields.iter().next();
            if let (true, Some((field, of))) = (shown.is_empty(), first) {
                shown.insert(field.clone(), example(field, of, schemas, depth + 1));
            }
            Value::Object(shown)
        }
        _ => json!({}),
    }
}

/// A text for a field of this name.
fn text(field: &str) -> String {
    match field {
        "name" => "Shop",
        "redirect_uris" => "https://shop.example/callback",
        "email" => "ann@example.com",
        "number" => "+990700001",
        "scopes" => "clients:read",
        _ if field.ends_with("_uri") || field.ends_with("_url") => "https://shop.example/page",
        _ => return field.to_uppercase(),
    }
    .to_owned()
}

/// A description without its marks, on one line.
pub fn plain(text: &Value) -> String {
    let text = text.as_str().unwrap_or_default();
    let text = text.replace("[`", "").replace("`]", "").replace('`', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schemas() -> Value {
        json!({
            "Kind": { "oneOf": [{ "const": "web" }, { "const": "spa" }] },
            "App": {
                "type": "object", "required": ["name", "kind"],
                "properties": {
                    "kind": { "$ref": "#/components/schemas/Kind" },
                    "name": { "type": "string", "maxLength": 9 },
                    "parent": { "anyOf": [{ "$ref": "#/components/schemas/App" }, { "type": "null" }] },
                    "tags": { "type": "array", "items": { "type": "string" } },
                },
            },
        })
    }

    fn said(kind: &Kind) -> String {
        let name = kind.name.as_deref().unwrap_or_default();
        format!("{}{name}{}", kind.before, kind.after)
    }

    #[test]
    fn types_are_told_in_words() {
        let schemas = schemas();
        let app = described("App".to_owned(), &schemas);
        let kinds: Vec<_> = app.fields.iter().map(|field| said(&field.kind)).collect();
        assert_eq!(
            kinds,
            [
                "\"web\", \"spa\"",
                "string, at most 9 characters",
                "App or null",
                "list of string"
            ]
        );
        assert!(app.fields[1].required && !app.fields[3].required);
    }

    #[test]
    fn what_refers_to_itself_is_described_once_and_its_example_ends() {
        let schemas = schemas();
        let root = json!({ "$ref": "#/components/schemas/App" });
        let names: Vec<_> = reached(&[&root], &schemas)
            .into_iter()
            .map(|one| one.name)
            .collect();
        assert_eq!(names, ["App"]);
        let shown = example("", &root, &schemas, 0);
        assert_eq!(shown, json!({ "kind": "web", "name": "Shop" }));
    }
}
