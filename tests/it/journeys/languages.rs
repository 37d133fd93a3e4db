//! Which language the pages speak, and how a person changes it.

use reqwest::header::{LOCATION, SET_COOKIE};

use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::Wish;

fn spoken(browser: &Browser) -> (String, String) {
    let source = &browser.page().source;
    let html = source.split("<html ").nth(1).unwrap();
    let html = html.split('>').next().unwrap().to_owned();
    (html, browser.page().document.heading.clone())
}

fn says(browser: &Browser, html: &str, heading: &str) {
    assert_eq!(spoken(browser), (html.to_owned(), heading.to_owned()));
}

const GERMAN: (&str, &str) = (r#"lang="de" dir="ltr""#, "Nummer bestätigen");
const ARABIC: (&str, &str) = (r#"lang="ar" dir="rtl""#, "تأكيد رقمك");
const FRENCH: (&str, &str) = (r#"lang="fr" dir="ltr""#, "Confirmez votre numéro");
const ENGLISH: (&str, &str) = (r#"lang="en" dir="ltr""#, "Check your number");

#[tokio::test]
async fn the_app_s_wish_counts_then_the_browser_s_then_the_app_s_own_language_then_english() {
    let app = App::builder()
        .client(|client| client.settings.default_locale = Some("fr".to_owned()))
        .start()
        .await;
    for (ui_locales, accepted, (html, heading)) in [
        (Some("tlh de-AT ar"), "fr", GERMAN),
        (None, "ar-EG, de;q=0.9", ARABIC),
        (Some("tlh"), "tlh, *;q=0.1", FRENCH),
    ] {
        let mut browser = app.browser();
        browser.languages = accepted;
        let mut wish = Wish::of(NUMBER);
        if let Some(tags) = ui_locales {
            wish = wish.with("ui_locales", tags);
        }
        app.open(&mut browser, &wish).await;
        says(&browser, html, heading);
    }
    app.edit_client(&app.shop, |client| client.settings.default_locale = None)
        .await;
    let mut browser = app.browser();
    browser.languages = "tlh";
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    says(&browser, ENGLISH.0, ENGLISH.1);
}

#[tokio::test]
async fn a_person_who_changes_the_language_gets_this_very_page_in_it_whatever_the_app_asked_for() {
    let app = App::start().await;
    let mut browser = app.browser();
    let wish = Wish::of(NUMBER).with("ui_locales", "de");
    let departure = app.open(&mut browser, &wish).await;
    says(&browser, GERMAN.0, GERMAN.1);
    let login = browser.login();
    let links = browser.page().document.links.clone();
    let arabic = links.iter().find(|(name, _)| name == "العربية").unwrap();
    browser.follow(&arabic.1).await;
    says(&browser, ARABIC.0, ARABIC.1);
    assert_eq!(browser.login(), login);
    // The login goes on as if nothing had been.
    browser.press("متابعة").await;
    app.redeem(&browser, &departure).await;
    // What was chosen in an earlier login counts less than what an app asks for, and more than the
    // browser's setting.
    app.clock.advance(std::time::Duration::from_secs(60));
    app.open(&mut browser, &wish.clone().prompt("consent"))
        .await;
    says(&browser, GERMAN.0, GERMAN.1);
    app.open(&mut browser, &Wish::of(NUMBER).prompt("consent"))
        .await;
    says(&browser, ARABIC.0, ARABIC.1);
}

#[tokio::test]
async fn the_switch_leads_nowhere_but_to_our_own_pages_and_keeps_nothing_unknown() {
    let app = App::start().await;
    let mut browser = app.browser();
    for (path, back, remembers) in [
        ("/language/de?back=/login/x", "/login/x", true),
        ("/language/de?back=//evil.example", "/", true),
        ("/language/de?back=https://evil.example/", "/", true),
        ("/language/de?back=/%5Cevil.example", "/", true),
        ("/language/de", "/", true),
        ("/language/xx?back=/login/x", "/login/x", false),
    ] {
        browser.open(format!("{}{path}", app.issuer)).await;
        let hops = &browser.hops;
        let hop = hops.iter().rev().find(|hop| hop.status == 303).unwrap();
        assert_eq!(hop.headers[LOCATION], back, "{path}");
        assert_eq!(hop.headers.contains_key(SET_COOKIE), remembers, "{path}");
    }
    let set = browser.cookies("localhost");
    assert_eq!(set.len(), 1);
    assert!(set[0].value.starts_with("de."));
}
