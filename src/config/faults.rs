//! What is wrong with a configuration: where, what, and how to mend it.

use std::fmt;

/// One thing wrong. Never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `config.toml:12 server.listen`, `env NUMBERCLOAK__SERVER__LISTEN`, `flag server.listen`, or
    /// the key alone if it is set nowhere.
    pub place: String,
    /// What is wrong, a sentence without a stop.
    pub what: String,
    /// What to do about it, a sentence without a stop.
    pub fix: String,
}

impl Fault {
    pub(super) fn new(
        place: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.fix.ends_with('?') { "" } else { "." };
        let Self { place, what, fix } = self;
        write!(f, "{place}: {what}.\n  Fix: {fix}{stop}")
    }
}

/// All that is wrong, so that one run tells everything. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "the configuration has {} fault{plural}", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
