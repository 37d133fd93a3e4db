//! `prompt`: how much the person may be asked (OIDC Core section 3.1.2.1).

use serde::{Deserialize, Serialize};

/// One word of `prompt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Show no page. Stands alone.
    None,
    /// Check again, and show our page.
    Login,
    /// Show the go-ahead page.
    Consent,
    /// Let the person choose who they are: as [`Prompt::Login`].
    SelectAccount,
}

impl Prompt {
    /// Every value, for discovery.
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// The words of one request; empty: ask what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromptSet(Vec<Prompt>);

impl PromptSet {
    /// Reads a `prompt` parameter; unknown words are ignored.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut words: Vec<Prompt> = text
            .split_ascii_whitespace()
            .filter_map(|word| Prompt::ALL.into_iter().find(|p| p.as_str() == word))
            .collect();
        words.sort_unstable();
        words.dedup();
        Self(words)
    }

    /// Whether it holds a word.
    #[must_use]
    pub fn has(&self, word: Prompt) -> bool {
        self.0.contains(&word)
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no page may be shown.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.has(Prompt::None)
    }

    /// Whether the number must be checked again, with a page of ours.
    #[must_use]
    pub fn wants_login(&self) -> bool {
        self.has(Prompt::Login) || self.has(Prompt::SelectAccount)
    }

    /// Whether a page of ours must be shown, whatever is remembered.
    #[must_use]
    pub fn wants_page(&self) -> bool {
        self.wants_login() || self.has(Prompt::Consent)
    }

    /// The words as one `prompt` value.
    #[must_use]
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(|word| word.as_str()).collect();
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_count_once_and_in_any_order() {
        let prompt = PromptSet::parse(" consent create  login consent");
        assert_eq!(prompt.text(), "login consent");
        assert!(prompt.wants_login() && prompt.wants_page() && !prompt.is_silent());
        assert!(PromptSet::parse("unheard").is_empty());
        assert!(PromptSet::parse("select_account").wants_login());
        let consent = PromptSet::parse("consent");
        assert!(consent.wants_page() && !consent.wants_login());
    }
}
