//! Sessions and go-aheads: what is known of a browser before anything is asked.

use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::Place;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

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
}

/// Looks up what is known of a browser and a number, in one statement. `number_hashes` are those of
/// the hinted number under every live root key.
pub async fn look_up(
    lane: &Lane,
    browser_hash: Option<&[u8]>,
    client_id: &str,
    number_hashes: &[Vec<u8>],
    now: Time,
) -> Result<Known, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        select
            coalesce((select max(epoch) from subject_epochs where number_hash = any($3)), 0)
                as "epoch!",
            (select coalesce(json_agg(json_build_object('subject', subject, 'release', release)), '[]')
            from go_aheads
            where browser_hash = $1 and client_id = $2 and expires_at > $4)
                as "go_aheads!: Json<Vec<GoAhead>>"
        "#,
        browser_hash,
        client_id,
        number_hashes,
        now,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    Ok(Known {
        go_aheads: row.go_aheads.0,
        epoch: row.epoch,
    })
}
