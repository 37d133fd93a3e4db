//! Forms that carry a file (`multipart/form-data`, RFC 7578). Their size was bounded before.

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::oauth::params::Params;

/// Whether this is such a form.
pub fn is_one(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// Reads its fields and its one file; absent if it cannot be read. A field for a file that was left empty
/// brings none.
pub async fn read(headers: &HeaderMap, body: Body, most: usize) -> Option<(Params, Option<Bytes>)> {
    let mut request = Request::new(body);
    request.headers_mut().clone_from(headers);
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let (mut fields, mut file) = (Vec::new(), None);
    while let Some(field) = parts.next_field().await.ok()? {
        let name = field.name().unwrap_or_default().to_owned();
        if field.file_name().is_none() {
            fields.push((name, field.text().await.ok()?));
        } else {
            let bytes = field.bytes().await.ok()?;
            if file.is_some() {
                return None;
            }
            file = (!bytes.is_empty()).then_some(bytes);
        }
        if fields.len() > most {
            return None;
        }
    }
    Some((Params::of(fields), file))
}
