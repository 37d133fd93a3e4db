//! ETags on what is edited (RFC 9110 section 13, RFC 6585 section 3): whoever changes a thing says which
//! state of it they saw.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::admin::Refused;
use crate::api::problem::No;
use crate::web::app::App;

/// The revision that the caller saw; absent for `*`: whatever it is.
#[derive(Clone, Copy, Debug)]
pub struct Seen(pub Option<i32>);

impl Seen {
    /// Whether a thing is still as the caller saw it.
    pub fn check(self, revision: i32) -> Result<(), No> {
        match self.0 {
            Some(seen) if seen != revision => Err(Refused::Stale.into()),
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<App> for Seen {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, No> {
        let Some(given) = parts.headers.get(IF_MATCH) else {
            let why = "If-Match is needed: which state did you see?";
            let no = No::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                why,
            );
            return Err(no.fix("Send the ETag you got with it, or * to change it whatever it is."));
        };
        read(given).ok_or_else(|| {
            let why = "If-Match names no state that it ever had";
            No::new(StatusCode::PRECONDITION_FAILED, "stale", why)
                .fix("Send one ETag as you got it.")
        })
    }
}

fn read(given: &HeaderValue) -> Option<Seen> {
    let text = given.to_str().ok()?.trim();
    if text == "*" {
        return Some(Seen(None));
    }
    let revision = text.strip_prefix("\"r")?.strip_suffix('"')?;
    // Nothing of ours writes +1 or 01.
    let number: i32 = revision.parse().ok()?;
    (number.to_string() == revision).then_some(Seen(Some(number)))
}

/// An ETag.
pub fn tag(revision: i32) -> String {
    format!("\"r{revision}\"")
}

/// An answer with its ETag.
pub fn tagged(revision: i32, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag(revision)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_read_as_it_was_given() {
        let revision = |text: &str| read(&text.parse().unwrap()).map(|seen| seen.0);
        assert_eq!(revision(&tag(7)), Some(Some(7)));
        assert_eq!(revision("*"), Some(None));
        for bad in [
            "7",
            "\"7\"",
            "W/\"r7\"",
            "\"r+7\"",
            "\"r07\"",
            "\"r7\", \"r8\"",
            "",
        ] {
            assert_eq!(revision(bad), None, "{bad}");
        }
    }
}
