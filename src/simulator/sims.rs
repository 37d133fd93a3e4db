//! What is wrong with a SIM, beyond what its number says: a fault that stays until it is taken back, and
//! how much later everything about it is answered. Set by tests and on the admin page.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;

use super::scenario::Scenario;
use crate::phone::PhoneNumber;

/// Most SIMs with something of their own.
const MOST: usize = 10_000;

/// One SIM's trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What happens each time; by default what the number says.
    pub fault: Option<&'static Scenario>,
    /// How much later the operator answers a request of its phone.
    pub delay: Duration,
}

/// The same for pages and JSON.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shown {
    pub(super) sim: String,
    pub(super) fault: Option<u16>,
    pub(super) delay_milliseconds: u64,
}

/// All SIMs that have one.
#[derive(Default)]
pub(super) struct Sims(RwLock<BTreeMap<String, (PhoneNumber, Trouble)>>);

impl Sims {
    /// Gives a SIM its trouble, or takes it away; false if there are too many.
    pub(super) fn set(&self, number: &PhoneNumber, trouble: Trouble) -> bool {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if trouble == Trouble::default() {
            table.remove(number.e164());
            return true;
        }
        if table.len() >= MOST && !table.contains_key(number.e164()) {
            return false;
        }
        table.insert(number.e164().to_owned(), (number.clone(), trouble));
        true
    }

    pub(super) fn of(&self, number: &PhoneNumber) -> Trouble {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table
            .get(number.e164())
            .map_or_else(Trouble::default, |(_, trouble)| *trouble)
    }

    pub(super) fn shown(&self) -> Vec<Shown> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let show = |(number, trouble): &(PhoneNumber, Trouble)| Shown {
            sim: if number.is_test() {
                number.e164().to_owned()
            } else {
                number.masked()
            },
            fault: trouble.fault.map(|fault| fault.code),
            delay_milliseconds: u64::try_from(trouble.delay.as_millis()).unwrap_or(u64::MAX),
        };
        table.values().map(show).collect()
    }

    pub(super) fn clear(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
