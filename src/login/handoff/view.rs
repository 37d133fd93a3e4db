//! The pages of a hand-off. Those of the phone name the app and its domain, and lead nowhere but on or to a
//! stop.

use askama::Template;
use uuid::Uuid;

use crate::web::page::Frame;

/// Desktop: scan this. Posts to `renew`, `here`, `cancel`.
#[derive(Template)]
#[template(path = "handoff/scan.html")]
pub struct Scan {
    /// The page's frame.
    pub frame: Frame,
    /// The login.
    pub login: Uuid,
    /// Where it stands.
    pub state: &'static str,
    /// The picture's side, in modules.
    pub side: usize,
    /// Its black modules.
    pub path: String,
    /// The short code.
    pub code: String,
    /// Where it is typed, as people type addresses.
    pub typed: String,
    /// How long the ticket is good; 0 if it is not.
    pub seconds_left: u64,
    /// Whether it reloads by itself where no scripts run.
    pub refreshes: bool,
}

impl Scan {
    fn left(&self) -> String {
        self.frame.language.duration(self.seconds_left)
    }
}

/// Desktop: a phone has it. Posts to `here`, `cancel`.
#[derive(Template)]
#[template(path = "handoff/on_phone.html")]
pub struct OnPhone {
    /// The page's frame.
    pub frame: Frame,
    /// The login.
    pub login: Uuid,
    /// Where it stands.
    pub state: &'static str,
    /// Whether it reloads by itself where no scripts run.
    pub refreshes: bool,
}

impl OnPhone {
    fn texts(&self) -> (&'static str, &'static str) {
        match self.state {
            "problem" => ("handoff_problem_title", "handoff_problem_lead"),
            "checking" => ("handoff_checking_title", "handoff_checking_lead"),
            _ => ("handoff_opened_title", "handoff_opened_lead"),
        }
    }
}

/// Desktop: type what the phone shows. Posts `digits` to `digits`; and to `cancel`.
#[derive(Template)]
#[template(path = "handoff/digits.html")]
pub struct Digits {
    /// The page's frame.
    pub frame: Frame,
    /// The login.
    pub login: Uuid,
    /// What was wrong with the last try.
    pub error: Option<&'static str>,
    /// Tries that are left.
    pub tries_left: u32,
}

impl Digits {
    fn left(&self) -> String {
        self.tries_left.to_string()
    }
}

/// Desktop: stopped. Leads back to the app.
#[derive(Template)]
#[template(path = "handoff/stopped.html")]
pub struct Stopped {
    /// The page's frame.
    pub frame: Frame,
    /// The redirect URI with the error.
    pub return_url: String,
}

/// Phone: type the short code. Posts `code` to `/go`.
#[derive(Template)]
#[template(path = "handoff/type_code.html")]
pub struct TypeCode {
    /// The page's frame.
    pub frame: Frame,
    /// What was wrong with the last one.
    pub error: Option<&'static str>,
}

/// Phone: did you start this? Posts to `yes`, `no`, `report` of the ticket.
#[derive(Template)]
#[template(path = "handoff/question.html")]
pub struct Question {
    /// The page's frame; its forms post to the ticket.
    pub frame: Frame,
    /// What the desktop calls itself.
    pub desktop: String,
    /// The number, masked.
    pub number_masked: String,
    /// How long ago the sign-in began, seconds.
    pub began_s: u64,
}

impl Question {
    fn ago(&self) -> String {
        self.frame.language.duration(self.began_s)
    }
}

/// Phone: this very browser shows the code. Posts to the login's `here`.
#[derive(Template)]
#[template(path = "handoff/same_device.html")]
pub struct SameDevice {
    /// The login's frame.
    pub frame: Frame,
}

/// Why a ticket leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Unknown or too old.
    Expired,
    /// Another phone has taken it.
    Used,
}

/// Phone: the ticket leads nowhere.
#[derive(Template)]
#[template(path = "handoff/gone.html")]
pub struct GonePage {
    /// The page's frame.
    pub frame: Frame,
    /// Why.
    pub why: Gone,
}

impl GonePage {
    fn texts(&self) -> (&'static str, &'static str) {
        match self.why {
            Gone::Expired => ("handoff_expired_title", "handoff_expired_lead"),
            Gone::Used => ("handoff_used_title", "handoff_used_lead"),
        }
    }
}

/// Phone: the last page, of three kinds.
#[derive(Template)]
#[template(path = "handoff/phone_end.html")]
pub struct PhoneEnd {
    /// The page's frame; with a form, to report.
    pub frame: Frame,
    /// How it ended.
    pub end: End,
}

/// How it ended on the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The desktop signed in.
    Done,
    /// Somebody said no.
    Stopped,
    /// And reported it.
    Reported,
    /// It ended elsewhere, or its time is out.
    Over,
}

impl PhoneEnd {
    fn texts(&self) -> (&'static str, &'static str) {
        match self.end {
            End::Done => ("handoff_done_title", "handoff_done_lead"),
            End::Stopped => ("handoff_no_title", "handoff_no_lead"),
            End::Reported => ("handoff_reported_title", "handoff_reported_lead"),
            End::Over => ("handoff_over_title", "handoff_over_lead"),
        }
    }

    fn sign(&self) -> &'static str {
        match self.end {
            End::Done | End::Reported => "yes",
            End::Stopped => "no",
            End::Over => "wait",
        }
    }
}

/// Phone: the digits to type at the desktop.
#[derive(Template)]
#[template(path = "handoff/show_digits.html")]
pub struct ShowDigits {
    /// The page's frame.
    pub frame: Frame,
    /// The login.
    pub login: Uuid,
    /// The digits.
    pub digits: String,
    /// What the desktop calls itself.
    pub desktop: String,
}

impl ShowDigits {
    /// Read out one by one.
    fn spoken(&self) -> String {
        let digits: Vec<String> = self.digits.chars().map(String::from).collect();
        digits.join(" ")
    }
}

/// Phone: go on, at first or after something went wrong. Posts to `continue`, `cancel`.
#[derive(Template)]
#[template(path = "handoff/phone_step.html")]
pub struct PhoneStep {
    /// The page's frame.
    pub frame: Frame,
    /// Title and text.
    pub texts: (&'static str, &'static str),
    /// The operator that they name, if they name one.
    pub operator_name: String,
    /// The number, masked.
    pub number_masked: String,
    /// Whether it may be tried (again).
    pub may_try: bool,
    /// Whether something went wrong.
    pub is_problem: bool,
}

#[cfg(test)]
mod tests;
