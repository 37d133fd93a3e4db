//! Static files: compiled in, served under a path with the hash of their content, cached for ever.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::secret::sha256;

struct Asset {
    /// The last part of its path: name, hash, extension.
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let hash: String = sha256(bytes)[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            name: format!("{stem}-{hash}.{extension}"),
            kind,
            bytes,
        }
    }
}

static STYLESHEET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "numbercloak",
        "css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/numbercloak.css"),
    )
});

static ICON: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "icon",
        "svg",
        "image/svg+xml",
        include_bytes!("../../static/icon.svg"),
    )
});

static WATCH: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "watch",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/watch.js"),
    )
});

static WATCH_PATH: LazyLock<String> = LazyLock::new(|| format!("/static/{}", WATCH.name));
static WAIT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "wait",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/wait.js"),
    )
});

static WAIT_PATH: LazyLock<String> = LazyLock::new(|| format!("/static/{}", WAIT.name));
static COPY: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "copy",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/copy.js"),
    )
});

static COPY_PATH: LazyLock<String> = LazyLock::new(|| format!("/static/{}", COPY.name));
static CONSOLE_STYLESHEET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "console",
        "css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/console.css"),
    )
});

static CONSOLE_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "console",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/console.js"),
    )
});

static PASSKEY_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "passkey",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/passkey.js"),
    )
});

static PASSKEY_SCRIPT_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/static/{}", PASSKEY_SCRIPT.name));
static CONSOLE_STYLESHEET_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/static/{}", CONSOLE_STYLESHEET.name));
static CONSOLE_SCRIPT_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/static/{}", CONSOLE_SCRIPT.name));
static STYLESHEET_PATH: LazyLock<String> = LazyLock::new(|| format!("/static/{}", STYLESHEET.name));
static ICON_PATH: LazyLock<String> = LazyLock::new(|| format!("/static/{}", ICON.name));

/// The stylesheet's path.
#[must_use]
pub fn stylesheet() -> &'static str {
    &STYLESHEET_PATH
}

/// The path of the script for pages that wait.
#[must_use]
pub fn watch() -> &'static str {
    &WATCH_PATH
}

/// The path of the script that counts down.
#[must_use]
pub fn wait_script() -> &'static str {
    &WAIT_PATH
}

/// The path of the script that copies an address.
#[must_use]
pub fn copy_script() -> &'static str {
    &COPY_PATH
}

/// The icon's path.
#[must_use]
pub fn icon() -> &'static str {
    &ICON_PATH
}

/// The path of the console's own stylesheet.
#[must_use]
pub fn console_stylesheet() -> &'static str {
    &CONSOLE_STYLESHEET_PATH
}

/// The path of the console's script.
#[must_use]
pub fn console_script() -> &'static str {
    &CONSOLE_SCRIPT_PATH
}

/// The path of the script that asks for a passkey.
#[must_use]
pub fn passkey_script() -> &'static str {
    &PASSKEY_SCRIPT_PATH
}

/// The route that serves them.
pub fn static_files<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/static/{name}", get(serve))
}

async fn serve(Path(name): Path<String>) -> Response {
    let all = [
        &*STYLESHEET,
        &*ICON,
        &*WATCH,
        &*WAIT,
        &*COPY,
        &*CONSOLE_STYLESHEET,
        &*CONSOLE_SCRIPT,
        &*PASSKEY_SCRIPT,
    ];
    let Some(asset) = all.into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(path: &str) -> Response {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        static_files::<()>().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn files_are_found_under_the_hash_of_their_content_and_cached_for_ever() {
        for (path, kind) in [
            (stylesheet(), "text/css; charset=utf-8"),
            (icon(), "image/svg+xml"),
            (watch(), "text/javascript; charset=utf-8"),
            (wait_script(), "text/javascript; charset=utf-8"),
            (copy_script(), "text/javascript; charset=utf-8"),
            (console_stylesheet(), "text/css; charset=utf-8"),
            (console_script(), "text/javascript; charset=utf-8"),
            (passkey_script(), "text/javascript; charset=utf-8"),
        ] {
            let response = ask(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], kind);
            assert_eq!(
                response.headers()[CACHE_CONTROL],
                "public, max-age=31536000, immutable"
            );
        }
    }

    #[tokio::test]
    async fn an_old_hash_is_not_found_and_not_cached() {
        let response = ask("/static/numbercloak-0000000000000000.css").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(!response.headers().contains_key(CACHE_CONTROL));
    }

    #[test]
    fn the_stylesheet_stays_small() {
        assert!(STYLESHEET.bytes.len() < 10 * 1024);
    }
}
