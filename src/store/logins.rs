//! Logins and legs: their rows and the statements that only read. The steps that change them stand
//! in [`crate::store::path`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::redirect::Answer;
use crate::oauth::request::AuthorizeRequest;
use crate::phone::PhoneNumber;
use crate::secret::{Place, Token, Unsealable, Vault, same};
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::verdict::checks::Check;
use crate::verdict::{Method, Outcome};

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

fn request_place(login: &Uuid) -> Place<'_> {
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

fn answer_place(login: &Uuid) -> Place<'_> {
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

pub(super) struct Row {
    pub id: Uuid,
    pub client_id: String,
    pub cookie_hash: Vec<u8>,
    pub stage: Stage,
    pub request: Option<Json<AuthorizeRequest>>,
    pub sealed_request: Option<Vec<u8>>,
    pub sealed: Option<Vec<u8>>,
    pub number_source: Option<NumberSource>,
    pub pressed: bool,
    pub leg_id: Option<Uuid>,
    pub operator: Option<String>,
    pub legs: i32,
    pub mismatches: i32,
    pub rerouted: bool,
    pub outcome: Option<Outcome>,
    pub retry_at: Option<Time>,
    pub answer: Option<Vec<u8>>,
    pub session_id: Option<Uuid>,
    pub handoff_id: Option<Uuid>,
    pub phone_hash: Option<Vec<u8>>,
    pub opened_at: Time,
    pub expires_at: Time,
}

impl Row {
    /// The login of this row, its request unsealed.
    pub(super) fn open(self, vault: &Vault) -> Result<Login, Unsealable> {
        let row = self;
        let request = match (row.sealed_request, row.request) {
            (Some(sealed), _) => {
                let plain = vault.open(request_place(&row.id), &sealed)?;
                serde_json::from_slice(&plain).map_err(|_| Unsealable)?
            }
            (None, Some(request)) => request.0,
            (None, None) => return Err(Unsealable),
        };
        Ok(Login {
            id: row.id,
            client_id: row.client_id,
            cookie_hash: row.cookie_hash,
            stage: row.stage,
            request,
            number_source: row.number_source,
            pressed: row.pressed,
            leg_id: row.leg_id,
            operator: row.operator,
            legs: row.legs,
            mismatches: row.mismatches,
            rerouted: row.rerouted,
            outcome: row.outcome,
            retry_at: row.retry_at,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
            sealed: row.sealed,
            answer: row.answer,
            session_id: row.session_id,
            handoff_id: row.handoff_id,
            phone_hash: row.phone_hash,
        })
    }
}

/// The login with this id, whoever asks: the caller compares the cookie.
pub async fn find(lane: &Lane, vault: &Vault, id: Uuid) -> Result<Option<Login>, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query_as!(
        Row,
        r#"
        select id, client_id, cookie_hash, stage as "stage: Stage",
            request as "request: Json<AuthorizeRequest>", sealed_request, sealed,
            number_source as "number_source: NumberSource", pressed, leg_id,
            (select operator from legs where legs.id = logins.leg_id) as operator, legs, mismatches,
            rerouted, outcome as "outcome: Outcome", retry_at, answer, session_id, handoff_id,
            phone_hash, opened_at, expires_at
        from logins
        where id = $1
        "#,
        id
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(row.map(|row| row.open(vault)).transpose()?)
}

/// The leg that a state of ours names, if the state is the one it departed with.
pub async fn find_leg(lane: &Lane, id: Uuid, state_hash: &[u8]) -> Result<Option<Leg>, StoreError> {
    let mut lent = lane.get().await?;
    let leg = sqlx::query_as!(
        Leg,
        r#"
        select id, login_id, operator, operator_revision, method as "method: Method",
            stage as "stage: LegStage", departed_at, sealed
        from legs
        where id = $1 and state_hash = $2
        "#,
        id,
        state_hash
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(leg)
}

/// The operators that said in this login that the number is not one of theirs.
pub async fn declined(lane: &Lane, id: Uuid) -> Result<Vec<String>, StoreError> {
    let mut lent = lane.get().await?;
    let operators = sqlx::query_scalar!(
        r#"
        select distinct operator
        from legs
        where login_id = $1 and outcome = 'operator_unsupported_number'
        "#,
        id
    )
    .fetch_all(lent.connection())
    .await?;
    lent.give_back();
    Ok(operators)
}

/// Whether the code of an ended login is still good: not redeemed, not expired.
pub async fn has_live_code(lane: &Lane, id: Uuid, now: Time) -> Result<bool, StoreError> {
    let mut lent = lane.get().await?;
    let live = sqlx::query_scalar!(
        r#"
        select exists (
            select from codes
            where grant_id = $1 and redeemed_at is null and expires_at > $2
        ) as "live!"
        "#,
        id,
        now
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    Ok(live)
}

/// Logins whose time is out, or whose operator call was cut short (the server died), oldest first.
pub async fn overdue(
    lane: &Lane,
    vault: &Vault,
    now: Time,
    stuck_since: Time,
    limit: i64,
) -> Result<Vec<Login>, StoreError> {
    let mut lent = lane.get().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id, client_id, cookie_hash, stage as "stage: Stage",
            request as "request: Json<AuthorizeRequest>", sealed_request, sealed,
            number_source as "number_source: NumberSource", pressed, leg_id,
            (select operator from legs where legs.id = logins.leg_id) as operator, legs, mismatches,
            rerouted, outcome as "outcome: Outcome", retry_at, answer, session_id, handoff_id,
            phone_hash, opened_at, expires_at
        from logins
        where ended_at is null
            and (expires_at <= $1 or (stage = 'checking' and changed_at <= $2))
        order by expires_at
        limit $3
        "#,
        now,
        stuck_since,
        limit
    )
    .fetch_all(lent.connection())
    .await?;
    lent.give_back();
    // One row that was altered must not keep all others from ending.
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let id = row.id;
            row.open(vault)
                .inspect_err(|_| tracing::error!(%id, "a login cannot be unsealed, and stays"))
                .ok()
        })
        .collect())
}

/// Closes legs whose time is out and that are no login's current one: two departures of one login at
/// the same moment do not see each other's leg. None of them could be claimed. Returns how many.
pub async fn close_superseded(lane: &Lane, now: Time, limit: i64) -> Result<u64, StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query!(
        r#"
        update legs
        set stage = 'closed', outcome = 'abandoned', closed_at = $1
        where id in (
            select id
            from legs
            where closed_at is null and expires_at <= $1
                and not exists (
                    select from logins
                    where logins.id = legs.login_id and logins.leg_id = legs.id
                )
            limit $2
        )
        "#,
        now,
        limit
    )
    .execute(lent.connection())
    .await?;
    lent.give_back();
    Ok(done.rows_affected())
}
