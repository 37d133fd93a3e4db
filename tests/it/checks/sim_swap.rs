//! A swapped SIM refuses a login and changes nothing else.

use std::time::Duration;

use numbercloak::store::checks::Policy;

use super::{log_in, ordinary, swap, wanting};

#[tokio::test]
async fn a_swap_refuses_the_login_and_keeps_the_sub_and_what_was_issued() {
    let app = wanting(Policy::Require, Policy::Off).await;
    let number = ordinary(1);
    let mut browser = app.browser();
    let departure = log_in(&app, &mut browser, &number).await;
    let before = app.redeem(&browser, &departure).await;

    swap(&app, &number, 2);
    log_in(&app, &mut browser, &number).await;
    assert_eq!(browser.title(), "This SIM is too new");
    assert_eq!(app.shop.userinfo(&before.access_token).await.0, 200);

    app.clock.advance(Duration::from_secs(241 * 3_600));
    let departure = log_in(&app, &mut browser, &number).await;
    let after = app.redeem(&browser, &departure).await;
    assert_eq!(after.claims["sub"], before.claims["sub"]);
}

#[tokio::test]
async fn the_hours_of_the_policy_are_the_ones_asked_for() {
    let app = wanting(Policy::Report, Policy::Off).await;
    for (hours, result) in [(29, "pass"), (31, "fail")] {
        app.edit_client(&app.shop, |client| {
            client.settings.checks.sim_swap.max_age_hours = hours;
        })
        .await;
        let number = ordinary(1);
        swap(&app, &number, 30);
        let mut browser = app.browser();
        let departure = log_in(&app, &mut browser, &number).await;
        let signed_in = app.redeem(&browser, &departure).await;
        let check = &signed_in.claims["number_verification"]["checks"]["sim_swap"];
        assert_eq!(check["result"], result);
        assert_eq!(check["max_age_hours"], hours);
    }
}
