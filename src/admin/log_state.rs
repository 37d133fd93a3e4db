//! How the log stands, for whoever looks at it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::audit::{self, Entry};
use crate::admin::moment::Moment;
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::log_state as rows;
pub use crate::store::log_state::LogState;

/// A place outside the database that checkpoints are brought to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "CheckpointPlace")]
pub struct Place {
    /// Its name.
    pub place: String,
    /// How many leaves the checkpoint it has covers.
    pub size: Option<i64>,
    /// When it confirmed that one.
    #[schemars(with = "Option<Moment>")]
    pub kept_at: Option<Time>,
    /// When it was last tried.
    #[schemars(with = "Option<Moment>")]
    pub tried_at: Option<Time>,
    /// What went wrong since.
    pub trouble: Option<String>,
}

/// The current log; none before the first began.
///
/// # Errors
/// [`Refused::Database`].
pub async fn look(desk: &Desk) -> Result<Option<LogState>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(rows::look(&mut db).await?)
}

/// The last alerts, newest first.
///
/// # Errors
/// [`Refused::Database`].
pub async fn alerts(desk: &Desk, limit: u16) -> Result<Vec<Entry>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let rows = rows::alerts(&mut db, i64::from(limit)).await?;
    Ok(rows.iter().map(|row| audit::decode(desk, row)).collect())
}

/// The places of a log's state.
#[must_use]
pub fn places(state: &LogState) -> Vec<Place> {
    let all = state.places.as_array();
    let place = |row: &serde_json::Value| {
        let time = |field: &str| row[field].as_str().and_then(|text| text.parse().ok());
        let text = |field: &str| row[field].as_str().map(str::to_owned);
        Place {
            place: text("place").unwrap_or_default(),
            size: row["size"].as_i64(),
            kept_at: time("kept_at"),
            tried_at: time("tried_at"),
            trouble: text("trouble"),
        }
    };
    all.into_iter().flatten().map(place).collect()
}
