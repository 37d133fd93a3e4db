//! Sessions and go-aheads: what is known of a browser before anything is asked.

use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::Place;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::pushed::{Bringing, Pushed};

/// The session a returning browser has.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its key.
    pub id: Uuid,
    /// The keyed hash of its number.
    pub number_hash: Vec<u8>,
    /// The number's epoch.
    pub epoch: i32,
    /// When it ends.
    pub expires_at: Time,
}

/// Where a session's number is sealed for.
#[must_use]
pub fn number_place(session: &Uuid) -> Place<'_> {
    Place::new("sessions", "sealed", session)
}

/// A remembered go-ahead.
#[derive(Clone, Debug, Deserialize)]
pub struct GoAhead {
    /// The subject it is for.
    pub subject: String,
    /// What may be released.
    pub release: Vec<String>,
}

/// What is known when a request comes in.
#[derive(Debug, Default)]
pub struct Known {
    /// The browser's go-aheads for the client.
    pub go_aheads: Vec<GoAhead>,
    /// The epoch of the number asked about.
    pub epoch: i32,
    /// The pushed request that the browser brought, if it is this client's, and in time or used.
    pub pushed: Option<Pushed>,
}

/// Looks up what is known of a browser and a number, in one statement. `number_hashes` are those of
/// the hinted number under every live root key; a pushed request has its own. Who brings a pushed
/// request uses it up: over all replicas, it opens one login.
pub async fn look_up(
    lane: &Lane,
    browser_hash: Option<&[u8]>,
    client_id: &str,
    number_hashes: &[Vec<u8>],
    bringing: Option<&Bringing<'_>>,
    now: Time,
) -> Result<Known, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with pushed as (
            update pushed_requests
            set login_id = coalesce(login_id, $7)
            where id = $5 and hash = $6 and client_id = $2
                and (expires_at > $4 or login_id is not null)
            returning sealed, number_hashes, login_id
        )
        select
            coalesce(
                (select max(epoch)
                from subject_epochs
                where number_hash = any($3 || (select number_hashes from pushed))), 0)
                as "epoch!",
            (select sealed from pushed) as pushed,
            (select login_id from pushed) as pushed_login,
            (select coalesce(json_agg(json_build_object('subject', subject, 'release', release)), '[]')
            from go_aheads
            where browser_hash = $1 and client_id = $2 and expires_at > $4)
                as "go_aheads!: Json<Vec<GoAhead>>"
        "#,
        browser_hash,
        client_id,
        number_hashes,
        now,
        bringing.map(|bringing| bringing.handle.id),
        bringing.map(|bringing| bringing.handle.hash()),
        bringing.and_then(|bringing| bringing.login),
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    Ok(Known {
        go_aheads: row.go_aheads.0,
        epoch: row.epoch,
        pushed: row.pushed.map(|sealed| Pushed {
            sealed,
            login: row.pushed_login,
        }),
    })
}
