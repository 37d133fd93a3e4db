//! What surrounds every page of the console: where one can go, who is signed in, what was just done.

use crate::console::rule::Who;
use crate::console::rules;
use crate::store::staff::Role;
use crate::store::staff_sessions::Signed;
use crate::web::assets;

/// The navigation: a page's rule decides who sees it.
const NAVIGATION: [(&str, &str); 13] = [
    ("/admin", "Overview"),
    ("/admin/clients", "Clients"),
    ("/admin/operators", "Operators"),
    ("/admin/audit", "Audit"),
    ("/admin/find", "Find a sign-in"),
    ("/admin/sessions", "Sessions"),
    ("/admin/privacy", "Privacy"),
    ("/admin/usage", "Usage"),
    ("/admin/keys", "Keys"),
    ("/admin/staff", "Staff"),
    ("/admin/api-tokens", "API tokens"),
    ("/admin/settings", "Settings"),
    ("/admin/reference", "API"),
];

/// What a finished act says on the page it leads to.
const DONE: [(&str, &str); 35] = [
    ("saved", "Saved."),
    ("nothing", "Nothing was changed."),
    ("disabled", "Disabled. Nobody can sign in with it now."),
    ("enabled", "Enabled."),
    ("revoked", "The secret is revoked."),
    ("paused", "Paused. It is not asked any more."),
    ("resumed", "Resumed."),
    ("added", "Added."),
    ("rotated", "Rotated."),
    ("ended", "Ended."),
    ("nobody", "There was no such session."),
    ("session", "That session is ended."),
    ("confirmed", "Confirmed. You can go on."),
    ("locked", "Locked out, and signed out everywhere."),
    ("moved", "The key has moved on."),
    ("exporting", "The export runs."),
    ("stopping", "It stops at its next page."),
    ("removed", "Removed."),
    ("held", "The legal hold is in place."),
    ("released", "The legal hold is released."),
    ("staged", "The next key is published."),
    ("there", "There is a next key already."),
    (
        "gone",
        "The key is revoked. No token it signed verifies any more.",
    ),
    ("picture", "The logo is shown from now on."),
    ("no-picture", "The logo is taken away."),
    (
        "passkey_added",
        "Added. You can sign in with it from now on.",
    ),
    ("passkey_renamed", "It is called so."),
    ("token_ended", "The token is ended."),
    (
        "new_owner",
        "Everything of the owner before has ended. The next sign-in is somebody else to every app.",
    ),
    ("let_in", "Not locked out any more."),
    ("role", "The role is changed, and the sessions are ended."),
    ("passkey_removed", "Removed. It signs nobody in any more."),
    ("forgotten", "They are forgotten."),
    (
        "app_removed",
        "The app is removed. Its client ID stays in the list, so that nobody is taken for it.",
    ),
    (
        "sector",
        "Another sector. Everybody is somebody new to this app from now on.",
    ),
];

/// A place to go.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where.
    pub path: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// Whether this page is there.
    pub is_current: bool,
}

/// Who is signed in, as the page shows it.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Their address.
    pub email: String,
    /// Their role's word.
    pub role: &'static str,
}

/// What surrounds a page. Not `Debug`: the token is a secret.
#[derive(Clone)]
pub struct Frame {
    /// The name of this service.
    pub service: String,
    /// The page's title.
    pub title: String,
    /// Where to go.
    pub places: Vec<Place>,
    /// Who is signed in.
    pub signed_in: Option<SignedIn>,
    /// What forms carry.
    pub csrf: String,
    /// Whether password and code were given within the last minutes.
    pub proven: bool,
    /// What was just done.
    pub done: Option<&'static str>,
    /// This page.
    pub url: String,
    role: Option<Role>,
}

impl Frame {
    /// Of one page.
    pub fn new(
        service: &str,
        title: &str,
        url: &str,
        signed: Option<&Signed>,
        csrf: String,
        proven: bool,
        done: Option<&str>,
    ) -> Self {
        let role = signed.map(|signed| signed.role);
        let place = |(path, label): (&'static str, &'static str)| Place {
            path,
            label,
            is_current: url == path || (path != "/admin" && url.starts_with(path)),
        };
        let places = NAVIGATION
            .into_iter()
            .filter(|(path, _)| role.is_some_and(|role| may(role, "GET", path)))
            .map(place)
            .collect();
        let said = |word: &str| DONE.iter().find(|(known, _)| *known == word);
        Self {
            service: service.to_owned(),
            title: title.to_owned(),
            places,
            signed_in: signed.map(|signed| SignedIn {
                email: signed.email.clone(),
                role: role_word(signed.role),
            }),
            csrf,
            proven,
            done: done.and_then(said).map(|(_, sentence)| *sentence),
            url: url.to_owned(),
            role,
        }
    }

    /// The same with a title.
    #[must_use]
    pub fn titled(self, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            ..self
        }
    }

    /// Whether whoever is signed in may post to this pattern.
    #[must_use]
    pub fn may_post(&self, path: &str) -> bool {
        self.role.is_some_and(|role| may(role, "POST", path))
    }

    /// Whether whoever is signed in may see this pattern.
    #[must_use]
    pub fn may_see(&self, path: &str) -> bool {
        self.role.is_some_and(|role| may(role, "GET", path))
    }

    /// The stylesheet that the whole product shares.
    #[must_use]
    pub fn stylesheet(&self) -> &'static str {
        assets::stylesheet()
    }

    /// The console's own.
    #[must_use]
    pub fn console_stylesheet(&self) -> &'static str {
        assets::console_stylesheet()
    }

    /// The console's script: copy buttons.
    #[must_use]
    pub fn console_script(&self) -> &'static str {
        assets::console_script()
    }

    /// The script of the pages that ask for a passkey.
    #[must_use]
    pub fn passkey_script(&self) -> &'static str {
        assets::passkey_script()
    }

    /// The icon.
    #[must_use]
    pub fn icon(&self) -> &'static str {
        assets::icon()
    }
}

fn may(role: Role, method: &str, path: &str) -> bool {
    let known = rules().iter();
    let mut found = known.filter(|rule| rule.path == path && rule.method == *method);
    found
        .next()
        .is_some_and(|rule| rule.who != Who::Anybody && rule.who.allows(role))
}

/// A role, as people read it.
#[must_use]
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Auditor => "auditor",
        Role::Support => "support",
    }
}
