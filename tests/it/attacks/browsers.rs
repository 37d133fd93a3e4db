//! P8: a login belongs to one browser.

use std::time::Duration;

use url::Url;

use super::{Raw, callback_of, calls, count, depart, http, nothing_opened};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::{Browser, End};
use crate::support::rp::{Departure, Wish};

/// A login whose browser is at the operator, and the callback that awaits it.
struct Away {
    app: App,
    browser: Browser,
    departure: Departure,
    callback: Url,
}

async fn away() -> Away {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = callback_of(&browser).await;
    browser.follows_refresh = true;
    Away {
        app,
        browser,
        departure,
        callback,
    }
}

impl Away {
    async fn last_record(&self) -> String {
        let login = self.app.logins().await[0];
        self.app.story(login).await.last().unwrap().clone()
    }

    /// The callback opened nothing, its leg is closed, and it never works again: not for its own
    /// browser either, which finds its login where it can try once more.
    async fn is_closed(&mut self, record: &str) {
        nothing_opened(&self.app).await;
        assert_eq!(self.last_record().await, record);
        assert_eq!(count(&self.app, "legs where stage <> 'closed'").await, 0);
        assert_eq!(
            calls(&self.app, "/token", false),
            0,
            "the operator is not asked"
        );
        let callback = self.callback.clone();
        self.browser.open(&callback).await;
        assert!(matches!(self.browser.end, End::Page));
        nothing_opened(&self.app).await;
    }

    /// A page that shows nothing of the login.
    fn shows_nothing(&self, page: &str) {
        for secret in [
            self.departure.state.as_str(),
            self.departure.nonce.as_str(),
            self.departure.verifier.as_str(),
            "csrf",
            "code=",
            "+99",
            &NUMBER[1..],
        ] {
            assert!(!page.contains(secret), "{secret} on {page}");
        }
    }
}

const MISMATCH: &str = "IDENTITY_PROVIDER_RESPONSE_ERROR browser_mismatch";

#[tokio::test]
async fn a_callback_without_a_cookie_closes_the_leg() {
    let mut away = away().await;
    let raw = Raw::of(http().get(away.callback.clone())).await;
    assert_eq!(raw.status, 400);
    assert_eq!(raw.headers.get("set-cookie"), None);
    away.shows_nothing(&raw.body);
    away.is_closed(MISMATCH).await;
}

#[tokio::test]
async fn a_callback_in_another_browser_closes_the_leg() {
    let mut away = away().await;
    let mut other = away.app.browser();
    away.app.open(&mut other, &Wish::of(OTHER_NUMBER)).await;
    other.open(&away.callback).await;
    assert_eq!(other.title(), "We lost track of this sign-in");
    away.shows_nothing(&other.page().source);
    away.is_closed(MISMATCH).await;
    // The other browser's own login goes on.
    let second = away.app.logins().await[1];
    assert_eq!(
        super::login_column(&away.app, second, "stage").await,
        "open"
    );
}

#[tokio::test]
async fn a_callback_on_another_alias_closes_the_leg() {
    let mut away = away().await;
    let text = away.callback.as_str();
    let elsewhere = text.replace("/broker/simulator/", "/broker/another/");
    assert_ne!(elsewhere, text);
    away.browser.open(&elsewhere).await;
    away.is_closed("IDENTITY_PROVIDER_RESPONSE_ERROR protocol_violation")
        .await;
}

#[tokio::test]
async fn a_callback_with_another_issuer_closes_the_leg_and_its_code_is_not_tried() {
    let mut away = away().await;
    let text = away.callback.to_string();
    let iss = url::form_urlencoded::byte_serialize(away.app.operator.issuer().as_bytes())
        .collect::<String>();
    let foreign = text.replace(&iss, "https%3A%2F%2Fevil.example");
    assert_ne!(foreign, text);
    away.browser.open(&foreign).await;
    assert_eq!(away.browser.title(), "Something went wrong");
    away.is_closed("NUMBER_NOT_VERIFIED protocol_violation")
        .await;
}

