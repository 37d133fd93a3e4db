//! An operator as everybody sees it who works with it: the API, the command line and the console.
//! Without its credentials.

use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::breakers::OpenBreaker;
use crate::admin::moment::Moment;
use crate::clock::Time;
use crate::config::Issuer;
use crate::store::operators::{Mode, Operator, Settings};

/// An operator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Operator")]
pub struct OperatorView {
    /// The slug in its callback path; never changed.
    pub alias: String,
    /// The name people see.
    pub name: String,
    /// Whether it vouches for real numbers.
    pub mode: Mode,
    /// What the operator must have on its list for us; absent only on a command line that knows no
    /// issuer.
    #[schemars(with = "String")]
    pub redirect_uri: Option<String>,
    /// Its contract.
    pub settings: Settings,
    /// Whether we have something to prove ourselves with.
    pub has_credentials: bool,
    /// Servers that leave it alone because its calls fail.
    pub breakers: Vec<OpenBreaker>,
    /// Whose file it is kept as by `numbercloak apply`.
    pub managed_by: Option<String>,
    /// Counts the edits; its ETag.
    pub revision: i32,
    /// Set: it is paused, nobody is sent to it.
    #[schemars(with = "Option<Moment>")]
    pub disabled_at: Option<Time>,
    /// When it was added.
    #[schemars(with = "Moment")]
    pub created_at: Time,
    /// When it was last edited.
    #[schemars(with = "Moment")]
    pub updated_at: Time,
}

impl OperatorView {
    /// How it is now. Of the breakers, those of others are left out.
    #[must_use]
    pub fn of(operator: &Operator, issuer: Option<&Issuer>, breakers: &[OpenBreaker]) -> Self {
        let its_own = breakers
            .iter()
            .filter(|open| open.operator == operator.alias);
        Self {
            alias: operator.alias.clone(),
            name: operator.name.clone(),
            mode: operator.mode,
            redirect_uri: issuer.map(|issuer| redirect_uri(issuer, &operator.alias)),
            settings: operator.settings.clone(),
            has_credentials: operator.sealed_credentials.is_some(),
            breakers: its_own.cloned().collect(),
            managed_by: operator.managed_by.clone(),
            revision: operator.revision,
            disabled_at: operator.disabled_at,
            created_at: operator.created_at,
            updated_at: operator.updated_at,
        }
    }

    /// How it stands, for people.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.disabled_at.is_some() {
            "paused"
        } else if self.breakers.is_empty() {
            "asked"
        } else {
            "does not answer"
        }
    }

    /// Whether it vouches only for test numbers.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.mode == Mode::Test
    }
}

/// Where an operator sends people back to us.
#[must_use]
pub fn redirect_uri(issuer: &Issuer, alias: &str) -> String {
    issuer.url(&format!("/broker/{alias}/endpoint"))
}
