//! What one request may take: bytes and seconds. The body is read here, whole, before any handler
//! runs, so that no handler can forget to bound it, and a refusal has the shape its reader expects.

use std::error::Error as _;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::admin::client_logo;
use crate::config::Limits;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};
use crate::web::plain::{ErrorPage, Problem};
use crate::web::problem_details::ProblemDetails;
use crate::web::text::Language;

/// The end of the paths that pictures of apps are sent to.
const PICTURE: &str = "/{client_id}/logo";
/// Bytes of a body there: base64 takes a third more.
const PICTURE_BYTES: usize = client_logo::MOST_BYTES / 3 * 4 + 16 * 1024;

/// The ends of the paths that tables of networks are sent to.
const TABLES: [&str; 2] = ["/{alias}/ranges", "/networks/{kind}"];
/// Bytes of a body there. Bodies are read before anybody is known: no more than many may send at once.
const TABLE_BYTES: usize = 1024 * 1024 + 16 * 1024;

/// Who reads the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A person: pages.
    Person,
    /// A program: errors as JSON (RFC 6749 section 5.2).
    Program,
    /// A program of staff: problems (RFC 9457).
    Admin,
}

/// The bounds of a request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    body_bytes: usize,
    body_time: Duration,
    time: Duration,
    reader: Reader,
}

impl Bounds {
    /// As configured.
    pub fn new(limits: &Limits, reader: Reader) -> Self {
        Self {
            body_bytes: limits.form_bytes,
            body_time: limits.body_timeout,
            time: limits.request_timeout,
            reader,
        }
    }
}

/// Reads the body and answers, both within bounds.
pub async fn hold(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let answered = async {
        match read(request, bounds).await {
            Ok(request) => next.run(request).await,
            Err(Refused(status, reason)) => refuse(bounds.reader, status, reason),
        }
    };
    match tokio::time::timeout(bounds.time, answered).await {
        Ok(response) => response,
        Err(_) => late(bounds.reader),
    }
}

struct Refused(StatusCode, &'static str);

async fn read(request: Request, bounds: Bounds) -> Result<Request, Refused> {
    let (parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>();
    let body_bytes = match path.map(MatchedPath::as_str) {
        Some(path) if path.ends_with(PICTURE) => bounds.body_bytes.max(PICTURE_BYTES),
        Some(path) if TABLES.iter().any(|end| path.ends_with(end)) => {
            bounds.body_bytes.max(TABLE_BYTES)
        }
        _ => bounds.body_bytes,
    };
    let too_large = || Refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    // Who announces too much is told before it is sent.
    let most = u64::try_from(body_bytes).unwrap_or(u64::MAX);
    if body.size_hint().lower() > most {
        return Err(too_large());
    }
    match tokio::time::timeout(bounds.body_time, to_bytes(body, body_bytes)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(error)) => {
            let limit = error
                .source()
                .is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
            Err(if limit {
                too_large()
            } else {
                Refused(StatusCode::BAD_REQUEST, "the body broke off")
            })
        }
        Err(_) => Err(Refused(
            StatusCode::REQUEST_TIMEOUT,
            "the body came too slowly",
        )),
    }
}

fn refuse(reader: Reader, status: StatusCode, reason: &'static str) -> Response {
    match reader {
        Reader::Program => json(status, OAuthError::invalid_request(reason)),
        Reader::Admin => ProblemDetails::new(status, "malformed", reason).into_response(),
        Reader::Person => {
            let page = ErrorPage {
                frame: Frame::plain_page("Numbercloak", Language::default()),
                problem: Problem::BadRequest,
            };
            render(status, PageClass::Journey, &page)
        }
    }
}

fn late(reader: Reader) -> Response {
    let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the request took too long");
    match reader {
        Reader::Person => failure.into_response(),
        Reader::Admin => ProblemDetails::from(failure).into_response(),
        Reader::Program => {
            let description = format!("reference {}", failure.reference);
            let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, description);
            let mut response = json(failure.status, error);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
}

fn json(status: StatusCode, error: OAuthError) -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::Router;
    use axum::body::Bytes;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use http::header::CONTENT_TYPE;
    use http_body_util::BodyExt as _;
    use hyper::body::Frame;
    use tower::ServiceExt as _;

    use super::*;

    async fn answer(bounds: Bounds, body: Body) -> (StatusCode, String, String) {
        let router = Router::new()
            .route("/", post(async |body: Bytes| body))
            .route("/hang", post(std::future::pending::<()>))
            .layer(from_fn_with_state(bounds, hold));
        let path = if bounds.time.is_zero() { "/hang" } else { "/" };
        let request = Request::post(path).body(body).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.unwrap().to_str().unwrap().to_owned();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    fn bounds(reader: Reader) -> Bounds {
        Bounds {
            body_bytes: 10,
            body_time: Duration::from_secs(60),
            time: Duration::from_secs(60),
            reader,
        }
    }

    /// A body whose length nobody announced, and which ends, or never does.
    struct Drip {
        left: usize,
        ends: bool,
    }

    impl axum::body::HttpBody for Drip {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            match self.left {
                0 if self.ends => Poll::Ready(None),
                0 => Poll::Pending,
                _ => {
                    self.left -= 1;
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
                }
            }
        }
    }

    fn dripping(left: usize, ends: bool) -> Body {
        Body::new(Drip { left, ends })
    }

    #[tokio::test]
    async fn a_body_within_bounds_reaches_its_handler() {
        for body in [Body::from("0123456789"), dripping(10, true)] {
            let (status, _, body) = answer(bounds(Reader::Person), body).await;
            assert_eq!((status, body.len()), (StatusCode::OK, 10));
        }
    }

    #[tokio::test]
    async fn too_large_a_body_is_refused_in_the_shape_of_its_reader() {
        for announced in [true, false] {
            let body = || match announced {
                true => Body::from("0123456789a"),
                false => dripping(11, false),
            };
            let (status, kind, text) = answer(bounds(Reader::Program), body()).await;
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(kind, "application/json");
            assert!(text.contains("\"error\":\"invalid_request\""), "{text}");
            let (status, kind, text) = answer(bounds(Reader::Person), body()).await;
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
            assert!(kind.starts_with("text/html") && text.contains("<h1>"));
        }
    }

    #[tokio::test]
    async fn a_slow_body_is_cut_off() {
        let hasty = Bounds {
            body_time: Duration::from_millis(10),
            ..bounds(Reader::Program)
        };
        let (status, kind, _) = answer(hasty, dripping(3, false)).await;
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(kind, "application/json");
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_answered_all_the_same() {
        let hasty = |reader| Bounds {
            time: Duration::ZERO,
            ..bounds(reader)
        };
        let (status, kind, text) = answer(hasty(Reader::Program), Body::empty()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(kind, "application/json");
        assert!(text.contains("temporarily_unavailable"), "{text}");
        let (status, kind, _) = answer(hasty(Reader::Person), Body::empty()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(kind.starts_with("text/html"));
    }
}
