//! A server that was used for a day: people signed in or failed, auditors worked, apps are many.

use std::time::Duration;

use numbercloak::simulator::scenario::{AtAuthorize, Effect};
use numbercloak::store::rollups;

use crate::chromium::tour::magic;
use crate::support::app::{App, Builder, NUMBER, OTHER_NUMBER, new_client};
use crate::support::browser::Browser;
use crate::support::rp::Wish;
use crate::support::wire::{no_export_runs, tamper};

/// The simulator says of this number that it is another SIM's.
pub const MISMATCHED: &str = "+990700001";

/// A server whose people stay signed in, so that there are sessions.
pub fn builder() -> Builder {
    App::builder().client(|client| client.settings.fresh_for_s = 900)
}

/// Many more apps.
pub async fn many_apps(app: &App) {
    app.register(new_client("template")).await;
    tamper(
        app,
        "insert into clients (id, client_id, name, kind, token_endpoint_auth_method, redirect_uris,
            test, settings, sector, revision, created_at, updated_at)
        select gen_random_uuid(), 'app-' || lpad(i::text, 5, '0'), 'App number ' || i, kind,
            token_endpoint_auth_method, array['https://host-' || i || '.example/callback'], test,
            settings, sector, 1, created_at, updated_at
        from clients, generate_series(1, 60) i
        where client_id = 'template'",
    )
    .await;
}

/// People come over some hours; some are confirmed, some are not.
pub async fn people(app: &App) {
    let not_mobile = magic(Effect::Authorize(AtAuthorize::Error("access_denied")));
    for number in [NUMBER, OTHER_NUMBER, NUMBER, OTHER_NUMBER] {
        app.sign_in(&mut app.browser(), &Wish::of(number)).await;
        app.clock.advance(Duration::from_secs(90 * 60));
    }
    for number in [MISMATCHED, &not_mobile] {
        let mut browser = app.browser();
        app.open(&mut browser, &Wish::of(number)).await;
        browser.press("Continue").await;
    }
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Cancel").await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(10 * 60));
}

/// The whole hours until now are counted, the one that runs included, so that charts have something.
pub async fn counted(app: &App) {
    let settled = app.clock.now() + chrono::TimeDelta::hours(1);
    let db = app.state().db.relaxed();
    rollups::close_hours(db, settled, settled, 100)
        .await
        .unwrap();
}

/// Somebody saves a view, places a hold, and has everything exported.
pub async fn audited(app: &App, auditor: &mut Browser) {
    auditor
        .follow("/admin/audit/views?outcome=mismatch&since=7d")
        .await;
    auditor
        .press_with("Save", &[("name", "Mismatches of a week")])
        .await;
    auditor.follow("/admin/audit/log").await;
    let hold = [
        ("from", "2026-03-01T00:00"),
        ("until", "2026-04-01T00:00"),
        ("reason", "Case 4711"),
    ];
    auditor.press_with("Place the hold", &hold).await;
    auditor.follow("/admin/audit/exports/new/all").await;
    auditor.press("Begin the export").await;
    no_export_runs(app).await;
    running_export(app).await;
}

/// An export that another server writes just now.
pub async fn running_export(app: &App) {
    let now = app.clock.now().to_rfc3339();
    tamper(
        app,
        &format!(
            "insert into record_exports
                (id, format, filters, requested_by, requested_at, state, target, percent, written, bytes, changed_at)
            values ('019aaaaa-0000-7000-8000-000000000001', 'csv', '{{}}', 'ann@example.com', '{now}', 'running',
                'download', 40, 4000, 100000, '{now}')"
        ),
    )
    .await;
}
