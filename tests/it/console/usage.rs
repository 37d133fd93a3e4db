//! Usage in the console: what operators charge for, the sums, the table, the quotas.

use numbercloak::store::staff::Role;

use crate::support::app::{App, NUMBER};
use crate::support::console::signed_in;
use crate::support::rp::Wish;

#[tokio::test]
async fn what_was_used_is_told_per_day_app_and_operator_and_downloaded() {
    let app = App::builder()
        .counting()
        .client(|new| new.settings.quota_per_month = Some(1))
        .start()
        .await;
    for _ in 0..2 {
        app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    }
    let (mut browser, _) = signed_in(&app, Role::Auditor).await;
    browser.follow("/admin/usage").await;
    let today = app.clock.now().date_naive();
    let text = &browser.page().document.text;
    assert!(text.contains("Billable calls 2"), "{text}");
    assert!(
        text.contains(&format!("{today} shop simulator 2 2 2 0")),
        "{text}"
    );
    assert!(text.contains("shop 2 1"), "the quota: {text}");

    let statements = app.statements.as_ref().unwrap();
    let before = statements.sent().len();
    browser.follow("/admin/usage?client=shop").await;
    let took = statements.sent().len() - before;
    assert!(took < 5, "{took} statements");
    // From the app's page its own.
    browser.follow("/admin/clients/shop").await;
    let links = browser.page().document.links.clone();
    for (label, title) in [("Log", "Audit"), ("Usage", "Usage")] {
        let of_shop = |(known, target): &&(String, String)| {
            known == label && target.ends_with("?client=shop")
        };
        let (_, target) = links.iter().find(of_shop).unwrap();
        browser.follow(target).await;
        assert_eq!(browser.title(), title);
    }
    browser.follow("/admin/usage?client=nobody").await;
    let text = &browser.page().document.text;
    assert!(text.contains("Nothing was used."), "{text}");
    for bad in ["since=yesterday", "since=2026-02-01&until=2026-01-01"] {
        browser.follow(&format!("/admin/usage?{bad}")).await;
        assert_eq!(browser.page().status, 422, "{bad}");
    }
    browser
        .follow("/admin/usage/table?operator=simulator")
        .await;
    assert_eq!(
        browser.page().headers["content-type"],
        "text/csv; charset=utf-8"
    );
    assert_eq!(
        browser.page().source,
        format!(
            "day,client_id,operator,verifications,verified,billable,unsure\n{today},shop,simulator,2,2,2,0\n"
        )
    );
}
