//! Requests by hand, and the database's own word: for what no library and no browser does.

use std::time::Duration;

use reqwest::header::LOCATION;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

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

    /// Where it leads.
    pub fn location(&self) -> &str {
        self.headers
            .get(LOCATION)
            .map_or("", |value| value.to_str().unwrap())
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

/// Does something to the database that only its superuser could.
pub async fn tamper(app: &App, sql: &str) {
    let mut superuser = PgConnection::connect(&app.database.superuser_url())
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut superuser)
        .await
        .unwrap();
    superuser.close().await.unwrap();
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

/// Makes every insert into an audit table fail.
pub async fn no_room(app: &App, table: &str) {
    tamper(
        app,
        &format!(
            "create function no_room() returns trigger language plpgsql as
                $$ begin raise exception 'no room'; end $$;
            create trigger no_room before insert on {table}
                for each row execute function no_room()"
        ),
    )
    .await;
}

/// Lets them go on. The table is locked before its partitions, as whoever writes to it locks them.
pub async fn room_again(app: &App, table: &str) {
    let again = "access exclusive mode; drop function no_room cascade; commit";
    tamper(app, &format!("begin; lock table {table} in {again}")).await;
}

/// Waits until every export that the server writes has ended.
pub async fn no_export_runs(app: &App) {
    for _ in 0..1500 {
        if count(app, "record_exports where state = 'running'").await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the export never ended");
}
