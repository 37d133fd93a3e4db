//! The page that asks the person.

use numbercloak::admin::operators;
use numbercloak::simulator::{Device, Handle, Whose};

use super::{Country, QUESTION, aliases, offered};
use crate::journeys::{assert_nothing_slipped_out, assert_story};
use crate::support::app::{NUMBER, OTHER_NUMBER};
use crate::support::rp::{Answer, Wish};

#[tokio::test]
async fn the_person_chooses_where_no_rule_does() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), QUESTION);
    let names: Vec<String> = offered(&browser)
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    assert_eq!(names, ["Bluewave", "kestrel Telecom", "Simulator"]);
    assert!(
        browser
            .page()
            .document
            .text
            .contains("the number ending in")
    );
    assert_eq!(country.asked(), [0, 0, 0]);
    // Nothing is lost by a reload.
    let here = browser.page().url.clone();
    browser.open(here).await;
    assert_eq!(browser.title(), QUESTION);
    browser.press("kestrel Telecom").await;
    let signed_in = app.redeem(&browser, &departure).await;
    let told = &signed_in.claims["number_verification"];
    assert_eq!(told["operator"], "kestrel");
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_eq!(app.legs(login).await, ["kestrel person verified"]);
    assert_eq!(country.asked(), [0, 0, 1]);
    let story = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    assert_story(app, login, &story).await;
}

#[tokio::test]
async fn nobody_is_asked_where_there_is_nothing_to_choose() {
    let country = Country::new().await;
    let app = &country.app;
    for alias in ["bluewave", "kestrel"] {
        app.edit_operator_at(alias, |operator| {
            operator.prefixes = vec!["99071".to_owned()]
        })
        .await;
    }
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, "simulator prefix");
}

#[tokio::test]
async fn only_what_the_client_accepts_and_has_authority_is_offered() {
    let country = Country::new().await;
    let app = &country.app;
    let _fourth = app.add_network("meadow", "Meadow", |_| {}).await;
    app.edit_client(&app.shop, |client| {
        client.settings.operators = ["simulator", "kestrel", "bluewave"]
            .map(str::to_owned)
            .to_vec();
    })
    .await;
    app.edit_operator_at("kestrel", |kestrel| {
        kestrel.prefixes = vec!["99071".to_owned()]
    })
    .await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    assert_eq!(aliases(&browser), ["bluewave", "simulator"]);
}

#[tokio::test]
async fn a_typed_number_is_kept_and_is_the_one_that_is_checked() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app
        .open(&mut browser, &Wish::new().scopes(&["phone"]))
        .await;
    browser
        .press_with("Continue", &[("phone_number", OTHER_NUMBER)])
        .await;
    assert_eq!(browser.title(), QUESTION);
    let here = browser
        .page()
        .url
        .join(&format!("/login/{}", browser.login()))
        .unwrap();
    browser.open(here).await;
    assert_eq!(browser.title(), QUESTION);
    // Whatever else the form says, the number is the login's own.
    browser
        .press_with("Bluewave", &[("phone_number", NUMBER), ("number", NUMBER)])
        .await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], OTHER_NUMBER);
    let story = [
        "LOGIN_STARTED",
        "NUMBER_ENTERED",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    let login = app.only_login().await;
    assert_story(app, login, &story).await;
}

#[tokio::test]
async fn another_number_may_be_given_on_the_page_if_the_app_fixed_none() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app
        .open(&mut browser, &Wish::new().scopes(&["phone"]))
        .await;
    browser
        .press_with("Continue", &[("phone_number", OTHER_NUMBER)])
        .await;
    browser
        .press_with("Check this number", &[("phone_number", NUMBER)])
        .await;
    assert_eq!(browser.title(), QUESTION);
    browser.press("Bluewave").await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    // The app's own number stays.
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let forms = &browser.page().document.forms;
    assert!(!forms.iter().any(|form| form.action.ends_with("/number")));
}

#[tokio::test]
async fn whose_operator_is_not_listed_returns_with_that_word() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    browser.press("My operator is not listed").await;
    assert_eq!(browser.title(), "Your operator is not supported yet");
    browser.press("Return to shop").await;
    let told = Answer::Error("access_denied".to_owned(), "operator_unknown".to_owned());
    assert_eq!(app.answer(&browser, &departure), told);
    assert_eq!(country.asked(), [0, 0, 0]);
    assert_nothing_slipped_out(app).await;
}

