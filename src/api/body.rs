//! What requests carry: JSON bodies, queries, names in the path. Everything that is not as the document
//! says is refused here, before any handler reads it.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::problem::No;
use crate::secret::sha256;
use crate::web::app::App;

/// A JSON body.
#[derive(Debug)]
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// SHA-256 of its bytes: two requests are the same if their bodies are.
    pub hash: [u8; 32],
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = No;

    async fn from_request(request: Request, app: &App) -> Result<Self, No> {
        if !is_json(request.headers()) {
            let why = "the body is application/json";
            let no = No::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                why,
            );
            return Err(no.fix("Send JSON, and Content-Type: application/json."));
        }
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|_| malformed("the body broke off"))?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| malformed(&format!("the body is no JSON ({error})")))?;
        check_text(&value)?;
        Ok(Self {
            value: serde_json::from_value(value).map_err(|error| unfit(&error.to_string()))?,
            hash: sha256(&bytes),
        })
    }
}

/// `application/json`, or something of its family: `application/merge-patch+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind == "application/merge-patch+json"
}

fn malformed(why: &str) -> No {
    No::new(StatusCode::BAD_REQUEST, "malformed", why)
}

/// A body that is JSON and not what was asked for. Serde tells the field between backquotes.
fn unfit(message: &str) -> No {
    let named = message
        .strip_prefix("missing field `")
        .or_else(|| message.strip_prefix("unknown field `"))
        .and_then(|rest| rest.split('`').next());
    match named {
        Some(field) => No::invalid(field, message),
        None => No::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message),
    }
    .fix("Compare with the API's document, openapi.json.")
}

/// PostgreSQL has no text with this character in it; nor has anything of ours.
const NUL: char = '\0';

fn check_text(value: &Value) -> Result<(), No> {
    let odd = match value {
        Value::String(text) => text.contains(NUL),
        Value::Array(items) => return items.iter().try_for_each(check_text),
        Value::Object(members) => {
            members.values().try_for_each(check_text)?;
            members.keys().any(|name| name.contains(NUL))
        }
        _ => false,
    };
    if odd {
        let why = "a text holds the character U+0000";
        let no = No::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", why);
        return Err(no.fix("Remove it."));
    }
    Ok(())
}

/// A query, each parameter at most once and none unknown: a filter with a typing error must not show
/// everything.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, No> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, app)
            .await
            .map_err(|error| {
                let why = error.body_text();
                let why = why.strip_prefix("Failed to deserialize query string: ");
                malformed(why.unwrap_or("the query cannot be read"))
            })?;
        let text = parts.uri.query().unwrap_or_default();
        if text.to_ascii_lowercase().contains("%00") {
            return Err(malformed("the query holds the character U+0000"));
        }
        Ok(Self(query.0))
    }
}

/// The name in the path.
#[derive(Debug)]
pub struct Name<T = String>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Name<T> {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, No> {
        // A name that cannot be is no name of anything.
        let nothing = |_: PathRejection| {
            No::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "there is nothing of that name",
            )
        };
        if parts.uri.path().contains("%00") {
            let why = "there is nothing of that name";
            return Err(No::new(StatusCode::NOT_FOUND, "not_found", why));
        }
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(name)| Self(name)).map_err(nothing)
    }
}
