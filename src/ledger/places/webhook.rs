//! A URL that every checkpoint is posted to, with a MAC under a shared secret.

use aws_lc_rs::hmac;
use http::Request;
use http::header::CONTENT_TYPE;
use url::Url;

use crate::ledger::places::{PlaceError, answered, call, reveal};
use crate::outbound::Outbound;
use crate::secret::Redacted;

/// Where to.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub(super) outbound: Outbound,
    pub(super) url: Url,
    pub(super) secret: Option<Redacted>,
}

impl Webhook {
    pub(super) async fn keep(&self, note: &str) -> Result<(), PlaceError> {
        let mut request =
            Request::post(self.url.as_str()).header(CONTENT_TYPE, "text/plain; charset=utf-8");
        if self.secret.is_some() {
            let key = hmac::Key::new(hmac::HMAC_SHA256, reveal(self.secret.as_ref()).as_bytes());
            let mac = hmac::sign(&key, note.as_bytes());
            let hex: String = mac.as_ref().iter().map(|b| format!("{b:02x}")).collect();
            request = request.header("numbercloak-signature", format!("sha256={hex}"));
        }
        let (status, said) = call(&self.outbound, request.body(note.as_bytes().to_vec())?).await?;
        match status {
            200..300 => Ok(()),
            _ => Err(answered(status, &said)),
        }
    }
}
