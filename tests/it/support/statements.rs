//! Every statement that reaches one database, read from the log of the server that runs them: what
//! the client library hides, such as `BEGIN` and `COMMIT`, is there too. Preparing a statement for the
//! first time is one more round trip and is not; count after a warm-up.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the server does by itself, whoever logs in meanwhile: parts of its statements.
const BACKGROUND: [&str; 27] = [
    "the server that wrote it went away",
    "delete from record_export_parts",
    "record_jobs",
    "rollup_closed_hours",
    "m.mismatches as",
    "where type = $1 and id >= uuid_floor($2)",
    "where h.released_at is null and h.from_at",
    "set_record_streams(",
    "LISTEN \"numbercloak_changed\"",
    "make_partitions(",
    "order by expires_at\n        limit $3",
    "delete from assertion_ids",
    "where closed_at is null and expires_at <= $1",
    "delete from visits where since",
    "update logout_deliveries",
    "from signing_keys",
    "UNLISTEN",
    "from logs",
    "from audit_pending",
    "log_tiles",
    "log_checkpoints",
    "log_places",
    "seal_leaves(",
    "as \"manifest\"",
    "pg_postmaster_start_time()",
    // The client library learns a type once on each connection.
    "pg_type.oid::regtype::text",
    "where exists (select from audit_records r where r.id = given.id)",
];

/// A reader of one database's statements.
pub struct Statements {
    log: PathBuf,
    database: String,
    from: usize,
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The session that sent it, by the process that serves it.
    pub session: u32,
    /// Its text.
    pub sql: String,
}

impl Statements {
    pub(super) fn new(log: PathBuf, database: String) -> Self {
        Self {
            log,
            database,
            from: 0,
        }
    }

    /// Forgets what came until now.
    pub fn restart(&mut self) {
        self.from = std::fs::read(&self.log).unwrap().len();
    }

    /// What the server's requests sent since, in order.
    pub fn sent(&self) -> Vec<Statement> {
        let all = self.all();
        let mut own = vec![false; all.len()];
        // What stands in each session's open transaction: one statement of the server's own makes all of
        // it the server's own.
        let mut open: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let is_own = |index: &usize| BACKGROUND.iter().any(|part| all[*index].sql.contains(part));
        for (index, one) in all.iter().enumerate() {
            if one.sql.starts_with("BEGIN") {
                open.insert(one.session, Vec::new());
            }
            match open.get_mut(&one.session) {
                Some(inside) => inside.push(index),
                None => own[index] = is_own(&index),
            }
            let ends = one.sql.starts_with("COMMIT") || one.sql.starts_with("ROLLBACK");
            if let Some(inside) = ends.then(|| open.remove(&one.session)).flatten() {
                let theirs = inside.iter().any(is_own);
                inside.into_iter().for_each(|index| own[index] = theirs);
            }
        }
        for inside in open.into_values() {
            let theirs = inside.iter().any(is_own);
            inside.into_iter().for_each(|index| own[index] = theirs);
        }
        let theirs = |(one, own): (Statement, bool)| (!own).then_some(one);
        all.into_iter().zip(own).filter_map(theirs).collect()
    }

    /// Everything the server sent since, its background tasks' statements too.
    pub fn all(&self) -> Vec<Statement> {
        let log = std::fs::read(&self.log).unwrap();
        let text = String::from_utf8_lossy(&log[self.from..]);
        let mut all: Vec<Statement> = Vec::new();
        let mut inside = false;
        for line in text.lines() {
            match line.strip_prefix("nc|") {
                // Postgres indents the further lines of one entry with a tab.
                None => {
                    if let Some(rest) = line.strip_prefix('\t').filter(|_| inside)
                        && let Some(last) = all.last_mut()
                    {
                        last.sql.push('\n');
                        last.sql.push_str(rest);
                    }
                }
                Some(entry) => {
                    let statement = self.read(entry);
                    inside = statement.is_some();
                    all.extend(statement);
                }
            }
        }
        all
    }

    fn read(&self, entry: &str) -> Option<Statement> {
        let mut parts = entry.splitn(4, '|');
        let database = parts.next()?;
        let application = parts.next()?;
        let session = parts.next()?.parse().ok()?;
        let message = parts.next()?.strip_prefix("LOG:  ")?;
        if database != self.database || application != "numbercloak" {
            return None;
        }
        let (kind, sql) = message.split_once(": ")?;
        let counts = kind == "statement" || kind.starts_with("execute ");
        counts.then(|| Statement {
            session,
            sql: sql.to_owned(),
        })
    }
}
