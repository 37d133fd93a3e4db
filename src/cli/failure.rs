//! How a command fails: an exit code that stays the same, what is wrong, and what to do about it.

use std::fmt;

use crate::admin::Refused;
use crate::admin::keys::KeysRefused;
use crate::config::Faults;
use crate::store::db::StoreError;
use crate::token::KeyError;

/// All went well.
pub const OK: u8 = 0;
/// Something was found, or something else went wrong.
pub const FINDING: u8 = 1;
/// The command was not understood or named something that does not exist.
pub const USAGE: u8 = 2;
/// The configuration is at fault.
pub const CONFIG: u8 = 3;
/// The database is at fault.
pub const DATABASE: u8 = 4;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty if the message says it.
    pub fix: String,
}

impl Failure {
    /// A failure with its hint.
    pub fn new(code: u8, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fix: fix.into(),
        }
    }

    /// A wrong argument.
    pub fn usage(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(USAGE, message, fix)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if !self.fix.is_empty() {
            write!(f, "\n  Fix: {}", self.fix)?;
        }
        Ok(())
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        // Every fault carries its own fix.
        Self::new(CONFIG, faults.to_string(), "")
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let fix = match &error {
            StoreError::Stale => "Look at it again and repeat your change.",
            StoreError::Conflict(_) => "Report this: a rule of the database was met unprepared.",
            StoreError::Unsealable(_) => {
                "Give the server every root key that rows were sealed under (keys.roots), or restore the row."
            }
            StoreError::Database(error) => database_fix(error),
        };
        Self::new(DATABASE, format!("the database: {error}"), fix)
    }
}

fn database_fix(error: &sqlx::Error) -> &'static str {
    if let sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Tls(_) = error {
        return "Check that PostgreSQL runs and that database.url names it; `numbercloak doctor` tells more.";
    }
    match error.as_database_error().and_then(|e| e.code()).as_deref() {
        // undefined table, function, column; an unknown role to take on
        Some("42P01" | "42883" | "42703" | "22023" | "42704") => {
            "Run `numbercloak migrate`: the schema is missing or older than this program."
        }
        Some("3D000") => "Create the database, or correct its name in database.url.",
        Some("28P01" | "28000") => "Correct the user or password in database.url.",
        Some("42501") => {
            "Let the login take on the application's role: grant numbercloak_app to it."
        }
        _ => "Run `numbercloak doctor` to see what is wrong with the database.",
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::Invalid { .. } | Refused::NotFound { .. } | Refused::Taken { .. } => USAGE,
            Refused::Stale => FINDING,
            Refused::Database(error) => return error.into(),
        };
        Self::new(code, refused.to_string(), refused.fix())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let message = error.to_string();
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Unreadable { .. } => Self::new(
                CONFIG,
                message,
                "Give the root key it was sealed under in keys.retired_root_key_files, or restore the row.",
            ),
            KeyError::OtherRoot(_)
            | KeyError::UnknownRoots { .. }
            | KeyError::RootStillNeeded { .. } => Self::new(
                CONFIG,
                message,
                "Name this database's root key in keys.root_key_file, or another database in database.url.",
            ),
            KeyError::TooEarly { .. } => Self::new(
                FINDING,
                message,
                "Wait until then; only if the active key is in other hands, use --compromised.",
            ),
            KeyError::Gone(_) => Self::new(
                USAGE,
                error.to_string(),
                "`numbercloak key list` shows them; what is retired is gone already.",
            ),
            KeyError::NoKey { .. } => Self::new(
                FINDING,
                message,
                "Start the server once: it makes the keys that are missing.",
            ),
            KeyError::Generation => {
                Self::new(FINDING, message, "Try again; report it if it stays.")
            }
        }
    }
}

impl From<KeysRefused> for Failure {
    fn from(refused: KeysRefused) -> Self {
        match refused {
            KeysRefused::Record(refused) => refused.into(),
            KeysRefused::Key(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_code_and_a_hint() {
        let invalid = Refused::Invalid {
            field: "name",
            message: "is empty".to_owned(),
        };
        for (failure, code) in [
            (Failure::from(invalid), USAGE),
            (Failure::from(Refused::Stale), FINDING),
            (
                Failure::from(Refused::Database(StoreError::Database(
                    sqlx::Error::PoolTimedOut,
                ))),
                DATABASE,
            ),
            (Failure::from(KeyError::OtherRoot("x".to_owned())), CONFIG),
        ] {
            assert_eq!(failure.code, code, "{failure}");
            assert!(failure.to_string().contains("\n  Fix: "), "{failure}");
        }
    }
}
