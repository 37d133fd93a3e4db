//! What a client's policy asks of a login. Pure.

use std::collections::BTreeMap;

use crate::clock::Time;
use crate::login::proven::Proven;
use crate::oauth::acr::Acr;
use crate::oauth::error::ErrorCode;
use crate::oauth::prompt::Prompt;
use crate::oauth::request::AuthorizeRequest;
use crate::phone::PhoneNumber;
use crate::store::clients::{Client, Confirm, Hint, Settings};
use crate::store::logins::NumberSource;
use crate::store::operators::Operator;
use crate::store::sessions::GoAhead;
use crate::token::claims::Check;

/// Mismatches a login may have before it only leads back.
pub const MISMATCHES: i32 = 3;

/// Legs a login may have: retries are the person's, but they are billed.
pub const LEGS: i32 = 8;

/// The longest a session's verdict answers, seconds, whatever is registered.
const LONGEST_FRESH: u32 = 3600;

/// Whether a go-ahead of this client may be remembered and used again. Not for a public client whose
/// redirect URI anybody could claim: it could be another app that uses it.
#[must_use]
pub fn may_remember(client: &Client, request: &AuthorizeRequest) -> bool {
    let claimed = request.redirect.uri().starts_with("https://");
    client.settings.confirm != Confirm::Always && (client.is_confidential() || claimed)
}

/// Whether the person must press a button of ours before anything is released: `remembered` says
/// whether an earlier go-ahead covers this release.
#[must_use]
pub fn needs_go_ahead(client: &Client, request: &AuthorizeRequest, remembered: bool) -> bool {
    let asked = request.prompt.wants_page() || request.max_age == Some(0);
    let never = client.settings.confirm == Confirm::Never
        && client.is_confidential()
        && request.number.is_some();
    if asked {
        return true;
    }
    match client.settings.confirm {
        Confirm::Always => true,
        Confirm::Never if never => false,
        Confirm::Never | Confirm::FirstTime => !(remembered && may_remember(client, request)),
    }
}

/// Whether one of the go-aheads covers this subject and everything that would be released.
#[must_use]
pub fn covers(go_aheads: &[GoAhead], subject: &str, release: &[String]) -> bool {
    go_aheads.iter().any(|given| {
        given.subject == subject && release.iter().all(|word| given.release.contains(word))
    })
}

/// A session's verdict with what it is worth now.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The number.
    pub number: &'a PhoneNumber,
    /// Its owner, as the client knows them.
    pub subject: &'a str,
    /// The verdict.
    pub proven: &'a Proven,
    /// The operator that gave it, as its record stands today.
    pub operator: Option<&'a Operator>,
}

/// What a session's verdict lacks to answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// The request is about another number.
    Number,
    /// The request is about another subject.
    Subject,
    /// The request wants a check of its own.
    NewCheck,
    /// It is older than the request's `max_age`.
    MaxAge,
    /// It is older than the client's `fresh_for`.
    Freshness,
    /// It was handed off, and so answers only the login it was made for.
    SameDevice,
    /// The client does not accept its operator, or the operator has no authority over the number today.
    Operator,
    /// The request calls another `acr` essential.
    Context,
    /// An extra check that the client requires is missing, failed or too old.
    Checks,
}

/// Whether a session's verdict meets everything that the client's registration and the request ask
/// (DESIGN.md section 3, "When an operator is asked again"). `number` is the one that is asked about,
/// if it is fixed.
///
/// # Errors
/// What it lacks first.
pub fn meets(
    client: &Client,
    request: &AuthorizeRequest,
    number: Option<&PhoneNumber>,
    standing: &Standing<'_>,
    now: Time,
) -> Result<(), Lacks> {
    let proven = standing.proven;
    // As the app will compare it: with `auth_time`, in whole seconds.
    let age = now.timestamp() - proven.verified_at.timestamp();
    let within = |limit: u32| age <= i64::from(limit);
    let conditions = [
        (
            number.is_none_or(|asked| asked == standing.number),
            Lacks::Number,
        ),
        (
            request
                .subject
                .as_deref()
                .is_none_or(|asked| asked == standing.subject),
            Lacks::Subject,
        ),
        (
            !request.prompt.wants_login() && request.max_age != Some(0),
            Lacks::NewCheck,
        ),
        (request.max_age.is_none_or(within), Lacks::MaxAge),
        (
            fresh_for(client, request).is_some_and(within),
            Lacks::Freshness,
        ),
        (!proven.handoff, Lacks::SameDevice),
        (accepts_operator(client, standing), Lacks::Operator),
        (
            request.claims.acr_can_be(&[Acr::Network.as_str()]),
            Lacks::Context,
        ),
        (
            checks_meet(&client.settings, &proven.checks, now),
            Lacks::Checks,
        ),
    ];
    match conditions.into_iter().find(|(met, _)| !met) {
        None => Ok(()),
        Some((_, lacks)) => Err(lacks),
    }
}

