//! Phone numbers: parsed once at the edge, canonical E.164 inside, masked whenever printed.
//!
//! A library knows the world's numbering plans; the shape `^\+[1-9][0-9]{4,14}$` (CAMARA Number
//! Verification 1.0 and later) is checked by us on top of it. Numbers of the unassigned country code
//! +990, which real sandboxes and our simulator use, pass without a plan.

use std::fmt;

use rlibphonenumber::{
    NumberLengthType, PhoneNumber as Parsed, PhoneNumberFormat, PhoneNumberType, Region,
    ValidationError,
};

use crate::secret::sha256;

/// A phone number in canonical E.164: `+`, country code, national number, nothing else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// Why a text is no phone number, said so that a person can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANumber {
    /// Nothing was given.
    #[error("the number is empty")]
    Empty,
    /// No country code, and no default region to assume.
    #[error("the country code is missing, for example +34")]
    NoCountryCode,
    /// A country code that does not exist.
    #[error("this country code does not exist")]
    UnknownCountryCode,
    /// Too few digits for its country.
    #[error("the number is too short")]
    TooShort,
    /// Too many digits for its country.
    #[error("the number is too long")]
    TooLong,
    /// A fixed line: it has no SIM.
    #[error("this looks like a landline")]
    Landline,
    /// Anything else.
    #[error("this is not a phone number")]
    Malformed,
}

impl PhoneNumber {
    /// Reads a number that must already be canonical E.164: from our own rows and from operators.
    ///
    /// # Errors
    /// [`NotANumber::Malformed`] for anything but `^\+[1-9][0-9]{4,14}$`.
    pub fn from_e164(text: &str) -> Result<Self, NotANumber> {
        let digits = text.strip_prefix('+').ok_or(NotANumber::Malformed)?;
        let shape = (5..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if shape {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotANumber::Malformed)
        }
    }

    /// Reads a number as a person types it: spaces, dashes, brackets, `00` or `tel:` in front; in
    /// national form only if `region` (two letters, ISO 3166) says which country to assume.
    ///
    /// # Errors
    /// Why it is no number that a SIM could have.
    pub fn parse(text: &str, region: Option<&str>) -> Result<Self, NotANumber> {
        let text = text.trim();
        let text = strip_prefix_ignore_case(text, "tel:").unwrap_or(text);
        if text.is_empty() {
            return Err(NotANumber::Empty);
        }
        if text.len() > 64 || !text.chars().all(is_dialling_character) {
            return Err(NotANumber::Malformed);
        }
        // `00` is how most of the world dials out of the country.
        let text = match text.strip_prefix("00") {
            Some(rest) => format!("+{rest}"),
            None => text.to_owned(),
        };
        if let Some(test) = test_number(&text) {
            return test;
        }
        let region = region.and_then(|code| Region::try_from(code).ok());
        if region.is_none() && !text.starts_with('+') {
            return Err(NotANumber::NoCountryCode);
        }
        let parsed = Parsed::parse(&text, region).map_err(|_| {
            if text.starts_with('+') && text.len() > 4 {
                NotANumber::UnknownCountryCode
            } else {
                NotANumber::Malformed
            }
        })?;
        match parsed.is_possible_with_reason() {
            Ok(NumberLengthType::IsPossible) => {}
            Ok(NumberLengthType::IsPossibleLocalOnly) | Err(ValidationError::TooShort) => {
                return Err(NotANumber::TooShort);
            }
            Err(ValidationError::TooLong) => return Err(NotANumber::TooLong),
            Err(_) => return Err(NotANumber::Malformed),
        }
        if parsed.get_type() == PhoneNumberType::FixedLine {
            return Err(NotANumber::Landline);
        }
        Self::from_e164(&parsed.format_as(PhoneNumberFormat::E164))
    }

