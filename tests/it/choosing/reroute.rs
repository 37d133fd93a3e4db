//! An operator says that the number is not its own: the next one is asked, once; after that the person.

use numbercloak::simulator::Handle;
use numbercloak::simulator::scenario::Scenario;
use url::Url;

use super::{Country, QUESTION, aliases};
use crate::journeys::{assert_nothing_slipped_out, assert_story};
use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::Wish;

const UNSUPPORTED: &str = "Your operator is not supported yet";

/// Has an operator say so to whoever comes next: 404 `IDENTIFIER_NOT_FOUND` or 422
/// `SERVICE_NOT_APPLICABLE`.
fn disowns(operator: &Handle, code: u16) {
    operator.set_override(Scenario::with_code(code));
}

fn hinted() -> Wish {
    Wish::of(NUMBER).with("idp_hint", "simulator")
}

async fn without_kestrel(country: &Country) {
    country
        .app
        .edit_client(&country.app.shop, |client| {
            client.settings.operators = ["simulator", "bluewave"].map(str::to_owned).to_vec();
        })
        .await;
}

#[tokio::test]
async fn the_next_operator_is_asked_without_the_person() {
    let country = Country::new().await;
    let app = &country.app;
    without_kestrel(&country).await;
    for code in [3011, 3012] {
        disowns(&app.operator, code);
        let mut browser = app.browser();
        let departure = app.open(&mut browser, &hinted()).await;
        let login = browser.login();
        browser.press("Continue").await;
        let titles = [
            "Check your number",
            "Checking with Simulator",
            "Checking with Bluewave",
        ];
        assert_eq!(browser.titles(), titles, "{code}");
        let signed_in = app.redeem(&browser, &departure).await;
        let told = &signed_in.claims["number_verification"]["operator"];
        assert_eq!(told, "bluewave");
        let legs = [
            "simulator hint operator_unsupported_number",
            "bluewave reroute verified",
        ];
        assert_eq!(app.legs(login).await, legs);
        let story = [
            "LOGIN_STARTED",
            "OPERATOR_SELECTED",
            "NUMBER_NOT_VERIFIED operator_unsupported_number",
            "OPERATOR_SELECTED",
            "NUMBER_VERIFIED verified",
            "GRANT_CONSENT",
            "LOGIN verified",
            "CODE_TO_TOKEN",
        ];
        let mut told = app.story(login).await;
        told.sort();
        let mut expected = story.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn it_happens_once_per_login_and_then_the_person_is_asked() {
    let country = Country::new().await;
    let app = &country.app;
    let _meadow = app.add_network("meadow", "Meadow", |_| {}).await;
    app.edit_operator_at("bluewave", |bluewave| bluewave.aggregator = true)
        .await;
    disowns(&app.operator, 3011);
    disowns(&country.bluewave.handle(), 3012);
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &hinted()).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), QUESTION);
    let text = &browser.page().document.text;
    assert!(
        text.contains("Bluewave says that this number is not one of theirs"),
        "{text}"
    );
    assert_eq!(aliases(&browser), ["kestrel", "meadow"]);
    // Those who said so are not asked again by a forged form either.
    for declined in ["simulator", "bluewave"] {
        browser.forge("operator", &[("operator", declined)]).await;
        assert_eq!(browser.page().status, 422);
    }
    assert_eq!(country.asked(), [1, 1, 0]);
    assert_nothing_slipped_out(app).await;
    // What the person says is no re-route: it works, and after it there is none.
    disowns(&country.kestrel.handle(), 3012);
    browser.press("kestrel Telecom").await;
    assert_eq!(aliases(&browser), ["meadow"]);
    browser.press("Meadow").await;
    app.redeem(&browser, &departure).await;
    let legs = [
        "simulator hint operator_unsupported_number",
        "bluewave reroute operator_unsupported_number",
        "kestrel person operator_unsupported_number",
        "meadow person verified",
    ];
    assert_eq!(app.legs(login).await, legs);
}

#[tokio::test]
async fn operators_are_not_tried_one_after_the_other() {
    let country = Country::new().await;
    let app = &country.app;
    disowns(&app.operator, 3011);
    let mut browser = app.browser();
    app.open(&mut browser, &hinted()).await;
    browser.press("Continue").await;
    // Two are left, and no rule tells which: the person does.
    assert_eq!(browser.title(), QUESTION);
    assert_eq!(aliases(&browser), ["bluewave", "kestrel"]);
    assert_eq!(country.asked(), [1, 0, 0]);
    // All other ways in which an operator says no stay where they are.
    for code in [1, 1000, 2010, 3004, 3010, 3016, 3020] {
        without_kestrel(&country).await;
        disowns(&app.operator, code);
        let mut browser = app.browser();
        app.open(&mut browser, &hinted()).await;
        let login = browser.login();
        browser.press("Continue").await;
        assert_eq!(app.legs(login).await.len(), 1, "{code}");
    }
    assert_eq!(country.asked(), [8, 0, 0]);
    assert_nothing_slipped_out(app).await;
}

