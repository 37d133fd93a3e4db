//! What the server does by itself: hear of changes, sweep, purge, make partitions, reload keys and
//! certificates. Every task ends when the server stops, and none gives up for an error.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::usage::QuotaUse;
use crate::admin::{self, Desk, export_files, record_index, retention};
use crate::audit::event::Event;
use crate::audit::record::{Recorder, SYSTEM};
use crate::ledger::streams::Stream;
use crate::ledger::{Ledger, alerts};
use crate::login::{breakers, sweep};
use crate::provider::logout::backchannel;
use crate::server::tls::Reloaded;
use crate::store::{
    api_answers, api_tokens, assertions, audit, clients, db, grants, handoffs, operator_trials,
    pushed, rollups, staff_ceremonies, staff_sessions, trials, usage,
};
use crate::token::{lifecycle, schedule};
use crate::web::app::App;

/// Logins nobody came back to end within this time after theirs is out.
const SWEEP: Duration = Duration::from_secs(15);
/// How soon a logout that could not be delivered at once is found again.
const DELIVER: Duration = Duration::from_secs(5);
/// How often records are sealed and named in manifests.
const SEAL: Duration = Duration::from_secs(1);
/// How often what is over is deleted.
const PURGE: Duration = Duration::from_secs(600);
/// How often partitions are looked after, callers forgotten and certificates compared.
const CARE: Duration = Duration::from_secs(60);
/// How soon a change that could not be read is read again at first, and a lost connection made again.
const AGAIN: Duration = Duration::from_secs(1);
/// Days whose calls are counted in one go.
const DAYS_BATCH: usize = 31;
/// How often records are sent to streams.
const STREAM: Duration = Duration::from_secs(1);
/// How often months that are over are looked after.
const RETAIN: Duration = Duration::from_secs(3600);
/// Hours counted for charts in one go.
const HOURS_BATCH: usize = 200;
/// How long after its end an hour is counted: until then a record of it may still appear.
const SETTLED: chrono::TimeDelta = chrono::TimeDelta::minutes(2);
/// How often a server looks whether it is time to verify the log, first when it has settled.
const VERIFY: Duration = Duration::from_secs(600);
/// Rows deleted in one statement, per table.
const PURGE_BATCH: i64 = 1000;

/// Starts them all.
pub fn spawn(
    tasks: &mut JoinSet<()>,
    app: &App,
    ledger: &Arc<Ledger>,
    certificates: Vec<Arc<Reloaded>>,
    streams: Vec<Stream>,
    stop: &watch::Receiver<bool>,
) {
    for stream in streams {
        let stream = Arc::new(stream);
        let send = move |app: App| deliver_records(app, stream.clone());
        tasks.spawn(until_stopped(stop, every(STREAM, app.clone(), send)));
    }
    tasks.spawn(until_stopped(
        stop,
        every(CARE, app.clone(), look_at_records),
    ));
    tasks.spawn(until_stopped(stop, every(RETAIN, app.clone(), retain)));
    tasks.spawn(until_stopped(stop, listen(app.clone())));
    tasks.spawn(until_stopped(stop, every(SWEEP, app.clone(), sweep_logins)));
    tasks.spawn(until_stopped(
        stop,
        every(DELIVER, app.clone(), deliver_logouts),
    ));
    tasks.spawn(until_stopped(stop, every(PURGE, app.clone(), purge)));
    tasks.spawn(until_stopped(stop, every(CARE, app.clone(), care)));
    tasks.spawn(until_stopped(stop, async move {
        loop {
            tokio::time::sleep(CARE).await;
            certificates.iter().for_each(|tls| tls.refresh());
        }
    }));
    tasks.spawn(until_stopped(stop, seal(ledger.clone())));
    tasks.spawn(until_stopped(stop, name_committed(ledger.clone())));
    tasks.spawn(until_stopped(stop, verify(ledger.clone(), app.clone())));
    tasks.spawn(write_secret_uses(app.clone(), stop.clone()));
}

