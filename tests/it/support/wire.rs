//! Requests by hand, and the database's own word: for what no library and no browser does.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _};

use super::app::App;
use super::outside_client;

/// A raw answer.
#[derive(Debug)]
pub struct Raw {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: String,
}

impl Raw {
    /// Sends a request.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await.unwrap(),
        }
    }

    /// A JSON body.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The OAuth error in a JSON body.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// A client without cookies that follows nothing.
pub fn http() -> reqwest::Client {
    outside_client(Duration::from_secs(30))
}

/// Rows of a table, or of any `from` clause.
pub async fn count(app: &App, from: &str) -> i64 {
    let mut owner = app.database.owner().await;
    let count = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {from}")))
        .fetch_one(&mut owner)
        .await
        .unwrap();
    owner.close().await.unwrap();
    count
}
