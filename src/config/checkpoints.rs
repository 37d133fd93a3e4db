//! The section `checkpoints`: where the audit log's checkpoints go.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span;
use crate::secret::Redacted;

/// Checkpoints of the audit log, and the places outside the database that keep them: what a database
/// administrator cannot undo. Private addresses need operators.allow_private_addresses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Checkpoints {
    /// How often one is signed, if records were sealed since.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1s", "x-max" = "1h"))]
    pub every: Duration,
    /// A file that holds the last one, on a disk that the database's administrators do not reach.
    #[schemars(with = "String", example = "/var/lib/numbercloak/checkpoint", extend("format" = "path"))]
    pub file: Option<PathBuf>,
    /// A URL that each one is posted to.
    #[schemars(with = "String", example = "https://example.com/checkpoints")]
    pub webhook_url: Option<String>,
    /// The secret of the HMAC-SHA-256 in the header Numbercloak-Signature of what is posted there.
    #[serde(skip_serializing)]
    #[schemars(with = "String", example = "<at least 32 random characters>")]
    pub webhook_secret: Option<Redacted>,
    /// C2SP witnesses that cosign each one: the URL that /add-checkpoint follows.
    #[schemars(example = ["https://witness.example.com"])]
    pub witness_urls: Vec<String>,
    /// The witnesses' verifier keys, in the same order; without them their cosignatures are kept unchecked.
    #[schemars(example = ["witness.example.com+6b8e1f0c+BO9u…"])]
    pub witness_keys: Vec<String>,
    /// Whether one of the servers verifies the whole log once a day, as `audit verify` does.
    pub verify_daily: bool,
    /// From which hour (UTC) on.
    #[schemars(range(min = 0, max = 23))]
    pub verify_hour: u32,
    /// Logs whose loss at a restore is known and accounted for: the daily verification does not raise an
    /// alert for them again.
    #[schemars(example = ["id.example.com/log/20261122-k3f9xa"])]
    pub known_losses: Vec<String>,
    pub s3: S3,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            file: None,
            webhook_url: None,
            webhook_secret: None,
            witness_urls: Vec::new(),
            witness_keys: Vec::new(),
            verify_daily: true,
            verify_hour: 3,
            known_losses: Vec::new(),
            s3: S3::default(),
        }
    }
}

/// An S3-compatible bucket, best one with object lock.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct S3 {
    /// The service's URL.
    #[schemars(with = "String", example = "https://s3.eu-central-1.amazonaws.com")]
    pub endpoint: Option<String>,
    /// The bucket. Required with checkpoints.s3.endpoint.
    #[schemars(with = "String", example = "numbercloak-log")]
    pub bucket: Option<String>,
    /// The service's region.
    pub region: String,
    /// What the objects' names begin with.
    pub prefix: String,
    /// The access key's id. Required with checkpoints.s3.endpoint.
    #[schemars(with = "String", example = "numbercloak-checkpoints")]
    pub access_key_id: Option<String>,
    /// The access key's secret.
    #[serde(skip_serializing)]
    #[schemars(with = "String", example = "<the secret that came with access_key_id>")]
    pub secret_access_key: Option<Redacted>,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: None,
            bucket: None,
            region: "us-east-1".to_owned(),
            prefix: "numbercloak/".to_owned(),
            access_key_id: None,
            secret_access_key: None,
        }
    }
}
