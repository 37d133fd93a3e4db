//! A C2SP witness (tlog-witness): it is shown a checkpoint with the proof that it continues the last one
//! it has seen, and cosigns it.

use std::fmt::Write as _;

use http::Request;
use url::Url;

use crate::ledger::checkpoint::Proofs;
use crate::ledger::note::{Checkpoint, Note, Verifier, base64, with_signatures};
use crate::ledger::places::{PlaceError, answered, call};
use crate::outbound::Outbound;

/// The witness.
#[derive(Clone, Debug)]
pub struct Witness {
    pub(super) outbound: Outbound,
    pub(super) url: Url,
    pub(super) key: Option<Verifier>,
}

impl Witness {
    pub(super) async fn keep(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
        proofs: &Proofs<'_>,
    ) -> Result<String, PlaceError> {
        // It is asked what it has seen by being told that it has seen nothing.
        let old = match self.ask(0, note, proofs).await? {
            Answer::Signed(whole) => return Ok(whole),
            Answer::HasSeen(old) => old,
        };
        if old > checkpoint.size {
            return Err(PlaceError::Ahead(old));
        }
        match self.ask(old, note, proofs).await? {
            Answer::Signed(whole) => Ok(whole),
            Answer::HasSeen(_) => Err(answered(409, "it has moved meanwhile")),
        }
    }

    async fn ask(&self, old: u64, note: &str, proofs: &Proofs<'_>) -> Result<Answer, PlaceError> {
        let mut body = format!("old {old}\n");
        for hash in proofs.since(old).await? {
            writeln!(body, "{}", base64(&hash)).expect("writing to a String works");
        }
        body.push('\n');
        body.push_str(note);
        let url = format!("{}/add-checkpoint", self.url.as_str().trim_end_matches('/'));
        let request = Request::post(url).body(body.into_bytes())?;
        let (status, said) = call(&self.outbound, request).await?;
        match (status, said.trim().parse()) {
            (200, _) => {
                let whole = with_signatures(note, &said)?;
                if let Some(key) = &self.key {
                    key.check(&Note::parse(&whole)?)?;
                }
                Ok(Answer::Signed(whole))
            }
            (409, Ok(seen)) => Ok(Answer::HasSeen(seen)),
            _ => Err(answered(status, &said)),
        }
    }
}

enum Answer {
    /// The note with its cosignature.
    Signed(String),
    /// The size of the last checkpoint it has cosigned.
    HasSeen(u64),
}
