//! The pages of a login: one struct per page, filled by the handlers. The words are in
//! `locales/`, the HTML in `templates/login/`.
//!
//! No page ever gets a whole number, except the one a person typed, back into its field; and none
//! ever learns the number of the SIM.

use askama::Template;

use crate::phone::NotANumber;
use crate::web::page::Frame;

/// Asks the person for the go-ahead before the operator is asked. Posts to `continue`, `number`,
/// `cancel`.
#[derive(Template)]
#[template(path = "login/go_ahead.html")]
pub struct GoAhead {
    /// The page's frame.
    pub frame: Frame,
    /// The number to be checked, masked.
    pub number_masked: String,
    /// Whether the person may give another number.
    pub may_change: bool,
    /// Whether the login may be moved to a phone: then that comes first. Posts to `handoff`.
    pub to_phone: bool,
}

/// Asks for the number. Posts `phone_number` to `number`.
#[derive(Template)]
#[template(path = "login/number.html")]
pub struct Number {
    /// The page's frame.
    pub frame: Frame,
    /// What the person typed before, as typed.
    pub value: String,
    /// What was wrong with it.
    pub error: Option<NotANumber>,
    /// Whether the login may be moved to a phone: then that comes first, with `on` = `phone`.
    pub to_phone: bool,
}

impl Number {
    /// The text about the error, empty without one.
    fn error_key(&self) -> &'static str {
        match self.error {
            None => "",
            Some(NotANumber::Empty) => "number_error_empty",
            Some(NotANumber::NoCountryCode) => "number_error_no_country",
            Some(NotANumber::UnknownCountryCode) => "number_error_unknown_country",
            Some(NotANumber::TooShort) => "number_error_too_short",
            Some(NotANumber::TooLong) => "number_error_too_long",
            Some(NotANumber::Landline) => "number_error_landline",
            Some(NotANumber::Malformed) => "number_error_malformed",
        }
    }
}

/// Asks which operator it is. Posts `operator`, an alias or `-` for none of them, to `operator`;
/// and to `number`, `cancel`.
#[derive(Template)]
#[template(path = "login/choose_operator.html")]
pub struct ChooseOperator {
    /// The page's frame.
    pub frame: Frame,
    /// The operators: alias and name, in order of name.
    pub operators: Vec<(String, String)>,
    /// The number to be checked, masked; `None` if the operator is to tell it.
    pub number_masked: Option<String>,
    /// Whether the person may give another number.
    pub may_change: bool,
    /// The operator that said that the number is not its own.
    pub declined: Option<String>,
    /// Whether what was sent is not on the list.
    pub is_error: bool,
}

/// Asks for the go-ahead to release a number that the operator told us. Posts to `continue` and
/// `cancel`.
#[derive(Template)]
#[template(path = "login/share.html")]
pub struct Share {
    /// The page's frame.
    pub frame: Frame,
    /// The number, masked.
    pub number_masked: String,
}

/// Leaves for the operator: a refresh and a link, because a form's redirect may not leave our
/// origin under our policy.
#[derive(Template)]
#[template(path = "login/checking.html")]
pub struct Checking {
    /// The page's frame.
    pub frame: Frame,
    /// The operator's name.
    pub operator_name: String,
    /// The operator's authorization URL.
    pub url: String,
}

/// Why a browser leaves for the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The number is confirmed.
    Confirmed,
    /// The person cancelled or did not share.
    Cancelled,
    /// Anything else.
    Error,
}

impl Why {
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Confirmed => ("leaving_confirmed_title", "leaving_confirmed_lead"),
            Self::Cancelled => ("leaving_cancelled_title", "leaving_cancelled_lead"),
            Self::Error => ("leaving_error_title", "leaving_error_lead"),
        }
    }

    fn sign(self) -> &'static str {
        if self == Self::Confirmed {
            "yes"
        } else {
            "back"
        }
    }
}

/// Leaves for the app: a refresh and a link.
#[derive(Template)]
#[template(path = "login/leaving.html")]
pub struct Leaving {
    /// The page's frame.
    pub frame: Frame,
    /// The redirect URI with the answer.
    pub url: String,
    /// Why.
    pub why: Why,
}

/// What we think of a connection that is not a mobile network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// A fixed line.
    Wifi,
    /// iCloud Private Relay or its like.
    Relay,
    /// A VPN or a hosting centre.
    Vpn,
    /// A mobile network's, but no phone: a phone shares it.
    Hotspot,
    /// We cannot tell.
    Unknown,
}

