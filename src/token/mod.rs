//! Signing keys, ID tokens, access tokens and the claims in them.
//!
//! [`root`] guards what everything else hangs on, [`lifecycle`] makes and moves signing keys in the
//! database, [`schedule`] when they move by themselves, [`keyring`] holds them parsed, [`claims`] decides what an app is told, [`id_token`]
//! and [`access_token`] write it down and [`subject`] names the person.

pub mod access_token;
pub mod claims;
pub mod id_token;
pub mod keyring;
pub mod lifecycle;
pub mod revocation;
pub mod root;
pub mod schedule;
pub mod signing_key;
pub mod subject;

use crate::clock::Time;
use crate::store::db::StoreError;

/// Why keys could not be made, moved or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed value does not open, or holds something else than it should.
    #[error(
        "{table} {row}: the sealed key does not open: it was altered, or its root key is not given"
    )]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
    },
    /// A root key given has the id of another one.
    #[error(
        "root key {0} is not the one this database was made with: the id is the same, the key differs"
    )]
    OtherRoot(String),
    /// None of the root keys given is known here.
    #[error("this database was made with root key {known}, and only {given} was given")]
    UnknownRoots {
        /// The ids given.
        given: String,
        /// The ids this database knows.
        known: String,
    },
    /// Something is still sealed under a root key that is not given.
    #[error(
        "root key {missing} is not given, but {table} {row} is still sealed under it: \
         give it as well and run `numbercloak key rewrap`"
    )]
    RootStillNeeded {
        /// The root key's id.
        missing: String,
        /// The table.
        table: &'static str,
        /// The row's key.
        row: String,
    },
    /// The next key was not yet published for long enough.
    #[error("the next key is published since {published}; relying parties know it by {ready}")]
    TooEarly {
        /// When it was published.
        published: Time,
        /// When it may sign.
        ready: Time,
    },
    /// There is no key to rotate to, or none that signs.
    #[error("{alg} has no {status} key")]
    NoKey {
        /// The algorithm.
        alg: &'static str,
        /// The status in which one should be.
        status: &'static str,
    },
    /// No published key has this id.
    #[error("no published key has the id {0}")]
    Gone(String),
    /// aws-lc-rs could not make a key.
    #[error("a new key could not be made")]
    Generation,
}
