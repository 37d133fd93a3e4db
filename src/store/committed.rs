//! The records that this server knows committed and has not yet named in a manifest. In memory only:
//! what is forgotten with a crash was not named, and nobody is told a falsehood.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::store::audit::Appended;

/// A record whose statement the database has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its id.
    pub id: Uuid,
    /// Whether the answer waited for the disk: a database that crashed since has it all the same.
    pub on_disk: bool,
}

/// A list that every way to the database adds to; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    list: Arc<Mutex<Vec<Noted>>>,
    on_disk: bool,
}

impl Committed {
    /// The same list, for a way whose answers wait for the disk.
    #[must_use]
    pub fn on_disk(&self) -> Self {
        Self {
            on_disk: true,
            ..self.clone()
        }
    }

    /// Notes records whose statement the database has answered.
    pub fn note(&self, records: &Appended) {
        let on_disk = self.on_disk;
        let noted = records.ids().iter().map(|&id| Noted { id, on_disk });
        self.lock().extend(noted);
    }

    /// Takes what was noted, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut *self.lock())
    }

    /// Puts back what was taken and could not be named.
    pub fn put_back(&self, mut taken: Vec<Noted>) {
        let mut noted = self.lock();
        taken.append(&mut noted);
        *noted = taken;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Noted>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