#[tokio::test]
async fn cancel_leads_back() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    browser.press("Cancel").await;
    let told = Answer::Error("access_denied".to_owned(), "user_cancelled".to_owned());
    assert_eq!(app.answer(&browser, &departure), told);
}

#[tokio::test]
async fn a_forged_choice_leads_nowhere() {
    let country = Country::new().await;
    let app = &country.app;
    let meadow = app.add_network("meadow", "Meadow", |_| {}).await;
    let away = app
        .add_network("away", "Away", |away| {
            away.prefixes = vec!["99071".to_owned()]
        })
        .await;
    app.edit_client(&app.shop, |client| {
        client.settings.operators = ["simulator", "kestrel", "bluewave", "away"]
            .map(str::to_owned)
            .to_vec();
    })
    .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    // Disabled while the page was open.
    operators::set_disabled(&app.desk(), "kestrel", true)
        .await
        .unwrap();
    app.state().forget("operators").await;
    for hostile in [
        "meadow",
        "away",
        "kestrel",
        "nobody",
        "",
        "BLUEWAVE",
        "bluewave ",
        "bluewave,simulator",
        "../bluewave",
        "bluewave\0",
        "'; drop table logins; --",
        "<script>",
    ] {
        browser.forge("operator", &[("operator", hostile)]).await;
        assert_eq!(browser.title(), format!("Error: {QUESTION}"), "{hostile}");
        assert_eq!(browser.page().status, 422, "{hostile}");
        assert_eq!(aliases(&browser), ["bluewave", "simulator"], "{hostile}");
    }
    browser.forge("operator", &[]).await;
    assert_eq!(browser.page().status, 422);
    assert_eq!(app.legs(login).await, Vec::<String>::new());
    assert_eq!(country.asked(), [0, 0, 0]);
    assert!(meadow.handle().received().is_empty() && away.handle().received().is_empty());
    assert_nothing_slipped_out(app).await;
    // The page still works.
    browser.press("Bluewave").await;
    app.redeem(&browser, &departure).await;
}

#[tokio::test]
async fn a_choice_after_the_end_changes_nothing() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    let form = browser.form("/operator");
    let page = browser.clone();
    browser.press("Bluewave").await;
    app.redeem(&browser, &departure).await;
    let mut back = page;
    let choice = Some(("operator".to_owned(), "kestrel".to_owned()));
    back.send(&form, choice, &[]).await;
    assert_eq!(back.title(), "You are already done");
    assert_eq!(app.legs(login).await, ["bluewave person verified"]);
}

#[tokio::test]
async fn a_wrong_choice_can_be_corrected() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    // The phone is a subscriber of Kestrel: Bluewave sees a foreign connection.
    let host = country.bluewave.address().ip().to_string();
    browser.set_cookie(&host, Handle::COOKIE, "my-phone");
    let phone = Whose::Browser("my-phone".to_owned());
    let bluewave = country.bluewave.handle();
    bluewave.set_sim(phone, Some(Device::Wifi));
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    browser.press("Bluewave").await;
    assert_eq!(browser.title(), "Switch to mobile data");
    // Another try is one with the operator that was chosen; the page leads to the others.
    browser.press("Try again").await;
    assert_eq!(browser.title(), "Switch to mobile data");
    browser.press(QUESTION).await;
    assert_eq!(browser.title(), QUESTION);
    assert_eq!(browser.page().status, 200);
    assert_eq!(aliases(&browser), ["bluewave", "kestrel", "simulator"]);
    browser.press("kestrel Telecom").await;
    app.redeem(&browser, &departure).await;
    let legs = [
        "bluewave person not_on_mobile_network",
        "bluewave again not_on_mobile_network",
        "kestrel person verified",
    ];
    assert_eq!(app.legs(login).await, legs);
}

#[tokio::test]
async fn nobody_chooses_twice_for_another_try() {
    // A mismatch, the operator's no, an operator that is down: none is about whose number it is.
    for (number, page) in [
        ("+990700001", "This number does not match"),
        ("+990701021", "Bluewave needs your permission"),
        ("+990703015", "Bluewave does not answer"),
    ] {
        let country = Country::new().await;
        let app = &country.app;
        let mut browser = app.browser();
        app.open(&mut browser, &Wish::of(number)).await;
        let login = browser.login();
        browser.press("Continue").await;
        browser.press("Bluewave").await;
        assert_eq!(browser.title(), page);
        browser.press("Try again").await;
        assert_eq!(browser.title(), page);
        let rules: Vec<String> = app.legs(login).await;
        let outcome = rules[0].rsplit(' ').next().unwrap();
        assert_eq!(
            rules,
            [
                format!("bluewave person {outcome}"),
                format!("bluewave again {outcome}")
            ]
        );
        assert_eq!(country.asked(), [0, 2, 0]);
        assert_nothing_slipped_out(app).await;
    }
}

