//! Which number a login is about, and who may say so.

use numbercloak::phone::PhoneNumber;
use numbercloak::simulator::{Device, Handle, Whose};
use numbercloak::store::clients::Hint;

use super::{VERIFIED, asked, assert_nothing_slipped_out, assert_story};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Answer, Wish};

/// A number that no SIM has.
const WRONG: &str = "+990700001";

fn error(code: &str, word: &str) -> Answer {
    Answer::Error(code.to_owned(), word.to_owned())
}

/// Puts a SIM into the browser's phone, whatever number is hinted.
fn insert_sim(app: &App, browser: &mut Browser, number: &str) {
    let host = app.operator_address().ip().to_string();
    browser.set_cookie(&host, Handle::COOKIE, "my-phone");
    let sim = Device::Sim(PhoneNumber::from_e164(number).unwrap());
    app.operator
        .set_sim(Whose::Browser("my-phone".to_owned()), Some(sim));
}

#[tokio::test]
async fn a_wrong_number_may_be_tried_three_times_and_no_more() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(WRONG)).await;
    let login = browser.login();
    browser.press("Continue").await;
    for left in ["2", "1"] {
        assert_eq!(browser.title(), "This number does not match");
        let page = &browser.page().document.text;
        assert!(page.contains(&format!("Tries left: {left}")), "{page}");
        browser.press("Try again").await;
    }
    assert_eq!(browser.title(), "This number does not match");
    let buttons: Vec<String> = browser
        .page()
        .document
        .forms
        .iter()
        .map(|form| form.action.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(buttons, ["return"]);
    browser.forge("continue", &[]).await;
    browser.forge("number", &[("phone_number", NUMBER)]).await;
    assert_eq!(asked(&app, "/authorize"), 3);
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure),
        error("access_denied", "mismatch")
    );
    let tried = ["OPERATOR_SELECTED", "NUMBER_NOT_VERIFIED mismatch"];
    let mut story = vec!["LOGIN_STARTED"];
    story.extend([tried, tried, tried].concat());
    story.push("LOGIN_ERROR mismatch");
    assert_story(&app, login, &story).await;
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn a_typed_number_that_was_wrong_is_corrected() {
    let app = App::start().await;
    let mut browser = app.browser();
    insert_sim(&app, &mut browser, OTHER_NUMBER);
    let wish = Wish::new().scopes(&["phone"]);
    let departure = app.open(&mut browser, &wish).await;
    let login = browser.login();
    browser
        .press_with("Continue", &[("phone_number", NUMBER)])
        .await;
    assert_eq!(browser.title(), "This number does not match");
    // The SIM's own number is told nobody.
    let page = &browser.page().source.replace([' ', '\u{a0}'], "");
    assert!(!page.contains(&OTHER_NUMBER[1..]), "{page}");
    browser
        .press_with("Check this number", &[("phone_number", OTHER_NUMBER)])
        .await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], OTHER_NUMBER);
    let expected = [
        "LOGIN_STARTED",
        "NUMBER_ENTERED",
        "OPERATOR_SELECTED",
        "NUMBER_NOT_VERIFIED mismatch",
        "NUMBER_ENTERED",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    assert_story(&app, login, &expected).await;
}

#[tokio::test]
async fn no_form_changes_a_number_that_the_app_named() {
    let app = App::start().await;
    let mut browser = app.browser();
    let wish = Wish::of(NUMBER).scopes(&["phone"]);
    let departure = app.open(&mut browser, &wish).await;
    let login = browser.login();
    let offers_a_number = |browser: &Browser| {
        let mut forms = browser.page().document.forms.iter();
        forms.any(|form| form.action.ends_with("/number"))
    };
    assert!(!offers_a_number(&browser));
    browser
        .forge("number", &[("phone_number", OTHER_NUMBER)])
        .await;
    assert_eq!(browser.title(), "Check your number");
    browser
        .forge("continue", &[("phone_number", OTHER_NUMBER)])
        .await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_story(&app, login, &VERIFIED).await;
}

