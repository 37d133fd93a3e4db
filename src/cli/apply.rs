//! `apply` and `export`: configuration as code.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::admin::Refused;
use crate::admin::apply::{self, Applying, Change};
use crate::admin::apply_file::File;
use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::input;
use crate::cli::office::Globals;
use crate::cli::output::{note, print, print_json, shown};
use crate::outbound::{Limits, Outbound, Rules};
use crate::secret::Redacted;

/// More than any such file.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// A table of the whole internet is smaller.
const MOST_TABLE_BYTES: usize = 128 * 1024 * 1024;

/// `apply`.
#[derive(Args, Debug)]
pub struct Apply {
    /// The TOML file, or - for standard input. Names of files in it are relative to its folder.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Tell the difference and change nothing. Exit code 1 if there is one.
    #[arg(long)]
    dry_run: bool,
    /// End what this file's owner kept before and the file no longer names: apps are ended for good,
    /// operators paused, the telco finder and networks forgotten.
    #[arg(long)]
    prune: bool,
    /// Take over rows that another owner's file keeps.
    #[arg(long)]
    take_over: bool,
}

/// `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// The owner to write into the file.
    #[arg(long, default_value = "export")]
    owner: String,
    /// Only what this owner keeps already.
    #[arg(long)]
    only_own: bool,
}

/// Runs `apply`.
pub async fn apply(globals: &Globals, options: Apply) -> Result<u8, Failure> {
    let file = File::parse(&read(&options.file)?)?;
    let office = globals.office().await?;
    let calls = &office.tools.operators;
    let outbound = Outbound::new(&Rules {
        allow_private: calls.allow_private_addresses.clone(),
        at_most: Some(Limits {
            connect: calls.connect_timeout,
            total: calls.total_timeout,
            max_bytes: calls.max_answer_bytes,
        }),
        ..Rules::default()
    })
    .map_err(|error| {
        let fix = "Repair the system's trust store.";
        Failure::new(FINDING, error.to_string(), fix)
    })?;
    let folder = options.file.parent().unwrap_or(Path::new("")).to_owned();
    let how = Applying {
        outbound: &outbound,
        secret: |file: &Path| read_secret(&folder.join(file)),
        bytes: &|file: &Path| read_bytes(&folder.join(file)),
        dry_run: options.dry_run,
        prune: options.prune,
        take_over: options.take_over,
    };
    let changes = apply::apply(&office.desk, &file, &how).await?;
    show(globals, &changes, options.dry_run);
    Ok(if options.dry_run && !changes.is_empty() {
        FINDING
    } else {
        OK
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = if file == Path::new("-") {
        let stdin = std::io::stdin().lock();
        stdin.take(MOST_BYTES).read_to_string(&mut text)
    } else {
        let open = std::fs::File::open(file);
        open.and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
    };
    read.map_err(|error| {
        let fix = "Name a TOML file that this user may read; `numbercloak export` writes one.";
        Failure::usage(format!("{} cannot be read ({error})", file.display()), fix)
    })?;
    Ok(text)
}

fn read_secret(file: &Path) -> Result<Redacted, Refused> {
    input::secret(file).map_err(|failure| Refused::Invalid {
        field: "secret_file",
        message: failure.message,
    })
}

fn read_bytes(file: &Path) -> Result<Vec<u8>, Refused> {
    let bytes = input::file(&file.to_string_lossy(), MOST_TABLE_BYTES);
    bytes.map_err(|message| Refused::Invalid {
        field: "file",
        message,
    })
}

fn show(globals: &Globals, changes: &[Change], dry_run: bool) {
    if globals.json {
        return print_json(&changes);
    }
    for change in changes {
        print(&format!(
            "{} {} {}",
            change.action,
            change.resource,
            shown(&change.id)
        ));
        let fields = change.changes.as_object().into_iter().flatten();
        for (field, values) in fields {
            print(&match values.get("before") {
                Some(before) => format!("  {field}: {before} -> {}", values["after"]),
                None => format!("  {field}: {values}"),
            });
        }
        if let Some(secret) = &change.client_secret {
            print(&format!("  client_secret: {secret}"));
        }
    }
    if changes.iter().any(|change| change.client_secret.is_some()) {
        note("Secrets are shown this once.");
    }
    note(&match (changes.len(), dry_run) {
        (0, _) => "Everything is as the file says.".to_owned(),
        (n, true) => format!("{n} differ; nothing was changed."),
        (n, false) => format!("{n} changed."),
    });
}

/// Runs `export`.
pub async fn export(globals: &Globals, options: Export) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let file = apply::export(&office.desk, &options.owner, options.only_own).await?;
    if globals.json {
        print_json(&file);
    } else {
        print(&file.to_toml());
        note("Secrets are not in it: it names the files that `apply` will read them from.");
    }
    Ok(OK)
}
