//! Charts with their tables, how the log stands, and legal holds.

use numbercloak::store::staff::Role;
use serde_json::json;

use super::{Office, seed};
use crate::chromium::DESKTOP;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_are_drawn_with_their_tables_and_the_log_is_looked_after() {
    let Some(office) = Office::open(DESKTOP).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    seed::people(app).await;
    seed::counted(app).await;
    app.sealed().await;
    office.enters(Role::Auditor).await;
    office.visit("/admin/audit/charts", "Charts").await;
    // Every picture has room, has something in it that can be told from its ground, and has its table.
    let drawn = "return [...document.querySelectorAll('main section')].map((section) => {
        const svg = section.querySelector('svg:not(.key)'), box = svg.getBoundingClientRect();
        const mark = [...svg.querySelectorAll('rect, polyline, path:not(.base)')].find((e) => {
            const style = getComputedStyle(e);
            return (style.fill !== 'none' && style.fillOpacity > 0) || style.stroke !== 'none';
        });
        return [section.getAttribute('aria-labelledby'), box.width > 200 && box.height > 20, !!mark,
            section.querySelectorAll('tbody tr').length > 0];
    });";
    let charts = browser.compute(drawn).await;
    let all = [
        "success",
        "funnel",
        "latency",
        "reasons",
        "apps",
        "elsewhere",
        "heat",
    ];
    let expected: Vec<_> = all.map(|name| json!([name, true, true, true])).into();
    assert_eq!(charts, json!(expected));
    browser.select("span", "7d").await;
    browser.submit("Show").await;
    browser.shows("Charts").await;
    browser.face("charts").await;
    browser.fill("client", "nobody").await;
    browser.submit("Show").await;
    browser.says("No operator was asked in this time").await;
    browser.face("charts-empty").await;
    browser.client.back().await.unwrap();
    browser.follow("mismatch").await;
    browser.shows("Audit").await;
    browser.says("Outcome: mismatch").await;

    browser.follow("Log").await;
    browser.shows("Log").await;
    let note = browser.copies("checkpoint").await;
    assert!(note.contains("\n\n— "), "a signed note: {note}");
    assert_eq!(
        browser.copies("command").await,
        "numbercloak audit verify --checkpoint kept.txt"
    );
    browser.press("Place a hold").await;
    for (field, at) in [("from", "2026-03-01T00:00"), ("until", "2026-04-01T00:00")] {
        let write = format!("document.querySelector('[name={field}]').value = '{at}'");
        browser.compute(&write).await;
    }
    browser.fill("reason", "Case 4711").await;
    browser.submit("Place the hold").await;
    browser.says("The legal hold is in place.").await;
    browser.face("log-hold").await;
    browser.fill("reason", "Settled").await;
    browser.submit("Release").await;
    browser.says("The legal hold is released.").await;
    office.browser.end().await;
}
