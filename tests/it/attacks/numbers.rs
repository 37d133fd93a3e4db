//! P2: one number from request to token.

use numbercloak::store::clients::Hint;

use super::{callback_of, depart, get_as, nothing_opened, tamper};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::End;
use crate::support::rp::Wish;

fn with_number() -> Wish {
    Wish::new().scopes(&["number_verified", "phone"])
}

#[tokio::test]
async fn a_hint_edited_in_the_address_bar_shows_in_the_token() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let edited = departure
        .url
        .as_str()
        .replace(&NUMBER[1..], &OTHER_NUMBER[1..]);
    assert_ne!(edited, departure.url.as_str());
    browser.open(&edited).await;
    browser.press("Continue").await;
    let signed_in = app.redeem(&browser, &departure).await;
    // The app that compares sees it; without a scope for it the number it named is told as well.
    assert_eq!(signed_in.claims["phone_number"], OTHER_NUMBER);
    assert_eq!(signed_in.claims["phone_number_verified"], true);
    assert_eq!(signed_in.userinfo["phone_number"], OTHER_NUMBER);
    let honest = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert_ne!(honest.claims["sub"], signed_in.claims["sub"]);
}

#[tokio::test]
async fn a_number_typed_in_a_second_tab_closes_the_first_one_s_leg() {
    let app = App::start().await;
    let mut first = app.browser();
    first.follows_refresh = false;
    let departure = app.open(&mut first, &with_number()).await;
    first.submit("/number", &[("phone_number", NUMBER)]).await;
    let login = app.only_login().await;
    let mut second = first.clone();
    second.open(format!("{}/login/{login}", app.issuer)).await;
    // While the browser is away the page asks again, about the number of the open leg.
    second
        .submit("/number", &[("phone_number", OTHER_NUMBER)])
        .await;

    first.follows_refresh = true;
    first.proceed().await;
    assert!(matches!(first.end, End::Page), "the old leg opens nothing");
    nothing_opened(&app).await;
    assert_eq!(super::calls(&app, "/token", false), 0);

    second.follows_refresh = true;
    second.proceed().await;
    let signed_in = app.redeem(&second, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], OTHER_NUMBER);
    assert_eq!(signed_in.claims["number_verification"]["pinned"], false);
}

#[tokio::test]
async fn a_form_cannot_change_a_number_that_the_app_fixed() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    for stage in ["open", "away"] {
        let mut form = browser.form("/continue");
        form.action = form.action.replace("/continue", "/number");
        let mut forger = browser.clone();
        forger
            .send(&form, None, &[("phone_number", OTHER_NUMBER)])
            .await;
        assert_eq!(forger.title(), "Check your number", "{stage}");
        assert!(forger.page().document.refresh.is_none(), "{stage}");
        let smuggled = [("phone_number", OTHER_NUMBER), ("login_hint", OTHER_NUMBER)];
        browser.submit("/continue", &smuggled).await;
        let target = browser.page().document.refresh.clone().unwrap();
        assert!(target.contains(&NUMBER[1..]), "{stage}: {target}");
        assert!(!target.contains(&OTHER_NUMBER[1..]), "{stage}: {target}");
        if stage == "open" {
            let login = app.only_login().await;
            browser.open(format!("{}/login/{login}", app.issuer)).await;
        }
    }
    browser.follows_refresh = true;
    browser.proceed().await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_eq!(signed_in.claims["phone_number_verified"], true);
    let asked = app.operator.received();
    let body = asked.iter().find_map(|one| one.body.clone()).unwrap();
    assert_eq!(body["phoneNumber"], NUMBER);
}

#[tokio::test]
async fn a_suggested_number_that_the_person_changed_is_not_pinned_to_the_app() {
    let app = App::builder()
        .client(|client| client.settings.hint = Hint::Suggestion)
        .start()
        .await;
    let mut browser = app.browser();
    let wish = Wish {
        hint: Some(NUMBER.to_owned()),
        ..with_number()
    };
    let departure = app.open(&mut browser, &wish).await;
    browser
        .submit("/number", &[("phone_number", OTHER_NUMBER)])
        .await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], OTHER_NUMBER);
    assert_eq!(signed_in.claims["number_verification"]["pinned"], false);
}

#[tokio::test]
async fn a_callback_that_names_a_number_is_not_listened_to() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let mut callback = callback_of(&browser).await;
    callback
        .query_pairs_mut()
        .append_pair("phone_number", OTHER_NUMBER)
        .append_pair("phoneNumber", OTHER_NUMBER)
        .append_pair("login_hint", OTHER_NUMBER)
        .append_pair("devicePhoneNumber", OTHER_NUMBER)
        .append_pair("devicePhoneNumberVerified", "true");
    browser.open(&callback).await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
}

#[tokio::test]
async fn a_sealed_number_moved_to_another_row_does_not_open() {
    // Between two logins of different people, by whoever can write to the database.
    for (table, at_departure) in [("logins", false), ("legs", true), ("logins", true)] {
        let app = App::start().await;
        let (mut mine, mut victim) = (app.browser(), app.browser());
        mine.follows_refresh = false;
        victim.follows_refresh = false;
        app.open(&mut victim, &Wish::of(OTHER_NUMBER)).await;
        app.open(&mut mine, &Wish::of(NUMBER)).await;
        if at_departure {
            victim.press("Continue").await;
            mine.press("Continue").await;
        }
        tamper(
            &app,
            &format!(
                "update {table} set sealed = other.sealed
                    from (select id, sealed from {table}) as other
                    where other.id <> {table}.id"
            ),
        )
        .await;
        if at_departure {
            mine.follows_refresh = true;
            mine.proceed().await;
        } else {
            mine.submit("/continue", &[]).await;
        }
        if (table, at_departure) == ("logins", true) {
            // The leg has a number of its own: what stands in the login no longer counts.
            assert!(matches!(mine.end, End::Left(_)));
            assert!(mine.left().as_str().contains("code="));
            continue;
        }
        assert_eq!(mine.page().status.as_u16(), 500, "{table}");
        nothing_opened(&app).await;
        let address = mine.page().url.to_string();
        let again = get_as(&mine, &address).await;
        assert!(!again.location().contains("code="), "{table}");
        nothing_opened(&app).await;
    }
}

#[tokio::test]
async fn phone_number_verified_never_travels_without_the_number() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::new()).await;
    browser.submit("/number", &[("phone_number", NUMBER)]).await;
    let signed_in = app.redeem(&browser, &departure).await;
    for claims in [&signed_in.claims, &signed_in.userinfo] {
        assert_eq!(claims.get("phone_number"), None);
        assert_eq!(claims.get("phone_number_verified"), None);
        assert_eq!(claims["number_verification"]["method"], "verify");
    }
}
