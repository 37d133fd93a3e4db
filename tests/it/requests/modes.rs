//! Answers in every mode: section 2.2 lines 3, 13 and 14, OAuth 2.0 Form Post Response Mode, JARM.

use numbercloak::oauth::signing_alg::SigningAlg;

use super::{fapi, fragment, object, only, posted, push_with_key};
use crate::support::app::{App, NUMBER, REDIRECT_URI};
use crate::support::browser::Browser;
use crate::support::rp::{Answer, Rp, Wish};

const MODES: [&str; 7] = [
    "query",
    "fragment",
    "form_post",
    "jwt",
    "query.jwt",
    "fragment.jwt",
    "form_post.jwt",
];

/// The parameters of an answer, from where the mode has them and nowhere else.
async fn parameters(rp: &Rp, browser: &Browser, mode: &str) -> Vec<(String, String)> {
    let outer = match mode.split('.').next().unwrap() {
        "fragment" => fragment(browser),
        "form_post" => {
            let (action, fields) = posted(browser);
            assert_eq!(action, rp.redirect_uri);
            fields
        }
        _ => {
            assert_eq!(browser.left().fragment(), None);
            browser.left().query_pairs().into_owned().collect()
        }
    };
    if mode.ends_with("jwt") {
        rp.open_signed(&only(&outer, "response")).await
    } else {
        outer
    }
}

// 2.2.3, 2.2.13, 2.2.14
#[tokio::test]
async fn a_code_comes_in_the_mode_that_was_asked_for_with_state_and_issuer() {
    let app = App::start().await;
    for mode in MODES {
        let mut browser = app.browser();
        let wish = Wish::of(NUMBER).with("response_mode", mode);
        let departure = app.open(&mut browser, &wish).await;
        browser.press("Continue").await;
        let given = parameters(&app.shop, &browser, mode).await;
        let Answer::Code(code) = app.shop.answer_of(&departure, given) else {
            panic!("{mode}");
        };
        app.shop.redeem(&departure, &code).await;
    }
}

// 2.2.3, 2.2.13, 2.2.14
#[tokio::test]
async fn errors_come_in_that_mode_too_at_once_and_after_a_page() {
    let app = App::start().await;
    for mode in MODES {
        let mut browser = app.browser();
        let wish = Wish::of("+1").with("response_mode", mode);
        let departure = app.open(&mut browser, &wish).await;
        let given = parameters(&app.shop, &browser, mode).await;
        let answer = app.shop.answer_of(&departure, given);
        assert_eq!(answer.error().0, "invalid_request", "{mode}");

        let mut browser = app.browser();
        let wish = Wish::of(NUMBER).with("response_mode", mode);
        let departure = app.open(&mut browser, &wish).await;
        browser.press("Cancel").await;
        let given = parameters(&app.shop, &browser, mode).await;
        let answer = app.shop.answer_of(&departure, given);
        assert_eq!(
            answer.error(),
            ("access_denied", "user_cancelled"),
            "{mode}"
        );
    }
}

// 1.3
#[tokio::test]
async fn a_missing_response_type_is_told_by_form_post_as_well() {
    let app = App::start().await;
    let departure = app
        .shop
        .depart(&Wish::of(NUMBER).with("response_mode", "form_post"))
        .await;
    let mut given = departure.parameters();
    given.retain(|(name, _)| name != "response_type");
    let departure = departure.with(&given);
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    let (_, fields) = posted(&browser);
    let answer = app.shop.answer_of(&departure, fields);
    assert_eq!(answer.error().0, "invalid_request");
}

#[tokio::test]
async fn an_unknown_mode_is_told_in_the_query() {
    let app = App::start().await;
    let mut browser = app.browser();
    let wish = Wish::of(NUMBER).with("response_mode", "web_message");
    let departure = app.open(&mut browser, &wish).await;
    assert_eq!(
        app.answer(&browser, &departure).error().0,
        "invalid_request"
    );
}

/// The registered query stays, and a form's action is exactly the redirect URI.
#[tokio::test]
async fn a_registered_query_is_kept_in_every_mode() {
    let uri = format!("{REDIRECT_URI}?bar=foo");
    let registered = uri.clone();
    let app = App::builder()
        .client(move |client| client.redirect_uris = vec![registered])
        .start()
        .await;
    let open = async |mode: &str| {
        let mut browser = app.browser();
        app.open(&mut browser, &Wish::of("+1").with("response_mode", mode))
            .await;
        browser
    };
    assert!(
        open("query")
            .await
            .left()
            .as_str()
            .starts_with(&format!("{uri}&error="))
    );
    assert!(
        open("fragment")
            .await
            .left()
            .as_str()
            .starts_with(&format!("{uri}#error="))
    );
    assert_eq!(posted(&open("form_post").await).0, uri);
}

