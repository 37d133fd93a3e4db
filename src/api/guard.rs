//! Who calls, and whether they may: before any handler of the API, for every route of its table.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::admin::Desk;
use crate::admin::api_tokens::{self, ApiToken};
use crate::api::problem::No;
use crate::api::routes::{Needs, needs_of};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::limits::TooMany;

/// The name under which failures are counted, which no client can have.
const NOBODY: &str = "admin api";

/// Whoever calls: a token that may do what the route needs.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The token.
    pub token: ApiToken,
    /// Where its acts are done and recorded.
    pub desk: Desk,
}

impl FromRequestParts<App> for Caller {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, No> {
        // Only the guard puts one there: a handler outside its table gets nobody.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| No::new(StatusCode::UNAUTHORIZED, "unauthorized", "nobody is known"))
    }
}

/// Lets a request through with its [`Caller`].
pub async fn guard(
    State(app): State<App>,
    browser: Browser,
    pattern: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let now = app.clock.now();
    let text = match bearer(request.headers()) {
        Some(text) => text.to_owned(),
        None => return unknown(&app, &browser, None),
    };
    let token = match api_tokens::recognise(app.db.relaxed(), &text, now).await {
        Ok(Some(token)) => token,
        Ok(None) => return unknown(&app, &browser, Some("invalid_token")),
        Err(error) => return No::from(error).into_response(),
    };
    app.api_token_uses.used(token.id, now);
    if let Some(Needs::Scope(scope)) = needs_of(request.method(), pattern.as_str())
        && !token.may(scope)
    {
        let scope = scope.as_str();
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let why = format!("the token {} may not do {scope}", token.name);
        let no = No::new(StatusCode::FORBIDDEN, "forbidden", why)
            .fix("Use a token whose scopes and role allow it.");
        return challenged(no, &challenge);
    }
    if !accepts_ours(request.headers()) {
        let why = "answers are application/json; usage also comes as text/csv";
        let no = No::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", why);
        return no.fix("Accept one of these.").into_response();
    }
    let desk = Desk {
        db: app.db.durable().clone(),
        vault: app.vault.clone(),
        now,
        actor: format!("token:{}", token.name),
    };
    request.extensions_mut().insert(Caller { token, desk });
    next.run(request).await
}

/// RFC 6750 section 2.1; in no other place, where it would be logged.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}

fn unknown(app: &App, browser: &Browser, error: Option<&str>) -> Response {
    // Only failures count: whoever has a token always gets in.
    if let Err(TooMany(wait)) = app.throttles.client_failed(NOBODY, browser.address) {
        let why = "too many requests without a token that works";
        let no = No::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", why);
        let mut response = no.fix(format!("Wait {wait} seconds.")).into_response();
        let wait = HeaderValue::from(wait);
        response.headers_mut().insert(RETRY_AFTER, wait);
        return response;
    }
    let no = No::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "a token that works is needed",
    )
    .fix("Send one as Authorization: Bearer; `numbercloak api-token create` makes it.");
    let challenge = match error {
        Some(error) => format!("Bearer error=\"{error}\""),
        None => "Bearer".to_owned(),
    };
    challenged(no, &challenge)
}

fn challenged(no: No, challenge: &str) -> Response {
    let mut response = no.into_response();
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Whether any of what we can answer with is acceptable (RFC 9110 section 12.5.1).
fn accepts_ours(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .peekable();
    let ours = [
        "*/*",
        "application/*",
        "application/json",
        "application/problem+json",
        "text/csv",
        "text/*",
    ];
    ranges.peek().is_none()
        || ranges.any(|range| ours.iter().any(|o| o.eq_ignore_ascii_case(range)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, values: &[&str]) -> HeaderMap {
        let values = values
            .iter()
            .map(|value| (name.clone(), value.parse().unwrap()));
        values.collect()
    }

    #[test]
    fn a_token_stands_in_one_authorization_header_and_nowhere_else() {
        let read = |values: &[&str]| bearer(&headers(AUTHORIZATION, values)).map(str::to_owned);
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer  abc"]).as_deref(), Some("abc"));
        for bad in [&[][..], &["abc"], &["Basic abc"], &["Bearer a", "Bearer b"]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_we_cannot_answer_with_is_not_acceptable() {
        let accepts = |values: &[&str]| accepts_ours(&headers(ACCEPT, values));
        assert!(accepts(&[]));
        assert!(accepts(&["text/html, application/json;q=0.5"]));
        assert!(accepts(&["image/png", "*/*"]));
        assert!(!accepts(&["text/html"]));
        assert!(!accepts(&["application/xml, image/*"]));
    }
}
