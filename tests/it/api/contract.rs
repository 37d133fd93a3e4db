//! The document, and its committed copy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use numbercloak::api::document;
use serde_json::Value;

use super::Program;
use crate::support::app::App;
use crate::support::wire::{Raw, http};

#[test]
fn the_committed_document_is_the_one_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let fresh = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed != fresh {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
        fs::write(&made, fresh).unwrap();
        panic!(
            "docs/openapi.json is not what the code says: copy {} there",
            made.display()
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference);
                }
                members.values().for_each(|inner| references(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 40, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut names = BTreeSet::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} twice");
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn the_server_serves_it_to_everybody() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let answer = Raw::of(http().get(format!("{}/openapi.json", program.base))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), document());
}
