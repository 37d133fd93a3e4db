//! Records of what was refused to whoever asked about a token or with one.

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::store::audit;
use crate::store::db::StoreError;
use crate::web::app::App;
use crate::web::browser::Browser;

/// Records a refusal. Nobody needs to prove anything to send a token, or to be a public client, so one
/// address is recorded so often a minute and no more.
///
/// # Errors
/// The database.
pub async fn record(
    app: &App,
    browser: &Browser,
    subject: Subject,
    event: &Event,
    now: Time,
) -> Result<(), StoreError> {
    if !app.throttles.records_refusal(event.kind(), browser.address) {
        return Ok(());
    }
    let record = browser.recorder(app, now).record(subject, event);
    audit::append_alone(&app.db, app.db.relaxed(), [record]).await
}
