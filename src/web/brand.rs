//! What an app brings along to the pages people see: its picture and its colour. Both come from our own
//! origin, under a path that names what is in them, so that the pages' policy stays as strict as it is: the
//! picture was drawn by us, the stylesheet is made of six digits.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use moka::future::Cache;

use crate::accent::Accent;
use crate::secret::sha256;
use crate::store::client_logos;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::web::app::App;
use crate::web::failure::Failure;

/// Bytes of pictures kept in memory.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// How long one that was taken away may still be served, and one that was not there is not looked for.
const STALE_FOR: Duration = Duration::from_secs(60);
/// What is at these paths never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What an app brings along to one page.
#[derive(Clone, Debug, Default)]
pub struct Brand {
    /// Where its picture is.
    pub logo: Option<String>,
    /// Where the stylesheet of its colour is.
    pub stylesheet: Option<String>,
}

impl Brand {
    /// A client's.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        Self {
            logo: client.logo.as_deref().map(client_logos::path),
            stylesheet: client.settings.accent.map(stylesheet),
        }
    }
}

/// Where the stylesheet of a colour is.
#[must_use]
pub fn stylesheet(accent: Accent) -> String {
    format!("/brand/{}", name_of(accent, &accent.stylesheet()))
}

fn name_of(accent: Accent, css: &str) -> String {
    let hash: String = sha256(css.as_bytes())[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("accent-{}-{hash}.css", accent.digits())
}

/// Pictures that were asked for, and names that nothing has: guessing them does not reach the database
/// twice.
#[derive(Clone)]
pub struct Logos(Cache<String, Option<Bytes>>);

impl Default for Logos {
    fn default() -> Self {
        let weight = |_: &String, png: &Option<Bytes>| {
            let bytes = png.as_ref().map_or(0, Bytes::len) + 100;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .weigher(weight)
            .max_capacity(MOST_BYTES)
            .time_to_live(STALE_FOR);
        Self(cache.build())
    }
}

/// The route that serves both.
pub fn routes() -> Router<App> {
    Router::new().route("/brand/{name}", get(serve))
}

async fn serve(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Failure> {
    if let Some(css) = accent(&name) {
        return Ok(found("text/css; charset=utf-8", css));
    }
    if let Some(hash) = logo(&name)
        && let Some(png) = picture(&app, hash).await?
    {
        return Ok(found("image/png", png));
    }
    Ok(StatusCode::NOT_FOUND.into_response())
}

fn found(kind: &'static str, body: impl IntoResponse) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, FOR_EVER)];
    (headers, body).into_response()
}

/// The stylesheet of this name, if this release makes that one.
fn accent(name: &str) -> Option<String> {
    let digits = name.strip_prefix("accent-")?.get(..6)?;
    let accent: Accent = format!("#{digits}").parse().ok()?;
    let css = accent.stylesheet();
    (name_of(accent, &css) == name).then_some(css)
}

/// The hash in a picture's name.
fn logo(name: &str) -> Option<&str> {
    let hash = name.strip_prefix("logo-")?.strip_suffix(".png")?;
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (hash.len() == 32 && hash.bytes().all(hex)).then_some(hash)
}

async fn picture(app: &App, hash: &str) -> Result<Option<Bytes>, Failure> {
    let read = async {
        let png = client_logos::find(app.db.relaxed(), hash).await?;
        Ok::<_, StoreError>(png.map(Bytes::from))
    };
    let known = app.logos.0.try_get_with(hash.to_owned(), read).await;
    known.map_err(Failure::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stylesheet_is_found_under_its_colour_and_its_content_alone() {
        let teal: Accent = "#0b5566".parse().unwrap();
        let path = stylesheet(teal);
        let name = path.strip_prefix("/brand/").unwrap();
        assert_eq!(accent(name).unwrap(), teal.stylesheet());
        let other = name.replace("0b5566", "0b5567");
        for bad in [
            other.as_str(),
            "accent-0b5566.css",
            "accent-0b5566-0000000000000000.css",
            "accent-;}}a{-0000000000000000.css",
            "accent-é-",
            "",
        ] {
            assert_eq!(accent(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_what_can_be_a_picture_is_looked_for() {
        let hash = "0123456789abcdef0123456789abcdef";
        assert_eq!(logo(&format!("logo-{hash}.png")), Some(hash));
        for bad in [
            "logo-.png".to_owned(),
            format!("logo-{hash}"),
            format!("logo-{}.png", hash.to_uppercase()),
            format!("logo-{hash}0.png"),
            "logo-../../../../../etc/passwd.....png".to_owned(),
        ] {
            assert_eq!(logo(&bad), None, "{bad}");
        }
    }
}