/// What a page's script needs to notice that the phone is on another network.
pub struct Watch {
    /// Where it asks.
    pub url: String,
    /// What stands for the connection the page was made on.
    pub from: String,
    /// The login's legs so far: of two tabs that go on by themselves, one does.
    pub after: i32,
}

/// The operator could not see the phone. Posts to `continue`, `number`, `return`, `handoff`.
#[derive(Template)]
#[template(path = "login/not_mobile.html")]
pub struct NotMobile {
    /// The page's frame.
    pub frame: Frame,
    /// Whether the person may give another number.
    pub may_change: bool,
    /// What the connection looks like; `None` if it looks like the operator's own.
    pub connection: Option<Connection>,
    /// Whether the login may be moved to a phone.
    pub to_phone: bool,
    /// Whether this is a phone that a login was moved to: it has no way to the app.
    pub on_phone: bool,
    /// What its script needs.
    pub watch: Watch,
    /// Whether the person may choose another operator: the one they chose sees no other's SIMs.
    pub may_choose: bool,
}

impl NotMobile {
    fn title(&self) -> &'static str {
        match self.connection {
            Some(Connection::Vpn) => "vpn_title",
            Some(Connection::Relay) => "relay_title",
            Some(Connection::Hotspot) => "hotspot_title",
            Some(Connection::Wifi | Connection::Unknown) => "wifi_title",
            None => "no_sim_title",
        }
    }

    fn lead(&self) -> &'static str {
        match self.connection {
            Some(Connection::Vpn) => "vpn_lead",
            Some(Connection::Relay) => "relay_lead",
            Some(Connection::Hotspot) => "hotspot_lead",
            Some(Connection::Wifi) => "wifi_lead",
            Some(Connection::Unknown) => "wifi_maybe_lead",
            None => "no_sim_lead",
        }
    }

    fn steps(&self) -> [&'static str; 3] {
        match self.connection {
            Some(Connection::Vpn) => ["vpn_step_off", "vpn_step_data", "step_back"],
            Some(Connection::Relay) => ["relay_step_off", "vpn_step_data", "step_back"],
            Some(Connection::Hotspot) => ["hotspot_step_phone", "wifi_step_data", "step_back"],
            Some(Connection::Wifi | Connection::Unknown) => {
                ["wifi_step_off", "wifi_step_data", "step_back"]
            }
            None => ["no_sim_step_two", "no_sim_step_vpn", "step_back"],
        }
    }

    /// What else may be the reason: what the steps do not say already.
    fn help(&self) -> &'static [&'static str] {
        match self.connection {
            Some(Connection::Vpn | Connection::Relay) => &["help_two_sims", "help_hotspot"],
            Some(Connection::Hotspot) => &["help_vpn", "help_two_sims"],
            Some(Connection::Wifi | Connection::Unknown) => {
                &["help_vpn", "help_two_sims", "help_hotspot"]
            }
            None => &["help_hotspot"],
        }
    }
}

/// The SIM has another number; which one is never told. Posts to `number` (or `continue`, if the
/// number may not be changed) and `return`.
#[derive(Template)]
#[template(path = "login/mismatch.html")]
pub struct Mismatch {
    /// The page's frame.
    pub frame: Frame,
    /// The number that was checked, masked.
    pub number_masked: String,
    /// Whether the person may give another number.
    pub may_change: bool,
    /// What the person typed, as typed; empty if the app named the number.
    pub value: String,
    /// With 0 the page only leads back.
    pub tries_left: u32,
}

/// No operator of ours answers for this number. Posts to `number` and `return`.
#[derive(Template)]
#[template(path = "login/unsupported.html")]
pub struct Unsupported {
    /// The page's frame.
    pub frame: Frame,
    /// Whether the person may give another number.
    pub may_change: bool,
}

/// The operator does not answer. Posts to `continue` and `return`; on a phone that a login was moved to,
/// to `cancel`.
#[derive(Template)]
#[template(path = "login/operator_down.html")]
pub struct OperatorDown {
    /// The page's frame.
    pub frame: Frame,
    /// The operator's name.
    pub operator_name: String,
    /// When to try again, in seconds, if the operator said so.
    pub retry_after_s: Option<u64>,
    /// Whether it answers, and does not want more questions now.
    pub is_busy: bool,
    /// Whether this is a phone that a login was moved to: it has no way to the app.
    pub on_phone: bool,
}

