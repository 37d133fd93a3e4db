//! The log that records are sealed in: a Merkle tree, its checkpoints outside the database, and
//! proofs (docs/decisions/0005-the-log.md).

pub mod alerts;
mod begin;
pub mod bundle;
mod checkpoint;
mod daily;
pub mod exported;
mod head;
mod manifest;
pub mod note;
pub mod places;
pub mod prove;
mod public;
mod read;
mod seal;
pub mod streams;
pub mod tile_path;
pub mod tiles;
pub mod tree;
pub mod verify;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::clock::{Clock, Time};
use crate::ledger::manifest::Manifests;
use crate::ledger::note::{Checkpoint, NoteError, NoteSigner, Verifier};
use crate::ledger::places::Place;
use crate::secret::Vault;
use crate::store::db::{Db, StoreError};
use crate::token::{KeyError, root};

pub use read::{TreeError, hashes_of};
pub use seal::Sealed;

/// The name under which the seed of the key that signs checkpoints is kept.
const KEY: &str = "audit";

/// Why the log could not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key that signs checkpoints.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The stored tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A note or a key.
    #[error("a checkpoint {0}")]
    Note(#[from] NoteError),
    /// The head was sealed under a root key that is not given here.
    #[error("the log's head carries the MAC of root key {0}, which is not given")]
    UnknownRoot(String),
}

/// What a ledger works with.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Makes and checks MACs.
    pub vault: Vault,
    /// The time.
    pub clock: Clock,
    /// The issuer: logs are named after it.
    pub issuer: String,
    /// This server's name in manifests.
    pub server: String,
    /// How often a checkpoint is signed, at most.
    pub checkpoint_every: Duration,
    /// Where checkpoints go.
    pub places: Vec<Place>,
}

/// One server's hand in the log.
#[derive(Debug)]
pub struct Ledger {
    db: Db,
    vault: Vault,
    clock: Clock,
    base: String,
    server: String,
    checkpoint_every: Duration,
    places: Vec<Place>,
    signer: NoteSigner,
    /// What was seen and what is read next must not be mixed up by two at once.
    work: tokio::sync::Mutex<()>,
    /// The last head this process has seen: what a restore under a running server cannot undo.
    seen: Mutex<Option<Checkpoint>>,
    published: ArcSwapOption<String>,
    manifests: Manifests,
    /// Whether a tombstone was sealed that no checkpoint covers: the next one does not wait for its time, or
    /// whoever takes the log home meanwhile finds its month gone.
    tells_of_loss: AtomicBool,
}

impl Ledger {
    /// Opens the log's key, which is made at the first time.
    ///
    /// # Errors
    /// If the key cannot be read, or the database.
    pub async fn open(parts: Parts) -> Result<Self, LedgerError> {
        let now = parts.clock.now();
        Ok(Self {
            signer: signer(&parts.db, &parts.vault, now).await?,
            base: base(&parts.issuer),
            db: parts.db,
            vault: parts.vault,
            clock: parts.clock,
            server: parts.server,
            checkpoint_every: parts.checkpoint_every,
            places: parts.places,
            work: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
            published: ArcSwapOption::empty(),
            manifests: Manifests::default(),
            tells_of_loss: AtomicBool::default(),
        })
    }

    /// What every second does: seals what is pending, signs a checkpoint when one is due, and brings it
    /// outside.
    ///
    /// # Errors
    /// If the database, the tree in it, or a key is not as it should be; places outside that fail are
    /// noted at the place.
    pub async fn tick(&self) -> Result<Sealed, LedgerError> {
        let _one_at_a_time = self.work.lock().await;
        let sealed = self.seal().await?;
        self.sign_if_due().await?;
        self.push().await?;
        Ok(sealed)
    }

    /// The last checkpoint, for whoever asks; none before the first is signed.
    #[must_use]
    pub fn published(&self) -> Option<Arc<String>> {
        self.published.load_full()
    }

    /// The key that checks this deployment's checkpoints, in the name of a log.
    #[must_use]
    pub fn verifier(&self, origin: &str) -> Verifier {
        self.signer.verifier(origin)
    }

    fn seen(&self) -> Option<Checkpoint> {
        self.lock_seen().clone()
    }

    fn see(&self, head: Checkpoint) {
        *self.lock_seen() = Some(head);
    }

    fn lock_seen(&self) -> std::sync::MutexGuard<'_, Option<Checkpoint>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The issuer as names of logs begin: without its scheme, and without what a note's key name may not hold.
fn base(issuer: &str) -> String {
    let base = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    base.trim_end_matches('/').replace(['+', ' '], "-")
}

/// The key that checks checkpoints, in any name: [`Verifier::named`] gives it that of a log.
///
/// # Errors
/// If it cannot be read, or the database.
pub async fn public_key(db: &Db, vault: &Vault, now: Time) -> Result<Verifier, LedgerError> {
    Ok(signer(db, vault, now).await?.verifier("log"))
}

/// The key that signs.
async fn signer(db: &Db, vault: &Vault, now: Time) -> Result<NoteSigner, LedgerError> {
    let seed = root::wrapped_key(db, vault, KEY, now).await?;
    Ok(NoteSigner::new(&seed)?)
}
