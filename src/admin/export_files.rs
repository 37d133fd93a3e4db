//! Exports that are fetched from the console or the API: written by this server in the background into
//! pieces in the database, so that any server can hand the file out, for a day.

use bytes::Bytes;
use chrono::TimeDelta;
use serde_json::json;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use crate::admin::audit::Query;
use crate::admin::desk::commit;
use crate::admin::exports::{self, Export, ExportError, Format, Sink};
use crate::admin::{Desk, Refused};
use crate::clock::{Clock, Time};
use crate::store::db::StoreError;
use crate::store::export_files as rows;
use crate::store::exports as jobs;

/// How long a file can be fetched after it was written.
pub const KEPT: TimeDelta = TimeDelta::hours(24);
/// Exports that are written at once, over all servers: each reads the whole log.
const AT_ONCE: i64 = 3;
/// An export that was silent for so long has lost its server.
const SILENT: TimeDelta = TimeDelta::minutes(5);
/// Bytes of a piece, about.
const PIECE: usize = 256 * 1024;
/// The longest file: the database keeps it for a day.
const LONGEST: usize = 2 * 1024 * 1024 * 1024;
/// How many times as long as it worked on a page an export rests: people sign in meanwhile.
const REST: u32 = 3;
/// Pieces deleted at once.
const BATCH: i64 = 500;

/// Begins an export and lets it go on by itself.
///
/// # Errors
/// [`Refused::Invalid`] for a filter that is none, or if too many run already.
pub async fn start(
    desk: &Desk,
    clock: &Clock,
    query: Query,
    format: Format,
) -> Result<Uuid, Refused> {
    let running = {
        let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
        rows::running(&mut db, desk.now - SILENT).await?
    };
    if running >= AT_ONCE {
        let message = format!("{running} exports run already; wait for one, or stop one");
        return Err(Refused::invalid("format", message));
    }
    let query = exports::until_now(desk, query);
    let export = exports::begin(desk, &query, format, rows::FETCHED).await?;
    let id = export.id;
    let (desk, clock) = (desk.clone(), clock.clone());
    tokio::spawn(async move {
        let mut sink = Pieces {
            db: desk.db.clone(),
            export: id,
            part: 0,
            held: Vec::new(),
            bytes: 0,
            rested: Instant::now(),
        };
        let done = exports::carry_out(&desk, &clock, query, format, export, &mut sink).await;
        match done {
            Ok(_) | Err(ExportError::Cancelled) => {}
            Err(error) => tracing::warn!(%error, "an export failed"),
        }
    });
    Ok(id)
}

/// One export.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Database`].
pub async fn one(desk: &Desk, id: Uuid) -> Result<Export, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let found = jobs::find(&mut db, id).await?;
    found.ok_or_else(|| Refused::not_found("export", &id.to_string()))
}

/// Until when its file can be fetched; none if it has none, or no more.
#[must_use]
pub fn fetched_until(export: &Export, now: Time) -> Option<Time> {
    let until = export.changed_at + KEPT;
    (export.state == "done" && export.target == rows::FETCHED && now < until).then_some(until)
}

/// Whether it says that it runs and its server went away.
#[must_use]
pub fn is_lost(export: &Export, now: Time) -> bool {
    export.state == "running" && export.changed_at + SILENT < now
}

/// Hands an export's file out, piece by piece, and records who fetched it.
///
/// # Errors
/// [`Refused::NotFound`] if there is no such file, or no more.
pub async fn fetch(
    desk: &Desk,
    id: Uuid,
) -> Result<(Export, mpsc::Receiver<Result<Bytes, StoreError>>), Refused> {
    let export = one(desk, id).await?;
    if fetched_until(&export, desk.now).is_none() {
        return Err(Refused::not_found("file of export", &id.to_string()));
    }
    let mut tx = desk.begin().await?;
    exports::record(desk, &mut tx, id, "fetch", json!({})).await?;
    commit(tx).await?;
    // Two pieces wait at most: memory does not feel how long the file is, nor how slow the line.
    let (send, receive) = mpsc::channel(2);
    let db = desk.db.clone();
    tokio::spawn(async move {
        for part in 0.. {
            let piece = piece(&db, id, part).await.transpose();
            let Some(piece) = piece else { break };
            let failed = piece.is_err();
            if send.send(piece).await.is_err() || failed {
                break;
            }
        }
    });
    Ok((export, receive))
}

async fn piece(db: &PgPool, id: Uuid, part: i32) -> Result<Option<Bytes>, StoreError> {
    let mut db = db.acquire().await?;
    Ok(rows::part(&mut db, id, part).await?.map(Bytes::from))
}

/// Deletes files that are over and says of exports whose server went away that they failed.
///
/// # Errors
/// [`Refused::Database`].
pub async fn purge(desk: &Desk) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    for id in rows::give_up(&mut tx, desk.now - SILENT).await? {
        let details = json!({ "state": "failed", "problem": "the server that wrote it went away" });
        exports::record(desk, &mut tx, id, "end", details).await?;
    }
    commit(tx).await?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    while rows::purge(&mut db, desk.now - KEPT, BATCH).await? == BATCH.unsigned_abs() {}
    Ok(())
}

/// A file in pieces.
struct Pieces {
    db: PgPool,
    export: Uuid,
    part: i32,
    held: Vec<u8>,
    bytes: usize,
    /// When the work on the next page began.
    rested: Instant,
}

impl Pieces {
    async fn keep(&mut self) -> Result<(), ExportError> {
        let mut db = self.db.acquire().await.map_err(StoreError::from)?;
        rows::insert(&mut db, self.export, self.part, &self.held).await?;
        self.part += 1;
        self.held.clear();
        Ok(())
    }
}

impl Sink for Pieces {
    async fn put(&mut self, text: &[u8]) -> Result<(), ExportError> {
        self.bytes += text.len();
        if self.bytes > LONGEST {
            let message =
                "the file is longer than 2 GiB: narrow the filter, or use the command line";
            return Err(std::io::Error::other(message).into());
        }
        self.held.extend_from_slice(text);
        if self.held.len() >= PIECE {
            self.keep().await?;
        }
        tokio::time::sleep(self.rested.elapsed() * REST).await;
        self.rested = Instant::now();
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), ExportError> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.keep().await
    }
}
