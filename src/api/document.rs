//! The API's document (OpenAPI 3.1), made of the table of routes and what stands beside the handlers.

use std::sync::OnceLock;

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::api::routes::{BASE, Needs, table};
use crate::api::schemas;

const SAYS: &str = "Everything staff of Numbercloak can do, for programs. Send a token as `Authorization: Bearer`; \
`numbercloak api-token create` makes one. Errors are problems (RFC 9457) that name the field and the fix. What is edited \
has an ETag, and edits need If-Match. Creates take an Idempotency-Key: sent again with it, a request is answered as \
before, for a day. Lists go on with `after`.";

/// Refusals that any request may meet.
const ALWAYS: [(&str, &str); 8] = [
    ("400", "The request cannot be read."),
    ("401", "There is no token that works."),
    ("403", "The token may not do it."),
    ("406", "We do not speak what is accepted."),
    (
        "429",
        "Too many requests without a token that works; Retry-After tells how long to wait.",
    ),
    ("500", "The server failed."),
    ("503", "The server cannot do it just now."),
    ("408", "The request came too slowly."),
];
/// Refusals of requests with a body.
const OF_BODIES: [(&str, &str); 4] = [
    ("413", "The body is too large."),
    ("415", "The body is not JSON."),
    ("422", "A value cannot be used; `field` names it."),
    ("409", "It contradicts what there is."),
];
/// Refusals of what acts on one thing.
const OF_ONE: [(&str, &str); 3] = [
    ("404", "There is no such thing."),
    ("412", "Somebody else changed it meanwhile."),
    ("422", "It cannot be done; `field` says what is in the way."),
];

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in table() {
        let mut operation = serde_json::to_value(&route.operation).expect("operations serialise");
        let creates = operation["responses"].get("201").is_some();
        let scope = match route.needs {
            Needs::AnyToken => json!([]),
            Needs::Scope(scope) => json!([scope.as_str()]),
        };
        operation["security"] = json!([{ "token": scope }]);
        if creates && operation.get("requestBody").is_some() {
            let says =
                "Sent again with the same key within a day, the request is answered as before.";
            let header = json!({
                "name": "Idempotency-Key", "in": "header", "required": false, "description": says,
                "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$" },
            });
            match operation
                .get_mut("parameters")
                .and_then(Value::as_array_mut)
            {
                Some(parameters) => parameters.push(header),
                None => operation["parameters"] = json!([header]),
            }
        }
        refusals(&mut operation, &route.path);
        let method = route.method.as_str().to_ascii_lowercase();
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Numbercloak admin API",
            "description": SAYS,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": BASE }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "responses": {
                "Problem": {
                    "description": "What went wrong.",
                    "content": {
                        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
                    },
                },
            },
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "A token of the admin API; each operation lists the scope it needs.",
                },
            },
        },
    })
}

fn refusals(operation: &mut Value, path: &str) {
    let mut met: Vec<&(&str, &str)> = ALWAYS.iter().collect();
    if operation.get("requestBody").is_some() {
        met.extend(&OF_BODIES);
    }
    if path.contains('{') || operation.get("requestBody").is_some() || path == "/telco-finder" {
        met.extend(&OF_ONE);
    }
    let has_header = |name: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == name))
    };
    if has_header("If-Match") {
        met.push(&("428", "If-Match is missing."));
    }
    if operation["parameters"].is_array() {
        met.push(&("422", "A value cannot be used; `field` names it."));
    }
    for (status, says) in met {
        let answers = &mut operation["responses"];
        if answers.get(status).is_none() {
            let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
            answers[status] = json!({
                "description": says,
                "content": { "application/problem+json": problem },
            });
        }
    }
}

/// Serves it.
pub async fn serve() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
    ];
    (headers, text.as_str()).into_response()
}
