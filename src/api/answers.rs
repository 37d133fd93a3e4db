//! Answers to creates: what was made, where it is, and in which state.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::header::{ETAG, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::conditions::tag;
use crate::api::routes::BASE;

/// Something that was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Made {
    location: Option<String>,
    etag: Option<String>,
    body: Value,
}

impl Made {
    /// What it is.
    pub fn new(body: &impl Serialize) -> Self {
        Self {
            location: None,
            etag: None,
            body: serde_json::to_value(body).expect("views serialise"),
        }
    }

    /// Where it is, below the API, its last segment apart: that may hold anything.
    pub fn at(self, folder: &str, name: &str) -> Self {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        // In a path a plus is a plus.
        let name = name.replace('+', "%20");
        Self {
            location: Some(format!("{BASE}/{folder}/{name}")),
            ..self
        }
    }

    /// Its state.
    pub fn revision(self, revision: i32) -> Self {
        Self {
            etag: Some(tag(revision)),
            ..self
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        StatusCode::CREATED.as_u16()
    }

    /// To be kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings serialise")
    }

    /// As it was kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The answer.
    pub fn answer(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.body)).into_response();
        for (name, value) in [(LOCATION, self.location), (ETAG, self.etag)] {
            let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
