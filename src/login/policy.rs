//! What a client's policy asks of a login. Pure.

use crate::oauth::request::AuthorizeRequest;
use crate::store::clients::{Client, Confirm, Hint};
use crate::store::logins::NumberSource;
use crate::store::sessions::GoAhead;

/// Mismatches a login may have before it only leads back.
pub const MISMATCHES: i32 = 3;

/// Legs a login may have: retries are the person's, but they are billed.
pub const LEGS: i32 = 8;

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
