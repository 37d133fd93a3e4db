//! An auditor at work: records found and filtered, one login told with its proof, a number shown in full for a reason.

use numbercloak::store::staff::Role;
use serde_json::{Value, json};

use super::Office;
use super::seed::{self, MISMATCHED};
use crate::chromium::{DESKTOP, DESKTOP_WITHOUT_SCRIPTS, Kind, PHONE};
use crate::support::app::NUMBER;
use crate::support::rp::Wish;

async fn records_are_found(kind: Kind) {
    let Some(office) = Office::open(kind).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    seed::people(app).await;
    office.enters(Role::Auditor).await;
    office.visit("/admin/audit", "Audit").await;
    browser.press("Search").await;
    browser.fill("number", "12").await;
    browser.submit("Search").await;
    browser.says("This is no phone number").await;
    assert!(
        browser
            .has("details[open] [name=number][aria-invalid=true]")
            .await
    );
    browser.face("audit-refused").await;
    browser.fill("number", MISMATCHED).await;
    browser.submit("Search").await;
    browser.says("Number: +990 •••001").await;
    let url = browser.client.current_url().await.unwrap();
    assert!(!url.as_str().contains("700001"), "{url}");
    browser.press("Search").await;
    browser.select("outcome", "mismatch").await;
    browser.submit("Search").await;
    browser.says("Outcome: mismatch").await;
    browser.face("audit-filtered").await;
    assert!(browser.text_of("tbody").await.contains("mismatch"));

    browser.follow("Save as a view").await;
    browser.shows("Saved views").await;
    browser.says("A number or network is not saved").await;
    browser.fill("name", "Mismatches").await;
    browser.submit("Save").await;
    browser.says("Saved.").await;
    browser.face("audit-views").await;
    browser.follow("Mismatches").await;
    browser.shows("Audit").await;
    browser.says("Outcome: mismatch").await;
    assert!(!browser.text().await.contains("+990 •••001 ×"));
    browser.follow("Remove the filter Outcome").await;
    browser.says("Often looked for:").await;

    // To a time, and from there page by page.
    let before = app.clock.now() - chrono::TimeDelta::hours(2);
    let jump = format!(
        "document.querySelector('[name=at]').value = '{}'",
        before.format("%Y-%m-%dT%H:%M")
    );
    browser.settled().await;
    browser.compute(&jump).await;
    browser.submit("Jump").await;
    browser.says("Newest").await;
    browser.follow("Newest").await;
    browser.says("Often looked for:").await;
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_found_by_number_filter_view_and_time() {
    records_are_found(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_found_by_number_filter_view_and_time_without_scripts() {
    records_are_found(DESKTOP_WITHOUT_SCRIPTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_login_is_told_proven_and_its_number_shown_for_a_reason() {
    let Some(office) = Office::open(DESKTOP).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    office.enters(Role::Owner).await;
    office.visit("/admin/audit", "Audit").await;
    browser
        .click_in("The operator confirmed the number", "20")
        .await;
    let reference = app.only_login().await.simple().to_string().to_uppercase();
    let title = format!("Sign-in {}-{}", &reference[24..28], &reference[28..]);
    browser.shows(&title).await;
    browser.says("records are sealed under a checkpoint").await;
    // Steps run from top to bottom, each with its offset and its sign.
    let steps = browser
        .compute("return [...document.querySelectorAll('.story > li')].map((e) => [e.getBoundingClientRect().top, e.querySelector('.offset').textContent])")
        .await;
    let steps = steps.as_array().unwrap();
    assert!(steps.len() >= 5, "{steps:?}");
    assert!(steps.is_sorted_by_key(|step| step[0].as_f64().unwrap() as i64));
    assert_eq!(steps[0][1], "+0 ms");
    browser.unfold("The operator confirmed the number").await;
    browser.says("Correlator").await;
    browser.face("login-told").await;

    browser.follow("Record and proof").await;
    browser.says("sealed, under a signed checkpoint").await;
    let fetch = "const done = arguments[0]; const link = document.querySelector('a[href$=\"/proof\"]');
        fetch(link.href).then(async (a) => done([link.download !== null, a.headers.get('content-disposition'), await a.json()]), done);";
    let fetched = browser.client.execute_async(fetch, Vec::new()).await;
    let fetched = fetched.unwrap();
    assert!(fetched[1].as_str().unwrap().starts_with("attachment"));
    let note = fetched[2]["checkpoint"].as_str().unwrap();
    assert!(note.contains(fetched[2]["origin"].as_str().unwrap()));
    browser.press("Exact record").await;
    let body: Value = serde_json::from_str(&browser.copies("record").await).unwrap();
    assert!(body["type"].is_string(), "{body}");

    browser.fill("reason", "Complaint 12").await;
    browser.submit("Show in full, once").await;
    browser.shows("Shown in full, once").await;
    assert_eq!(browser.text_of("#number").await, NUMBER);
    browser.face("unmasked").await;
    browser.follow("Hide them").await;
    browser.says("Number and address in full").await;
    assert!(!browser.text().await.contains(NUMBER));
    // Going back does not bring it out of the browser's memory.
    browser.client.back().await.unwrap();
    browser.settled().await;
    let shown = browser.compute("return document.body.textContent").await;
    assert_ne!(shown, json!(null));
    assert!(
        !shown.as_str().unwrap().contains(NUMBER),
        "kept by the browser"
    );
    office.browser.end().await;
}
