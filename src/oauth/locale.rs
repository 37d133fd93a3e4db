//! The languages that people can be spoken to in, by their tags (BCP 47).

/// The tags of all our languages, in the order in which discovery lists them.
pub const TAGS: &[&str] = &["en", "es", "de", "fr", "pt-BR", "it", "ar"];
