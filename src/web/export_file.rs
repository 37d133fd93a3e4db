//! A file of records as an answer, piece by piece: memory does not feel how long it is.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use hyper::body::Frame;
use tokio::sync::mpsc::Receiver;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// RFC 9530: whoever fetches it can tell whether it is whole.
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

struct Pieces(Receiver<Result<Bytes, StoreError>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        let piece = ready!(self.0.poll_recv(context));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}

/// The answer, to be saved under a name that tells when it was asked for.
pub fn answer(
    format: &str,
    requested_at: Time,
    id: Uuid,
    sha256: &[u8],
    bytes: i64,
    pieces: Receiver<Result<Bytes, StoreError>>,
) -> Response {
    let kind = if format == "csv" {
        "text/csv; charset=utf-8"
    } else {
        "application/x-ndjson"
    };
    let day = requested_at.format("%Y-%m-%d");
    let name = format!("attachment; filename=\"records-{day}-{id}.{format}\"");
    let digest = format!("sha-256=:{}:", STANDARD.encode(sha256));
    let mut response = Body::new(Pieces(pieces)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // A server that stops half way leaves a file that is too short, and the browser says so.
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    for (header, text) in [(CONTENT_DISPOSITION, name), (REPR_DIGEST, digest)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header, value);
        }
    }
    response
}
