//! `prompt=none` for apps registered with `silent_check`: an operator that never interacts may be asked,
//! and no page of ours is shown whatever comes of it.

use std::time::Duration;

use numbercloak::simulator::scenario::Scenario;
use numbercloak::store::operators::Settings;

use super::{checks, open, refused, sso, start};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::Wish;
use crate::support::wire::count;

/// An app that may check silently at an operator that never interacts, and a browser whose person
/// agreed, and whose session's verdict is too old to answer.
async fn ready() -> (App, Browser) {
    let app = App::builder()
        .client(|client| {
            client.settings.fresh_for_s = 60;
            client.settings.silent_check = true;
        })
        .operator(|operator| operator.guarantees_silence = true)
        .start()
        .await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(61));
    (app, browser)
}

#[tokio::test]
async fn a_known_number_with_a_go_ahead_is_checked_without_a_page() {
    let (app, mut browser) = ready().await;
    for (i, wish) in [Wish::new(), Wish::of(NUMBER)].into_iter().enumerate() {
        let before = app.clock.now().timestamp();
        let signed_in = sso(&app.shop, &mut browser, &wish.prompt("none")).await;
        assert_eq!(checks(&app), i + 2);
        assert!(signed_in.claims["auth_time"].as_i64().unwrap() >= before);
        assert_eq!(signed_in.claims["amr"], serde_json::json!(["nba"]));
        app.clock.advance(Duration::from_secs(61));
    }
    // Not even a session is needed for a hinted number.
    browser.forget_cookies("nc_session");
    sso(&app.shop, &mut browser, &Wish::of(NUMBER).prompt("none")).await;
    assert_eq!(checks(&app), 4);
}

#[tokio::test]
async fn it_is_off_unless_the_app_is_registered_so() {
    let (app, mut browser) = ready().await;
    app.edit_client(&app.shop, |client| client.settings.silent_check = false)
        .await;
    for wish in [Wish::new(), Wish::of(NUMBER)] {
        assert_eq!(
            refused(&app.shop, &mut browser, &wish).await,
            "login_required"
        );
    }
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn an_operator_that_may_interact_is_not_asked() {
    let (app, mut browser) = ready().await;
    app.edit_operator(|operator| operator.guarantees_silence = false)
        .await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "interaction_required"
    );
    assert_eq!(checks(&app), 1);
    assert_eq!(app.logins().await.len(), 1);
}

#[tokio::test]
async fn it_needs_a_number_a_go_ahead_and_no_wish_for_a_page() {
    let (app, mut browser) = ready().await;
    for (wish, expected) in [
        (Wish::of(OTHER_NUMBER), "consent_required"),
        (Wish::new().scopes(&["phone"]), "consent_required"),
        (Wish::new().with("max_age", "1"), "login_required"),
        (Wish::new().with("max_age", "0"), "login_required"),
    ] {
        assert_eq!(
            refused(&app.shop, &mut browser, &wish).await,
            expected,
            "{wish:?}"
        );
    }
    browser.forget_cookies("nc_session");
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
    browser.forget_cookies("nc_browser");
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::of(NUMBER)).await,
        "consent_required"
    );
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn what_the_operator_says_is_told_the_app_and_no_page() {
    let (app, mut browser) = ready().await;
    let codes = count(&app, "codes").await;
    for (number, expected) in [
        (1020, ("consent_required", "consent_required")),
        (3004, ("access_denied", "not_on_mobile_network")),
        (3017, ("temporarily_unavailable", "operator_unavailable")),
    ] {
        app.operator.set_override(Scenario::with_code(number));
        let wish = Wish::new().prompt("none");
        let (_, answer) = super::ask(&app.shop, &mut browser, &wish).await;
        assert_eq!(answer.error(), expected, "{number}");
        let login = *app.logins().await.last().unwrap();
        let story = app.story(login).await;
        let told = format!("LOGIN_ERROR {}", expected.1);
        assert_eq!(story.last(), Some(&told), "{story:?}");
    }
    assert_eq!(count(&app, "codes").await, codes);
    assert_eq!(count(&app, "logins where ended_at is null").await, 0);
    app.operator.set_override(None);
    sso(&app.shop, &mut browser, &Wish::new().prompt("none")).await;
}

#[tokio::test]
async fn a_silent_leg_that_came_back_too_late_or_twice_shows_no_page() {
    let (app, browser) = ready().await;
    let departure = app.shop.depart(&Wish::new().prompt("none")).await;
    let (mut tab, mut late) = (browser.clone(), browser);
    tab.open(&departure.url).await;
    let back = tab
        .hops
        .iter()
        .rev()
        .find(|hop| hop.url.path().starts_with("/broker/"));
    let back = back.unwrap().url.clone();
    let code = app.answer(&tab, &departure);
    // The same callback once more gets the same code, which is good once.
    tab.open(&back).await;
    assert_eq!(app.answer(&tab, &departure), code);
    // Without its cookie the callback is nobody's.
    late.hops.clear();
    late.open(&back).await;
    assert_eq!(late.title(), "We lost track of this sign-in");
}

#[tokio::test]
async fn an_ordinary_request_of_such_an_app_still_has_its_pages() {
    let app = start().await;
    app.edit_client(&app.shop, |client| client.settings.silent_check = true)
        .await;
    let mut browser = app.browser();
    app.operator.set_override(Scenario::with_code(3004));
    open(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Switch to mobile data");
}

#[tokio::test]
async fn where_a_person_would_have_to_choose_no_operator_is_asked() {
    let (app, mut browser) = ready().await;
    let silent = |operator: &mut Settings| operator.guarantees_silence = true;
    let _meadow = app.add_network("meadow", "Meadow", silent).await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "interaction_required"
    );
    assert_eq!(checks(&app), 1);
    assert_eq!(app.logins().await.len(), 1);
}

#[tokio::test]
async fn an_operator_that_disowns_the_number_gives_way_only_to_one_that_never_interacts() {
    for guarantees in [true, false] {
        let (app, mut browser) = ready().await;
        let change = move |operator: &mut Settings| operator.guarantees_silence = guarantees;
        let meadow = app.add_network("meadow", "Meadow", change).await;
        app.edit_operator(|operator| operator.aggregator = true)
            .await;
        app.operator.set_override(Scenario::with_code(3011));
        let wish = Wish::new();
        if guarantees {
            let signed_in = sso(&app.shop, &mut browser, &wish.prompt("none")).await;
            let told = &signed_in.claims["number_verification"];
            assert_eq!(told["operator"], "meadow");
        } else {
            refused(&app.shop, &mut browser, &wish).await;
        }
        let asked = meadow.handle().received();
        let asked = asked.iter().filter(|one| one.path == "/authorize");
        assert_eq!(asked.count(), usize::from(guarantees));
    }
}