#[tokio::test]
async fn the_next_one_has_authority_and_is_accepted_or_there_is_none() {
    let country = Country::new().await;
    let app = &country.app;
    app.edit_operator_at("bluewave", |bluewave| {
        bluewave.prefixes = vec!["99071".to_owned()];
    })
    .await;
    without_kestrel(&country).await;
    disowns(&app.operator, 3011);
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &hinted()).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), UNSUPPORTED);
    browser.press("Return to shop").await;
    let answer = app.answer(&browser, &departure);
    assert_eq!(
        answer.error(),
        ("access_denied", "operator_unsupported_number")
    );
    assert_eq!(country.asked(), [1, 0, 0]);
    assert_nothing_slipped_out(app).await;
}

/// Goes on until the first leg is over and the second is away; returns the callback of the first and
/// where the second goes.
async fn rerouted(app: &App, browser: &mut Browser) -> (Url, String) {
    browser.follows_refresh = false;
    app.open(browser, &hinted()).await;
    browser.press("Continue").await;
    browser.proceed().await;
    assert_eq!(browser.title(), "Checking with Bluewave");
    let onward = browser.page().document.refresh.clone().unwrap();
    (browser.page().url.clone(), onward)
}

#[tokio::test]
async fn a_late_answer_of_the_old_leg_is_refused() {
    let country = Country::new().await;
    let app = &country.app;
    without_kestrel(&country).await;
    disowns(&app.operator, 3011);
    let mut browser = app.browser();
    let (old, onward) = rerouted(app, &mut browser).await;
    let login = app.only_login().await;
    let calls = app.operator.received().len();
    // The same callback again, and one with another code under the same state.
    let mut forged = old.clone();
    let pairs: Vec<(String, String)> = old.query_pairs().into_owned().collect();
    let other = pairs.into_iter().map(|(name, value)| match name.as_str() {
        "code" => (name, "another".to_owned()),
        _ => (name, value),
    });
    let other: Vec<(String, String)> = other.collect();
    forged.query_pairs_mut().clear().extend_pairs(other);
    for late in [&old, &forged] {
        let mut same_browser = browser.clone();
        same_browser.open(late).await;
        assert_eq!(same_browser.title(), "Check your number");
        // Another browser learns nothing, and breaks nothing.
        let mut stranger = app.browser();
        stranger.open(late).await;
        assert_eq!(stranger.title(), "We lost track of this sign-in");
    }
    assert_eq!(
        app.operator.received().len(),
        calls,
        "the operator is not called again"
    );
    let legs = [
        "simulator hint operator_unsupported_number",
        "bluewave reroute open",
    ];
    assert_eq!(app.legs(login).await, legs);
    assert_nothing_slipped_out(app).await;
    // The new leg is unharmed.
    browser.follows_refresh = true;
    browser.open(&onward).await;
    assert!(browser.left().as_str().contains("code="));
}

#[tokio::test]
async fn an_answer_that_comes_after_the_person_chose_another_operator_is_refused() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let mut tab = browser.clone();
    browser.follows_refresh = false;
    browser.press("Bluewave").await;
    let slow = browser.page().document.refresh.clone().unwrap();
    // In another tab the person chooses again.
    tab.follows_refresh = false;
    tab.press("kestrel Telecom").await;
    let login = app.only_login().await;
    let legs = ["bluewave person abandoned", "kestrel person open"];
    assert_eq!(app.legs(login).await, legs);
    // Bluewave's answer comes late.
    browser.follows_refresh = true;
    browser.open(&slow).await;
    assert_eq!(browser.title(), super::QUESTION);
    let tokens = country.bluewave.handle().received();
    assert!(!tokens.iter().any(|one| one.path == "/token"));
    assert_nothing_slipped_out(app).await;
    tab.follows_refresh = true;
    tab.proceed().await;
    app.redeem(&tab, &departure).await;
}

#[tokio::test]
async fn two_callbacks_at_once_make_one_re_route() {
    let country = Country::new().await;
    let app = &country.app;
    without_kestrel(&country).await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    app.open(&mut browser, &hinted()).await;
    browser.press("Continue").await;
    let login = app.only_login().await;
    disowns(&app.operator, 3011);
    // Twice at the operator: two codes under one state.
    let mut again = browser.clone();
    tokio::join!(browser.proceed(), again.proceed());
    let legs = app.legs(login).await;
    assert!(legs.len() <= 2, "{legs:?}");
    let story = app.story(login).await;
    let selected = story.iter().filter(|line| *line == "OPERATOR_SELECTED");
    assert_eq!(selected.count(), legs.len());
    assert_story(
        app,
        login,
        &story.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
}
