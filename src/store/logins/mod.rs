//! Logins and legs: their rows and the statements that only read. The steps that change them stand
//! in [`crate::store::path`].

mod read;
mod sealed;

pub(super) use read::Row;
pub use read::{close_superseded, declined, find, find_leg, has_live_code, overdue};
pub use sealed::{Held, Kept, held_place, number_place, seal_answer, seal_request};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::redirect::Answer;
use crate::oauth::request::AuthorizeRequest;
use crate::phone::PhoneNumber;
use crate::secret::{Token, Unsealable, Vault, same};
use crate::verdict::{Method, Outcome};

use self::sealed::answer_place;

/// Where a login stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Stage {
    /// The person is asked something.
    Open,
    /// The browser is at the operator.
    Away,
    /// The browser is back, and the operator is being called.
    Checking,
    /// The number is confirmed; the person is asked before it is released.
    Confirm,
    /// A leg opened nothing; the person is told, and may try again.
    Problem,
    /// Over.
    Ended,
}

/// Where the number of a login comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum NumberSource {
    /// The app named it.
    Hint,
    /// The person typed it.
    Person,
    /// The session's.
    Session,
}

impl NumberSource {
    /// The word in the row. Statements bind this instead of the enum: sqlx looks an enum's type up
    /// once per connection, which is a round trip.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Person => "person",
            Self::Session => "session",
        }
    }
}

/// One attempt by one browser for one client.
#[derive(Clone, Debug)]
pub struct Login {
    /// The row's key.
    pub id: Uuid,
    /// The client's `client_id`.
    pub client_id: String,
    /// The hash of the login's cookie.
    pub cookie_hash: Vec<u8>,
    /// Where it stands.
    pub stage: Stage,
    /// What the app asked.
    pub request: AuthorizeRequest,
    /// Where the number comes from.
    pub number_source: Option<NumberSource>,
    /// Whether a person pressed a button of ours in this login.
    pub pressed: bool,
    /// The current leg.
    pub leg_id: Option<Uuid>,
    /// The operator of the current leg, by alias.
    pub operator: Option<String>,
    /// How many legs there were.
    pub legs: i32,
    /// How many of them were mismatches.
    pub mismatches: i32,
    /// Whether the operator was changed once without asking the person.
    pub rerouted: bool,
    /// How the last leg or the login ended.
    pub outcome: Option<Outcome>,
    /// When the operator wants to be asked again, if it could not answer and said so.
    pub retry_at: Option<Time>,
    /// When it was opened.
    pub opened_at: Time,
    /// When its time is out.
    pub expires_at: Time,
    /// The number, sealed; read it with [`Login::number`].
    pub sealed: Option<Vec<u8>>,
    /// The answer or what is held back, sealed; read it with [`Login::answer`] or [`Login::held`].
    pub answer: Option<Vec<u8>>,
    /// The session that answered, or that may answer once the person has agreed.
    pub session_id: Option<Uuid>,
    /// The hand-off under way.
    pub handoff_id: Option<Uuid>,
    /// The hash of the cookie of the phone it was moved to: its legs belong to that browser.
    pub phone_hash: Option<Vec<u8>>,
    /// The hash of the visit cookie of the browser that opened it: the numbers tried count there.
    pub visit_hash: Option<Vec<u8>>,
}

impl Login {
    /// Whether this cookie is that of the phone the login was moved to.
    #[must_use]
    pub fn is_phones(&self, cookie: &Token) -> bool {
        let phone = self.phone_hash.as_ref();
        phone.is_some_and(|hash| same(hash, &cookie.hash()))
    }

    /// The hash of the cookie its legs belong to: a callback needs it (P8).
    #[must_use]
    pub fn leg_cookie_hash(&self) -> &[u8] {
        self.phone_hash.as_deref().unwrap_or(&self.cookie_hash)
    }

    /// The number this login is about, if it is known by now.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn number(&self, vault: &Vault) -> Result<Option<PhoneNumber>, Unsealable> {
        let Some(sealed) = &self.sealed else {
            return Ok(None);
        };
        let plain = vault.open(number_place(&self.id), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Unsealable)?;
        PhoneNumber::from_e164(text)
            .map(Some)
            .map_err(|_| Unsealable)
    }

    /// What was held back for the person's go-ahead, in stage [`Stage::Confirm`].
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn held(&self, vault: &Vault) -> Result<Option<Held>, Unsealable> {
        let (Some(sealed), Stage::Confirm) = (&self.answer, self.stage) else {
            return Ok(None);
        };
        let plain = vault.open(held_place(&self.id), sealed)?;
        serde_json::from_slice(&plain)
            .map(Some)
            .map_err(|_| Unsealable)
    }

    /// The answer to the app, once there is one.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn answer(&self, vault: &Vault) -> Result<Option<Answer>, Unsealable> {
        let (Some(sealed), Stage::Ended) = (&self.answer, self.stage) else {
            return Ok(None);
        };
        let plain = vault.open(answer_place(&self.id), sealed)?;
        serde_json::from_slice(&plain)
            .map(Some)
            .map_err(|_| Unsealable)
    }
}

/// Where a leg stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum LegStage {
    /// The browser is at the operator.
    Away,
    /// It came back; the operator is being called.
    Claimed,
    /// Over.
    Closed,
}

/// One trip of a browser to one operator for one number.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The row's key.
    pub id: Uuid,
    /// The login it belongs to.
    pub login_id: Uuid,
    /// The operator's alias.
    pub operator: String,
    /// The operator record's revision at departure.
    pub operator_revision: i32,
    /// How the operator is asked.
    pub method: Method,
    /// Where it stands.
    pub stage: LegStage,
    /// When it departed.
    pub departed_at: Time,
    /// What it keeps, sealed.
    pub sealed: Vec<u8>,
}
