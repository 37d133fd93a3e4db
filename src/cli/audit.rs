//! `audit`: what was recorded.

use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin::Desk;
use crate::admin::audit::{self, Entry, MOST, Query};
use crate::cli::audit_log::{self, LogCommand};
use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::input::{When, phone_number, when, word};
use crate::cli::office::Globals;
use crate::cli::output::{note, print, print_json, shown, table};
use crate::clock::Time;
use crate::verdict::Outcome;

/// What was recorded.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List records, newest first. Exit code 1 if one does not carry our MAC.
    #[command(
        after_help = "JSON fields: id, authentic (whether it carries our MAC), number (masked; null if there is none \
        or it was erased), record (the body as recorded: v, id, at, type, login_id, client_id, operator, outcome, \
        actor and the event's own)."
    )]
    List(List),
    /// Write records to a file or to standard output, newest first, however many they are.
    #[command(
        after_help = "Beside FILE stands FILE.manifest, signed by the log's key: records, bytes, sha256, filters and the \
        checkpoints that cover it. `audit verify --export FILE --manifest FILE.manifest --key KEY` checks them anywhere. The \
        record of the export's end says the same.\n\nJSON fields: export, state, format, filters, order, requested_by, \
        requested_at, finished_at, records, bytes, sha256, first, last, problem; on standard error if the records go to \
        standard output."
    )]
    Export(super::audit_export::Export),
    /// Exports, newest first: how far they are.
    #[command(
        after_help = "JSON fields: a list of id, format, filters, state (running, done, cancelled, failed), percent, \
        written, bytes, sha256, requested_by, requested_at, target, problem."
    )]
    Exports(super::audit_export::Exports),
    /// Show what is personal in a record, in full: number, address, user agent. That it was shown is recorded, with
    /// the reason.
    #[command(after_help = "JSON fields: number, address, user_agent (null where there is none).")]
    Unmask(super::audit_unmask::Unmask),
    /// How long records stay, and legal holds.
    #[command(subcommand)]
    Keep(super::audit_keep::KeepCommand),
    #[command(flatten)]
    Log(LogCommand),
}

/// `audit list`.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    pub(super) which: Which,
    /// Records before this one: the last id of the page before.
    #[arg(long, value_name = "ID")]
    before: Option<Uuid>,
    /// Records at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST)))]
    limit: u16,
}

/// Which records are meant; every option given narrows it.
#[derive(Args, Debug)]
pub struct Which {
    /// Not older than this: 2026-07-01T08:00:00Z, or how long ago: 2h, 7d.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// Older than this, as --since.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,
    /// The event: NUMBER_VERIFIED, LOGIN_ERROR, ADMIN_EVENT, …
    #[arg(long = "type", value_name = "EVENT")]
    kind: Option<String>,
    /// One login, by its reference.
    #[arg(long, value_name = "ID")]
    login: Option<Uuid>,
    /// One client, by client_id.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// One operator, by alias.
    #[arg(long, value_name = "ALIAS")]
    operator: Option<String>,
    /// One outcome: verified, mismatch, …
    #[arg(long, value_parser = word::<Outcome>)]
    outcome: Option<Outcome>,
    /// One number, international: read from this file, or from standard input for -, because every
    /// user of this machine can read arguments.
    #[arg(long, value_name = "FILE")]
    number_file: Option<std::path::PathBuf>,
    /// One login, by what its person reads on our pages: 7F3A-21AB.
    #[arg(long, value_name = "REFERENCE")]
    reference: Option<String>,
    /// First records of logins that began from an address, or from an IPv4 /24 or /16, or an IPv6 /64,
    /// /48 or /32; some minutes after they were made.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    network: Option<IpNet>,
    /// Who did it: a staff member's email, cli, system.
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "write an address, or a network such as 192.0.2.0/24".to_owned())
}

impl Which {
    pub(super) fn query(self, now: Time) -> Result<Query, Failure> {
        Ok(Query {
            before: None,
            after: None,
            since: self.since.map(|when| when.resolve(now)),
            until: self.until.map(|when| when.resolve(now)),
            kind: self.kind.map(|kind| kind.to_uppercase()),
            login_id: self.login,
            client_id: self.client,
            operator: self.operator,
            outcome: self.outcome,
            number: self.number_file.as_deref().map(phone_number).transpose()?,
            reference: self.reference,
            network: self.network,
            actor: self.actor,
        })
    }
}

/// Runs it.
pub async fn run(globals: &Globals, command: AuditCommand) -> Result<u8, Failure> {
    let list = match command {
        AuditCommand::List(list) => list,
        AuditCommand::Export(export) => return super::audit_export::run(globals, export).await,
        AuditCommand::Exports(exports) => {
            return super::audit_export::list(globals, &exports).await;
        }
        AuditCommand::Unmask(unmask) => return super::audit_unmask::run(globals, &unmask).await,
        AuditCommand::Keep(command) => return super::audit_keep::run(globals, command).await,
        AuditCommand::Log(command) => return audit_log::run(globals, command).await,
    };
    let office = globals.office().await?;
    let limit = list.limit;
    let query = Query {
        before: list.before,
        ..list.which.query(office.desk.now)?
    };
    let entries = all(&office.desk, query, limit).await?;
    if globals.json {
        let views: Vec<_> = entries
            .iter()
            .map(|entry| {
                json!({
                    "id": entry.id,
                    "authentic": entry.authentic,
                    "number": entry.number,
                    "record": entry.body,
                })
            })
            .collect();
        print_json(&views);
    } else {
        let rows: Vec<_> = entries.iter().map(row).collect();
        let heading = [
            "at", "event", "client", "operator", "outcome", "number", "what", "id",
        ];
        print(&table(heading, &rows));
    }
    let forged = entries.iter().filter(|entry| !entry.authentic).count();
    if forged > 0 {
        note(&format!(
            "{forged} of these do not carry our MAC: they were altered, or their root key is not given."
        ));
        return Ok(FINDING);
    }
    Ok(OK)
}

/// So many records, however far back they lie.
async fn all(desk: &Desk, mut query: Query, limit: u16) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    loop {
        let left = limit - u16::try_from(entries.len()).unwrap_or(limit);
        let found = audit::list(desk, query.clone(), left).await?;
        entries.extend(found.entries);
        match found.looked_back_to {
            Some(next) => query.before = Some(next),
            None => return Ok(entries),
        }
    }
}

fn row(entry: &Entry) -> [String; 8] {
    let text = |field: &str| shown(entry.body[field].as_str().unwrap_or_default());
    let what = match &entry.body["type"] {
        Value::String(kind) if kind == "ADMIN_EVENT" => {
            let action = entry.body["details"]["action"].as_str();
            format!(
                "{} {} {} by {}",
                action.map_or_else(|| text("operation").to_lowercase(), shown),
                text("resource"),
                text("resource_id"),
                text("actor")
            )
        }
        _ => text("reason"),
    };
    [
        text("at"),
        text("type") + if entry.authentic { "" } else { " (not ours)" },
        text("client_id"),
        text("operator"),
        text("outcome"),
        entry.number.clone().unwrap_or_default(),
        what,
        entry.id.to_string(),
    ]
}