#[tokio::test]
async fn a_number_that_is_a_suggestion_may_be_changed() {
    let app = App::builder()
        .client(|client| client.settings.hint = Hint::Suggestion)
        .start()
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(WRONG)).await;
    assert_eq!(browser.title(), "Check your number");
    browser.submit("/number", &[("phone_number", NUMBER)]).await;
    let signed_in = app.redeem(&browser, &departure).await;
    // The app named another number: this one is news, which `number_verified` does not cover.
    assert_eq!(signed_in.claims.get("phone_number"), None);
    assert_eq!(signed_in.claims.get("phone_number_verified"), None);
    assert_eq!(signed_in.claims["number_verification"]["method"], "verify");
}

#[tokio::test]
async fn what_is_no_mobile_number_is_asked_for_again() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::new()).await;
    for (typed, says) in [
        ("", "Enter your mobile number."),
        ("666 111 334", "Add the country code"),
        ("+34 666", "too short"),
        ("+34 666 111 334 5", "too long"),
        ("+34 91 111 11 11", "landline"),
        ("+999 123 456 789", "country code does not exist"),
        ("<script>", "not a phone number"),
    ] {
        browser
            .press_with("Continue", &[("phone_number", typed)])
            .await;
        assert_eq!(browser.page().status, 422, "{typed}");
        assert_eq!(browser.title(), "Error: Your mobile number", "{typed}");
        let page = &browser.page().document.text;
        assert!(page.contains(says), "{typed}: {page}");
        let kept = browser
            .form("/number")
            .fields
            .iter()
            .find_map(|(name, value)| (name == "phone_number").then(|| value.clone()));
        assert_eq!(kept.as_deref(), Some(typed));
    }
    let login = browser.login();
    assert_story(&app, login, &["LOGIN_STARTED"]).await;
}

#[tokio::test]
async fn a_number_without_its_country_is_one_of_the_browsers_where_an_operator_has_numbers_there() {
    let app = App::start().await;
    let _network = app.add_live_network("iberia", "34").await;
    let typed = [("phone_number", "666 111 334")];
    // Nobody here has numbers in these countries, or it is none of theirs.
    for languages in ["en", "en-US,en;q=0.9", "de-DE", "es-419", "pt-PT, ru-RU"] {
        let mut browser = app.browser();
        browser.languages = languages;
        app.open(&mut browser, &Wish::new()).await;
        browser.submit("/number", &typed).await;
        assert_eq!(browser.page().status, 422, "{languages}");
    }
    for languages in ["es-ES,es;q=0.9", "en-US, en;q=0.9, ca-ES;q=0.3"] {
        let mut browser = app.browser();
        browser.languages = languages;
        let wish = Wish::new().scopes(&["phone"]);
        let departure = app.open(&mut browser, &wish).await;
        browser.submit("/number", &typed).await;
        let login = browser.login();
        assert_eq!(app.legs(login).await, ["iberia prefix verified"]);
        let signed_in = app.redeem(&browser, &departure).await;
        assert_eq!(signed_in.claims["phone_number"], "+34666111334");
    }
}

#[tokio::test]
async fn a_number_no_operator_has_authority_over_is_never_asked_about() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of("+34666111334")).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Your operator is not supported yet");
    assert_eq!(asked(&app, "/authorize"), 0);
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure),
        error("access_denied", "operator_unknown")
    );
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED_ERROR operator_unknown",
        "LOGIN_ERROR operator_unknown",
    ];
    assert_story(&app, login, &expected).await;
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn a_test_operator_vouches_for_nothing_to_a_live_app() {
    let app = App::builder()
        .client(|client| client.test = false)
        .start()
        .await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Your operator is not supported yet");
    assert_eq!(asked(&app, "/authorize"), 0);
    assert_nothing_slipped_out(&app).await;
}
