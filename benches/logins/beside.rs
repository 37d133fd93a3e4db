//! What goes on beside the logins, to see what it costs them: exports of the audit log one after another, by
//! the same server, or months whose personal parts are dropped from the same database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{Datelike as _, Months};
use clap::ValueEnum;
use numbercloak::admin::api_tokens::{self, NewToken};
use numbercloak::admin::{Desk, retention};
use numbercloak::config::Retention;
use numbercloak::store::staff::Role;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use crate::http::Connection;
use crate::stack::Stack;

/// What goes on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Beside {
    /// An export of everything; when it is done, the next.
    Export,
    /// A year of months is dropped, one right after the other.
    Purge,
}

/// Months to drop.
const MONTHS: u32 = 12;
/// Personal parts in each.
const PARTS: u32 = 20_000;
/// Between two looks at an export, and before the first month goes.
const PAUSE: Duration = Duration::from_millis(100);

/// It goes on until it is ended.
pub struct Work {
    over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<String>>,
}

impl Work {
    /// Makes what it needs, and begins.
    pub async fn begin(stack: &mut Stack, beside: Beside) -> anyhow::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let thread = match beside {
            Beside::Export => {
                let new = NewToken {
                    name: "bench".to_owned(),
                    role: Role::Auditor,
                    scopes: vec!["*".to_owned()],
                    lifetime: Duration::from_secs(3600),
                };
                let (token, _) = api_tokens::create(&stack.desk, new, None).await?;
                let connection = Connection::new(stack.server);
                thread::spawn(move || exports(connection, &token, &is_over))
            }
            Beside::Purge => {
                fill_old_months(stack).await?;
                let (desk, url) = (stack.desk.clone(), stack.app_url());
                thread::spawn(move || purge(desk, &url))
            }
        };
        Ok(Self { over, thread })
    }

    /// Ends it and tells what was done.
    pub fn end(self) -> anyhow::Result<String> {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow::anyhow!("what went on beside panicked"))?
    }
}

fn exports(mut connection: Connection, token: &str, over: &AtomicBool) -> anyhow::Result<String> {
    let mut ask = |method: &str, path: &str, body: &str| -> anyhow::Result<Value> {
        let request = format!(
            "{method} /admin/api/v1/audit/exports{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = connection.exchange(request.as_bytes())?;
        anyhow::ensure!(
            answer.status < 300,
            "export: {} {}",
            answer.status,
            answer.body
        );
        Ok(serde_json::from_str(&answer.body)?)
    };
    let (mut done, mut records) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let begun = ask("POST", "", r#"{"format":"csv"}"#)?;
        let path = format!("/{}", begun["id"].as_str().context("it has no id")?);
        loop {
            thread::sleep(PAUSE);
            let export = ask("GET", &path, "")?;
            match export["state"].as_str() {
                Some("running") => {}
                Some("done") => {
                    records += export["records"].as_i64().unwrap_or_default();
                    break;
                }
                _ => anyhow::bail!("an export ended: {export}"),
            }
        }
        done += 1;
    }
    Ok(format!("{done} exports of {records} records in all"))
}

fn purge(desk: Desk, url: &str) -> anyhow::Result<String> {
    thread::sleep(PAUSE * 10);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let gone = runtime.block_on(async {
        let db = PgPool::connect(url).await?;
        let desk = Desk { db, ..desk };
        anyhow::Ok(retention::run(&desk, &Retention::default()).await?)
    })?;
    Ok(format!("{} months dropped", gone.len()))
}

/// A year that is older than anything personal may be.
async fn fill_old_months(stack: &mut Stack) -> anyhow::Result<()> {
    let this_month = stack.desk.now.date_naive().with_day(1).unwrap_or_default();
    for back in 0..MONTHS {
        let month = this_month - Months::new(24 + back);
        let sql = format!(
            "select make_partitions('audit_personal', '{month} 00:00:00+00');
            insert into audit_personal (record_id, salt, key_id, number_hash, sealed)
            select (left(uuid_floor('{month} 00:00:00+00'::timestamptz + n * interval '1 second')::text, 24)
                    || lpad(to_hex(n), 12, '0'))::uuid,
                sha256(int8send(n)), 'bench', sha256(int8send(n)), sha512(int8send(n))
            from generate_series(1::bigint, {PARTS}) as n"
        );
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut stack.statistics)
            .await?;
    }
    Ok(())
}
