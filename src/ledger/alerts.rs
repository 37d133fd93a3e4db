//! What a person should look at, as records: whoever streams records hears of them. Each alert is raised
//! once an hour, over all servers.

use chrono::TimeDelta;
use sqlx::PgPool;

use crate::audit::event::Event;
use crate::audit::record::Recorder;
use crate::clock::Time;
use crate::config::Alerts;
use crate::secret::Vault;
use crate::store::audit;
use crate::store::db::StoreError;
use crate::store::outbox;

/// How far back is looked.
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// What a person who stopped a hand-off and reported it leaves.
const REPORT: &str = "HANDOFF_REPORTED";
/// Alerts raised at most in one go.
const MOST: usize = 20;

/// An alert to be raised.
#[derive(Debug)]
pub struct Alert {
    /// What: `mismatches`, `hand_off_reports`, `log_verification`.
    pub kind: &'static str,
    /// What it is about.
    pub about: String,
    /// What was seen, in one sentence. Nothing personal.
    pub message: String,
}

/// Raises an alert, unless the same was raised this hour. Says whether it did.
///
/// # Errors
/// The database.
pub async fn raise(
    db: &PgPool,
    vault: &Vault,
    now: Time,
    alert: &Alert,
) -> Result<bool, StoreError> {
    let mut tx = db.begin().await?;
    if !outbox::claim_alert(&mut tx, alert.kind, &alert.about, now).await? {
        return Ok(false);
    }
    let event = Event::Alert {
        alert: alert.kind.to_owned(),
        about: alert.about.clone(),
        message: alert.message.clone(),
    };
    let record = Recorder::system(vault, now).system_record(&event);
    audit::append(&mut *tx, [record]).await?;
    tx.commit().await?;
    metrics::counter!("numbercloak_alerts_total", "alert" => alert.kind).increment(1);
    tracing::warn!(alert = alert.kind, about = alert.about, "{}", alert.message);
    Ok(true)
}

/// Looks at the last minutes.
///
/// # Errors
/// The database.
pub async fn watch(
    db: &PgPool,
    vault: &Vault,
    now: Time,
    settings: &Alerts,
) -> Result<(), StoreError> {
    let since = now - WINDOW;
    let mut alerts = Vec::new();
    let mut connection = db.acquire().await?;
    if settings.mismatches > 0 {
        let most = i64::from(settings.mismatches);
        for spike in outbox::mismatches(&mut connection, since, most).await? {
            alerts.push(Alert {
                kind: "mismatches",
                message: format!(
                    "{} of {} checks in 15 minutes were of another SIM's number",
                    spike.mismatches, spike.verdicts
                ),
                about: spike.operator,
            });
        }
    }
    if settings.hand_off_reports > 0 {
        let reports = outbox::count(&mut connection, REPORT, since).await?;
        if reports >= i64::from(settings.hand_off_reports) {
            alerts.push(Alert {
                kind: "hand_off_reports",
                about: "hand-off".to_owned(),
                message: format!("{reports} people reported a hand-off in 15 minutes"),
            });
        }
    }
    drop(connection);
    for alert in alerts.iter().take(MOST) {
        raise(db, vault, now, alert).await?;
    }
    Ok(())
}
