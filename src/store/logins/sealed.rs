//! What the rows of logins and legs keep sealed, and where each is sealed for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::redirect::Answer;
use crate::oauth::request::AuthorizeRequest;
use crate::secret::{Place, Unsealable, Vault};
use crate::verdict::Method;
use crate::verdict::checks::Check;

/// Seals the answer to the app for a login's row.
///
/// # Panics
/// Never: strings always serialise.
#[must_use]
pub fn seal_answer(vault: &Vault, login: &Uuid, answer: &Answer) -> Vec<u8> {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(answer).expect("strings serialise"));
    vault.seal(answer_place(login), &plain)
}

/// Seals what the app asked for a login's row: `state` and `nonce` are the app's own, and it may put
/// anything there.
///
/// # Panics
/// Never: a checked request serialises.
#[must_use]
pub fn seal_request(vault: &Vault, login: &Uuid, request: &AuthorizeRequest) -> Vec<u8> {
    let plain = serde_json::to_vec(request).expect("a checked request serialises");
    vault.seal(request_place(login), &zeroize::Zeroizing::new(plain))
}

pub(super) fn request_place(login: &Uuid) -> Place<'_> {
    Place::new("logins", "sealed_request", login)
}

/// Where a login's number is sealed for.
#[must_use]
pub fn number_place(login: &Uuid) -> Place<'_> {
    Place::new("logins", "sealed", login)
}

/// Where a confirmed number that waits for the person's go-ahead is sealed for.
#[must_use]
pub fn held_place(login: &Uuid) -> Place<'_> {
    Place::new("logins", "held", login)
}

pub(super) fn answer_place(login: &Uuid) -> Place<'_> {
    Place::new("logins", "answer", login)
}

/// What a leg keeps sealed: fixed at departure, read at the callback, nothing of it ever taken from
/// the callback or a form (P2).
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The number asked about, E.164; absent if the operator is asked which it is.
    pub number: Option<String>,
    /// The nonce sent to the operator.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: Option<String>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept([redacted])")
    }
}

impl Kept {
    /// Seals it for a leg's row.
    ///
    /// # Panics
    /// Never: strings always serialise.
    #[must_use]
    pub fn seal(&self, vault: &Vault, leg: &Uuid) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).expect("strings serialise"));
        vault.seal(Place::new("legs", "sealed", leg), &plain)
    }

    /// Opens what a leg's row holds.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn open(vault: &Vault, leg: &Uuid, sealed: &[u8]) -> Result<Self, Unsealable> {
        let plain = vault.open(Place::new("legs", "sealed", leg), sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Unsealable)
    }
}

/// A confirmed number that is not released before the person's go-ahead.
#[derive(Clone, Serialize, Deserialize)]
pub struct Held {
    /// The number, E.164.
    pub number: String,
    /// The operator, by alias.
    pub operator: String,
    /// Whether it is a test operator.
    pub test: bool,
    /// How it was asked.
    pub method: Method,
    /// When it answered.
    pub verified_at: Time,
    /// The audit record of the check.
    pub txn: Uuid,
    /// The extra checks.
    #[serde(default)]
    pub checks: BTreeMap<String, Check>,
}

impl Held {
    /// Seals it for a login's row.
    ///
    /// # Panics
    /// Never: it always serialises.
    #[must_use]
    pub fn seal(&self, vault: &Vault, login: &Uuid) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).expect("it serialises"));
        vault.seal(held_place(login), &plain)
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held([redacted])")
    }
}
