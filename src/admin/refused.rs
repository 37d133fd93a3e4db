//! Why something was not done, said so that a person can mend it.

use crate::store::db::StoreError;

/// Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A value cannot be used.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, named as in forms and settings files.
        field: &'static str,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// The name asked for.
        id: String,
    },
    /// The name is in use.
    #[error("{field} {value} is taken")]
    Taken {
        /// The field.
        field: &'static str,
        /// The name.
        value: String,
    },
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed it meanwhile")]
    Stale,
    /// The database.
    #[error("the database did not do it: {0}")]
    Database(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::Stale,
            other => Self::Database(other),
        }
    }
}

impl Refused {
    pub(super) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            message: message.into(),
        }
    }

    pub(super) fn not_found(what: &'static str, id: &str) -> Self {
        Self::NotFound {
            what,
            id: id.to_owned(),
        }
    }

    /// Reads a unique constraint's refusal as [`Refused::Taken`].
    pub(super) fn or_taken(
        error: StoreError,
        constraint: &str,
        field: &'static str,
        value: &str,
    ) -> Self {
        if error.is_conflict(constraint) {
            Self::Taken {
                field,
                value: value.to_owned(),
            }
        } else {
            error.into()
        }
    }

    /// What to do about it, a sentence.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Invalid { field, .. } => format!("Correct {field} and try again."),
            Self::NotFound { what, .. } => format!("List the {what}s to see their names."),
            Self::Taken { .. } => "Choose another, or change the one that has it.".to_owned(),
            Self::Stale => "Look at it again and repeat your change.".to_owned(),
            Self::Database(_) => {
                "Run `numbercloak doctor` to see what is wrong with the database.".to_owned()
            }
        }
    }
}

/// Refuses whoever saw another revision; one who did not look takes what there is.
pub(super) fn check_seen(seen: Option<i32>, revision: i32) -> Result<(), Refused> {
    match seen {
        Some(seen) if seen != revision => Err(Refused::Stale),
        _ => Ok(()),
    }
}

/// Refuses a name that people could not read or that could disguise itself on our pages.
pub(super) fn check_name(name: &str) -> Result<(), Refused> {
    // Direction overrides make "bank.example" out of other letters.
    // What is not seen, or blank beyond a plain space, makes two names of one.
    let disguises = |c: char| {
        matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    if name.trim().is_empty() || name.trim() != name || name.chars().count() > 100 {
        let message = "write 1 to 100 characters without spaces at the ends";
        return Err(Refused::invalid("name", message));
    }
    if name.chars().any(|c| c.is_control() || disguises(c)) {
        let message = "has characters that cannot be seen; remove them";
        return Err(Refused::invalid("name", message));
    }
    Ok(())
}

/// Refuses anything but `^[a-z0-9][a-z0-9-]{0,31}$`.
pub(super) fn check_alias(field: &'static str, alias: &str) -> Result<(), Refused> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if alias.is_empty() || alias.len() > 32 || alias.starts_with('-') || !alias.chars().all(plain) {
        let message = format!(
            "`{}` is not a plain name; write 1 to 32 of a-z, 0-9 and -, not - first",
            alias.escape_debug()
        );
        return Err(Refused::invalid(field, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_short_slug() {
        for good in [
            "o2-de",
            "vodafone-es",
            "3",
            "a23456789012345678901234567890bc",
        ] {
            assert!(check_alias("alias", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "A",
            "a b",
            "a/b",
            "ä",
            "a.b",
            "a23456789012345678901234567890bcd",
        ] {
            assert!(check_alias("alias", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_cannot_hide_or_turn_round() {
        assert!(check_name("Café Olé 北京").is_ok());
        for bad in [
            "",
            " ",
            " a",
            "a\u{202e}b",
            "a\nb",
            "a\u{200b}b",
            "a\u{feff}b",
            "a\u{ad}b",
            "a\u{e0041}b",
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name(&"x".repeat(101)).is_err());
    }
}
