//! Charts are drawn on the server, without scripts, each with its table.

use std::time::Duration;

use numbercloak::store::rollups;

use super::{audited, link, rows, text};

#[tokio::test]
async fn charts_tell_what_was_counted_and_lead_to_the_records() {
    let (app, mut auditor) = audited().await;
    auditor.follow("/admin/audit/charts").await;
    assert!(text(&auditor).contains("No operator was asked in this time"));
    app.clock.advance(Duration::from_secs(10 * 60));
    let settled = app.clock.now() + chrono::TimeDelta::hours(1);
    let db = app.state().db.relaxed();
    rollups::close_hours(db, settled, settled, 100)
        .await
        .unwrap();
    for span in ["24h", "7d", "30d", "90d", "nonsense"] {
        auditor
            .follow(&format!("/admin/audit/charts?span={span}"))
            .await;
        let told = text(&auditor);
        for fact in [
            "simulator 2 1 50 %",
            "Started 2 100 %",
            "Number confirmed 1 50 %",
            "Code redeemed 1 50 %",
            "mismatch",
            "verification call 2",
            "The darkest: 2 sign-ins",
            "shop 1 1 (100 %)",
            "Phone not on its network at first 0 0 %",
        ] {
            assert!(told.contains(fact), "{span} {fact}: {told}");
        }
        let source = &auditor.page().source;
        assert!(source.matches("<svg").count() >= 6);
        assert!(!source.contains("style=") && !source.contains("<script>"));
    }
    auditor.follow(&link(&auditor, "mismatch")).await;
    assert!(rows(&auditor).contains("The operator did not confirm the number"));
    auditor.follow("/admin/audit/charts?client=nobody").await;
    assert!(text(&auditor).contains("No operator was asked in this time"));
    auditor
        .follow("/admin/audit/charts?client=%3Cscript%3E")
        .await;
    assert!(!auditor.page().source.contains("<script>"));
}
