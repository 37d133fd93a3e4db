//! P10: no dead ends.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::simulator::{Device, Whose};
use url::Url;

use super::{callback_of, depart, tamper, way_back};
use crate::support::app::{App, NUMBER, OPERATOR, REDIRECT_URI};
use crate::support::browser::Browser;
use crate::support::rp::{Departure, Wish};

/// The page is left for the app with this error, the app's `state` and our `iss`.
async fn leads_back(app: &App, mut browser: Browser, departure: &Departure, error: &str) {
    let page = browser.page().clone();
    let Some(url) = way_back(&mut browser).await else {
        panic!("a dead end: {} {}", page.url, page.document.text);
    };
    assert!(
        url.as_str().starts_with(&format!("{REDIRECT_URI}?")),
        "{url}"
    );
    let answer = app.shop.answer(departure, &url);
    let expected = error.split_once(' ').unwrap();
    let got = format!("{answer:?}");
    let wanted = format!("Error({:?}, {:?})", expected.0, expected.1);
    assert_eq!(got, wanted, "{}", page.document.text);
}

#[tokio::test]
async fn every_page_of_a_problem_leads_back_with_its_error() {
    let app = App::builder()
        .operator(|operator| operator.restraint.breaker_failures = 0)
        .start()
        .await;
    for (code, title, error) in [
        (1, "This number does not match", "access_denied mismatch"),
        (
            1000,
            "Switch to mobile data",
            "access_denied not_on_mobile_network",
        ),
        (
            1003,
            "Simulator needs your permission",
            "access_denied consent_denied",
        ),
        (
            1009,
            "Simulator does not answer",
            "temporarily_unavailable operator_unavailable",
        ),
        (
            1045,
            "Something went wrong",
            "server_error protocol_violation",
        ),
        (
            2006,
            "Something went wrong",
            "server_error operator_misconfigured",
        ),
        (
            2012,
            "Simulator is busy",
            "temporarily_unavailable operator_rate_limited",
        ),
        (
            3011,
            "Your operator is not supported yet",
            "access_denied operator_unsupported_number",
        ),
        (
            3020,
            "Something went wrong",
            "server_error protocol_violation",
        ),
    ] {
        let mut browser = app.browser();
        let wish = Wish::of(&format!("+99070{code:04}"));
        let departure = app.open(&mut browser, &wish).await;
        browser.press("Continue").await;
        assert_eq!(browser.title(), title, "{code}");
        leads_back(&app, browser, &departure, error).await;
        // Whoever answers 429 is left alone for half a minute.
        app.clock.advance(Duration::from_secs(31));
    }
}

#[tokio::test]
async fn the_pages_before_and_while_asking_can_be_cancelled() {
    let app = App::start().await;
    let cancelled = "access_denied user_cancelled";
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    leads_back(&app, browser, &departure, cancelled).await;

    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::new()).await;
    leads_back(&app, browser.clone(), &departure, cancelled).await;

    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::new()).await;
    browser.submit("/number", &[("phone_number", "12")]).await;
    assert_eq!(browser.page().status.as_u16(), 422);
    leads_back(&app, browser, &departure, cancelled).await;

    let mut browser = app.browser();
    let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    leads_back(&app, browser.clone(), &departure, cancelled).await;
    // Once more, with the back button: the same error, not a second answer.
    browser.open(browser.page().url.clone()).await;
    assert_eq!(browser.title(), "You are already done");
    leads_back(&app, browser, &departure, cancelled).await;
}

#[tokio::test]
async fn a_browser_stuck_at_the_operator_finds_its_way_back() {
    // Pages of the operator that lead nowhere: the login's own page still does.
    let app = App::start().await;
    for code in [1030, 1032, 1033] {
        let mut browser = app.browser();
        let wish = Wish::of(&format!("+99070{code}"));
        let departure = app.open(&mut browser, &wish).await;
        browser.press("Continue").await;
        let login = *app.logins().await.last().unwrap();
        browser.open(format!("{}/login/{login}", app.issuer)).await;
        leads_back(&app, browser, &departure, "access_denied user_cancelled").await;
    }
}

#[tokio::test]
async fn the_last_mismatch_leads_back() {
    let app = App::start().await;
    let other = Device::parse("+990701111");
    app.operator
        .set_sim(Whose::Address(app.operator_address().ip()), other);
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of("+990700001")).await;
    browser.press("Continue").await;
    for _ in 0..2 {
        browser.submit("/continue", &[]).await;
    }
    assert!(!browser.page().source.contains("/continue\""));
    leads_back(&app, browser, &departure, "access_denied mismatch").await;
}