    /// Reads a `login_hint`. A hint that looks like a number (it starts with `+`, a space, a digit
    /// or `tel:`) must be one in international form; any other hint is not for us and is ignored.
    /// A leading space is a `+` that somebody forgot to encode.
    ///
    /// # Errors
    /// Why a hint that looks like a number is none.
    pub fn from_hint(hint: &str) -> Result<Option<Self>, NotANumber> {
        let tel = strip_prefix_ignore_case(hint, "tel:");
        let looks_like_a_number =
            tel.is_some() || hint.starts_with(|c: char| c == '+' || c == ' ' || c.is_ascii_digit());
        if !looks_like_a_number {
            return Ok(None);
        }
        let rest = tel.unwrap_or(hint);
        let number = match rest.strip_prefix(' ') {
            Some(unescaped) => format!("+{unescaped}"),
            None => rest.to_owned(),
        };
        if number.starts_with('+') {
            Self::parse(&number, None).map(Some)
        } else {
            Err(NotANumber::NoCountryCode)
        }
    }

    /// The number in E.164, with `+`. Personal data: for the wire to an operator, the token to the
    /// RP and sealing only.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// The digits without `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// Whether this is one of the unassigned +990 numbers that only test operators vouch for.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.digits().starts_with("990")
    }

    /// Lower-case hex of SHA-256 over E.164 with `+`, as CAMARA and Mobile Connect hash a number.
    /// As good as the number itself: only ever for the wire to an operator that demands it.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        sha256_hex(&self.0)
    }

    /// The number for a page: international form, every digit hidden but the country code and the
    /// last three.
    #[must_use]
    pub fn masked(&self) -> String {
        let shown = self.international();
        let (country, national) = shown.split_once(' ').unwrap_or(("+", &shown));
        let digits = national.chars().filter(char::is_ascii_digit).count();
        let mut seen = 0;
        let hidden: String = national
            .chars()
            .map(|c| {
                if !c.is_ascii_digit() {
                    return ' ';
                }
                seen += 1;
                if seen + 3 > digits { c } else { '•' }
            })
            .collect();
        format!("{country} {hidden}")
    }

    /// The number in international form with spaces, for the field of a form.
    #[must_use]
    pub fn international(&self) -> String {
        if self.is_test() {
            return format!("+990 {}", &self.0[4..]);
        }
        Parsed::parse(&self.0, None).map_or_else(
            |_| self.0.clone(),
            |parsed| {
                parsed
                    .format_as(PhoneNumberFormat::International)
                    .into_owned()
            },
        )
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber([redacted])")
    }
}

/// Lower-case hex of SHA-256 over a number in whatever form an operator hashes. As good as the number.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    sha256(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn is_dialling_character(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.' | '/' | '\u{a0}')
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