#[tokio::test]
async fn a_callback_without_the_issuer_it_must_name_closes_the_leg() {
    let mut away = away().await;
    let text = away.callback.to_string();
    let (without, _) = text.split_once("&iss=").unwrap();
    away.browser.open(without).await;
    away.is_closed("NUMBER_NOT_VERIFIED protocol_violation")
        .await;
}

#[tokio::test]
async fn an_alias_that_no_operator_can_have_closes_the_leg() {
    let mut away = away().await;
    let text = away.callback.as_str();
    let elsewhere = text.replace("/broker/simulator/", "/broker/%00/");
    away.browser.open(&elsewhere).await;
    away.is_closed("IDENTITY_PROVIDER_RESPONSE_ERROR protocol_violation")
        .await;
}

#[tokio::test]
async fn the_states_of_two_logins_of_one_browser_cannot_be_swapped() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let first = callback_of(&browser).await;
    depart(&app, &mut browser, &Wish::of(OTHER_NUMBER)).await;
    let second = callback_of(&browser).await;
    let code = |url: &Url| pair(url, "code");
    let swapped = |to: &Url, from: &Url| to.as_str().replace(&code(to), &code(from));
    browser.follows_refresh = true;
    for url in [swapped(&first, &second), swapped(&second, &first)] {
        browser.open(&url).await;
        assert!(matches!(browser.end, End::Page), "{:?}", browser.end);
        nothing_opened(&app).await;
    }
    assert_eq!(count(&app, "legs where stage <> 'closed'").await, 0);
    for login in app.logins().await {
        let story = app.story(login).await;
        let last = story.last().unwrap();
        assert!(last.starts_with("NUMBER_NOT_VERIFIED "), "{last}");
        assert!(!last.ends_with(" verified"), "{last}");
    }
}

fn pair(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.unwrap().1.into_owned()
}

