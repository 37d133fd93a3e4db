//! The admin's REST API, below `/admin/api/v1`: everything staff can do, for programs. One table holds
//! every route with the scope it needs; the router, the guard and the OpenAPI document are made of it.

mod answers;
mod audit;
mod audit_exports;
mod audit_log;
mod audit_record;
mod audit_views;
mod body;
mod client_secrets;
mod client_snippets;
mod clients;
mod conditions;
mod document;
mod export_manifest;
mod finder;
mod guard;
mod health;
mod keys;
mod lists;
mod networks;
mod numbers;
mod once;
mod operator_discovery;
mod operators;
mod overview;
mod presets;
mod privacy;
mod problem;
mod ranges;
mod registration_tokens;
mod routes;
mod schemas;
mod sessions;
mod settings;
mod staff;
mod staff_access;
mod tokens;
mod usage;

pub use document::document;
pub use routes::{BASE, Needs, needs_of, router};
