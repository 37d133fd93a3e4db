//! Userinfo against tokens that are not there, not alive, or in the wrong place.

use std::time::Duration;

use super::{Raw, http};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

#[tokio::test]
async fn a_token_counts_only_in_its_places_and_once() {
    let app = App::start().await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let token = signed_in.access_token.as_str();
    let userinfo = format!("{}/userinfo", app.issuer);
    let in_query = format!("{userinfo}?access_token={token}");
    assert_eq!(Raw::of(http().get(&in_query)).await.status, 401);
    assert_eq!(Raw::of(http().post(&in_query)).await.status, 401);
    for value in [
        format!("DPoP {token}"),
        format!("Basic {token}"),
        format!("Token {token}"),
        token.to_owned(),
        format!("Bearer {token}A"),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token} {token}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
    ] {
        let answer = Raw::of(http().get(&userinfo).header("authorization", &value)).await;
        assert_eq!(answer.status, 401, "{value}");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        let scheme = if value.starts_with("DPoP") {
            "DPoP"
        } else {
            "Bearer"
        };
        assert!(challenge.starts_with(scheme), "{challenge}");
        assert!(!answer.body.contains(&NUMBER[1..]), "{value}");
    }
    let body = [("access_token", token)];
    let json = http()
        .post(&userinfo)
        .json(&serde_json::json!({ "access_token": token }));
    assert_eq!(Raw::of(json).await.status, 401);
    let twice = http().post(&userinfo).bearer_auth(token).form(&body);
    assert_eq!(Raw::of(twice).await.status, 400);
    let repeated = [("access_token", token), ("access_token", "x")];
    let repeated = Raw::of(http().post(&userinfo).form(&repeated)).await;
    assert_eq!(repeated.status, 400);
    for request in [
        http().post(&userinfo).form(&body),
        http().get(&userinfo).bearer_auth(token),
        http()
            .get(&userinfo)
            .header("authorization", format!("bearer {token}")),
    ] {
        let answer = Raw::of(request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["sub"], signed_in.claims["sub"]);
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time_with_its_client_and_with_a_replay_of_its_code() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let code = app.answer(&browser, &departure).code().to_owned();
    let replayed = app.shop.redeem(&departure, &code).await.access_token;
    assert_eq!(app.shop.userinfo(&replayed).await.0, 200);
    let (status, body) = app.shop.redeem_raw(&departure, &code).await;
    assert_eq!((status, &body["error"]), (400, &"invalid_grant".into()));
    assert_eq!(app.shop.userinfo(&replayed).await.0, 401);

    let wish = Wish::of(NUMBER).prompt("login");
    let token = app.sign_in(&mut browser, &wish).await.access_token;
    assert_eq!(app.shop.userinfo(&token).await.0, 200);
    app.clock.advance(Duration::from_secs(599));
    assert_eq!(app.shop.userinfo(&token).await.0, 200);
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(app.shop.userinfo(&token).await.0, 401);

    let token = app.sign_in(&mut browser, &wish).await.access_token;
    numbercloak::admin::clients::set_disabled(&app.desk(), "shop", true)
        .await
        .unwrap();
    app.state().forget("clients").await;
    assert_eq!(app.shop.userinfo(&token).await.0, 401);
}
