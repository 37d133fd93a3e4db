//! What lies in the database: root keys, signing keys, operators, clients.

use chrono::TimeDelta;
use sqlx::PgConnection;

use super::{Finding, Tools};
use crate::admin::operators::unguarded_endpoints;
use crate::cli::failure::Failure;
use crate::cli::office::open;
use crate::clock::{Clock, Time};
use crate::secret::{Vault, made_at, same};
use crate::store::db::StoreError;
use crate::store::keys::{self, RootCheck, Status};
use crate::store::log_verifications::{self, Standing};
use crate::store::operators::{self, Mode, Operator};
use crate::store::{clients, staff};
use crate::token::lifecycle::ALGS;

pub(super) async fn examine(tools: &Tools, vault: Option<&Vault>, findings: &mut Vec<Finding>) {
    let looked = async {
        let db = open(tools)?;
        let mut connection = db.relaxed().acquire().await.map_err(StoreError::from)?;
        look(tools, vault, &mut connection, findings).await?;
        Ok::<_, Failure>(())
    };
    if let Err(failure) = looked.await {
        findings.push(Finding::failure("contents", failure));
    }
}

async fn look(
    tools: &Tools,
    vault: Option<&Vault>,
    db: &mut PgConnection,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    if let Some(vault) = vault {
        findings.push(root(&vault.checks(), &keys::root_checks(db).await?));
    }
    findings.push(signing(&keys::signing_keys(db).await?));
    findings.push(log(
        &log_verifications::standing(&mut *db).await?,
        Clock::system().now(),
    ));
    let all = operators::list(db).await?;
    findings.extend(networks(&all, vault, tools.operators.allow_test));
    if clients::page(db, "", "", 1).await?.is_empty() {
        let fix = "Register one: numbercloak client create --name … --redirect-uri …";
        findings.push(Finding::warn("clients", "no app is registered", fix));
    }
    if staff::list(db).await?.is_empty() {
        let fix = "Run `numbercloak staff setup-link` and open the link.";
        findings.push(Finding::warn(
            "staff",
            "nobody can sign in to the console",
            fix,
        ));
    }
    Ok(())
}

fn root(given: &[(String, Vec<u8>)], known: &[RootCheck]) -> Finding {
    const CHECK: &str = "root key";
    let mut proven = false;
    for (id, check) in given {
        match known.iter().find(|known| known.root_id == *id) {
            Some(known) if same(&known.check_value, check) => proven = true,
            Some(_) => {
                return Finding::fail(
                    CHECK,
                    format!("{id} is not the key this database knows by that id"),
                    "Find the right file, or the right database.",
                );
            }
            None => {}
        }
    }
    if proven {
        return Finding::ok(CHECK, "it belongs to this database");
    }
    if known.is_empty() {
        let fix =
            "Nothing to do: the first command or start that needs it makes it this database's.";
        return Finding::warn(CHECK, "this database has none yet", fix);
    }
    let ids: Vec<_> = known.iter().map(|known| known.root_id.as_str()).collect();
    Finding::fail(
        CHECK,
        format!(
            "this database was made with {}, which is not given",
            ids.join(", ")
        ),
        "Name its file in keys.root_key_file, or another database in database.url.",
    )
}

fn signing(rows: &[keys::SigningKeyRow]) -> Finding {
    const CHECK: &str = "signing keys";
    let missing: Vec<_> = ALGS
        .into_iter()
        .map(|alg| alg.as_str())
        .filter(|alg| {
            !rows
                .iter()
                .any(|row| row.alg == *alg && row.status == Status::Active)
        })
        .collect();
    if missing.is_empty() {
        return Finding::ok(CHECK, "every algorithm has one");
    }
    Finding::warn(
        CHECK,
        format!("none signs {}", missing.join(", ")),
        "Nothing to do before the first start: the server makes them.",
    )
}

/// How long a record may wait to be sealed before somebody should look.
const SEALED_WITHIN: TimeDelta = TimeDelta::minutes(1);
/// A day's verification may have been missed once.
const VERIFIED_WITHIN: TimeDelta = TimeDelta::hours(50);

