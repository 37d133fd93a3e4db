//! JSON objects read without leniency. Most parsers keep one of two equal keys, and not all the
//! same one: an answer that says `true` and `false` must not mean whichever we happen to keep.

use std::fmt;

use http::{HeaderMap, header};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

/// A JSON object whose keys are all different.
struct Strict(Map<String, Value>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Strict, A::Error> {
                let mut map = Map::new();
                while let Some((key, value)) = access.next_entry::<String, Value>()? {
                    if map.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key came twice"));
                    }
                }
                Ok(Strict(map))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The object that `body` is, whole and alone.
pub(super) fn read_object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice::<Strict>(body)
        .ok()
        .map(|strict| strict.0)
}

/// Whether the headers say that the body is JSON.
pub(super) fn says_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_object_with_distinct_keys_is_read() {
        assert!(read_object(br#" {"a":1,"b":{"a":2}} "#).is_some());
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":1}{}"#,
            r#"{"a":1"#,
            "[1]",
            "true",
            "null",
            "",
            "\u{feff}{}",
        ] {
            assert!(read_object(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(read_object(b"{\"a\":\"\xff\"}").is_none());
    }
}
