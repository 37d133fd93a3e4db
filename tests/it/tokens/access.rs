//! Access tokens: opaque, JWTs (RFC 9068), for resources (RFC 8707).

use std::time::Duration;

use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::store::clients::AccessTokenFormat;
use serde_json::json;

use super::{
    code, no, offline, opened, post, public, redeeming, refreshing, refusal, staying, text, tokens,
    userinfo, verified,
};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::Wish;
use crate::support::wire::{Raw, count, http};

const API: &str = "https://api.example/";
const FILES: &str = "https://files.example/";

/// RFC 9068 section 2: header, claims, and nothing of the number in what resources read.
#[tokio::test]
async fn a_client_may_get_jwts() {
    let app = App::start().await;
    let mut new = new_client("reader");
    new.settings.access_token_format = AccessTokenFormat::Jwt;
    new.settings.id_token_alg = SigningAlg::ES256;
    new.settings.access_token_s = Some(1200);
    let rp = app.register(new).await;
    let given = tokens(&app, &rp, &Wish::of(NUMBER).scopes(&["phone"])).await;
    let token = text(&given, "access_token");
    let claims = verified(&app, token, "at+jwt", &app.issuer).await;
    let (_, id_token) = opened(text(&given, "id_token"));
    assert_eq!(claims["sub"], id_token["sub"]);
    assert_eq!(claims["client_id"], "reader");
    assert_eq!(claims["scope"], "openid phone");
    assert_eq!(claims["auth_time"], id_token["auth_time"]);
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((lifetime, &given["expires_in"]), (1200, &json!(1200)));
    assert!(claims.get("phone_number").is_none() && claims.get("cnf").is_none());
    assert_eq!(opened(token).0["alg"], "ES256");
    // It is a token here like any other, and ends like any other.
    assert_eq!(userinfo(&app, token).await, 200);
    app.clock.advance(Duration::from_secs(1190));
    assert_eq!(userinfo(&app, token).await, 200);
    app.clock.advance(Duration::from_secs(11));
    assert_eq!(userinfo(&app, token).await, 401);
}

// 2.3.1
#[tokio::test]
async fn however_it_is_set_a_token_says_when_it_ends_and_lives_no_year() {
    const YEAR: i64 = 31_536_000;
    let app = App::builder()
        .config("lifetimes.access_token", "24h")
        .start()
        .await;
    let mut own = offline("longest");
    own.settings.access_token_s = Some(86_400);
    for (rp, refreshes) in [(app.shop.clone(), false), (app.register(own).await, true)] {
        let wish = if refreshes {
            staying()
        } else {
            Wish::of(NUMBER)
        };
        let given = tokens(&app, &rp, &wish).await;
        let mut answers = vec![given.clone()];
        if refreshes {
            let fields = refreshing(text(&given, "refresh_token"));
            let answer = Raw::of(post(&app, &rp, "/token", &fields)).await;
            answers.push(answer.json());
        }
        for answer in answers {
            let lives = answer["expires_in"].as_i64().expect("a number");
            assert!((1..=YEAR).contains(&lives), "{lives}");
            assert_eq!(answer["token_type"], "Bearer");
        }
    }
    // A year cannot be set, for all or for one.
    let flags = vec![("lifetimes.access_token".to_owned(), "366d".to_owned())];
    let refused = numbercloak::config::load(None, std::iter::empty(), flags).unwrap_err();
    assert!(
        refused.to_string().contains("lifetimes.access_token"),
        "{refused}"
    );
    let mut new = new_client("eternal");
    new.settings.access_token_s = Some(u32::try_from(YEAR).unwrap());
    let refused = numbercloak::admin::clients::create(&app.desk(), new).await;
    assert!(refused.unwrap_err().to_string().contains("86400"));
}

/// RFC 9068 section 4, RFC 8725 section 3.11: one kind of token is not another.
#[tokio::test]
async fn an_id_token_is_no_access_token_and_a_forged_one_is_none() {
    let app = App::start().await;
    let mut new = new_client("reader");
    new.settings.access_token_format = AccessTokenFormat::Jwt;
    let rp = app.register(new).await;
    let given = tokens(&app, &rp, &Wish::of(NUMBER)).await;
    let token = text(&given, "access_token");
    let parts: Vec<&str> = token.split('.').collect();
    let none = numbercloak::secret::b64(br#"{"alg":"none","typ":"at+jwt"}"#);
    for bad in [
        text(&given, "id_token").to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            numbercloak::secret::b64(&[7; 256])
        ),
    ] {
        assert_eq!(userinfo(&app, &bad).await, 401, "{bad}");
    }
    // Nor is an access token a hint of who was signed in.
    let departure = rp
        .depart(&Wish::of(NUMBER).prompt("none").with("id_token_hint", token))
        .await;
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    assert!(matches!(
        rp.answer(&departure, browser.left()),
        crate::support::rp::Answer::Error(..)
    ));
    assert_eq!(userinfo(&app, token).await, 200);
}

