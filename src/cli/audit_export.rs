//! `audit export` and `audit exports`.

use std::io::Write as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use clap::Args;
use serde_json::json;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use uuid::Uuid;

use crate::admin::exports::{self, ExportError, Format};
use crate::cli::audit::Which;
use crate::cli::failure::{FINDING, Failure, OK, USAGE};
use crate::cli::office::{Globals, Office};
use crate::cli::output::{note, print, print_json, shown, table};
use crate::clock::{Clock, Time};
use crate::ledger::exported::{self, NoManifest};

/// `audit export`.
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    /// csv: a table for people. jsonl: exact bytes and MACs, for programs and for verification.
    #[arg(long, value_parser = format)]
    format: Format,
    /// The file to write, which must not exist yet; standard output if left out.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// `audit exports`.
#[derive(Args, Debug)]
pub struct Exports {
    /// Ask this running export to stop.
    #[arg(long, value_name = "ID")]
    cancel: Option<Uuid>,
    /// Print the signed manifest of one that is done. Asked later, it names later checkpoints.
    #[arg(long, value_name = "ID", conflicts_with = "cancel")]
    manifest: Option<Uuid>,
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "csv" => Ok(Format::Csv),
        "jsonl" => Ok(Format::JsonLines),
        _ => Err("write csv or jsonl".to_owned()),
    }
}

fn failed(error: ExportError) -> Failure {
    match error {
        ExportError::Refused(refused) => refused.into(),
        ExportError::Store(error) => error.into(),
        ExportError::Write(error) => Failure::new(
            FINDING,
            format!("the export could not be written ({error})"),
            "Make room, or name another file with --to.",
        ),
        ExportError::Cancelled => Failure::new(
            FINDING,
            "the export was stopped".to_owned(),
            "What was written until then is not whole; start it again if you want it.",
        ),
    }
}

/// Runs `audit export`.
pub async fn run(globals: &Globals, export: Export) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let query = export.which.query(office.desk.now)?;
    let clock = Clock::system();
    let Some(path) = export.to else {
        let mut out = BufWriter::new(StandardOutput);
        let done = exports::run(
            &office.desk,
            &clock,
            query,
            export.format,
            "stdout",
            &mut out,
        )
        .await;
        let manifest = done.map_err(failed)?;
        if globals.json {
            note(&manifest.told.to_string());
            return Ok(OK);
        }
        note(&format!(
            "{} records, SHA-256 {}; signed by: numbercloak audit exports --manifest {}",
            manifest.records, manifest.sha256, manifest.id
        ));
        return Ok(OK);
    };
    let unwritable = |error: std::io::Error| {
        Failure::new(
            USAGE,
            format!("{} cannot be written ({error})", path.display()),
            "Name a file that does not exist yet, in a folder that this user may write to.",
        )
    };
    let file = open(&path).await.map_err(unwritable)?;
    let mut file = BufWriter::new(file);
    let target = path.display().to_string();
    let done = exports::run(
        &office.desk,
        &clock,
        query,
        export.format,
        &target,
        &mut file,
    )
    .await;
    let manifest = done.map_err(failed)?;
    file.into_inner().sync_all().await.map_err(unwritable)?;
    let signed = signed(&office, manifest.id, clock.now()).await?;
    let mut beside = path.clone().into_os_string();
    beside.push(".manifest");
    let mut beside = open(&PathBuf::from(beside)).await.map_err(unwritable)?;
    beside
        .write_all(signed.as_bytes())
        .await
        .map_err(unwritable)?;
    beside.sync_all().await.map_err(unwritable)?;
    if globals.json {
        print_json(&manifest.told);
    } else {
        print(&format!(
            "{} records in {target}, SHA-256 {}; signed in {target}.manifest.",
            manifest.records, manifest.sha256
        ));
    }
    Ok(OK)
}

async fn signed(office: &Office, id: Uuid, now: Time) -> Result<String, Failure> {
    exported::manifest(&office.db, &office.desk.vault, id, now)
        .await
        .map_err(|error| match error {
            NoManifest::Ledger(error) => error.into(),
            NoManifest::Unknown(_) => {
                Failure::new(FINDING, error.to_string(), "Look at `audit exports`.")
            }
            NoManifest::NotDone(_) => Failure::new(FINDING, error.to_string(), "Start it again."),
            NoManifest::NotRecorded => Failure::new(
                FINDING,
                error.to_string(),
                "Run `numbercloak audit verify`: somebody changed the export's row or its record.",
            ),
            NoManifest::NoCheckpoint => Failure::new(
                FINDING,
                error.to_string(),
                format!("Start a server, then: numbercloak audit exports --manifest {id}"),
            ),
        })
}

/// Nothing else happens in this process meanwhile, so waiting for the reader holds nobody up.
struct StandardOutput;

impl tokio::io::AsyncWrite for StandardOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        text: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(std::io::stdout().lock().write(text))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(std::io::stdout().lock().flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(context)
    }
}

/// A new file that only its owner may read: records are nobody else's business.
async fn open(path: &std::path::Path) -> std::io::Result<tokio::fs::File> {
    tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await
}

/// Runs `audit exports`.
pub async fn list(globals: &Globals, options: &Exports) -> Result<u8, Failure> {
    let office = globals.office().await?;
    if let Some(id) = options.cancel {
        exports::cancel(&office.desk, id).await?;
        note("It stops at its next page.");
        return Ok(OK);
    }
    if let Some(id) = options.manifest {
        print(&signed(&office, id, office.desk.now).await?);
        return Ok(OK);
    }
    let exports = exports::list(&office.desk, 100).await?;
    let hash = |sha256: &Option<Vec<u8>>| sha256.as_deref().map(hex);
    if globals.json {
        let views: Vec<_> = exports
            .iter()
            .map(|export| {
                json!({
                    "id": export.id,
                    "format": export.format,
                    "filters": export.filters,
                    "state": export.state,
                    "percent": export.percent,
                    "written": export.written,
                    "bytes": export.bytes,
                    "sha256": hash(&export.sha256),
                    "requested_by": export.requested_by,
                    "requested_at": export.requested_at,
                    "target": export.target,
                    "problem": export.problem,
                })
            })
            .collect();
        print_json(&views);
        return Ok(OK);
    }
    let rows: Vec<_> = exports
        .iter()
        .map(|export| {
            [
                export.requested_at.to_rfc3339(),
                export.requested_by.clone(),
                export.state.clone(),
                format!("{} %", export.percent),
                export.written.to_string(),
                shown(&export.target),
                export.id.to_string(),
            ]
        })
        .collect();
    let heading = ["requested", "by", "state", "done", "records", "to", "id"];
    print(&table(heading, &rows));
    Ok(OK)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
