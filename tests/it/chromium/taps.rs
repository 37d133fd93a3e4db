//! One tap the first time, none the second.

use super::tour::Tour;
use super::{Kind, PHONE, PHONE_WITHOUT_SCRIPTS};
use crate::support::app::NUMBER;
use crate::support::rp::Wish;

async fn one_tap_then_none(kind: Kind) {
    let Some(tour) = Tour::start(kind).await else {
        return;
    };
    let first = tour.open(&Wish::of(NUMBER)).await;
    tour.browser.shows("Check your number").await;
    tour.browser.press("Continue").await;
    let code = tour.answer(&first).await;
    let signed_in = tour.app.shop.redeem(&first, code.code()).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);

    // A new check at the operator, and the person sees the app again.
    let second = tour.open(&Wish::of(NUMBER)).await;
    let code = tour.answer(&second).await;
    let again = tour.app.shop.redeem(&second, code.code()).await;
    assert_eq!(again.claims["sub"], signed_in.claims["sub"]);
    assert_ne!(again.claims["txn"], signed_in.claims["txn"]);
    assert_eq!(
        again.claims["amr"],
        serde_json::json!(["nba"]),
        "nobody pressed"
    );
    let asked = tour.app.operator.received();
    let verify = asked.iter().filter(|one| one.path.ends_with("/verify"));
    assert_eq!(verify.count(), 2);
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tap_the_first_time_and_none_the_second() {
    one_tap_then_none(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tap_the_first_time_and_none_the_second_without_scripts() {
    one_tap_then_none(PHONE_WITHOUT_SCRIPTS).await;
}