fn until_stopped<W: Future<Output = ()> + Send>(
    stop: &watch::Receiver<bool>,
    work: W,
) -> impl Future<Output = ()> + Send + use<W> {
    let mut stop = stop.clone();
    async move {
        tokio::select! {
            () = work => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn every<F, W>(period: Duration, app: App, work: W)
where
    W: Fn(App) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = work(app.clone()).await {
            tracing::warn!(error = %format!("{error:#}"), "a background task failed; it will be tried again");
        }
    }
}

/// Seals what is pending, and looks after checkpoints.
async fn seal(ledger: Arc<Ledger>) {
    let mut ticks = tokio::time::interval(SEAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = ledger.tick().await {
            tracing::warn!(%error, "the audit log did not get on; it will be tried again");
        }
    }
}

/// Names what this server has committed.
async fn name_committed(ledger: Arc<Ledger>) {
    let mut ticks = tokio::time::interval(SEAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = ledger.manifest().await {
            tracing::warn!(%error, "a manifest could not be written; it will be tried again");
        }
    }
}

/// Verifies the whole log once a day.
async fn verify(ledger: Arc<Ledger>, app: App) {
    loop {
        tokio::time::sleep(VERIFY).await;
        match ledger.verify_daily(&app.config.checkpoints).await {
            Ok(None) => {}
            Ok(Some(report)) if report.is_clean() => tracing::info!("the audit log was verified"),
            Ok(Some(report)) => {
                tracing::error!(found = report.found, "the audit log does not verify");
            }
            Err(error) => tracing::error!(%error, "the audit log could not be verified"),
        }
    }
}

/// Hears from the database that cached rows changed; after a lost connection everything is forgotten. What
/// cannot be read is read again, less and less often.
async fn listen(app: App) {
    loop {
        match db::listen(app.db.relaxed()).await {
            Ok(mut changes) => hear(&app, &mut changes).await,
            Err(error) => tracing::warn!(%error, "not listening for changes"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Until the connection is lost.
async fn hear(app: &App, changes: &mut db::Changes) {
    let mut changed = BTreeSet::from(["clients", "operators", "keys"].map(str::to_owned));
    let mut pause = AGAIN;
    loop {
        let mut unread = BTreeSet::new();
        for table in changed {
            if !app.forget(&table).await {
                unread.insert(table);
            }
        }
        changed = unread;
        let next = db::next_change(changes);
        let heard = if changed.is_empty() {
            pause = AGAIN;
            next.await
        } else {
            let heard = tokio::time::timeout(pause, next).await;
            pause = (pause * 2).min(CARE);
            let Ok(heard) = heard else { continue };
            heard
        };
        match heard {
            Ok(table) => changed.insert(table),
            Err(_) => return,
        };
    }
}

/// Writes when client secrets and API tokens were used, now and then and once more at the end.
async fn write_secret_uses(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        let stopped = tokio::time::timeout(CARE, stop.wait_for(|stop| *stop))
            .await
            .is_ok();
        let uses = app.secret_uses.take();
        if let Err(error) = clients::secrets_used(app.db.relaxed(), &uses).await {
            tracing::warn!(%error, "when client secrets were used could not be written");
        }
        let uses = app.api_token_uses.take();
        if let Err(error) = api_tokens::used(app.db.relaxed(), &uses).await {
            tracing::warn!(%error, "when API tokens were used could not be written");
        }
        if stopped {
            return;
        }
    }
}

async fn sweep_logins(app: App) -> anyhow::Result<()> {
    breakers::settle(&app).await;
    let ended = sweep::run(&app).await?;
    if ended > 0 {
        tracing::info!(ended, "logins nobody came back to were ended");
    }
    Ok(())
}

async fn deliver_logouts(app: App) -> anyhow::Result<()> {
    Ok(backchannel::deliver(&app).await?)
}

async fn deliver_records(app: App, stream: Arc<Stream>) -> anyhow::Result<()> {
    let outbound = app.operators.outbound();
    Ok(stream
        .deliver(app.db.relaxed(), outbound, &app.clock)
        .await?)
}

fn system_desk(app: &App) -> Desk {
    Desk {
        db: app.db.durable().clone(),
        vault: app.vault.clone(),
        now: app.clock.now(),
        actor: SYSTEM.to_owned(),
    }
}

async fn look_at_records(app: App) -> anyhow::Result<()> {
    let now = app.clock.now();
    record_index::run(&system_desk(&app)).await?;
    rollups::close_hours(app.db.relaxed(), now - SETTLED, now, HOURS_BATCH).await?;
    alerts::watch(app.db.durable(), &app.vault, now, &app.config.alerts).await?;
    Ok(())
}

async fn retain(app: App) -> anyhow::Result<()> {
    for month in retention::run(&system_desk(&app), &app.config.retention).await? {
        tracing::info!(table = month.table, month = %month.first, "a month was dropped");
    }
    Ok(())
}

/// Deletes what is over, a bounded number of rows at a time, each with its record.
async fn purge(app: App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let before = now - chrono::TimeDelta::days(1);
    loop {
        let mut tx = app.db.relaxed().begin().await?;
        let mut rows = grants::purge(&mut *tx, before, PURGE_BATCH).await?;
        let assertions = assertions::purge(&mut *tx, now, PURGE_BATCH).await?;
        rows.insert("assertion_ids".to_owned(), assertions);
        let pushed = pushed::purge(&mut *tx, before, PURGE_BATCH).await?;
        rows.insert("pushed_requests".to_owned(), pushed);
        rows.retain(|_, count| *count > 0);
        if rows.is_empty() {
            break;
        }
        let more = rows.values().any(|count| *count >= PURGE_BATCH);
        let record =
            Recorder::system(&app.vault, now).system_record(&Event::ExpiredDataPurged { rows });
        audit::append(&mut *tx, [record]).await?;
        tx.commit().await?;
        if !more {
            break;
        }
    }
    handoffs::purge(app.db.relaxed(), before, PURGE_BATCH).await?;
    staff_sessions::purge(app.db.relaxed(), before, PURGE_BATCH).await?;
    staff_ceremonies::purge(app.db.relaxed(), now, PURGE_BATCH).await?;
    operator_trials::purge(app.db.relaxed(), before, PURGE_BATCH).await?;
    api_answers::purge(app.db.relaxed(), before).await?;
    export_files::purge(&system_desk(&app)).await?;
    trials::purge(app.db.relaxed(), now, PURGE_BATCH).await?;
    usage::close_days(app.db.relaxed(), app.clock.now(), DAYS_BATCH).await?;
    alert_of_quotas(&app).await?;
    Ok(())
}

async fn alert_of_quotas(app: &App) -> anyhow::Result<()> {
    let desk = Desk {
        db: app.db.durable().clone(),
        vault: app.vault.clone(),
        now: app.clock.now(),
        actor: "system".to_owned(),
    };
    for (quota, percent) in admin::usage::alert(&desk).await? {
        let QuotaUse {
            subject,
            name,
            used,
            quota,
        } = quota;
        tracing::warn!(subject, name, percent, used, quota, "a quota is reached");
        metrics::counter!("numbercloak_quota_alerts_total", "subject" => subject).increment(1);
    }
    Ok(())
}

async fn care(app: App) -> anyhow::Result<()> {
    let now = app.clock.now();
    app.throttles.forget_old();
    // A notification may have been lost, or have come from a rotation here whose rest failed.
    app.forget("keys").await;
    db::make_partitions(app.db.relaxed(), now).await?;
    let every = app.config.keys.rotate_every;
    for (alg, rotated) in schedule::rotate_due(&app.db, &app.vault, every, now).await? {
        let (alg, active) = (alg.as_str(), rotated.active);
        tracing::info!(alg, active, "the next signing key signs from now on");
        app.forget("keys").await;
    }
    let longest = lifecycle::longest_token(app.config.login.id_token);
    let retired = lifecycle::retire(&app.db, &app.vault, now, longest).await?;
    for kid in retired {
        tracing::info!(kid, "a signing key was retired");
    }
    Ok(())
}
