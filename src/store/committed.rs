//! The records that this server knows committed and has not yet named in a manifest. In memory only:
//! what is forgotten with a crash was not named, and nobody is told a falsehood.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::store::audit::Appended;

/// A list that every way to the database adds to; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Committed(Arc<Mutex<Vec<Uuid>>>);

impl Committed {
    /// Notes records whose statement the database has answered.
    pub fn note(&self, records: &Appended) {
        self.lock().extend_from_slice(records.ids());
    }

    /// Takes what was noted, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Uuid> {
        std::mem::take(&mut *self.lock())
    }

    /// Puts back what was taken and could not be named.
    pub fn put_back(&self, mut taken: Vec<Uuid>) {
        let mut noted = self.lock();
        taken.append(&mut noted);
        *noted = taken;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
