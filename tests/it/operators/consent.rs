//! `consent_required`: once more with the operator's page, where the record allows that.

use numbercloak::simulator::Persona;

use crate::journeys::{asked, assert_nothing_slipped_out};
use crate::support::app::App;
use crate::support::rp::Wish;

async fn allowing() -> App {
    let builder = App::builder().persona(Persona::Camara21);
    let allow = |operator: &mut numbercloak::store::operators::Settings| {
        operator.retry_with_page = true;
    };
    builder.operator(allow).start().await
}

const CONSENT: &str = "+990701020";

#[tokio::test]
async fn the_operators_page_is_shown_in_a_new_leg_and_a_yes_signs_in() {
    let app = allowing().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(CONSENT)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Your consent");
    let prompts: Vec<_> = app
        .operator
        .received()
        .into_iter()
        .filter(|one| one.path == "/authorize")
        .map(|one| one.parameters.iter().any(|(name, _)| name == "prompt"))
        .collect();
    assert_eq!(prompts, [true, false]);
    browser.press("Accept").await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], CONSENT);
    let story = app.story(app.only_login().await).await;
    assert_eq!(
        story,
        [
            "LOGIN_STARTED",
            "OPERATOR_SELECTED",
            "NUMBER_NOT_VERIFIED consent_required",
            "OPERATOR_SELECTED",
            "NUMBER_VERIFIED verified",
            "LOGIN verified",
            "GRANT_CONSENT",
            "CODE_TO_TOKEN",
        ]
        .map(str::to_owned)
    );
}

#[tokio::test]
async fn a_no_on_the_operators_page_is_a_refusal_and_no_third_try() {
    let app = allowing().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(CONSENT)).await;
    browser.press("Continue").await;
    browser.press("Deny").await;
    assert_eq!(browser.title(), "Simulator needs your permission");
    assert_eq!(asked(&app, "/authorize"), 2);
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn an_operator_that_wants_consent_for_ever_is_asked_twice() {
    let app = allowing().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+990701003")).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Simulator needs your permission");
    assert_eq!(asked(&app, "/authorize"), 2);
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn the_first_legs_answer_is_refused_when_it_comes_late() {
    let app = allowing().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(CONSENT)).await;
    browser.press("Continue").await;
    let late = browser
        .hops
        .iter()
        .find(|hop| hop.url.path().starts_with("/broker/"))
        .unwrap()
        .url
        .clone();
    browser.open(&late).await;
    assert_nothing_slipped_out(&app).await;
    assert_eq!(asked(&app, "/token"), 0);
}

#[tokio::test]
async fn without_the_setting_the_person_decides() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(CONSENT)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Simulator needs your permission");
    assert_eq!(asked(&app, "/authorize"), 1);
}
