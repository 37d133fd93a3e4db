//! A dead operator next to a live one.

use numbercloak::store::operators::IdTokenRule;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::{last_word, log_in};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

/// A number of the dead operator: its prefix is longer.
const DEAD: &str = "+990719000";

/// An operator whose phones come back and whose token endpoint never answers.
async fn with_a_dead_operator(builder: crate::support::app::Builder) -> (App, TcpListener) {
    let app = builder.start().await;
    // Connections are taken by the system and read by nobody.
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token = format!("http://{}/token", hole.local_addr().unwrap());
    app.add_operator("dead-net", "Dead Net", move |operator| {
        operator.discovery = false;
        let issuer = operator.issuer.clone().unwrap();
        operator.authorization_endpoint = Some(format!("{issuer}/authorize"));
        operator.token_endpoint = Some(token);
        operator.id_token = IdTokenRule::Ignored;
        operator.prefixes = vec!["990719".to_owned()];
        operator.connect_timeout_ms = 500;
        operator.total_timeout_ms = 2_000;
    })
    .await;
    (app, hole)
}

#[tokio::test]
async fn a_dead_operator_does_not_keep_the_others_waiting() {
    let small = App::builder().config("limits.operator_calls_in_flight", "4");
    let (app, _hole) = with_a_dead_operator(small).await;
    let app = std::rc::Rc::new(app);
    LocalSet::new()
        .run_until(async {
            let mut waiting = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let app = app.clone();
                waiting.spawn_local(async move {
                    log_in(&app, &mut app.browser(), DEAD).await;
                });
            }
            // More of them than the operator has places; the live one has its own.
            tokio::task::yield_now().await;
            for _ in 0..3 {
                app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
            }
            while let Some(done) = waiting.join_next().await {
                done.unwrap();
            }
        })
        .await;
}

#[tokio::test]
async fn the_time_limit_is_the_operators_own_and_its_breaker_too() {
    let (app, _hole) = with_a_dead_operator(App::builder()).await;
    for _ in 0..5 {
        log_in(&app, &mut app.browser(), DEAD).await;
        assert_eq!(
            last_word(&app).await,
            "NUMBER_NOT_VERIFIED operator_timeout"
        );
        // Within the window, whatever the machine is busy with.
    }
    let mut browser = app.browser();
    let departure = log_in(&app, &mut browser, DEAD).await;
    assert_eq!(browser.title(), "Dead Net does not answer");
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure).error(),
        ("temporarily_unavailable", "operator_unavailable")
    );
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
}

#[tokio::test]
async fn an_operator_that_cannot_be_connected_is_unavailable() {
    let (app, hole) = with_a_dead_operator(App::builder()).await;
    drop(hole);
    log_in(&app, &mut app.browser(), DEAD).await;
    assert_eq!(
        last_word(&app).await,
        "NUMBER_NOT_VERIFIED operator_unavailable"
    );
}
