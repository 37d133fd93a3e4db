//! A bucket of an S3-compatible service: every checkpoint under its size, so that object lock keeps
//! them all, and the last one under a fixed name.

use std::time::Duration;

use http::Request;
use rusty_s3::{Credentials, S3Action as _, UrlStyle};
use url::Url;

use crate::config::S3;
use crate::ledger::note::{Checkpoint, base64};
use crate::ledger::places::{PlaceError, answered, call, reveal};
use crate::outbound::Outbound;
use crate::secret::sha256;

/// How long a signed request may be used.
const VALID: Duration = Duration::from_secs(60);

/// The bucket.
#[derive(Clone)]
pub struct Bucket {
    outbound: Outbound,
    bucket: rusty_s3::Bucket,
    credentials: Credentials,
    prefix: String,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bucket({})", self.name())
    }
}

impl Bucket {
    pub(super) fn new(config: &S3, endpoint: Url, outbound: Outbound) -> Result<Self, String> {
        let missing = |key| format!("checkpoints.s3.endpoint needs checkpoints.s3.{key} beside it");
        let name = config.bucket.clone().ok_or_else(|| missing("bucket"))?;
        let id = config.access_key_id.as_deref();
        let id = id.ok_or_else(|| missing("access_key_id"))?;
        let region = config.region.clone();
        let bucket = rusty_s3::Bucket::new(endpoint, UrlStyle::Path, name, region);
        Ok(Self {
            outbound,
            bucket: bucket.map_err(|error| error.to_string())?,
            credentials: Credentials::new(id, reveal(config.secret_access_key.as_ref())),
            prefix: config.prefix.clone(),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.bucket.name()
    }

    fn last(&self) -> String {
        format!("{}checkpoint", self.prefix)
    }

    pub(super) async fn read(&self) -> Result<Option<String>, PlaceError> {
        let object = self.last();
        let get = self.bucket.get_object(Some(&self.credentials), &object);
        let request = Request::get(get.sign(VALID).as_str()).body(Vec::new())?;
        match call(&self.outbound, request).await? {
            (200, note) => Ok(Some(note)),
            (404, _) => Ok(None),
            (status, said) => Err(answered(status, &said)),
        }
    }

    pub(super) async fn keep(&self, checkpoint: &Checkpoint, note: &str) -> Result<(), PlaceError> {
        let log = checkpoint.origin.rsplit('/').next().unwrap_or_default();
        let own = format!("{}{log}/{:020}", self.prefix, checkpoint.size);
        for object in [own, self.last()] {
            let mut put = self.bucket.put_object(Some(&self.credentials), &object);
            // Buckets with object lock demand a checksum.
            let sum = base64(&sha256(note.as_bytes()));
            put.headers_mut()
                .insert("x-amz-checksum-sha256", sum.clone());
            let request = Request::put(put.sign(VALID).as_str())
                .header("x-amz-checksum-sha256", sum)
                .body(note.as_bytes().to_vec())?;
            let (status, said) = call(&self.outbound, request).await?;
            if !(200..300).contains(&status) {
                return Err(answered(status, &said));
            }
        }
        Ok(())
    }
}
