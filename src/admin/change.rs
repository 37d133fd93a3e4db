//! What an edit changed, for its record.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Each field that differs, as `{"field": {"before": …, "after": …}}`; fields of objects by their
/// dotted name. Both must serialise to JSON objects without secrets.
pub(super) fn between<T: Serialize>(before: &T, after: &T) -> Value {
    let (before, after) = (flat(before), flat(after));
    let mut changes = Map::new();
    for name in before.keys().chain(after.keys()) {
        let (was, is) = (before.get(name), after.get(name));
        if was != is {
            changes.insert(name.clone(), json!({ "before": was, "after": is }));
        }
    }
    Value::Object(changes)
}

/// Whether [`between`] found nothing.
pub(super) fn is_none(changes: &Value) -> bool {
    changes.as_object().is_some_and(Map::is_empty)
}

fn flat<T: Serialize>(value: &T) -> Map<String, Value> {
    let mut out = Map::new();
    let value = serde_json::to_value(value).expect("rows serialise");
    flatten("", value, &mut out);
    out
}

fn flatten(prefix: &str, value: Value, out: &mut Map<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&name, value, out);
            }
        }
        other => {
            out.insert(prefix.to_owned(), other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({"name": "a", "settings": {"x": 1, "y": [1]}, "gone": {"k": 1}});
        let after = json!({"name": "a", "settings": {"x": 2, "y": [1]}, "gone": {}});
        assert_eq!(
            between(&before, &after),
            json!({
                "settings.x": {"before": 1, "after": 2},
                "gone.k": {"before": 1, "after": null},
            })
        );
        assert!(is_none(&between(&before, &before)));
    }
}