fn log(log: &Standing, now: Time) -> Finding {
    const CHECK: &str = "audit log";
    let (Some(began), Some(sealed)) = (log.began_at, log.sealed_at) else {
        let fix = "Nothing to do before the first start: the server begins it.";
        return Finding::warn(CHECK, "it has not begun", fix);
    };
    let ago = |at: Time| format!("{} min ago", (now - at).num_minutes());
    let verified = log.verified_at.map_or("never".to_owned(), ago);
    if let Some(found) = log.found.filter(|found| *found > 0) {
        return Finding::fail(
            CHECK,
            format!(
                "the last daily verification found {found}, the first: {}; it was last found whole: {verified}",
                log.first.as_deref().unwrap_or_default()
            ),
            "Run `numbercloak audit verify` with a checkpoint that you kept, and find out who was at the database.",
        );
    }
    if let Some(waits) = log
        .pending
        .and_then(made_at)
        .filter(|at| *at + SEALED_WITHIN < now)
    {
        return Finding::fail(
            CHECK,
            format!(
                "a record has waited to be sealed since {}: no server seals",
                ago(waits)
            ),
            "Start a server, or read the log of the one that runs.",
        );
    }
    let message = format!("last sealed {}, last found whole {verified}", ago(sealed));
    if log.verified_at.unwrap_or(began) + VERIFIED_WITHIN < now {
        let fix = "Let a server run at checkpoints.verify_hour with checkpoints.verify_daily, or run \
            `numbercloak audit verify` on a schedule of yours.";
        return Finding::warn(CHECK, message, fix);
    }
    Finding::ok(CHECK, message)
}

fn networks(all: &[Operator], vault: Option<&Vault>, allow_test: bool) -> Vec<Finding> {
    const CHECK: &str = "operators";
    let enabled: Vec<_> = all.iter().filter(|o| o.disabled_at.is_none()).collect();
    let mut findings = Vec::new();
    for operator in &enabled {
        let alias = &operator.alias;
        if let [first, ..] = unguarded_endpoints(&operator.settings)[..] {
            findings.push(Finding::fail(
                CHECK,
                format!("{alias}: {first} is not https"),
                format!("numbercloak operator update {alias} with https endpoints."),
            ));
        }
        if operator.mode == Mode::Test && !allow_test {
            findings.push(Finding::fail(
                CHECK,
                format!("{alias} is a test operator, which the server refuses"),
                format!("Disable it (numbercloak operator disable {alias}), or set operators.allow_test."),
            ));
        }
        if vault.is_some_and(|vault| operator.credentials(vault).is_err()) {
            findings.push(Finding::fail(
                CHECK,
                format!("{alias}: its credentials do not open with the root keys given"),
                format!("Give the earlier root key too, or the credentials anew: operator update {alias}."),
            ));
        }
    }
    if enabled.is_empty() {
        let fix = "Add one: numbercloak operator add ALIAS --settings FILE";
        findings.push(Finding::warn(
            CHECK,
            "none is enabled, so nobody can sign in",
            fix,
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{} enabled", enabled.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn known(id: &str, value: &[u8]) -> RootCheck {
        RootCheck {
            root_id: id.to_owned(),
            check_value: value.to_vec(),
        }
    }

    #[test]
    fn a_root_key_belongs_is_unknown_or_is_another() {
        let given = [("a".to_owned(), vec![1]), ("b".to_owned(), vec![2])];
        assert_eq!(root(&given, &[known("a", &[1])]).level, Level::Ok);
        assert_eq!(root(&given, &[]).level, Level::Warn);
        assert_eq!(root(&given, &[known("c", &[3])]).level, Level::Fail);
        let twisted = [known("a", &[1]), known("b", &[3])];
        assert_eq!(root(&given, &twisted).level, Level::Fail);
    }

    #[test]
    fn a_database_without_keys_is_only_new() {
        assert_eq!(signing(&[]).level, Level::Warn);
    }
}