#[tokio::test]
async fn when_no_operator_can_be_asked_the_page_leads_back() {
    let app = App::start().await;
    numbercloak::admin::operators::set_disabled(&app.desk(), OPERATOR, true)
        .await
        .unwrap();
    app.state().forget("operators").await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    leads_back(&app, browser, &departure, "access_denied operator_unknown").await;
}

#[tokio::test]
async fn an_expired_login_leads_back_before_and_after_the_sweeper() {
    let app = App::start().await;
    for swept in [false, true] {
        let mut browser = app.browser();
        let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
        let login = *app.logins().await.last().unwrap();
        app.clock.advance(Duration::from_secs(15 * 60 + 1));
        if swept {
            app.sweep().await;
        }
        browser.open(format!("{}/login/{login}", app.issuer)).await;
        assert_eq!(browser.page().status.as_u16(), 410);
        leads_back(&app, browser, &departure, "access_denied expired").await;
    }
}

/// Where a browser that lost its cookie may start again.
async fn front_page(mut browser: Browser) {
    assert_eq!(browser.title(), "We lost track of this sign-in");
    let url = way_back(&mut browser).await;
    assert_eq!(url.as_ref().map(Url::as_str), Some("https://shop.example/"));
}

#[tokio::test]
async fn a_callback_without_its_cookie_leads_to_the_app_s_front_page() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = callback_of(&browser).await;
    browser.forget_cookies("nc_login_");
    browser.open(&callback).await;
    front_page(browser).await;
}

#[tokio::test]
async fn a_callback_that_names_no_leg_is_on_record_and_nothing_secret_of_it() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = callback_of(&browser).await;
    let given = |name: &str| {
        let mut pairs = callback.query_pairs();
        pairs.find(|pair| pair.0 == name).unwrap().1.into_owned()
    };
    let (code, state) = (given("code"), given("state"));
    let middle = state.len() / 2;
    let other = if &state[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let altered = format!("{}{other}{}", &state[..middle], &state[middle + 1..]);
    let sent = [
        (OPERATOR, String::new()),
        (OPERATOR, "&state=made-up".to_owned()),
        (OPERATOR, format!("&state={altered}")),
        ("nobody", "&state=made-up".to_owned()),
    ];
    for (alias, state) in &sent {
        let base = format!("{}/broker/{alias}/endpoint", app.issuer);
        browser.open(format!("{base}?code={code}{state}")).await;
    }
    let query = Query {
        kind: Some("IDENTITY_PROVIDER_RESPONSE_ERROR".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.body["reason"].as_str().unwrap(),
                &record.body["operator"],
            )
        })
        .collect();
    let (ours, nobody) = (OPERATOR.into(), serde_json::Value::Null);
    let expected = [
        ("no state", &ours),
        ("a state that is none of ours", &ours),
        ("a state that names no leg", &ours),
        ("a state that is none of ours", &nobody),
    ];
    assert_eq!(told, expected);
    for record in records {
        let text = record.body.to_string();
        for secret in [&code, &state, &altered] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // The leg is still the browser's own.
    browser.follows_refresh = true;
    browser.open(&callback).await;
    assert!(browser.left().as_str().contains("code="));
}

#[tokio::test]
async fn a_finished_login_leads_to_the_app_s_front_page() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let login = app.only_login().await;
    browser.open(format!("{}/login/{login}", app.issuer)).await;
    assert_eq!(browser.title(), "You are already done");
    let url = way_back(&mut browser).await.unwrap();
    assert_eq!(
        url.as_str(),
        "https://shop.example/",
        "never a second answer"
    );
}

#[tokio::test]
async fn a_failure_of_ours_in_a_callback_leads_back_to_the_login() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    tamper(&app, "update legs set sealed = ''").await;
    browser.follows_refresh = true;
    browser.proceed().await;
    assert_eq!(browser.page().status.as_u16(), 500);
    leads_back(
        &app,
        browser,
        &departure,
        "temporarily_unavailable operator_timeout",
    )
    .await;
}

#[tokio::test]
async fn a_failure_of_ours_in_a_form_leads_back_to_the_login() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    tamper(
        &app,
        "create function no() returns trigger language plpgsql as
            $$ begin raise exception 'no'; end $$;
        create trigger no before insert on legs for each row execute function no()",
    )
    .await;
    browser.press("Continue").await;
    assert_eq!(browser.page().status.as_u16(), 500);
    leads_back(&app, browser, &departure, "access_denied user_cancelled").await;
}
