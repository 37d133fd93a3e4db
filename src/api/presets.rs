//! `/operator-presets`: known operators' contracts.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::admin::presets::{self, Credential};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::schemas;

/// A known operator's contract.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preset {
    /// Its name, for `preset`.
    preset: String,
    /// The name people see.
    title: String,
    /// What it is for.
    says: String,
    /// What the operator gives you to prove ourselves with.
    credential: Credential,
    /// The URL its endpoints stand below; null: you must say it.
    base: Option<String>,
    /// The area of its numbers, where that is its own.
    prefixes: Vec<String>,
    /// The contract, with `{base}` in its URLs.
    settings: Map<String, Value>,
}

/// Lists known operators that a new one may start from.
#[utoipa::path(get, path = "/operator-presets", operation_id = "list_operator_presets", tag = "operators",
    responses((status = 200, description = "All of them.", body = schemas::PresetList)))]
pub async fn list(_: Caller) -> Json<All<Preset>> {
    let view = |(name, preset): (&String, &presets::Preset)| Preset {
        preset: name.clone(),
        title: preset.title.clone(),
        says: preset.says.clone(),
        credential: preset.credential,
        base: preset.base.clone(),
        prefixes: preset.prefixes.clone(),
        settings: preset.settings.clone(),
    };
    let items = presets::all().iter().map(view).collect();
    Json(All { items })
}