#[tokio::test]
async fn a_late_callback_closes_the_leg() {
    let mut away = away().await;
    // A leg lives five minutes, its login fifteen.
    away.app.clock.advance(Duration::from_secs(301));
    let callback = away.callback.clone();
    away.browser.open(&callback).await;
    assert!(matches!(away.browser.end, End::Page));
    away.is_closed("IDENTITY_PROVIDER_RESPONSE_ERROR expired")
        .await;
    // In its own browser it can be tried again.
    away.browser.press("Continue").await;
    let signed_in = away.app.redeem(&away.browser, &away.departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
}

#[tokio::test]
async fn a_callback_after_the_login_s_time_opens_nothing() {
    let away = away().await;
    away.app.clock.advance(Duration::from_secs(901));
    let mut browser = away.browser.clone();
    browser.open(&away.callback).await;
    assert_eq!(browser.title(), "This page has expired");
    assert_eq!(browser.page().status.as_u16(), 410);
    nothing_opened(&away.app).await;
    assert_eq!(calls(&away.app, "/token", false), 0);
    assert_eq!(away.app.sweep().await, 1);
    assert_eq!(away.last_record().await, "LOGIN_ERROR abandoned");
    nothing_opened(&away.app).await;
}

#[tokio::test]
async fn a_callback_after_cancel_opens_nothing() {
    let away = away().await;
    let mut browser = away.browser.clone();
    let login = away.app.only_login().await;
    browser
        .open(format!("{}/login/{login}", away.app.issuer))
        .await;
    browser.press("Cancel").await;
    let error = away.app.answer(&browser, &away.departure);
    assert_eq!(
        format!("{error:?}"),
        r#"Error("access_denied", "user_cancelled")"#
    );
    browser.open(&away.callback).await;
    assert_eq!(browser.title(), "You are already done");
    nothing_opened(&away.app).await;
    assert_eq!(calls(&away.app, "/token", false), 0);
    assert_eq!(away.last_record().await, "LOGIN_ERROR user_cancelled");
}

#[tokio::test]
async fn states_that_are_not_ours_find_nothing_and_tell_nothing() {
    let away = away().await;
    let state = pair(&away.callback, "state");
    let half = &state[..32];
    let altered = format!("{}{}", &state[..60], "AAAA");
    for bad in ["", "x", half, &altered, &"A".repeat(64), "%00", "../../etc"] {
        let url = away.callback.as_str().replace(&state, bad);
        let mut stranger = away.app.browser();
        stranger.open(&url).await;
        assert_eq!(stranger.title(), "We lost track of this sign-in", "{bad}");
        away.shows_nothing(&stranger.page().source);
        // Its own browser sees its own login, whatever the state.
        let mut own = away.browser.clone();
        own.open(&url).await;
        assert_eq!(own.title(), "Check your number", "{bad}");
    }
    // And the login is where it was.
    let mut browser = away.browser.clone();
    browser.open(&away.callback).await;
    away.app.redeem(&browser, &away.departure).await;
}

#[tokio::test]
async fn a_login_s_pages_show_nothing_without_its_cookie() {
    let away = away().await;
    let login = away.app.only_login().await;
    let page = format!("{}/login/{login}", away.app.issuer);
    let mut stranger = away.app.browser();
    away.app.open(&mut stranger, &Wish::of(OTHER_NUMBER)).await;
    let own = cookie_of(&stranger);
    let mut planted = away.app.browser();
    // The name of this login's cookie, with another login's value.
    let name = format!("nc_login_{}", login.simple());
    planted.set_cookie("localhost", &name, &own);
    for mut browser in [away.app.browser(), stranger, planted] {
        browser.open(&page).await;
        assert_eq!(browser.title(), "We lost track of this sign-in");
        away.shows_nothing(&browser.page().source);
        for form in ["continue", "number", "cancel", "return", "more-time"] {
            let answer = Raw::of(http().post(format!("{page}/{form}")).body("csrf=x")).await;
            assert_eq!(answer.status, 400, "{form}");
            away.shows_nothing(&answer.body);
        }
    }
    // Nothing was changed by it.
    let mut browser = away.browser.clone();
    browser.open(&away.callback).await;
    away.app.redeem(&browser, &away.departure).await;
}

fn cookie_of(browser: &Browser) -> String {
    let cookies = browser.cookies("localhost");
    let login = cookies.iter().find(|one| one.name.starts_with("nc_login_"));
    login.unwrap().value.clone()
}

#[tokio::test]
async fn a_login_s_cookie_is_set_once_and_by_the_answer_that_opens_it() {
    let away = away().await;
    let name = away.browser.cookies("localhost")[0].name.clone();
    let sets = |hops: &[crate::support::browser::Hop]| {
        hops.iter()
            .filter(|hop| {
                let set = hop.headers.get_all("set-cookie").iter();
                set.filter_map(|value| value.to_str().ok())
                    .any(|value| value.starts_with(&name))
            })
            .map(|hop| hop.url.path().to_owned())
            .collect::<Vec<_>>()
    };
    let mut browser = away.browser.clone();
    browser.open(&away.callback).await;
    assert!(matches!(browser.end, End::Left(_)));
    assert_eq!(sets(&browser.hops), ["/authorize"]);
}

#[tokio::test]
async fn the_operator_cannot_have_another_browser_s_login_finished() {
    // Scenario 1048 prints the callback's link: another browser opens it.
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+990701048")).await;
    browser.press("Continue").await;
    let page = browser.page().clone();
    let link = page
        .document
        .links
        .iter()
        .map(|(_, target)| target.clone())
        .find(|target| target.contains("/broker/"));
    let link = link.unwrap_or_else(|| {
        let text = &page.document.text;
        let start = text.find("http://localhost").unwrap();
        text[start..].split_whitespace().next().unwrap().to_owned()
    });
    let mut other = app.browser();
    other.open(&link).await;
    assert_eq!(other.title(), "We lost track of this sign-in");
    nothing_opened(&app).await;
}