/// RFC 8707 sections 2.1 and 2.2.
#[tokio::test]
async fn a_token_for_a_resource_names_it_and_opens_nothing_else() {
    let app = App::start().await;
    let mut new = offline("caller");
    new.settings.resources = [API, FILES].map(str::to_owned).to_vec();
    let rp = app.register(new).await;
    let ask = async |fields: &[(&str, &str)], resources: &[&str]| {
        let mut fields = fields.to_vec();
        fields.extend(resources.iter().map(|resource| ("resource", *resource)));
        Raw::of(post(&app, &rp, "/token", &fields)).await
    };
    // Named in the authorization request: for that, unless the token request says less.
    let wish = staying().with("resource", API);
    let (departure, code_) = code(&app, &rp, &wish).await;
    let fields = redeeming(&rp, &departure, &code_);
    for bad in [
        &["https://other.example/"][..],
        &["api.example"],
        &[API, "https://x/"],
    ] {
        let answer = ask(&fields, bad).await;
        assert_eq!(refusal(&answer), no(400, "invalid_target"), "{bad:?}");
    }
    let given = ask(&fields, &[]).await.json();
    let token = text(&given, "access_token");
    let claims = verified(&app, token, "at+jwt", API).await;
    assert_eq!(claims["aud"], API);
    assert_eq!(userinfo(&app, token).await, 401);
    let refreshed = text(&given, "refresh_token");
    let answer = ask(&refreshing(refreshed), &[FILES]).await;
    assert_eq!(refusal(&answer), no(400, "invalid_target"));
    let given = ask(&refreshing(refreshed), &[API]).await.json();
    assert_eq!(opened(text(&given, "access_token")).1["aud"], API);

    // A resource that the authorization request did not name burns the code.
    let (departure, code_) = code(&app, &rp, &wish).await;
    let fields = redeeming(&rp, &departure, &code_);
    let answer = ask(&fields, &[FILES]).await;
    assert_eq!(refusal(&answer), no(400, "invalid_target"));
    assert_eq!(ask(&fields, &[]).await.error(), "invalid_grant");

    // Named in none: any registered one may be asked for, several at once, and none is for us.
    let (departure, code_) = code(&app, &rp, &staying()).await;
    let given = ask(&redeeming(&rp, &departure, &code_), &[API, FILES, API])
        .await
        .json();
    assert_eq!(
        opened(text(&given, "access_token")).1["aud"],
        json!([API, FILES])
    );
    let given = ask(&refreshing(text(&given, "refresh_token")), &[])
        .await
        .json();
    let token = text(&given, "access_token");
    assert!(!token.contains('.'));
    assert_eq!(userinfo(&app, token).await, 200);
}

/// A resource that is taken from a client is taken from its grants.
#[tokio::test]
async fn a_resource_that_is_no_longer_registered_is_no_target() {
    let app = App::start().await;
    let mut new = offline("caller");
    new.settings.resources = vec![API.to_owned()];
    let rp = app.register(new).await;
    let given = tokens(&app, &rp, &staying().with("resource", API)).await;
    app.edit_client(&rp, |client| client.settings.resources.clear())
        .await;
    let fields = refreshing(text(&given, "refresh_token"));
    let answer = Raw::of(post(&app, &rp, "/token", &fields)).await;
    assert_eq!(refusal(&answer), no(400, "invalid_target"));
}

/// RFC 6749 section 5.1; a page in a browser may call the token endpoint.
#[tokio::test]
async fn a_page_may_call_the_token_endpoint() {
    let app = App::start().await;
    for path in ["/token", "/revoke", "/userinfo"] {
        let request = http()
            .request(reqwest::Method::OPTIONS, format!("{}{path}", app.issuer))
            .header("origin", "https://page.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "dpop,content-type");
        let answer = Raw::of(request).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        let allowed = answer.headers["access-control-allow-headers"]
            .to_str()
            .unwrap();
        assert!(
            allowed.contains("DPoP") && allowed.contains("Content-Type"),
            "{allowed}"
        );
        assert!(
            !answer
                .headers
                .contains_key("access-control-allow-credentials")
        );
    }
    let rp = app.register(public("page")).await;
    let (departure, code) = code(&app, &rp, &staying()).await;
    let answer = Raw::of(post(
        &app,
        &rp,
        "/token",
        &redeeming(&rp, &departure, &code),
    ))
    .await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(count(&app, "refresh_tokens").await, 1);
}
