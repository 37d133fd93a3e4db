//! Exports: begun, watched, fetched as the very bytes that were hashed, and stopped.

use numbercloak::store::staff::Role;

use super::{Office, seed};
use crate::chromium::PHONE;
use crate::support::wire::no_export_runs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_is_exported_fetched_and_stopped() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    seed::people(app).await;
    office.enters(Role::Auditor).await;
    office.visit("/admin/audit?outcome=mismatch", "Audit").await;
    browser.follow("Export what is found").await;
    browser.shows("Export records").await;
    browser.says("Outcome: mismatch").await;
    browser.choose("format", "jsonl").await;
    browser.face("export-new").await;
    browser.submit("Begin the export").await;
    browser.shows("Exports").await;
    no_export_runs(app).await;
    browser.follow("Look again").await;
    browser.says("done").await;
    // The download's own bytes, hashed by the browser.
    let fetch = "const done = arguments[0];
        (async () => {
            const link = document.querySelector('a[href$=\"/file\"]');
            const answer = await fetch(link.href), bytes = await answer.arrayBuffer();
            const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
            return [answer.headers.get('content-disposition'), new TextDecoder().decode(bytes),
                [...hash].map((b) => b.toString(16).padStart(2, '0')).join('')];
        })().then(done, done);";
    let fetched = browser.client.execute_async(fetch, Vec::new()).await;
    let fetched = fetched.unwrap();
    assert!(fetched[0].as_str().unwrap().starts_with("attachment"));
    let lines = fetched[1].as_str().unwrap();
    assert!(
        lines.lines().count() >= 1 && lines.contains("mismatch"),
        "{lines}"
    );
    assert_eq!(browser.copies("SHA-256").await, fetched[2]);

    seed::running_export(app).await;
    browser.follow("Look again").await;
    browser.says("40 %").await;
    assert!(browser.has("progress[value=\"40\"]").await);
    browser.face("export-runs").await;
    browser.submit("Stop it").await;
    browser.says("It stops at its next page.").await;
    office.browser.end().await;
}
