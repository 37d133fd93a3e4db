//! The database as a program: reachable, recent, durable, migrated, and closed to tampering.

use super::{Finding, Tools};
use crate::cli::failure::Failure;
use crate::clock::{Clock, Time};
use crate::store::db::APP_ROLE;
use crate::store::health::{self, Facts, OLDEST_VERSION, Schema};

/// Half of what the shortest-lived things of ours can bear.
const MOST_SKEW_MS: i64 = 2_000;

/// Whether anything inside can be looked at afterwards.
pub(super) async fn examine(tools: &Tools, findings: &mut Vec<Finding>) -> bool {
    let database = &tools.database;
    let before = Clock::system().now();
    let facts = match health::look(database.url.reveal()).await {
        Ok(facts) => facts,
        Err(error) => {
            findings.push(Finding::failure("database", Failure::from(error)));
            return false;
        }
    };
    let after = Clock::system().now();
    findings.push(version(&facts));
    findings.push(Finding::either(
        "durability",
        facts.fsync && facts.full_page_writes,
        "fsync and full_page_writes are on",
        "fsync or full_page_writes is off: a crash can lose audit records that were acknowledged",
        "Set both to on in postgresql.conf.",
    ));
    findings.push(clock(before, facts.now, after));
    let url = database.migrator_url.as_ref().unwrap_or(&database.url);
    findings.push(match health::schema(url.reveal()).await {
        Ok(schema) => compared(&schema),
        Err(error) => unknown_schema(&error.to_string(), facts.has_audit),
    });
    findings.push(tampering(&facts));
    facts.app_role_exists && facts.has_audit
}

fn version(facts: &Facts) -> Finding {
    Finding::either(
        "database",
        facts.version >= OLDEST_VERSION,
        &format!("PostgreSQL {}", facts.version_text),
        &format!("PostgreSQL {} is too old", facts.version_text),
        "Use PostgreSQL 15 or newer.",
    )
}

/// The database's time lies between ours before and after asking, if the clocks agree.
fn clock(before: Time, there: Time, after: Time) -> Finding {
    let off = if there < before {
        there - before
    } else if there > after {
        there - after
    } else {
        return Finding::ok("clock", "it agrees with the database's");
    };
    let ms = off.num_milliseconds();
    let text = format!("the database's is {ms} ms from ours");
    if ms.abs() <= MOST_SKEW_MS {
        return Finding::ok("clock", text);
    }
    Finding::fail(
        "clock",
        text,
        "Run a time service (chrony, ntpd) on both machines.",
    )
}

fn compared(schema: &Schema) -> Finding {
    if !schema.altered.is_empty() {
        return Finding::fail(
            "schema",
            format!(
                "migration {} was another one when it was run",
                list(&schema.altered)
            ),
            "Use the release that made this database, or restore it from a backup.",
        );
    }
    if !schema.missing.is_empty() {
        return Finding::fail(
            "schema",
            format!("migration {} was not run yet", list(&schema.missing)),
            "Run `numbercloak migrate`.",
        );
    }
    if !schema.unknown.is_empty() {
        return Finding::warn(
            "schema",
            format!(
                "it is newer than this program (migration {})",
                list(&schema.unknown)
            ),
            "Fine during an update; otherwise install the release that made it.",
        );
    }
    Finding::ok("schema", "it is current")
}

fn unknown_schema(error: &str, has_audit: bool) -> Finding {
    if has_audit {
        return Finding::warn(
            "schema",
            format!("which migrations were run cannot be seen: {error}"),
            "Set database.migrator_url to the role that owns the tables.",
        );
    }
    Finding::fail(
        "schema",
        "no migration was ever run",
        "Run `numbercloak migrate`.",
    )
}

fn tampering(facts: &Facts) -> Finding {
    const CHECK: &str = "audit rights";
    let role = APP_ROLE;
    if !facts.app_role_exists || !facts.has_audit {
        return Finding::fail(
            CHECK,
            format!("the role {role} or the audit tables do not exist"),
            "Run `numbercloak migrate`.",
        );
    }
    if facts.app_can_alter_audit {
        return Finding::fail(
            CHECK,
            format!("{role} can alter or delete audit records"),
            format!("Revoke update, delete and truncate on the audit tables from {role}."),
        );
    }
    if facts.login_can_alter_audit {
        return Finding::warn(
            CHECK,
            format!("{role} cannot alter audit records, but the login behind it can"),
            format!(
                "Let the server log in as a member of {role} that owns nothing, and give the owner \
                 to database.migrator_url only."
            ),
        );
    }
    Finding::ok(CHECK, "audit records cannot be altered by the server")
}

fn list(versions: &[i64]) -> String {
    let words: Vec<_> = versions.iter().map(i64::to_string).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Level;
    use super::*;

    fn facts() -> Facts {
        Facts {
            version: 160_002,
            version_text: "16.2".to_owned(),
            fsync: true,
            full_page_writes: true,
            now: Time::default(),
            app_role_exists: true,
            has_audit: true,
            app_can_alter_audit: false,
            login_can_alter_audit: false,
        }
    }

    #[test]
    fn an_old_server_and_a_role_that_can_alter_records_fail() {
        assert_eq!(version(&facts()).level, Level::Ok);
        let mut old = facts();
        old.version = 140_010;
        assert_eq!(version(&old).level, Level::Fail);

        assert_eq!(tampering(&facts()).level, Level::Ok);
        let mut open = facts();
        open.login_can_alter_audit = true;
        assert_eq!(tampering(&open).level, Level::Warn);
        open.app_can_alter_audit = true;
        assert_eq!(tampering(&open).level, Level::Fail);
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        let at = |ms| Time::default() + Duration::from_millis(ms);
        assert_eq!(clock(at(0), at(4_000), at(5_000)).level, Level::Ok);
        assert_eq!(clock(at(0), at(6_900), at(5_000)).level, Level::Ok);
        assert_eq!(clock(at(0), at(7_100), at(5_000)).level, Level::Fail);
        assert_eq!(clock(at(5_000), at(0), at(5_100)).level, Level::Fail);
    }

    #[test]
    fn a_schema_is_behind_ahead_or_current() {
        let mut schema = Schema::default();
        assert_eq!(compared(&schema).level, Level::Ok);
        schema.unknown = vec![9];
        assert_eq!(compared(&schema).level, Level::Warn);
        schema.missing = vec![8];
        assert_eq!(compared(&schema).level, Level::Fail);
    }
}
