//! The demo app's HTTP client.

use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse};

/// No answer of an OpenID Provider is anywhere near this long.
const LONGEST_ANSWER: usize = 1 << 20;

/// Our own HTTP client: the demo app stands for somebody else's app, and shares nothing with the
/// server but the machine.
#[expect(
    clippy::disallowed_methods,
    reason = "the demo app is an outside party: it has its own HTTP client"
)]
pub fn outside_client() -> std::io::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // The issuer stands on this machine or beside it; a proxy from the environment would not know it.
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(15))
        .build()
        .map_err(std::io::Error::other)
}

/// Why an HTTP exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpFailure {
    /// No answer. Said without the address, which may carry what must not be logged.
    #[error("{}", without_url(.0))]
    Request(reqwest::Error),
    #[error("the answer is too long")]
    TooLong,
    #[error("the answer is no HTTP message")]
    Malformed,
}

fn without_url(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the request failed"
    }
}

/// One HTTP exchange in the words of the `openidconnect` crate, whose own client would bring a second
/// HTTP stack.
pub async fn send(
    http: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, HttpFailure> {
    let request = request.try_into().map_err(HttpFailure::Request)?;
    let mut response = http.execute(request).await.map_err(HttpFailure::Request)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(HttpFailure::Request)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(HttpFailure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    answer.body(body).map_err(|_| HttpFailure::Malformed)
}
