//! A question to staff that is answered once: kept sealed until the answer comes, then gone, whatever the
//! answer is.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::admin::{Desk, Refused};
use crate::secret::{Place, Token, new_id};
use crate::store::db::StoreError;
use crate::store::staff_ceremonies::{self as rows, Ceremony, Kind};

/// How long staff may take to answer.
pub const LIFE: Duration = Duration::from_secs(5 * 60);

fn place(id: &Uuid) -> Place<'_> {
    Place::new("staff_ceremonies", "sealed", id)
}

/// Remembers what the answer will be compared with. Returns the token that the answer brings back.
pub(super) async fn begin(
    desk: &Desk,
    kind: Kind,
    staff: Option<Uuid>,
    compared: &impl Serialize,
) -> Result<Token, Refused> {
    let plain = serde_json::to_vec(compared)
        .map_err(|_| Refused::invalid("challenge", "cannot be kept"))?;
    let (id, token) = (new_id(desk.now), Token::random());
    let new = Ceremony {
        id,
        hash: &token.hash(),
        kind,
        staff,
        sealed: &desk.vault.seal(place(&id), &plain),
        expires_at: desk.now + LIFE,
    };
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    rows::insert(&mut db, &new).await?;
    Ok(token)
}

/// What the answer is compared with, for the first answer in time and nobody else's.
pub(super) async fn take<T: DeserializeOwned>(
    desk: &Desk,
    kind: Kind,
    staff: Option<Uuid>,
    token: &str,
) -> Result<Option<T>, Refused> {
    let Some(token) = Token::parse(token) else {
        return Ok(None);
    };
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let Some(taken) = rows::take(&mut db, &token.hash(), kind, staff, desk.now).await? else {
        return Ok(None);
    };
    let plain = desk
        .vault
        .open(place(&taken.id), &taken.sealed)
        .map_err(StoreError::from)?;
    Ok(serde_json::from_slice(&plain).ok())
}
