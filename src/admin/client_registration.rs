//! Apps that register themselves (RFC 7591, RFC 7592): staff make the initial access tokens that let
//! them; whoever has one registers and then manages the one client. Everything is recorded, with
//! `registration` as the actor.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin::clients::{self, NewClient, Registered, end, find};
use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::secret::{Token, new_id};
use crate::store::client_registrations::{self as rows, InitialAccessToken};
use crate::store::clients::Client;
use crate::store::db::StoreError;

/// The longest an initial access token may live.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Apps one token registers, at most.
const MOST_USES: u32 = 10_000;
const TOKEN: &str = "initial access token";

/// Makes a token that registers `uses` apps within `lifetime`. The token is shown now or never.
///
/// # Errors
/// [`Refused::Invalid`].
pub async fn create_token(
    desk: &Desk,
    note: &str,
    uses: u32,
    lifetime: Duration,
) -> Result<(Token, InitialAccessToken), Refused> {
    if !(1..=MOST_USES).contains(&uses) {
        return Err(Refused::invalid("uses", "is from 1 to 10000"));
    }
    if lifetime.is_zero() || lifetime > LONGEST {
        return Err(Refused::invalid("expires", "is at most 366 days"));
    }
    if note.chars().count() > 200 || note.chars().any(char::is_control) {
        return Err(Refused::invalid("note", "is at most 200 characters"));
    }
    let token = Token::random();
    let row = InitialAccessToken {
        id: new_id(desk.now),
        note: note.to_owned(),
        uses_left: i32::try_from(uses).unwrap_or(i32::MAX),
        created_at: desk.now,
        expires_at: desk.now + lifetime,
    };
    let mut tx = desk.begin().await?;
    rows::insert_token(&mut tx, &row, &token.hash()).await?;
    let details = json!({ "note": row.note, "uses": uses, "expires_at": row.expires_at });
    record(desk, &mut tx, "CREATE", row.id, details).await?;
    commit(tx).await?;
    Ok((token, row))
}

/// All tokens, the newest first.
///
/// # Errors
/// [`Refused::Database`].
pub async fn tokens(desk: &Desk) -> Result<Vec<InitialAccessToken>, Refused> {
    let mut tx = desk.begin().await?;
    Ok(rows::tokens(&mut tx).await?)
}

/// Ends a token. Apps that it registered stay.
///
/// # Errors
/// [`Refused::NotFound`].
pub async fn revoke_token(desk: &Desk, id: Uuid) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    if !rows::delete_token(&mut tx, id).await? {
        return Err(Refused::not_found(TOKEN, &id.to_string()));
    }
    record(desk, &mut tx, "DELETE", id, Value::Null).await?;
    commit(tx).await
}

async fn record(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    operation: &str,
    id: Uuid,
    details: Value,
) -> Result<(), Refused> {
    let act = Act {
        operation,
        resource: "initial_access_token",
        id: &id.to_string(),
        details,
    };
    desk.record(tx, act).await
}

/// Whether a token would register an app now: asked before anything is fetched for whoever has it.
///
/// # Errors
/// [`Refused::Database`].
pub async fn is_good(desk: &Desk, token: &Token) -> Result<bool, Refused> {
    let mut tx = desk.begin().await?;
    Ok(rows::is_good(&mut tx, &token.hash(), desk.now).await?)
}

/// Registers an app and uses the token up by one, both or neither. Returns the token with which the
/// app manages its registration, too.
///
/// # Errors
/// [`Refused::NotFound`] if the token does not count, else as [`clients::create`].
pub async fn register(
    desk: &Desk,
    token: &Token,
    new: NewClient,
) -> Result<(Registered, Token), Refused> {
    let client = clients::prepare(desk, new)?;
    let mut tx = desk.begin().await?;
    let used = rows::use_token(&mut tx, &token.hash(), desk.now).await;
    let initial = used.map_err(|error| match error {
        StoreError::Stale => Refused::not_found(TOKEN, ""),
        other => other.into(),
    })?;
    let registered = clients::insert(desk, &mut tx, client, json!(initial)).await?;
    let access = Token::random();
    let (id, hash) = (registered.client.id, access.hash());
    rows::insert(&mut tx, id, &hash, initial, desk.now).await?;
    commit(tx).await?;
    Ok((registered, access))
}

/// The client that a registration access token manages.
///
/// # Errors
/// [`Refused::NotFound`] if it manages none.
pub async fn managed_by(desk: &Desk, access: &Token) -> Result<Client, Refused> {
    let mut tx = desk.begin().await?;
    let client_id = rows::client_of(&mut tx, &access.hash()).await?;
    match client_id {
        Some(client_id) => find(&mut tx, &client_id).await,
        None => Err(Refused::not_found("client", "")),
    }
}

/// Ends a client for good at its own wish. Its row stays, disabled: nobody else may ever be taken for
/// it.
///
/// # Errors
/// [`Refused::Stale`] if somebody changed it meanwhile.
pub async fn remove(desk: &Desk, client: &Client) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    rows::delete(&mut tx, client.id).await?;
    end(desk, &mut tx, client).await?;
    commit(tx).await
}
