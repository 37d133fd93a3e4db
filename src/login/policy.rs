//! What a client's policy asks of a login. Pure.

use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Time;
use crate::oauth::request::AuthorizeRequest;
use crate::store::clients::{Client, Confirm, Hint};
use crate::store::logins::{Login, NumberSource, Stage};
use crate::store::sessions::GoAhead;
use crate::verdict::Outcome;
use crate::web::page::Ends;

/// Mismatches a login may have before it only leads back.
pub const MISMATCHES: i32 = 3;

/// A person is given more time for so many of a login's lifetimes (WCAG 2.2, 2.2.1: at least ten times).
pub const EXTENSIONS: u32 = 10;

/// Legs a login may have: retries are the person's, but they are billed.
pub const LEGS: i32 = 8;

/// Whether another leg may depart: within the limits, and not after an outcome that is final.
#[must_use]
pub fn may_depart(login: &Login) -> bool {
    let final_outcome = login.stage == Stage::Problem
        && login.outcome.is_some_and(|outcome| {
            !(outcome.may_be_retried()
                || matches!(
                    outcome,
                    Outcome::ConsentRequired
                        | Outcome::RateLimited
                        | Outcome::BrowserMismatch
                        | Outcome::Abandoned
                        | Outcome::Expired
                ))
        });
    !final_outcome && login.mismatches < MISMATCHES && login.legs < LEGS
}

/// Whether the person may have more time. Not on the way through a phone, whose limits hold off people who
/// are being talked into it; not for a check that is made: it is the older the longer it waits; and not where
/// nothing is left to do but to return.
#[must_use]
pub fn may_extend(login: &Login, lifetime: Duration, now: Time) -> bool {
    let waits = matches!(login.stage, Stage::Open | Stage::Away | Stage::Problem);
    let since = now.signed_duration_since(login.opened_at).to_std();
    let in_time = now < login.expires_at && since.is_ok_and(|since| since < lifetime * EXTENSIONS);
    waits && login.handoff_id.is_none() && may_depart(login) && in_time
}

/// Whether a login that gets more time gets it now. With plenty left it gets none: a request too many is no
/// record too many.
#[must_use]
pub fn is_ending(login: &Login, lifetime: Duration, now: Time) -> bool {
    login.expires_at <= now + ending(lifetime)
}

/// The last part of a login's time, in which it is extended; never shorter than a page tells of its end.
#[must_use]
pub fn ending(lifetime: Duration) -> TimeDelta {
    let half = TimeDelta::from_std(lifetime / 2).unwrap_or_default();
    half.max(Ends::LAST)
}

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

/// Whether the person may give another number than the one the login is about.
#[must_use]
pub fn may_change_number(client: &Client, source: Option<NumberSource>) -> bool {
    match source {
        Some(NumberSource::Hint) => client.settings.hint == Hint::Suggestion,
        Some(NumberSource::Person | NumberSource::Session) | None => true,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::oauth::params::Params;
    use crate::oauth::request::{Registered, check};
    use crate::store::clients::{AuthMethod, Kind, Settings};

    pub(in crate::login) fn client(
        confirm: Confirm,
        auth_method: AuthMethod,
        redirect_uri: &str,
    ) -> Client {
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
            managed_by: None,
            revision: 1,
            disabled_at: None,
            ended_at: None,
            created_at: now,
            updated_at: now,
            secrets: Vec::new(),
            logo: None,
        }
    }

    pub(in crate::login) fn request(client: &Client, extra: &str) -> AuthorizeRequest {
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
