//! `doctor`: what stands between this installation and a sign-in, each with its remedy.

mod database;
mod inside;

use serde::Serialize;

use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::office::{Globals, read_vault};
use crate::cli::output::{print, print_json};
use crate::config::{self, Config, Faults, Needs, Tools};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    message: String,
    /// What to do about it; absent if all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::with(check, Level::Ok, message, None)
    }

    fn warn(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::with(check, Level::Warn, message, Some(fix.into()))
    }

    fn fail(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::with(check, Level::Fail, message, Some(fix.into()))
    }

    fn failure(check: &'static str, failure: Failure) -> Self {
        Self::fail(check, failure.message, failure.fix)
    }

    /// Good, or a failure with its remedy.
    fn either(check: &'static str, good: bool, well: &str, ill: &str, fix: &str) -> Self {
        if good {
            Self::ok(check, well)
        } else {
            Self::fail(check, ill, fix)
        }
    }

    fn with(
        check: &'static str,
        level: Level,
        message: impl Into<String>,
        fix: Option<String>,
    ) -> Self {
        Self {
            check,
            level,
            message: message.into(),
            fix,
        }
    }
}

/// Runs it: everything that can be looked at is, whatever was found before.
pub async fn run(globals: &Globals) -> Result<u8, Failure> {
    let findings = examine(globals).await;
    let failed = findings.iter().any(|f| f.level == Level::Fail);
    if globals.json {
        print_json(&serde_json::json!({ "ok": !failed, "findings": findings }));
    } else {
        print(&report(&findings));
    }
    Ok(if failed { FINDING } else { OK })
}

async fn examine(globals: &Globals) -> Vec<Finding> {
    let mut findings = Vec::new();
    let file = globals.config.as_deref();
    match config::from_process(file, globals.options.clone()) {
        Ok(config) => {
            findings.push(Finding::ok("configuration", "it is complete"));
            findings.push(issuer(&config));
        }
        Err(Faults(faults)) => findings.extend(faults.into_iter().map(|fault| {
            Finding::fail(
                "configuration",
                format!("{}: {}", fault.place, fault.what),
                fault.fix,
            )
        })),
    }
    // With what there is of it, go on.
    let Ok(tools) = config::tools_from_process(file, globals.options.clone(), Needs::default())
    else {
        return findings;
    };
    let is_usable = database::examine(&tools, &mut findings).await;
    let vault = match globals.tools(Needs {
        root_keys: true,
        ..Needs::default()
    }) {
        Ok(tools) => match read_vault(&tools).await {
            Ok(vault) => Some(vault),
            Err(failure) => {
                findings.push(Finding::failure("root key", failure));
                None
            }
        },
        // Told above, among the configuration's faults.
        Err(_) => None,
    };
    if is_usable {
        inside::examine(&tools, vault.as_ref(), &mut findings).await;
    }
    findings
}

fn issuer(config: &Config) -> Finding {
    let issuer = config.issuer.as_str();
    let public = config.listen.public;
    if !config.issuer.is_https() {
        return Finding::warn(
            "issuer",
            format!("{issuer} is for this machine only"),
            "For anybody else, set it to an https:// URL.",
        );
    }
    if config.tls.is_none() && config.proxies.trusted.is_empty() {
        return Finding::warn(
            "issuer",
            format!("{issuer} is https, but {public} serves plain http and no proxy is trusted"),
            "Set server.tls, or list the proxy that ends TLS in server.trusted_proxies.",
        );
    }
    Finding::ok("issuer", issuer)
}

fn report(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let sign = match finding.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        text.push_str(&format!("{sign}  {}: {}\n", finding.check, finding.message));
        if let Some(fix) = finding.fix.as_deref().filter(|fix| !fix.is_empty()) {
            text.push_str(&format!("      Fix: {fix}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_well_is_reported_with_its_remedy() {
        let findings = [
            Finding::ok("a", "fine"),
            Finding::either("b", false, "fine", "broken", "Mend it."),
        ];
        assert_eq!(
            report(&findings),
            "ok    a: fine\nFAIL  b: broken\n      Fix: Mend it.\n"
        );
        assert_eq!(
            serde_json::to_value(&findings[0]).unwrap(),
            serde_json::json!({ "check": "a", "level": "ok", "message": "fine" })
        );
    }
}
