//! Reading the values of flags, and setting what they name.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cli::input::{duration, word};

/// A value, or the wish to have none.
#[derive(Clone, Debug)]
pub struct OrNone<T>(pub Option<T>);

/// Reads a text, or `none`.
pub fn text_or_none(text: &str) -> Result<OrNone<String>, String> {
    Ok(OrNone((text != "none").then(|| text.to_owned())))
}

/// Reads one of an enum's words, or `none`.
pub fn word_or_none<T: DeserializeOwned>(text: &str) -> Result<OrNone<T>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => word(text).map(Some).map(OrNone),
    }
}

/// Reads a duration, or `none`.
pub fn seconds_or_none(text: &str) -> Result<OrNone<u32>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => duration(text).map(seconds).map(Some).map(OrNone),
    }
}

/// Reads a number, or `none`.
pub fn count_or_none(text: &str) -> Result<OrNone<u32>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => {
            let count = text
                .parse()
                .map_err(|_| "write a number, or none".to_owned());
            count.map(Some).map(OrNone)
        }
    }
}

/// Whole seconds.
pub fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

/// Sets what is named.
pub fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Sets what is named, or takes it away.
pub fn set_or_none<T>(field: &mut Option<T>, value: Option<OrNone<T>>) {
    if let Some(OrNone(value)) = value {
        *field = value;
    }
}

/// The flag was given once for each entry; `none` alone empties the list.
pub fn set_list(field: &mut Vec<String>, values: Vec<String>) {
    match &values[..] {
        [] => {}
        [one] if one == "none" => field.clear(),
        _ => *field = values,
    }
}
