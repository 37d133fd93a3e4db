//! `GET /language/{tag}`: remembers the language a person chose, and shows the page once more. Changes
//! nothing but a cookie, so a link may do it.

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};

use crate::oauth::params::Params;
use crate::web::app::App;
use crate::web::text::Language;

/// Back to the page named in `back`, in the language named in the path.
pub async fn get(
    State(app): State<App>,
    Path(tag): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let params = Params::parse(query.as_bytes(), app.config.limits.parameters);
    let asked = params.ok().and_then(|params| {
        let back = params.get("back")?;
        is_ours(back).then(|| back.to_owned())
    });
    let back = asked.unwrap_or_else(|| "/".to_owned());
    let mut response = (
        StatusCode::SEE_OTHER,
        [(LOCATION, back.as_str()), (CACHE_CONTROL, "no-store")],
    )
        .into_response();
    if let Some(language) = Language::tagged(&tag) {
        let cookie = app
            .cookies
            .remember_language(language.tag(), app.clock.now());
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Whether this is a plain path of ours. Browsers read `//host`, `/\host` and anything with a scheme
/// as another site, so only what a path of ours is made of passes.
fn is_ours(back: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_');
    back.starts_with('/') && !back.contains("//") && back.len() <= 100 && back.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_of_ours_lead_back() {
        for good in ["/", "/apps", "/login/0190a000-0000-7000-8000-0000000000ab"] {
            assert!(is_ours(good), "{good}");
        }
        let long = format!("/{}", "a".repeat(100));
        for bad in [
            "",
            "apps",
            "//evil.example",
            "/\\evil",
            "/a//b",
            "https://evil.example",
            "/a?b",
            "/a#b",
            "/a\r\nb",
            "/é",
            "/%2f",
            "/.",
            &long,
        ] {
            assert!(!is_ours(bad), "{bad}");
        }
    }
}