/// P10: what only has a link leads to the answer as well.
#[tokio::test]
async fn an_expired_login_leads_back_by_form_and_by_signature_too() {
    let app = App::start().await;
    for mode in ["form_post", "form_post.jwt", "fragment.jwt"] {
        let mut browser = app.browser();
        let wish = Wish::of(NUMBER).with("response_mode", mode);
        let departure = app.open(&mut browser, &wish).await;
        let login = browser.login();
        app.clock.advance(std::time::Duration::from_secs(16 * 60));
        browser.open(format!("{}/login/{login}", app.issuer)).await;
        assert_eq!(browser.page().status, 410);
        let links = browser.page().document.links.clone();
        let (_, back) = links
            .iter()
            .find(|(_, to)| to.ends_with("/answer"))
            .unwrap();
        browser.follow(back).await;
        let given = parameters(&app.shop, &browser, mode).await;
        let answer = app.shop.answer_of(&departure, given);
        assert_eq!(answer.error(), ("access_denied", "expired"), "{mode}");
    }
}

/// The link gives an answer to nobody but the login's own browser, and a code only while it is good.
#[tokio::test]
async fn the_answer_of_a_login_is_its_own_browsers() {
    let app = App::start().await;
    let mut browser = app.browser();
    let wish = Wish::of(NUMBER).with("response_mode", "form_post");
    let departure = app.open(&mut browser, &wish).await;
    let link = format!("{}/login/{}/answer", app.issuer, browser.login());
    browser.clone().open(&link).await;
    let mut early = browser.clone();
    early.open(&link).await;
    assert!(
        early
            .page()
            .document
            .forms
            .iter()
            .all(|form| form.action.starts_with('/'))
    );
    browser.press("Continue").await;
    let mut other = app.browser();
    other.open(&link).await;
    assert_eq!(other.page().status, 400);
    browser.open(&link).await;
    let Answer::Code(code) = app.shop.answer_of(&departure, posted(&browser).1) else {
        panic!("an error");
    };
    app.shop.redeem(&departure, &code).await;
    browser.open(&link).await;
    assert!(!browser.page().source.contains(&code));
    assert_eq!(browser.title(), "You are already done");
}

// JARM section 2.1, client metadata authorization_signed_response_alg
#[tokio::test]
async fn a_signed_answer_uses_the_clients_algorithm() {
    let app = App::builder()
        .client(|client| client.settings.authorization_response_alg = SigningAlg::ES256)
        .start()
        .await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+1").with("response_mode", "jwt"))
        .await;
    let given: Vec<_> = browser.left().query_pairs().into_owned().collect();
    let jwt = only(&given, "response");
    let header = jsonwebtoken::decode_header(&jwt).unwrap();
    assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);
}

// FAPI 2.0 message signing section 5.4
#[tokio::test]
async fn a_message_signing_client_gets_signed_answers_whatever_it_asks_for() {
    let app = App::start().await;
    let (bank, key) = fapi(&app, "fapi2_message_signing").await;
    for mode in [None, Some("form_post")] {
        let mut wish = Wish::of(NUMBER);
        if let Some(mode) = mode {
            wish = wish.with("response_mode", mode);
        }
        let departure = bank.depart(&wish).await;
        let jwt = key.sign("oauth-authz-req+jwt", &object(&app, &bank, &departure));
        let form = vec![("request".to_owned(), jwt)];
        let (status, pushed) = push_with_key(&app, &bank, &key, form).await;
        assert_eq!(status, 201, "{pushed}");
        let departure = bank.by_reference(&departure, pushed["request_uri"].as_str().unwrap());
        let mut browser = app.browser();
        browser.open(&departure.url).await;
        browser.press("Continue").await;
        let mode = mode.map_or("jwt".to_owned(), |mode| format!("{mode}.jwt"));
        let given = parameters(&bank, &browser, &mode).await;
        assert!(matches!(bank.answer_of(&departure, given), Answer::Code(_)));
    }
}
