//! What follows once a request has been checked and the browser's cookies were looked at. Pure.

use crate::login::policy::{may_remember, needs_go_ahead};
use crate::login::sufficient::Lacks;
use crate::oauth::error::ErrorCode;
use crate::oauth::prompt::Prompt;
use crate::oauth::request::AuthorizeRequest;
use crate::store::clients::Client;

/// What is known when a request has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Whether the browser's session would answer; absent: there is none.
    pub session: Option<Result<(), Lacks>>,
    /// Whether the number is known, hinted or the session's.
    pub number_known: bool,
    /// Whether an earlier go-ahead covers the release.
    pub remembered: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The session answers, without a page and without an operator.
    Answer,
    /// A page asks the person.
    Ask,
    /// A page asks for the number.
    AskNumber,
    /// An operator is asked, without a page.
    Depart,
    /// An operator that never interacts is asked, and no page is shown whatever comes of it.
    CheckSilently,
    /// The app is told that it goes no further without a page.
    Refuse(ErrorCode),
}

/// Decides on a request (OIDC Core section 3.1.2.1, `prompt` and `max_age`).
#[must_use]
pub fn step(client: &Client, request: &AuthorizeRequest, situation: Situation) -> Step {
    let answers = situation.session == Some(Ok(()));
    let must_ask = needs_go_ahead(client, request, situation.remembered);
    // The person has signed in before, and the app wants to know that they are still there.
    let exceeded = matches!(
        situation.session,
        Some(Err(Lacks::MaxAge | Lacks::NewCheck))
    ) || request.max_age == Some(0);
    if request.prompt.is_silent() {
        return match situation.session {
            Some(Ok(())) if must_ask => Step::Refuse(ErrorCode::ConsentRequired),
            Some(Ok(())) => Step::Answer,
            Some(Err(Lacks::Subject)) => Step::Refuse(ErrorCode::LoginRequired),
            _ if exceeded || !client.settings.silent_check || !situation.number_known => {
                Step::Refuse(ErrorCode::LoginRequired)
            }
            // A recorded one, also for clients whose people are never asked: nobody sees this.
            _ if !situation.remembered || !may_remember(client, request) => {
                Step::Refuse(ErrorCode::ConsentRequired)
            }
            _ => Step::CheckSilently,
        };
    }
    if request.prompt.has(Prompt::SelectAccount) && request.number.is_none() {
        Step::AskNumber
    } else if !situation.number_known {
        // The operator may know it; then the person is asked before the release.
        Step::Depart
    } else if must_ask || exceeded {
        Step::Ask
    } else if answers {
        Step::Answer
    } else {
        Step::Depart
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::policy::tests::{client, request};
    use crate::store::clients::{AuthMethod, Confirm};

    #[test]
    fn what_follows_from_what_is_known() {
        use ErrorCode::{ConsentRequired, LoginRequired};
        let hint = "&login_hint=%2B990700000";
        let ok = Some(Ok(()));
        let stale = Some(Err(Lacks::Freshness));
        let too_old = Some(Err(Lacks::MaxAge));
        let other = Some(Err(Lacks::Subject));
        for (query, session, number_known, remembered, expected) in [
            ("", None, false, false, Step::Depart),
            (hint, None, true, false, Step::Ask),
            (hint, None, true, true, Step::Depart),
            ("", ok, true, true, Step::Answer),
            ("", ok, true, false, Step::Ask),
            ("", stale, true, true, Step::Depart),
            ("", stale, true, false, Step::Ask),
            ("&max_age=9", too_old, true, true, Step::Ask),
            ("&max_age=0", None, true, true, Step::Ask),
            ("&prompt=login", ok, true, true, Step::Ask),
            ("&prompt=consent", ok, true, true, Step::Ask),
            ("&prompt=select_account", ok, true, true, Step::AskNumber),
            (
                "&prompt=select_account",
                None,
                false,
                false,
                Step::AskNumber,
            ),
            ("&prompt=none", ok, true, true, Step::Answer),
            (
                "&prompt=none",
                ok,
                true,
                false,
                Step::Refuse(ConsentRequired),
            ),
            (
                "&prompt=none",
                None,
                false,
                false,
                Step::Refuse(LoginRequired),
            ),
            ("&prompt=none", stale, true, true, Step::CheckSilently),
            ("&prompt=none", None, true, true, Step::CheckSilently),
            (
                "&prompt=none",
                stale,
                true,
                false,
                Step::Refuse(ConsentRequired),
            ),
            (
                "&prompt=none",
                None,
                false,
                true,
                Step::Refuse(LoginRequired),
            ),
            (
                "&prompt=none",
                too_old,
                true,
                true,
                Step::Refuse(LoginRequired),
            ),
            (
                "&prompt=none&max_age=0",
                None,
                true,
                true,
                Step::Refuse(LoginRequired),
            ),
            (
                "&prompt=none",
                other,
                true,
                true,
                Step::Refuse(LoginRequired),
            ),
        ] {
            let mut client = client(
                Confirm::FirstTime,
                AuthMethod::ClientSecretBasic,
                "https://app.example/cb",
            );
            client.settings.silent_check = true;
            let request = request(&client, query);
            let situation = Situation {
                session,
                number_known,
                remembered,
            };
            let found = step(&client, &request, situation);
            assert_eq!(found, expected, "{query} {situation:?}");
            client.settings.silent_check = false;
            let expected = match expected {
                Step::CheckSilently => Step::Refuse(LoginRequired),
                Step::Refuse(ConsentRequired) if session != ok => Step::Refuse(LoginRequired),
                other => other,
            };
            let found = step(&client, &request, situation);
            assert_eq!(
                found, expected,
                "without silent_check: {query} {situation:?}"
            );
        }
    }
}