/// A `+990` number, which no numbering plan knows; `None` if the text is no such number.
fn test_number(text: &str) -> Option<Result<PhoneNumber, NotANumber>> {
    let plain: String = text
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect();
    let national = plain.strip_prefix("+990")?;
    Some(match national.len() {
        0..4 => Err(NotANumber::TooShort),
        4..=12 => PhoneNumber::from_e164(&plain),
        _ => Err(NotANumber::TooLong),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text, None).unwrap()
    }

    #[test]
    fn what_people_type_becomes_canonical_e164() {
        for (typed, e164) in [
            ("+34 666 11 13 34", "+34666111334"),
            ("0034 666-111-334", "+34666111334"),
            ("tel:+34666111334", "+34666111334"),
            ("TEL:+34 666 111 334", "+34666111334"),
            ("+44 (0)7700 900123", "+447700900123"),
            ("+44 7700 900123", "+447700900123"),
            ("+990 70 0000", "+990700000"),
            ("+39 347 123 4567", "+393471234567"),
        ] {
            assert_eq!(number(typed).e164(), e164, "{typed}");
        }
        let national = PhoneNumber::parse("07700 900123", Some("GB")).unwrap();
        assert_eq!(national.e164(), "+447700900123");
    }

    #[test]
    fn canonical_numbers_are_stable_under_parsing() {
        // `sub` is made of these bytes: a library update that changes one breaks accounts.
        for e164 in [
            "+34666111334",
            "+447700900123",
            "+4915112345678",
            "+33612345678",
            "+5511912345678",
            "+393471234567",
            "+12025550123",
            "+5491123456789",
            "+2250707070707",
            "+990700000",
        ] {
            let once = number(e164);
            assert_eq!(number(once.e164()), once, "{e164}");
        }
        assert_eq!(number("+34666111334").e164(), "+34666111334");
        assert_eq!(number("+5491123456789").e164(), "+5491123456789");
    }

    #[test]
    fn a_text_that_is_no_number_says_why() {
        for (typed, why) in [
            ("", NotANumber::Empty),
            ("   ", NotANumber::Empty),
            ("0666111334", NotANumber::NoCountryCode),
            ("+34 666", NotANumber::TooShort),
            ("+34 666 111 334 555 666", NotANumber::TooLong),
            ("+999 12345678", NotANumber::UnknownCountryCode),
            ("+34 910 123 456", NotANumber::Landline),
            ("buffy@example.org", NotANumber::Malformed),
            ("+990 1", NotANumber::TooShort),
            ("+990 1234567890123", NotANumber::TooLong),
            ("+34\u{665}66111334", NotANumber::Malformed),
        ] {
            assert_eq!(PhoneNumber::parse(typed, None), Err(why), "{typed}");
        }
    }

    #[test]
    fn a_hint_is_a_number_or_not_for_us() {
        let hint = |text| PhoneNumber::from_hint(text);
        assert_eq!(
            hint("+34666111334").unwrap().unwrap().e164(),
            "+34666111334"
        );
        assert_eq!(
            hint("tel:+34666111334").unwrap().unwrap().e164(),
            "+34666111334"
        );
        assert_eq!(
            hint(" 34666111334").unwrap().unwrap().e164(),
            "+34666111334"
        );
        assert_eq!(
            hint("tel: 34666111334").unwrap().unwrap().e164(),
            "+34666111334"
        );
        for ignored in ["buffy@example.org", "", "alice", "mailto:a@b"] {
            assert_eq!(hint(ignored), Ok(None), "{ignored}");
        }
        for bad in [
            "34666111334",
            "+34",
            "tel:",
            "0666",
            " ",
            "+",
            "1234@example.org",
        ] {
            assert!(hint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_shows_three_digits_and_prints_none() {
        let shown = number("+447700900123").masked();
        assert!(
            shown.starts_with("+44 ") && shown.ends_with("123"),
            "{shown}"
        );
        assert!(!shown.contains("7700") && !shown.contains("900"), "{shown}");
        assert_eq!(number("+990700001").masked(), "+990 •••001");
        assert!(!format!("{:?}", number("+447700900123")).contains("900"));
    }

    #[test]
    fn the_hash_is_the_one_operators_compute() {
        // Vectors computed from CAMARA's and Mobile Connect's own examples.
        let hash = |text| PhoneNumber::from_e164(text).unwrap().sha256_hex();
        assert_eq!(
            hash("+346661113334"),
            "6dd5d20f257c1f3620662454064e3aa25ba9a6c7a4d1e99e965bbadd3a7e07d6"
        );
        assert_eq!(
            hash("+44123456789"),
            "3d84a3838599719df7deacc7fb91903bde5430a8c0e007c3eba93bce0c69c5a2"
        );
    }

    #[test]
    fn only_the_exact_shape_is_e164() {
        for bad in [
            "34666111334",
            "+034666",
            "+1234",
            "+1234567890123456",
            "+34 666",
            "",
        ] {
            assert!(PhoneNumber::from_e164(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(text in "\\PC{0,40}") {
            if let Ok(number) = PhoneNumber::parse(&text, Some("ES")) {
                let again = PhoneNumber::parse(number.e164(), None);
                proptest::prop_assert_eq!(again.as_ref().map(PhoneNumber::e164), Ok(number.e164()));
                let _ = number.masked();
            }
            let _ = PhoneNumber::from_hint(&text);
        }
    }
}
