//! Distinguished names as people write them (RFC 4514), to compare with a certificate's. Values are
//! compared to the letter: two that only look alike are two.

/// A name: its parts from the most general to the most particular, as certificates order them; each
/// part is one or more pairs of an attribute's object identifier and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<(String, String)>>);

/// The short names of RFC 4514 section 3, and those that OpenSSL and Java write.
const SHORT: [(&str, &str); 18] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("T", "2.5.4.12"),
    ("GN", "2.5.4.42"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("EMAIL", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
];

impl DistinguishedName {
    /// Reads `CN=shop,O=Shop Ltd,C=GB`, the most particular part first.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = vec![Vec::new()];
        let mut rest = text;
        loop {
            let (name, after) = rest
                .split_once('=')
                .ok_or("is no distinguished name such as CN=shop,O=Shop Ltd,C=GB")?;
            let (value, separator, after) = value(after)?;
            let pair = (object_identifier(name.trim())?, value);
            parts.last_mut().expect("there is a first part").push(pair);
            match separator {
                None => break,
                Some('+') => {}
                Some(_) => parts.push(Vec::new()),
            }
            rest = after;
        }
        parts.reverse();
        Ok(Self::new(parts))
    }

    /// A name of these parts, the most general first.
    #[must_use]
    pub fn new(mut parts: Vec<Vec<(String, String)>>) -> Self {
        // A part is a set.
        parts.iter_mut().for_each(|part| part.sort());
        Self(parts)
    }
}

fn object_identifier(name: &str) -> Result<String, &'static str> {
    let dotted = name
        .strip_prefix("OID.")
        .or_else(|| name.strip_prefix("oid."))
        .unwrap_or(name);
    if dotted.split('.').count() > 1
        && dotted
            .split('.')
            .all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()))
    {
        return Ok(dotted.to_owned());
    }
    SHORT
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(name))
        .map(|(_, oid)| (*oid).to_owned())
        .ok_or(
            "has an attribute that is not known; write its object identifier, such as 2.5.4.15=…",
        )
}

/// The value at the start of a text, what separates it from the next, and the rest.
fn value(text: &str) -> Result<(String, Option<char>, &str), &'static str> {
    let text = text.trim_start_matches(' ');
    if text.starts_with('#') {
        return Err("has a value in hexadecimal, which is not supported");
    }
    let mut value = Vec::new();
    // Spaces at the end do not count unless they are escaped.
    let mut kept = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ',' | '+' | ';' => {
                value.truncate(kept);
                return Ok((utf8(value)?, Some(c), &text[at + 1..]));
            }
            '\\' => {
                const BROKEN: &str = "ends in the middle of an escape";
                let (_, first) = chars.next().ok_or(BROKEN)?;
                match first.to_digit(16) {
                    Some(high) => {
                        let low = chars.next().and_then(|(_, c)| c.to_digit(16));
                        let byte = high * 16 + low.ok_or(BROKEN)?;
                        value.push(u8::try_from(byte).map_err(|_| BROKEN)?);
                    }
                    None => push(&mut value, first),
                }
                kept = value.len();
            }
            '"' => return Err("has a quotation mark; escape it with \\"),
            c => {
                push(&mut value, c);
                if c != ' ' {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    Ok((utf8(value)?, None, ""))
}

fn push(value: &mut Vec<u8>, c: char) {
    value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn utf8(value: Vec<u8>) -> Result<String, &'static str> {
    match String::from_utf8(value) {
        Ok(value) if !value.is_empty() => Ok(value),
        Ok(_) => Err("has an empty value"),
        Err(_) => Err("has a value that is no UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[&[(&str, &str)]]) -> DistinguishedName {
        let pair = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        DistinguishedName::new(parts.iter().map(|p| p.iter().map(pair).collect()).collect())
    }

    #[test]
    fn a_name_is_read_from_its_particular_end() {
        let expected = name(&[
            &[("2.5.4.6", "GB")],
            &[("2.5.4.10", "Shop, Ltd")],
            &[("2.5.4.3", "shop"), ("0.9.2342.19200300.100.1.1", "1")],
        ]);
        for text in [
            r"CN=shop+UID=1,O=Shop\, Ltd,C=GB",
            r"cn = shop + uid=1 , 2.5.4.10=Shop\2c Ltd,OID.2.5.4.6=GB ",
            r"UID=1+CN=shop;O=Shop\, Ltd;C=GB",
        ] {
            assert_eq!(DistinguishedName::parse(text).unwrap(), expected, "{text}");
        }
        let accents = DistinguishedName::parse(r"CN=Caf\C3\A9\ ").unwrap();
        assert_eq!(accents, name(&[&[("2.5.4.3", "Café ")]]));
    }

    #[test]
    fn names_that_only_look_alike_are_different() {
        let parse = |text| DistinguishedName::parse(text).unwrap();
        for other in [
            "CN=Shop,C=GB",
            "C=GB,CN=shop",
            "CN=shop",
            "CN=shop+C=GB",
            "CN=shop ,C=gb",
        ] {
            assert_ne!(parse("CN=shop,C=GB"), parse(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "", "shop", "CN=", "CN=a,", "X=1", "CN=#0401", r"CN=a\", r"CN=a\4", "CN=\"a\"",
            r"CN=\ff",
        ] {
            assert!(DistinguishedName::parse(text).is_err(), "{text}");
        }
    }
}
