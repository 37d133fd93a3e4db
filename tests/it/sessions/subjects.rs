//! `id_token_hint` and `claims.id_token.sub` pin the subject (OIDC Core sections 3.1.2.1 and 5.5.1; the
//! reference's section 2.2, line 7).

use std::time::Duration;

use numbercloak::secret::{b64, from_b64};
use serde_json::json;

use super::{CONFIRM, NUMBER_PAGE, agree, ask, checks, client, open, refused, sso, start};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::rp::{SignedIn, Wish};
use crate::support::wire::count;

fn hint(signed_in: &SignedIn) -> Wish {
    Wish::new().with("id_token_hint", &signed_in.id_token)
}

fn claims_sub(signed_in: &SignedIn) -> Wish {
    let sub = &signed_in.claims["sub"];
    let claims = json!({ "id_token": { "sub": { "value": sub } } });
    Wish::new().with("claims", claims.to_string())
}

/// Signs in a stranger in another browser and returns what the app knows of them.
async fn somebody_else(app: &App) -> SignedIn {
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await
}

#[tokio::test]
async fn a_hint_to_who_is_signed_in_is_answered() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for wish in [hint(&first), claims_sub(&first)] {
        for wish in [wish.clone(), wish.prompt("none")] {
            let again = sso(&app.shop, &mut browser, &wish).await;
            assert_eq!(again.claims["sub"], first.claims["sub"]);
            assert_eq!(again.claims["auth_time"], first.claims["auth_time"]);
        }
    }
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn an_expired_hint_is_still_a_hint() {
    let app = App::builder()
        .client(|client| client.settings.fresh_for_s = 3600)
        .start()
        .await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(1200));
    assert!(first.claims["exp"].as_i64().unwrap() < app.clock.now().timestamp());
    sso(&app.shop, &mut browser, &hint(&first).prompt("none")).await;
}

#[tokio::test]
async fn a_hint_to_somebody_else_is_not_answered_from_the_session() {
    let app = start().await;
    let other = somebody_else(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for wish in [hint(&other), claims_sub(&other)] {
        assert_eq!(
            refused(&app.shop, &mut browser, &wish).await,
            "login_required"
        );
        open(&app.shop, &mut browser, &wish).await;
        assert_eq!(
            browser.title(),
            NUMBER_PAGE,
            "nor is the session's number asked about"
        );
    }
    assert_eq!(checks(&app), 2);
}

#[tokio::test]
async fn after_the_verdict_another_subject_is_login_required_and_nothing_is_released() {
    let app = start().await;
    let other = somebody_else(&app).await;
    let before = count(&app, "codes").await;
    let mut browser = app.browser();
    for wish in [hint(&other), claims_sub(&other)] {
        // By a number that the person types, and by one that the app names.
        let departure = open(&app.shop, &mut browser, &wish).await;
        let typed = [("phone_number", NUMBER)];
        browser.press_with("Continue", &typed).await;
        let told = ("login_required".to_owned(), "mismatch".to_owned());
        let answer = app.answer(&browser, &departure);
        assert_eq!(answer.error(), (&*told.0, &*told.1));
        let named = Wish {
            hint: Some(NUMBER.to_owned()),
            ..wish.clone()
        };
        let departure = open(&app.shop, &mut browser, &named).await;
        assert_eq!(
            browser.title(),
            CONFIRM,
            "before its check no number is compared"
        );
        browser.press("Continue").await;
        let answer = app.answer(&browser, &departure);
        assert_eq!(answer.error(), (&*told.0, &*told.1));
        let login = *app.logins().await.last().unwrap();
        let story = app.story(login).await;
        assert!(
            !story.iter().any(|line| line.ends_with(" verified")),
            "{story:?}"
        );
        let has = |line: &str| story.iter().any(|one| one == line);
        assert!(has("NUMBER_NOT_VERIFIED mismatch") && has("LOGIN_ERROR mismatch"));
        // Whoever it should be, is.
        let departure = open(&app.shop, &mut browser, &wish).await;
        let typed = [("phone_number", OTHER_NUMBER)];
        browser.press_with("Continue", &typed).await;
        let right = app.redeem(&browser, &departure).await;
        assert_eq!(right.claims["sub"], other.claims["sub"]);
        browser = app.browser();
    }
    assert_eq!(count(&app, "codes").await, before + 2);
    assert_eq!(count(&app, "sessions").await, 3);
    assert_eq!(count(&app, "logins where ended_at is null").await, 0);
}

#[tokio::test]
async fn hints_that_contradict_each_other_are_nobody() {
    let app = start().await;
    let other = somebody_else(&app).await;
    let mut browser = app.browser();
    let mine = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let wish = claims_sub(&mine).with("id_token_hint", &other.id_token);
    let (_, answer) = ask(&app.shop, &mut browser, &wish).await;
    assert_eq!(answer.error().0, "login_required");
}

#[tokio::test]
async fn a_hint_that_is_not_ours_for_this_app_is_invalid_request() {
    let app = start().await;
    let bank = app.register(client("bank")).await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = open(&bank, &mut browser, &Wish::new()).await;
    let of_bank = agree(&bank, &mut browser, &departure).await;

    let parts: Vec<&str> = first.id_token.split('.').collect();
    let mut payload: serde_json::Value =
        serde_json::from_slice(&from_b64(parts[1]).unwrap()).unwrap();
    payload["sub"] = json!("somebody");
    let altered = b64(payload.to_string().as_bytes());
    let none = b64(br#"{"alg":"none","typ":"JWT"}"#);
    for forged in [
        format!("{}.{altered}.{}", parts[0], parts[2]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        of_bank.id_token,
        first.access_token,
        "x".to_owned(),
    ] {
        for prompt in [None, Some("none")] {
            let wish = Wish {
                prompt,
                ..Wish::new().with("id_token_hint", &forged)
            };
            let (_, answer) = ask(&app.shop, &mut browser, &wish).await;
            assert_eq!(answer.error().0, "invalid_request", "{forged}");
        }
    }
}