impl OperatorDown {
    fn title(&self) -> &'static str {
        if self.is_busy {
            "operator_busy_title"
        } else {
            "operator_down_title"
        }
    }

    fn wait(&self) -> Option<String> {
        self.retry_after_s
            .map(|seconds| self.frame.language.duration(seconds))
    }
}

/// The operator's answer is not to be trusted. Posts to `return`.
#[derive(Template)]
#[template(path = "login/operator_invalid.html")]
pub struct OperatorInvalid {
    /// The page's frame.
    pub frame: Frame,
    /// The operator's name.
    pub operator_name: String,
}

/// Why a confirmed number does not sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedWhy {
    /// Its SIM is new.
    SimSwapped,
    /// It is somebody else's now.
    NumberRecycled,
    /// The operator could not say.
    CheckUnavailable,
}

/// The number was confirmed, but an extra check of the app's refuses it. Posts to `return`.
#[derive(Template)]
#[template(path = "login/refused.html")]
pub struct Refused {
    /// The page's frame.
    pub frame: Frame,
    /// Why.
    pub why: RefusedWhy,
}

impl Refused {
    fn texts(&self) -> (&'static str, &'static str, &'static str) {
        match self.why {
            RefusedWhy::SimSwapped => ("sim_swapped_title", "sim_swapped_lead", "sim_swapped_what"),
            RefusedWhy::NumberRecycled => (
                "number_recycled_title",
                "number_recycled_lead",
                "number_recycled_what",
            ),
            RefusedWhy::CheckUnavailable => (
                "check_unavailable_title",
                "check_unavailable_lead",
                "check_unavailable_what",
            ),
        }
    }
}

/// The operator has no permission from the person. Posts to `continue` and `return`.
#[derive(Template)]
#[template(path = "login/operator_consent_denied.html")]
pub struct OperatorConsentDenied {
    /// The page's frame.
    pub frame: Frame,
    /// The operator's name.
    pub operator_name: String,
    /// Whether its page asked, and the person refused there.
    pub refused: bool,
}

impl OperatorConsentDenied {
    fn lead(&self) -> &'static str {
        if self.refused {
            "operator_consent_lead"
        } else {
            "operator_consent_missing_lead"
        }
    }
}

/// The login's time is over.
#[derive(Template)]
#[template(path = "login/expired.html")]
pub struct Expired {
    /// The page's frame.
    pub frame: Frame,
    /// The redirect URI with the error, for a browser that has the login's cookie.
    pub return_url: Option<String>,
}

/// The login was finished before: the back button, a second tab.
#[derive(Template)]
#[template(path = "login/already_done.html")]
pub struct AlreadyDone {
    /// The page's frame.
    pub frame: Frame,
    /// Where the app can be opened again; never a second answer.
    pub return_url: Option<String>,
}

/// The browser does not carry the login's cookie. The page learns nothing of the login.
#[derive(Template)]
#[template(path = "login/lost_cookie.html")]
pub struct LostCookie {
    /// The page's frame.
    pub frame: Frame,
    /// Where the app can be opened again, if that may be told.
    pub return_url: Option<String>,
}

/// Where a page without a login leads: nothing was opened, so there is nothing to post to.
pub struct Links {
    /// The same request once more.
    pub again: String,
    /// The redirect URI with the error.
    pub back: String,
}

/// Which limit was reached.
pub enum TooMany {
    /// Tries of one number, whoever made them.
    Number,
    /// Different numbers that one browser tried: it may go on with those. Posts to `number`.
    Numbers {
        /// Whether the person may give another number.
        may_change: bool,
    },
    /// Logins started from one address: none was opened.
    Network(Links),
}

/// A limit was reached. Posts to `continue` and `return`, where a login was opened.
#[derive(Template)]
#[template(path = "login/too_many_tries.html")]
pub struct TooManyTries {
    /// The page's frame.
    pub frame: Frame,
    /// When to try again, in seconds.
    pub wait_s: u64,
    /// Which limit.
    pub why: TooMany,
}

impl TooManyTries {
    fn has_number_form(&self) -> bool {
        matches!(self.why, TooMany::Numbers { may_change: true })
    }

    fn reason(&self) -> &'static str {
        match self.why {
            TooMany::Number => "too_many_why",
            TooMany::Numbers { .. } => "too_many_numbers",
            TooMany::Network(_) => "too_many_network",
        }
    }

    fn wait(&self) -> String {
        self.frame.language.duration(self.wait_s)
    }
}

#[cfg(test)]
mod tests;