#[tokio::test]
async fn another_try_after_none_was_listed_asks_again() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    browser.press("My operator is not listed").await;
    browser.forge("continue", &[]).await;
    assert_eq!(browser.title(), QUESTION);
    browser.press("Bluewave").await;
    app.redeem(&browser, &departure).await;
    assert_eq!(app.legs(login).await, ["bluewave person verified"]);
}

#[tokio::test]
async fn who_comes_back_from_the_operator_by_hand_chooses_again() {
    let country = Country::new().await;
    let app = &country.app;
    let mut browser = app.browser();
    // Bluewave keeps the browser on a page that leads nowhere.
    let departure = app.open(&mut browser, &Wish::of("+990701022")).await;
    let login = browser.login();
    browser.press("Continue").await;
    browser.press("Bluewave").await;
    assert_eq!(browser.page().status, 403);
    let here = format!("{}/login/{login}", app.issuer);
    browser.open(&here).await;
    assert_eq!(browser.title(), QUESTION);
    browser.press("kestrel Telecom").await;
    assert_eq!(browser.page().status, 403);
    // The same when the leg was closed from elsewhere: its time is out.
    app.clock.advance(std::time::Duration::from_secs(6 * 60));
    app.sweep().await;
    browser.open(&here).await;
    assert_eq!(browser.title(), QUESTION);
    browser.press("Cancel").await;
    let told = Answer::Error("access_denied".to_owned(), "user_cancelled".to_owned());
    assert_eq!(app.answer(&browser, &departure), told);
    assert_nothing_slipped_out(app).await;
}

#[tokio::test]
async fn without_a_number_the_person_says_who_is_to_tell_it_or_types_it() {
    let country = Country::new().await;
    let app = &country.app;
    let share = "openid dpv:ServiceProvision number-verification:device-phone-number:read";
    for alias in ["bluewave", "kestrel"] {
        app.edit_operator_at(alias, |operator| {
            operator.scope_device_phone_number = Some(share.to_owned());
            operator.login_hint = numbercloak::store::operators::HintForm::None;
        })
        .await;
    }
    let wish = Wish::new().scopes(&["phone"]);
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &wish).await;
    assert_eq!(browser.title(), QUESTION);
    assert_eq!(aliases(&browser), ["bluewave", "kestrel"]);
    let here = browser
        .page()
        .url
        .join(&format!("/login/{}", browser.login()))
        .unwrap();
    browser.open(here).await;
    assert_eq!(aliases(&browser), ["bluewave", "kestrel"]);
    let mut typing = browser.clone();
    let address = country.bluewave.address().ip();
    let sim = numbercloak::phone::PhoneNumber::from_e164(OTHER_NUMBER).unwrap();
    browser.set_cookie(&address.to_string(), Handle::COOKIE, "my-phone");
    let phone = Whose::Browser("my-phone".to_owned());
    let bluewave = country.bluewave.handle();
    bluewave.set_sim(phone, Some(Device::Sim(sim)));
    browser.press("Bluewave").await;
    browser.press("Share my number").await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], OTHER_NUMBER);
    assert_eq!(
        signed_in.claims["number_verification"]["method"],
        "device_phone_number"
    );

    let departure = app.open(&mut typing, &wish).await;
    typing
        .press_with("Check this number", &[("phone_number", NUMBER)])
        .await;
    assert_eq!(aliases(&typing), ["bluewave", "kestrel", "simulator"]);
    typing.press("Simulator").await;
    let signed_in = app.redeem(&typing, &departure).await;
    assert_eq!(signed_in.claims["number_verification"]["method"], "verify");
}

#[tokio::test]
async fn the_operators_own_page_for_consent_is_that_of_the_one_chosen() {
    let country = Country::new().await;
    let app = &country.app;
    app.edit_operator_at("kestrel", |kestrel| kestrel.retry_with_page = true)
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of("+990701020")).await;
    let login = browser.login();
    browser.press("Continue").await;
    browser.press("kestrel Telecom").await;
    assert_eq!(browser.title(), "Your consent", "nobody chooses twice");
    browser.press("Accept").await;
    app.redeem(&browser, &departure).await;
    assert_eq!(
        app.legs(login).await,
        ["kestrel person consent_required", "kestrel again verified"]
    );
}
