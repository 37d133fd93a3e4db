//! Security headers: one table of page classes with their exact values, put on every answer by one
//! layer, so that no handler can forget them.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Extensions, HeaderMap, HeaderValue};

/// What kind of page an answer is. An answer that says nothing is [`PageClass::Api`], the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageClass {
    /// A page of the login journey.
    Journey,
    /// One that waits for something: a script of ours asks our own origin how it stands.
    Watching,
    /// The page that carries a `response_mode=form_post` answer to the app.
    FormPost,
    /// Pages around signing out.
    Logout,
    /// Pages for staff.
    Console,
    /// Those of them that ask an authenticator for a passkey.
    Passkey,
    /// Everything that is no page: JSON, redirects, static files, empty answers.
    #[default]
    Api,
}

/// The whole of the form_post page's script. Its hash stands in that page's policy; without scripts
/// the page's button does the same.
pub const FORM_POST_SCRIPT: &str = "document.forms[0].submit()";

impl PageClass {
    /// The class's Content-Security-Policy.
    #[must_use]
    pub const fn policy(self) -> &'static str {
        match self {
            Self::Journey => {
                "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                 base-uri 'none'; frame-ancestors 'none'"
            }
            Self::Watching => {
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            }
            // Apps are told of a logout by frames of theirs (Front-Channel Logout).
            Self::Logout => {
                "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                 frame-src https: http:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            }
            // Browsers apply form-action to every hop after the post, and the app's own hops are
            // not ours to know: any http(s) target is allowed, and the form has one fixed action.
            Self::FormPost => {
                "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                 script-src 'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='; \
                 form-action https: http:; base-uri 'none'; frame-ancestors 'none'"
            }
            Self::Console | Self::Passkey => {
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            }
            Self::Api => {
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            }
        }
    }

    /// Puts the class's headers on an answer. A `Cache-Control` that is there already stays (key
    /// sets and hashed static files may be cached); every other value is ours. `https` adds HSTS.
    pub fn apply(self, headers: &mut HeaderMap, https: bool) {
        let fixed = HeaderValue::from_static;
        headers.insert(CONTENT_SECURITY_POLICY, fixed(self.policy()));
        for (name, value) in &EVERYWHERE {
            headers.insert(name.clone(), fixed(value));
        }
        if self == Self::Passkey {
            headers.insert(PERMISSIONS_POLICY, fixed(PASSKEY_PERMISSIONS));
        }
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, fixed("no-store"));
        }
        if https {
            headers.insert(
                STRICT_TRANSPORT_SECURITY,
                fixed("max-age=31536000; includeSubDomains"),
            );
        }
    }
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The same as everywhere but for passkeys, which our own page may ask for.
const PASSKEY_PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), \
     gyroscope=(), identity-credentials-get=(), magnetometer=(), microphone=(), midi=(), \
     payment=(), publickey-credentials-create=(self), publickey-credentials-get=(self), usb=()";

static EVERYWHERE: [(HeaderName, &str); 7] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        PERMISSIONS_POLICY,
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), \
         gyroscope=(), identity-credentials-get=(), magnetometer=(), microphone=(), midi=(), \
         payment=(), publickey-credentials-create=(), publickey-credentials-get=(), usb=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// The layer that puts the headers on every answer, also on those of the router itself:
/// `axum::middleware::from_fn_with_state(https, stamp)`, outermost. Handlers name the class by an
/// extension of the response, which [`super::page::render`] does.
pub async fn stamp(State(https): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    class_of(response.extensions()).apply(response.headers_mut(), https);
    response
}

fn class_of(extensions: &Extensions) -> PageClass {
    extensions.get().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use base64::Engine as _;
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;
    use crate::secret::sha256;

    const ALL: [PageClass; 7] = [
        PageClass::Journey,
        PageClass::Watching,
        PageClass::FormPost,
        PageClass::Logout,
        PageClass::Console,
        PageClass::Passkey,
        PageClass::Api,
    ];

    fn headers(class: PageClass, https: bool) -> Vec<String> {
        let mut map = HeaderMap::new();
        class.apply(&mut map, https);
        let mut lines: Vec<String> = map
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn a_journey_page_carries_exactly_these_headers() {
        assert_eq!(
            headers(PageClass::Journey, true),
            [
                "cache-control: no-store",
                "content-security-policy: default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "cross-origin-opener-policy: same-origin",
                "cross-origin-resource-policy: same-origin",
                "permissions-policy: accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), identity-credentials-get=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-create=(), publickey-credentials-get=(), usb=()",
                "referrer-policy: no-referrer",
                "strict-transport-security: max-age=31536000; includeSubDomains",
                "x-content-type-options: nosniff",
                "x-frame-options: DENY",
                "x-robots-tag: noindex",
            ]
        );
    }

    #[test]
    fn each_class_has_exactly_this_policy() {
        let policies = ALL.map(PageClass::policy);
        assert_eq!(
            policies,
            [
                "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='; form-action https: http:; base-uri 'none'; frame-ancestors 'none'",
                "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src https: http:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ]
        );
    }

    #[test]
    fn only_pages_that_ask_for_a_passkey_may() {
        for class in ALL {
            let lines = headers(class, true).join("\n");
            let may = lines
                .contains("publickey-credentials-create=(self), publickey-credentials-get=(self)");
            assert_eq!(may, class == PageClass::Passkey, "{class:?}");
            let may_not =
                lines.contains("publickey-credentials-create=(), publickey-credentials-get=()");
            assert_eq!(may_not, class != PageClass::Passkey, "{class:?}");
        }
    }

    #[test]
    fn classes_differ_only_in_their_policy() {
        let rest = |class| -> Vec<String> {
            headers(class, false)
                .into_iter()
                .filter(|line| !line.starts_with("content-security-policy"))
                .map(|line| line.replace("=(self)", "=()"))
                .collect()
        };
        for class in ALL {
            assert_eq!(rest(class), rest(PageClass::Journey), "{class:?}");
            assert!(!headers(class, false).concat().contains("strict-transport"));
        }
    }

    #[test]
    fn the_form_post_script_is_the_one_its_policy_allows() {
        let hash =
            base64::engine::general_purpose::STANDARD.encode(sha256(FORM_POST_SCRIPT.as_bytes()));
        let policy = PageClass::FormPost.policy();
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{hash}");
    }

    #[tokio::test]
    async fn every_answer_is_stamped_also_the_router_s_own_404() {
        async fn page() -> Response {
            let mut response = "x".into_response();
            response.extensions_mut().insert(PageClass::Console);
            response
        }
        async fn keys() -> impl axum::response::IntoResponse {
            [(CACHE_CONTROL, "public, max-age=300")]
        }
        let app = Router::new()
            .route("/page", get(page))
            .route("/keys", get(keys))
            .layer(axum::middleware::from_fn_with_state(true, stamp));
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            app.clone().oneshot(request).await.unwrap()
        };
        let missing = ask("/nowhere").await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        for (response, class, cached) in [
            (ask("/page").await, PageClass::Console, "no-store"),
            (ask("/keys").await, PageClass::Api, "public, max-age=300"),
            (missing, PageClass::Api, "no-store"),
        ] {
            let headers = response.headers();
            assert_eq!(headers[CONTENT_SECURITY_POLICY], class.policy());
            assert_eq!(headers[CACHE_CONTROL], cached);
            assert!(headers.contains_key(STRICT_TRANSPORT_SECURITY));
        }
    }
}
