//! Scopes: the words an app may ask for and what each releases (DESIGN.md section 3).

use serde::{Deserialize, Serialize};

/// A scope we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// `sub` and how and when it was checked. Every request needs it.
    Openid,
    /// `number_verification`; and the number, if the app named it.
    NumberVerified,
    /// The above with the number in any case.
    Phone,
    /// A refresh token (OIDC Core section 11).
    OfflineAccess,
}

impl Scope {
    /// Every scope, in the order discovery lists them.
    pub const ALL: [Self; 4] = [
        Self::Openid,
        Self::NumberVerified,
        Self::Phone,
        Self::OfflineAccess,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Openid => "openid",
            Self::NumberVerified => "number_verified",
            Self::Phone => "phone",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// The scope of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// What was asked for, cut to what the client may have; unknown words are ignored (RFC 6749 section
/// 3.3 allows it, OIDC Core section 3.1.2.1 asks for it).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// Reads a `scope` parameter.
    #[must_use]
    pub fn parse(text: &str, allowed: &[String]) -> Self {
        let mut scopes: Vec<Scope> = text
            .split(' ')
            .filter(|word| allowed.iter().any(|a| a == word))
            .filter_map(Scope::parse)
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    /// The same cut to some of its words; `None` if one of those is not in it (RFC 6749 section 6).
    #[must_use]
    pub fn narrowed_to(&self, words: &[String]) -> Option<Self> {
        let held = self.words();
        let within = words.iter().all(|word| held.contains(word));
        within.then(|| Self::parse(&words.join(" "), &held))
    }

    /// The same without one of them.
    #[must_use]
    pub fn without(mut self, scope: Scope) -> Self {
        self.0.retain(|held| *held != scope);
        self
    }

    /// Whether it holds a scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The words, sorted: what a go-ahead is remembered for.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(|s| s.as_str().to_owned()).collect()
    }

    /// The words as one `scope` value.
    #[must_use]
    pub fn text(&self) -> String {
        self.words().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_forbidden_words_are_left_out_and_order_does_not_matter() {
        let allowed = ["openid", "phone"].map(str::to_owned);
        let scopes = ScopeSet::parse("phone openid profile number_verified phone", &allowed);
        assert_eq!(scopes.text(), "openid phone");
        assert!(scopes.has(Scope::Phone) && !scopes.has(Scope::NumberVerified));
    }
}
