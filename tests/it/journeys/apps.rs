//! The page of the apps that a browser remembers.

use crate::support::app::{App, NUMBER, new_client};
use crate::support::browser::Browser;
use crate::support::rp::Wish;

async fn page(app: &App, browser: &mut Browser) -> String {
    browser.open(format!("{}/apps", app.issuer)).await;
    assert_eq!(browser.title(), "Apps this browser remembers");
    browser.page().document.text.clone()
}

async fn kinds(app: &App) -> Vec<(String, String)> {
    let records = app.audit(Default::default()).await;
    let told = |record: &numbercloak::admin::audit::Entry| {
        let word = |name: &str| record.body[name].as_str().unwrap_or_default().to_owned();
        (word("type"), word("client_id"))
    };
    records.iter().map(told).collect()
}

#[tokio::test]
async fn a_person_sees_the_apps_this_browser_remembers_and_withdraws_one() {
    let app = App::start().await;
    let bank = app.register(new_client("bank")).await;
    let mut browser = app.browser();
    assert!(page(&app, &mut browser).await.contains("remembers no app"));
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = bank.depart(&Wish::of(NUMBER).scopes(&["phone"])).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    bank.answer(&departure, browser.left()).code();

    let text = page(&app, &mut browser).await;
    let at = |word: &str| {
        text.find(word)
            .unwrap_or_else(|| panic!("{word} in {text}"))
    };
    assert!(at("bank.example") < at("Receives your mobile number"));
    assert!(at("Receives your mobile number") < at("shop.example"));
    assert!(at("shop.example") < at("Learns that your number is confirmed"));
    // Nobody else's browser sees them.
    let mut other = app.browser();
    assert!(page(&app, &mut other).await.contains("remembers no app"));

    browser.press("Withdraw: shop").await;
    assert_eq!(browser.page().url.query(), Some("withdrawn"));
    let text = &browser.page().document.text;
    assert!(
        text.contains("Withdrawn.") && !text.contains("shop"),
        "{text}"
    );
    let withdrawn = ("GO_AHEAD_WITHDRAWN".to_owned(), "shop".to_owned());
    let records = kinds(&app).await;
    assert_eq!(records.iter().filter(|one| one.0 == withdrawn.0).count(), 1);
    assert!(records.contains(&withdrawn), "{records:?}");
    // The app has to ask again, and the other one has not.
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.title(), "Check your number");
    let departure = bank.depart(&Wish::of(NUMBER).scopes(&["phone"])).await;
    browser.open(&departure.url).await;
    bank.answer(&departure, browser.left()).code();
}

#[tokio::test]
async fn all_are_withdrawn_at_once_and_each_is_on_record() {
    let app = App::start().await;
    let bank = app.register(new_client("bank")).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = bank.depart(&Wish::of(NUMBER)).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    page(&app, &mut browser).await;
    browser.press("Withdraw all").await;
    assert!(browser.page().document.text.contains("remembers no app"));
    let records = kinds(&app).await;
    for client in ["bank", "shop"] {
        let expected = ("GO_AHEAD_WITHDRAWN".to_owned(), client.to_owned());
        assert!(records.contains(&expected), "{client} in {records:?}");
    }
}

#[tokio::test]
async fn a_forged_withdrawal_changes_nothing() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    page(&app, &mut browser).await;
    let form = browser.form("/apps");
    for csrf in ["", "x"] {
        let mut copy = browser.clone();
        let fields = [("csrf", csrf), ("client", "shop")];
        copy.send(&form, None, &fields).await;
        assert_eq!(copy.title(), "This form is out of date");
        assert_eq!(copy.page().status, 403);
    }
    // A form that carries the token of another browser.
    let mut other = app.browser();
    app.sign_in(&mut other, &Wish::of(NUMBER)).await;
    page(&app, &mut other).await;
    other.send(&form, None, &[("client", "shop")]).await;
    assert_eq!(other.title(), "This form is out of date");
    assert!(page(&app, &mut browser).await.contains("shop.example"));
    assert!(page(&app, &mut other).await.contains("shop.example"));
}
