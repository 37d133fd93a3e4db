//! Reading arguments: words of ours, durations, times, and secrets, which never stand among them.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::clock::Time;
use crate::config::parse_duration;
use crate::phone::PhoneNumber;
use crate::secret::Redacted;

/// More than any secret, so that a wrong file cannot fill the memory.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads one of an enum's words; the error lists them.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string())
}

/// Reads `24h`, `7d`, `90s`, `0`.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a duration such as 90s, 24h or 7d".to_owned())
}

/// Reads a file with a JWK set; `none` for no keys.
pub fn jwk_set(path: &str) -> Result<Option<serde_json::Value>, String> {
    if path == "none" {
        return Ok(None);
    }
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
        .map_err(|error| format!("{path} cannot be read ({error})"))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| format!("{path} is no JSON ({error})"))
}

/// Reads a file of at most so many bytes.
pub fn file(path: &str, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| format!("{path} cannot be read ({error})"))?;
    if bytes.len() > most {
        return Err(format!("{path} is larger than {} KiB", most / 1024));
    }
    Ok(bytes)
}

/// Reads `key=value`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// A point in time, or how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `2026-07-01T08:00:00Z`.
    At(Time),
    /// `2h`.
    Ago(Duration),
}

impl When {
    /// The point in time.
    pub fn resolve(self, now: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::Ago(span) => now - span,
        }
    }
}

/// Reads RFC 3339 or how long ago.
pub fn when(text: &str) -> Result<When, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(When::At(time.to_utc()));
    }
    parse_duration(text)
        .map(When::Ago)
        .ok_or_else(|| "write 2026-07-01T08:00:00Z, or how long ago: 2h, 7d".to_owned())
}

/// Reads a secret from a file, or from standard input for `-`, without its last newline.
pub fn secret(path: &Path) -> Result<Redacted, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MOST_BYTES)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
    };
    let shown = path.display();
    if let Err(error) = read {
        let fix = "Name a text file that this user may read, or - for standard input.";
        return Err(Failure::usage(
            format!("{shown} cannot be read ({error})"),
            fix,
        ));
    }
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() {
        let fix = "Write the secret into it, nothing else.";
        return Err(Failure::usage(format!("{shown} is empty"), fix));
    }
    Ok(Redacted::new(secret))
}

/// Reads a number in international form from a file, or from standard input for `-`.
pub fn phone_number(file: &Path) -> Result<PhoneNumber, Failure> {
    let text = secret(file)?;
    PhoneNumber::parse(text.reveal(), None).map_err(|why| {
        let fix = "Write it in international form, such as +34666111334.";
        Failure::usage(format!("the number cannot be used: {why}"), fix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::clients::Kind;

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        assert_eq!(word::<Kind>("spa").unwrap(), Kind::Spa);
        let error = word::<Kind>("SPA").unwrap_err();
        assert!(error.contains("`web`, `spa`, `native`"), "{error}");
    }

    #[test]
    fn times_are_absolute_or_ago() {
        let now = DateTime::parse_from_rfc3339("2026-07-01T08:00:00Z")
            .unwrap()
            .to_utc();
        assert_eq!(when("2026-07-01T10:00:00+02:00").unwrap().resolve(now), now);
        let ago = when("2h").unwrap().resolve(now);
        assert_eq!((now - ago).num_hours(), 2);
        assert!(when("yesterday").is_err());
    }

    #[test]
    fn a_pair_keeps_further_equal_signs() {
        let pair_of = |text| pair(text).unwrap();
        assert_eq!(pair_of("a=b=c"), ("a".to_owned(), "b=c".to_owned()));
        assert!(pair("=b").is_err());
        assert!(pair("a").is_err());
    }
}
