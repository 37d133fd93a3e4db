//! What operators charge for.

use chrono::NaiveDate;

use crate::admin::{Desk, Refused};
use crate::store::usage;
pub use crate::store::usage::Used;

/// The longest span, days.
const MOST_DAYS: i64 = 800;

/// Calls per day (UTC), app, operator and kind, from one day to another, both included.
///
/// # Errors
/// [`Refused::Invalid`] if the span is empty or too long.
pub async fn list(desk: &Desk, from: NaiveDate, to: NaiveDate) -> Result<Vec<Used>, Refused> {
    let days = (to - from).num_days();
    if !(0..=MOST_DAYS).contains(&days) {
        let message = format!("the span is 1 to {MOST_DAYS} days");
        return Err(Refused::invalid("since", message));
    }
    let mut tx = desk.begin().await?;
    Ok(usage::list(&mut tx, from, to).await?)
}
