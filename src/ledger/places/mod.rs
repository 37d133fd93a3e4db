//! The places outside the database that keep checkpoints. What one has is a memory that the database's
//! administrators do not reach.

mod file;
mod s3;
mod webhook;
mod witness;

use url::Url;

use crate::config::Checkpoints;
use crate::ledger::TreeError;
use crate::ledger::checkpoint::Proofs;
use crate::ledger::note::{Checkpoint, NoteError, Verifier};
use crate::outbound::{Limits, Outbound, OutboundError};
use crate::secret::Redacted;

/// Why a place could not be read or written. The texts hold no URL.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The file system.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The call.
    #[error(transparent)]
    Call(#[from] OutboundError),
    /// The request could not be made.
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    /// It answered otherwise than hoped for.
    #[error("answered {status}: {said}")]
    Answered {
        /// The status.
        status: u16,
        /// The beginning of what it said.
        said: String,
    },
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// What came back.
    #[error("the cosignature {0}")]
    Note(#[from] NoteError),
    /// It has a checkpoint that ours does not continue.
    #[error("has seen {0} leaves, more than this log has")]
    Ahead(u64),
}

/// One place.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file.
    File(file::File),
    /// A URL that is posted to.
    Webhook(webhook::Webhook),
    /// A bucket.
    S3(s3::Bucket),
    /// A C2SP witness.
    Witness(witness::Witness),
}

/// Something in the section `checkpoints` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key} {what}")]
pub struct Unusable {
    key: &'static str,
    what: String,
}

impl Place {
    /// The places configured.
    ///
    /// # Errors
    /// [`Unusable`] names the key.
    pub fn configured(config: &Checkpoints, outbound: &Outbound) -> Result<Vec<Self>, Unusable> {
        let url = |key, text: &str| {
            Url::parse(text).map_err(|_| Unusable {
                key,
                what: "is not a URL".to_owned(),
            })
        };
        let mut places = Vec::new();
        if let Some(path) = &config.file {
            places.push(Self::File(file::File::new(path)));
        }
        if let Some(text) = &config.webhook_url {
            places.push(Self::Webhook(webhook::Webhook {
                outbound: outbound.clone(),
                url: url("checkpoints.webhook_url", text)?,
                secret: config.webhook_secret.clone(),
            }));
        }
        if let Some(text) = &config.s3.endpoint {
            let endpoint = url("checkpoints.s3.endpoint", text)?;
            let bucket = s3::Bucket::new(&config.s3, endpoint, outbound.clone());
            places.push(Self::S3(bucket.map_err(|what| Unusable {
                key: "checkpoints.s3.bucket",
                what,
            })?));
        }
        for (at, text) in config.witness_urls.iter().enumerate() {
            let key = config.witness_keys.get(at).map(|key| Verifier::parse(key));
            places.push(Self::Witness(witness::Witness {
                outbound: outbound.clone(),
                url: url("checkpoints.witness_urls", text)?,
                key: key.transpose().map_err(|error| Unusable {
                    key: "checkpoints.witness_keys",
                    what: error.to_string(),
                })?,
            }));
        }
        Ok(places)
    }

    /// Its name in reports and metrics.
    #[must_use]
    pub fn name(&self) -> String {
        let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
        match self {
            Self::File(file) => format!("file {}", file.path().display()),
            Self::Webhook(webhook) => format!("webhook {}", host(&webhook.url)),
            Self::S3(bucket) => format!("s3 {}", bucket.name()),
            Self::Witness(witness) => format!("witness {}", host(&witness.url)),
        }
    }

    /// The checkpoint it has, where one can ask.
    ///
    /// # Errors
    /// If it cannot be read; nothing there is no error.
    pub async fn read(&self) -> Result<Option<String>, PlaceError> {
        match self {
            Self::File(file) => file.read().await,
            Self::S3(bucket) => bucket.read().await,
            Self::Webhook(_) | Self::Witness(_) => Ok(None),
        }
    }

    /// Has it keep a checkpoint. Returns the note with what the place added.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn keep(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
        proofs: &Proofs<'_>,
    ) -> Result<String, PlaceError> {
        match self {
            Self::File(file) => file.keep(note).await?,
            Self::Webhook(webhook) => webhook.keep(note).await?,
            Self::S3(bucket) => bucket.keep(checkpoint, note).await?,
            Self::Witness(witness) => return witness.keep(checkpoint, note, proofs).await,
        }
        Ok(note.to_owned())
    }
}

/// One call, with its status and what came.
async fn call(
    outbound: &Outbound,
    request: http::Request<Vec<u8>>,
) -> Result<(u16, String), PlaceError> {
    let answer = outbound.send(request, Limits::default()).await?;
    let said = String::from_utf8_lossy(answer.body()).into_owned();
    Ok((answer.status().as_u16(), said))
}

fn answered(status: u16, said: &str) -> PlaceError {
    let plain = said.chars().filter(|c| !c.is_control());
    PlaceError::Answered {
        status,
        said: plain.take(200).collect(),
    }
}

/// The secret's text, or none.
fn reveal(secret: Option<&Redacted>) -> &str {
    secret.map_or("", Redacted::reveal)
}
