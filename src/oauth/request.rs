//! The authorization request: raw parameters and what is registered in, a checked request out, as
//! one ordered list of small checks (OIDC Core section 3.1.2, RFC 6749 section 4.1.1).

mod checks;

#[cfg(test)]
mod tests;

pub use checks::{check, client_id, way_back};

use serde::{Deserialize, Serialize};

use crate::oauth::claims_request::ClaimsRequest;
use crate::oauth::error::OAuthError;
use crate::oauth::pkce::Challenge;
use crate::oauth::prompt::PromptSet;
use crate::oauth::redirect::VerifiedRedirect;
use crate::oauth::scope::ScopeSet;
use crate::phone::PhoneNumber;
use crate::secret::Redacted;

/// What the checks need to know of the client.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'a> {
    /// Its redirect URIs.
    pub redirect_uris: &'a [String],
    /// Whether it is a native app, whose loopback port is free.
    pub native: bool,
    /// Whether PKCE is required of it.
    pub must_use_pkce: bool,
    /// The scopes it may ask for.
    pub scopes: &'a [String],
    /// The resources it may ask tokens for (RFC 8707).
    pub resources: &'a [String],
    /// The `max_age` of requests that name none.
    pub default_max_age: Option<u32>,
    /// The `acr_values` of requests that name none.
    pub default_acr_values: &'a [String],
    /// Whether its answers are signed whatever the request says (JARM).
    pub signed_answers: bool,
}

/// A request that passed every check. Stored with its login; what is personal in it, the hinted number
/// and the hinted ID token, is not stored with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// The way back, and in which mode.
    pub redirect: VerifiedRedirect,
    /// What may be released.
    pub scopes: ScopeSet,
    /// The single claims asked for, cut to what the client may have.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// To be repeated in the ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// PKCE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// How much the person may be asked.
    #[serde(default, skip_serializing_if = "PromptSet::is_empty")]
    pub prompt: PromptSet,
    /// Seconds a real check may be old: the request's, or the client's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// The authentication contexts wanted, best first: the request's, or the client's default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The only subject that may be answered for: `claims.id_token.sub`'s value; whoever verifies
    /// [`Self::id_token_hint`] puts its `sub` here as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How pages are shown; ours fit everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    /// The languages wanted on pages, best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    /// The languages wanted in claims, best first; none of ours has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims_locales: Option<String>,
    /// The operator wanted, by alias or by its network's code (`idp_hint`, Keycloak's `kc_idp_hint`, or
    /// `idp:…` in `acr_values`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_hint: Option<String>,
    /// The thumbprint of the DPoP key that the code is bound to (RFC 9449 section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// The resources a token is wanted for (RFC 8707), each of them registered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Whether the client pushed it (RFC 9126): no browser could alter it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pushed: bool,
    /// Whether the client signed it (RFC 9101): nobody could.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// The number the app named, as `login_hint`.
    #[serde(skip)]
    pub number: Option<PhoneNumber>,
    /// The ID token in `id_token_hint`, as it came: it is not verified here.
    #[serde(skip)]
    pub id_token_hint: Option<Redacted>,
}

impl AuthorizeRequest {
    /// What a go-ahead is asked for and remembered for: scopes and claims together, as scope words.
    #[must_use]
    pub fn release(&self) -> Vec<String> {
        let mut words = self.scopes.words();
        words.extend(self.claims.scope_words().map(|w| w.as_str().to_owned()));
        words.sort_unstable();
        words.dedup();
        words
    }

    /// Whether the number it names cannot have been edited in an address bar.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pushed || self.signed
    }
}

/// The values of `display` (OIDC Core section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// A whole page.
    Page,
    /// A small window.
    Popup,
    /// A device with a touch screen.
    Touch,
    /// A feature phone.
    Wap,
}

impl Display {
    /// Every value, for discovery.
    pub const ALL: [Self; 4] = [Self::Page, Self::Popup, Self::Touch, Self::Wap];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == word)
    }
}

/// A refused request: told on a page of ours, or at a redirect URI that is registered.
#[derive(Clone, Debug)]
pub enum AuthorizeError {
    /// There is no safe place to return to.
    Page(OAuthError),
    /// Tell the app.
    Redirect(VerifiedRedirect, OAuthError),
}

impl AuthorizeError {
    fn page(reason: &str) -> Self {
        Self::Page(OAuthError::invalid_request(reason))
    }
}
