//! The admin API over the wire.

mod apply;
mod audit;
mod contract;
mod edits;
mod looking;
mod once;
mod paging;
mod privacy;
mod rights;
mod routes;
mod tokens;

use std::time::Duration;

use numbercloak::admin::api_tokens::{self, NewToken};
use numbercloak::store::staff::Role;
use reqwest::Method;
use serde_json::Value;

use crate::support::app::App;
use crate::support::wire::{Raw, http};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A program with a token.
pub struct Program {
    base: String,
    token: String,
}

impl Program {
    /// One that may do everything.
    pub async fn owner(app: &App) -> Self {
        Self::with(app, "owner", Role::Owner, &["*"]).await
    }

    /// One that may do so much.
    pub async fn with(app: &App, name: &str, role: Role, scopes: &[&str]) -> Self {
        let new = NewToken {
            name: name.to_owned(),
            role,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            lifetime: DAY,
        };
        let made = api_tokens::create(&app.desk(), new, None).await;
        Self {
            base: format!("{}/admin/api/v1", app.issuer),
            token: made.unwrap().0,
        }
    }

    /// A request to be added to.
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let uri = format!("{}{path}", self.base);
        http().request(method, uri).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Raw {
        Raw::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Raw {
        Raw::of(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Raw {
        let request = self.request(Method::PUT, path);
        Raw::of(request.header("if-match", "*").json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Raw {
        Raw::of(self.request(Method::DELETE, path).header("if-match", "*")).await
    }

    /// A change of the state that is there now.
    async fn patch(&self, path: &str, body: Value) -> Raw {
        let tag = self.get(path).await.headers["etag"].clone();
        let request = self.request(Method::PATCH, path);
        Raw::of(request.header("if-match", tag).json(&body)).await
    }
}

/// The problem an answer tells: its status, its word and its field.
#[track_caller]
pub fn problem(answer: &Raw) -> (u16, String, String) {
    assert_eq!(
        answer.headers["content-type"], "application/problem+json",
        "{}",
        answer.body
    );
    let problem = answer.json();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(problem["status"], answer.status, "{problem}");
    assert!(
        !text("detail").is_empty() && !text("title").is_empty(),
        "{problem}"
    );
    let kind = text("type");
    let word = kind.strip_prefix("urn:numbercloak:problem:").unwrap();
    (answer.status, word.to_owned(), text("field"))
}

#[track_caller]
pub fn ok(answer: Raw) -> Value {
    assert!(
        (200..300).contains(&answer.status),
        "{} {}",
        answer.status,
        answer.body
    );
    answer.json()
}