/// Seconds a verdict may be old: the client's, or less if `verified_claims` ask for less. `None`: an
/// operator is asked every time.
fn fresh_for(client: &Client, request: &AuthorizeRequest) -> Option<u32> {
    let places = [&request.claims.id_token, &request.claims.userinfo];
    let verified = places
        .into_iter()
        .filter_map(|place| place.verified.as_ref()?.max_age);
    let least = verified
        .chain([client.settings.fresh_for_s, LONGEST_FRESH])
        .min()?;
    (least > 0).then_some(least)
}

/// The operator's word counts as it would if it were asked now (P5).
fn accepts_operator(client: &Client, standing: &Standing<'_>) -> bool {
    let accepted = &client.settings.operators;
    standing.operator.is_some_and(|operator| {
        operator.disabled_at.is_none()
            && (accepted.is_empty() || accepted.contains(&operator.alias))
            && operator.may_vouch_for(standing.number, client.test)
    }) && (client.test || !standing.proven.test)
}

/// Whether the extra checks of a remembered verdict are those the client requires. No client can
/// require any yet: whoever adds the setting compares here.
fn checks_meet(_required: &Settings, _made: &BTreeMap<String, Check>, _now: Time) -> bool {
    true
}

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

/// Whether the person may give another number than the one the login is about.
#[must_use]
pub fn may_change_number(client: &Client, source: Option<NumberSource>) -> bool {
    match source {
        Some(NumberSource::Hint) => client.settings.hint == Hint::Suggestion,
        Some(NumberSource::Person | NumberSource::Session) | None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::oauth::params::Params;
    use crate::oauth::request::{Registered, check};
    use crate::store::clients::{AuthMethod, Kind, Settings};

    fn client(confirm: Confirm, auth_method: AuthMethod, redirect_uri: &str) -> Client {
        let now = Clock::system().now();
        Client {
            id: uuid::Uuid::nil(),
            client_id: "c".into(),
            name: "C".into(),
            kind: Kind::Native,
            auth_method,
            redirect_uris: vec![redirect_uri.into()],
            test: false,
            settings: Settings {
                confirm,
                ..Settings::default()
            },
            sector: "c".into(),
            revision: 1,
            disabled_at: None,
            created_at: now,
            updated_at: now,
            secrets: Vec::new(),
        }
    }

    fn request(client: &Client, extra: &str) -> AuthorizeRequest {
        let uri = &client.redirect_uris[0];
        let query =
            format!("client_id=c&redirect_uri={uri}&response_type=code&scope=openid{extra}");
        check(
            &Params::parse(query.as_bytes(), 100).unwrap(),
            &Registered {
                must_use_pkce: false,
                ..client.registered()
            },
        )
        .unwrap()
    }

    #[test]
    fn who_must_press_a_button() {
        use AuthMethod::{ClientSecretBasic, None as Public};
        use Confirm::{Always, FirstTime, Never};
        let https = "https://app.example/cb";
        let hint = "&login_hint=%2B990700000";
        for (confirm, method, uri, extra, remembered, needed) in [
            (FirstTime, ClientSecretBasic, https, hint, false, true),
            (FirstTime, ClientSecretBasic, https, hint, true, false),
            (FirstTime, Public, https, hint, true, false),
            (FirstTime, Public, "http://127.0.0.1/cb", hint, true, true),
            (FirstTime, Public, "com.example.app:/cb", hint, true, true),
            (
                FirstTime,
                ClientSecretBasic,
                https,
                "&prompt=login",
                true,
                true,
            ),
            (
                FirstTime,
                ClientSecretBasic,
                https,
                "&prompt=consent",
                true,
                true,
            ),
            (Always, ClientSecretBasic, https, hint, true, true),
            (Never, ClientSecretBasic, https, hint, false, false),
            (Never, ClientSecretBasic, https, "", false, true),
            (Never, Public, https, hint, false, true),
            (
                Never,
                ClientSecretBasic,
                https,
                "&prompt=login&login_hint=%2B990700000",
                false,
                true,
            ),
        ] {
            let client = client(confirm, method, uri);
            let request = request(&client, extra);
            assert_eq!(
                needs_go_ahead(&client, &request, remembered),
                needed,
                "{confirm:?} {method:?} {uri} {extra} {remembered}"
            );
        }
    }

    #[test]
    fn a_go_ahead_covers_nothing_wider_and_nobody_else() {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let given = [GoAhead {
            subject: "s".into(),
            release: words(&["number_verified", "openid"]),
        }];
        assert!(covers(&given, "s", &words(&["openid"])));
        assert!(covers(&given, "s", &words(&["number_verified", "openid"])));
        assert!(!covers(&given, "s", &words(&["openid", "phone"])));
        assert!(!covers(&given, "t", &words(&["openid"])));
    }
}
