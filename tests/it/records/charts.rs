//! Charts are drawn from hours that were counted once, and tell what the records tell.

use std::time::Duration;

use numbercloak::admin::charts::{self, Span};
use numbercloak::store::rollups;

use numbercloak::simulator::{Device, Whose};

use crate::handoff::Scene;
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

#[tokio::test]
async fn hours_that_are_over_are_counted_and_say_what_the_records_say() {
    let app = App::start().await;
    let from = app.clock.now() - chrono::TimeDelta::hours(2);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+990700001")).await;
    browser.press("Continue").await;
    let span = |client: &str| Span {
        from,
        until: app.clock.now() + chrono::TimeDelta::hours(1),
        client_id: Some(client.to_owned()),
        operator: None,
    };
    app.clock.advance(Duration::from_secs(2 * 3600));
    let now = app.clock.now();
    let db = app.state().db.relaxed();
    rollups::close_hours(db, now, now, 100).await.unwrap();
    let charts = charts::look(&app.desk(), &span("shop")).await.unwrap();
    let steps: Vec<(&str, i64)> = charts.funnel.iter().map(|s| (s.step, s.count)).collect();
    assert_eq!(
        steps,
        [
            ("started", 3),
            ("number_entered", 0),
            ("operator_asked", 3),
            ("operator_answered", 3),
            ("verified", 2),
            ("code_issued", 2),
            ("code_redeemed", 2),
        ]
    );
    let answers: (i64, i64) = charts.answers.iter().fold((0, 0), |(yes, no), a| {
        (yes + a.verified, no + a.not_verified)
    });
    assert_eq!(answers, (2, 1));
    assert!(charts.answers.iter().all(|a| a.operator == "simulator"));
    assert_eq!(charts.reasons.len(), 1);
    assert_eq!(charts.reasons[0].outcome, "mismatch");
    assert_eq!(charts.heat.iter().flatten().sum::<i64>(), 3);
    let api = charts.latencies.iter().find(|l| l.part == "api").unwrap();
    assert_eq!(api.samples, 3);
    assert!(api.p50_ms > 0 && api.p50_ms <= api.p95_ms && api.p95_ms <= api.p99_ms);
    assert!(charts.counted_until.unwrap() <= now);
    // Counted once: whoever comes second changes nothing.
    rollups::close_hours(db, now, now, 100).await.unwrap();
    assert_eq!(
        charts::look(&app.desk(), &span("shop")).await.unwrap(),
        charts
    );
    let other = charts::look(&app.desk(), &span("other")).await.unwrap();
    assert!(other.funnel.iter().all(|step| step.count == 0));
    let backwards = Span {
        from: app.clock.now(),
        until: from,
        client_id: None,
        operator: None,
    };
    assert!(charts::look(&app.desk(), &backwards).await.is_err());
}

/// Counts what is over and looks at it.
async fn counted(app: &App) -> charts::Charts {
    app.clock.advance(Duration::from_secs(2 * 3600));
    let now = app.clock.now();
    let db = app.state().db.relaxed();
    rollups::close_hours(db, now, now, 100).await.unwrap();
    let span = Span {
        from: now - chrono::TimeDelta::hours(8),
        until: now,
        client_id: None,
        operator: None,
    };
    charts::look(&app.desk(), &span).await.unwrap()
}

#[tokio::test]
async fn phones_off_their_network_are_counted_with_those_that_signed_in_all_the_same() {
    let app = App::start().await;
    let address = Whose::Address(std::net::Ipv4Addr::LOCALHOST.into());
    for comes_back in [true, false] {
        let mut browser = app.browser();
        app.operator.set_sim(address.clone(), Some(Device::Wifi));
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        browser.press("Continue").await;
        assert_eq!(browser.title(), "Switch to mobile data");
        app.operator.set_sim(address.clone(), None);
        if comes_back {
            browser.press("Try again").await;
            app.redeem(&browser, &departure).await;
        }
    }
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    // Whoever did not come back is ended by the sweeper, once the login's time is out.
    app.clock.advance(Duration::from_secs(20 * 60));
    app.sweep().await;
    let charts = counted(&app).await;
    assert_eq!(charts.apps.len(), 1, "{:?}", charts.apps);
    let shop = &charts.apps[0];
    assert_eq!(shop.client_id, "shop");
    assert_eq!((shop.ended, shop.signed_in), (3, 2));
    assert_eq!((shop.off_network, shop.recovered), (2, 1));
    assert_eq!((shop.handed_off, shop.reported), (0, 0));
}

#[tokio::test]
async fn hand_offs_and_their_reports_are_counted() {
    let (mut scene, digits) = Scene::new().await.matched().await;
    scene.finish(&digits).await;
    let charts = counted(&scene.app).await;
    let shop = &charts.apps[0];
    assert_eq!((shop.ended, shop.signed_in), (1, 1));
    assert_eq!((shop.handed_off, shop.handed_off_signed_in), (1, 1));
    assert_eq!(shop.reported, 0);
    let mut scene = Scene::new().await;
    scene.report().await;
    let charts = counted(&scene.app).await;
    let shop = &charts.apps[0];
    assert_eq!((shop.ended, shop.signed_in), (1, 0));
    assert_eq!((shop.handed_off, shop.reported), (0, 1));
}
