//! When client secrets were last used. Kept in memory and written now and then by a background task,
//! so that no token request waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::Time;

/// Uses that were not written yet.
#[derive(Debug, Default)]
pub struct SecretUses(Mutex<HashMap<Uuid, Time>>);

impl SecretUses {
    /// A secret was used. Callers name only secrets that exist, so this stays small.
    pub fn used(&self, secret: Uuid, now: Time) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = uses.entry(secret).or_insert(now);
        *latest = now.max(*latest);
    }

    /// Takes what was gathered.
    #[must_use]
    pub fn take(&self) -> Vec<(Uuid, Time)> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.drain().collect()
    }
}
