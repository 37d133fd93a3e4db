//! Logins on their way through a phone: tickets, claims, digits. Each step is one statement with its
//! audit records, guarded by the login's row, which every step locks first.

mod digits;
mod end;
mod find;
mod ticket;

pub use digits::{Match, Tried, Typed, matched, try_digits};
pub use end::{report, stop, withdraw};
pub use find::{find, find_by_code, find_by_ticket, purge};
pub use ticket::{Beginning, Begun, TicketRow, begin, claim, renew};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::{Place, Unsealable, Vault};

/// Hand-offs of one number in an hour, over all clients.
pub const MOST_PER_HOUR: i64 = 5;

/// How often the digits may be typed.
pub const DIGIT_TRIES: i32 = 2;

/// Where a hand-off stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum HandoffStage {
    /// The desktop shows the ticket.
    Waiting,
    /// A phone has taken it.
    Claimed,
    /// The number is confirmed; the phone shows the digits.
    Matched,
    /// The desktop has typed them.
    Proven,
    /// Over without them.
    Stopped,
}

/// A hand-off.
#[derive(Clone, Debug)]
pub struct Handoff {
    /// The row's key.
    pub id: Uuid,
    /// The login.
    pub login_id: Uuid,
    /// Where it stands.
    pub stage: HandoffStage,
    /// Until when the ticket may be claimed.
    pub ticket_expires_at: Time,
    /// How often digits were typed.
    pub digit_tries: i32,
    /// Ticket and code, sealed; read it with [`Handoff::ticket`].
    pub sealed: Vec<u8>,
    /// The digits, sealed; read them with [`Handoff::digits`].
    pub sealed_digits: Option<Vec<u8>>,
}

/// What the desktop shows, and what it is.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The token in the QR code.
    pub token: String,
    /// What a person types instead.
    pub code: String,
    /// What the desktop's browser calls itself, coarsely.
    pub desktop: String,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket([redacted])")
    }
}

impl Ticket {
    /// Seals it for a hand-off's row.
    ///
    /// # Panics
    /// Never: strings always serialise.
    #[must_use]
    pub fn seal(&self, vault: &Vault, handoff: &Uuid) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).expect("strings serialise"));
        vault.seal(Place::new("handoffs", "sealed", handoff), &plain)
    }
}

impl Handoff {
    /// What the desktop shows.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn ticket(&self, vault: &Vault) -> Result<Ticket, Unsealable> {
        let plain = vault.open(Place::new("handoffs", "sealed", &self.id), &self.sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Unsealable)
    }

    /// The digits that the phone shows, once there are any.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn digits(&self, vault: &Vault) -> Result<Option<String>, Unsealable> {
        let Some(sealed) = &self.sealed_digits else {
            return Ok(None);
        };
        let plain = vault.open(digits_place(&self.id), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Unsealable)?;
        Ok(Some(text.to_owned()))
    }
}

/// Where the digits are sealed for.
#[must_use]
pub fn digits_place(handoff: &Uuid) -> Place<'_> {
    Place::new("handoffs", "sealed_digits", handoff)
}
