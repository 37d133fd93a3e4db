//! When people are asked, and what they see of an app.

use std::time::Duration;

use clap::Args;

use crate::accent::Accent;
use crate::cli::client_flags::values::{
    OrNone, count_or_none, seconds, set, set_list, set_or_none, text_or_none, word_or_none,
};
use crate::cli::input::{duration, word};
use crate::store::clients::{Confirm, Handoff, Hint, Settings};

/// When people are asked, and whom they are checked by.
#[derive(Args, Debug)]
#[command(next_help_heading = "Policy")]
pub struct Policy {
    /// When people are asked before their number is released: first_time, always or never.
    #[arg(long, value_name = "WHEN", value_parser = word::<Confirm>)]
    confirm: Option<Confirm>,
    /// Whether people may change a number the app named: fixed or suggestion.
    #[arg(long, value_parser = word::<Hint>)]
    hint: Option<Hint>,
    /// An operator it accepts, by alias. Repeat for more; replaces all.
    #[arg(long = "operator", value_name = "ALIAS")]
    operators: Vec<String>,
    /// It accepts every enabled operator.
    #[arg(long, conflicts_with = "operators")]
    any_operator: bool,
    /// How long a check answers for later sign-ins, at most 1h; 0 asks an operator every time.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    fresh_for: Option<Duration>,
    /// Whether prompt=none may ask an operator: true or false.
    #[arg(long, value_name = "BOOL")]
    silent_check: Option<bool>,
    /// Whether people at a desktop may move a login to their phone by a QR code: off or on. Read
    /// docs/handoff.md before.
    #[arg(long, value_parser = word::<Handoff>)]
    handoff: Option<Handoff>,
    /// Billable calls a month after which staff are alerted; nothing is refused; none for no quota.
    #[arg(long, value_name = "CALLS", value_parser = count_or_none)]
    quota_per_month: Option<OrNone<u32>>,
}

impl Policy {
    /// Changes what is named.
    pub fn apply(self, settings: &mut Settings) {
        set(&mut settings.confirm, self.confirm);
        set(&mut settings.hint, self.hint);
        if self.any_operator || !self.operators.is_empty() {
            settings.operators = self.operators;
        }
        set(&mut settings.fresh_for_s, self.fresh_for.map(seconds));
        set(&mut settings.silent_check, self.silent_check);
        set(&mut settings.handoff, self.handoff);
        set_or_none(&mut settings.quota_per_month, self.quota_per_month);
    }
}

/// What people see.
#[derive(Args, Debug)]
#[command(next_help_heading = "What people see")]
pub struct Links {
    /// The app's page; none takes it away, and so for all of these.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    client_uri: Option<OrNone<String>>,
    /// Its picture as its metadata names it; people see the one of --logo-file.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    logo_uri: Option<OrNone<String>>,
    /// Its privacy policy.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    policy_uri: Option<OrNone<String>>,
    /// Its terms.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    tos_uri: Option<OrNone<String>>,
    /// The colour of its buttons and links, #rrggbb; shades that can be read are made of it.
    #[arg(long, value_name = "COLOUR", value_parser = word_or_none::<Accent>)]
    accent: Option<OrNone<Accent>>,
    /// The language of its people, for those whose browser does not tell theirs, such as de.
    #[arg(long, value_name = "TAG", value_parser = text_or_none)]
    default_locale: Option<OrNone<String>>,
    /// Who answers for it. Repeat for more; replaces all; none for none.
    #[arg(long = "contact", value_name = "ADDRESS")]
    contacts: Vec<String>,
}

impl Links {
    /// Changes what is named.
    pub fn apply(self, settings: &mut Settings) {
        for (field, value) in [
            (&mut settings.client_uri, self.client_uri),
            (&mut settings.logo_uri, self.logo_uri),
            (&mut settings.policy_uri, self.policy_uri),
            (&mut settings.tos_uri, self.tos_uri),
            (&mut settings.default_locale, self.default_locale),
        ] {
            set_or_none(field, value);
        }
        set_or_none(&mut settings.accent, self.accent);
        set_list(&mut settings.contacts, self.contacts);
    }
}
