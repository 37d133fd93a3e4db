//! The token endpoint against stolen codes and careless clients.

use std::time::Duration;

use numbercloak::store::clients::Kind;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};

use super::{Raw, count, http};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::{Departure, Rp, Wish};

/// A code of an app, and the request it was given for.
async fn code(app: &App, rp: &Rp) -> (Departure, String) {
    let mut browser = app.browser();
    let departure = rp.depart(&Wish::of(NUMBER).prompt("login")).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let code = rp.answer(&departure, browser.left()).code().to_owned();
    (departure, code)
}

/// A token request of an app with these fields.
async fn ask(app: &App, rp: &Rp, fields: &[(&str, &str)]) -> Raw {
    let mut request = http().post(format!("{}/token", app.issuer));
    if let Some(secret) = &rp.secret {
        request = request.basic_auth(&rp.client_id, Some(secret));
    }
    Raw::of(request.form(fields)).await
}

fn fields<'a>(rp: &'a Rp, departure: &'a Departure, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &rp.redirect_uri),
        ("code_verifier", &departure.verifier),
    ]
}

/// The same app with another secret.
fn with_secret(rp: &Rp, secret: Option<&str>) -> Rp {
    let mut rp = rp.clone();
    rp.secret = secret.map(str::to_owned);
    rp
}

/// The same request with one field changed, or left out.
fn but<'a>(
    fields: &[(&'a str, &'a str)],
    name: &str,
    value: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    fields
        .iter()
        .filter_map(|(known, old)| match (*known == name, value) {
            (false, _) => Some((*known, *old)),
            (true, value) => value.map(|new| (*known, new)),
        })
        .collect()
}

#[tokio::test]
async fn another_client_s_attempt_leaves_the_code_alive() {
    let app = App::start().await;
    let thief = app.register(new_client("thief")).await;
    let public = app
        .register(numbercloak::admin::clients::NewClient {
            kind: Kind::Spa,
            ..new_client("page")
        })
        .await;
    let (departure, code) = code(&app, &app.shop).await;
    let right = fields(&app.shop, &departure, &code);
    for (rp, extra) in [(&thief, None), (&public, Some(("client_id", "page")))] {
        let mut fields = right.clone();
        fields.extend(extra);
        let answer = ask(&app, rp, &fields).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_grant")
        );
    }
    assert_eq!(count(&app, "codes where redeemed_at is not null").await, 0);
    assert_eq!(count(&app, "grants where ended_at is not null").await, 0);
    assert_eq!(ask(&app, &app.shop, &right).await.status, 200);
    // And a replay by another client does not revoke what the right one got.
    assert_eq!(ask(&app, &thief, &right).await.status, 400);
    assert_eq!(count(&app, "grants where ended_at is not null").await, 0);
}

#[tokio::test]
async fn a_wrong_proof_burns_the_code() {
    let app = App::start().await;
    let other = "a-verifier-of-somebody-else-that-is-long-enough-0";
    for (name, value) in [
        ("code_verifier", Some(other)),
        ("code_verifier", Some("short")),
        ("code_verifier", Some("")),
        ("code_verifier", None),
        ("redirect_uri", Some("https://shop.example/callback/")),
        ("redirect_uri", Some("https://evil.example/")),
    ] {
        let (departure, code) = code(&app, &app.shop).await;
        let right = fields(&app.shop, &departure, &code);
        let answer = ask(&app, &app.shop, &but(&right, name, value)).await;
        assert_eq!(answer.status, 400, "{name} {value:?}");
        assert_eq!(answer.error(), "invalid_grant", "{name} {value:?}");
        let answer = ask(&app, &app.shop, &right).await;
        assert_eq!(
            answer.error(),
            "invalid_grant",
            "{name} {value:?}: it is burned"
        );
    }
    assert_eq!(count(&app, "access_tokens").await, 0);
    // Without the parameters that must be there nothing is tried.
    let (departure, code) = code(&app, &app.shop).await;
    let right = fields(&app.shop, &departure, &code);
    for name in ["code", "redirect_uri", "grant_type"] {
        for value in [None, Some("")] {
            let answer = ask(&app, &app.shop, &but(&right, name, value)).await;
            assert_eq!(answer.error(), "invalid_request", "{name}");
        }
    }
    assert_eq!(ask(&app, &app.shop, &right).await.status, 200);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let mut url = departure.url.clone();
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !name.starts_with("code_challenge"))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept);
    for with_verifier in [true, false] {
        let mut browser = app.browser();
        browser.open(&url).await;
        browser.press("Continue").await;
        let answer = app.shop.answer(&departure, browser.left());
        let mut fields = fields(&app.shop, &departure, answer.code());
        fields.retain(|(name, _)| with_verifier || *name != "code_verifier");
        let answer = ask(&app, &app.shop, &fields).await;
        assert_eq!(answer.status, if with_verifier { 400 } else { 200 });
    }
}

#[tokio::test]
async fn a_code_ends_with_its_time() {
    let app = App::start().await;
    let (departure, late) = code(&app, &app.shop).await;
    app.clock.advance(Duration::from_secs(61));
    let answer = ask(&app, &app.shop, &fields(&app.shop, &departure, &late)).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_grant")
    );
    let (departure, in_time) = code(&app, &app.shop).await;
    app.clock.advance(Duration::from_secs(30));
    let answer = ask(&app, &app.shop, &fields(&app.shop, &departure, &in_time)).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn guessing_a_secret_is_slowed_down_and_the_right_one_still_gets_in() {
    let app = App::start().await;
    // A client of its own: failures are counted per client.
    let rp = app.register(new_client("guessed")).await;
    let (departure, code) = code(&app, &rp).await;
    let right = fields(&rp, &departure, &code);
    let guesser = with_secret(&rp, Some("a guess"));
    let mut seen = Vec::new();
    for _ in 0..15 {
        let answer = ask(&app, &guesser, &right).await;
        assert_eq!(answer.error(), "invalid_client");
        if answer.status == 429 {
            let wait: u64 = answer.headers[RETRY_AFTER]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
        } else {
            assert!(answer.headers.contains_key("www-authenticate"));
        }
        seen.push(answer.status);
    }
    assert_eq!(seen[..10], [401; 10]);
    assert_eq!(seen[14], 429);
    // Other clients from the same address are not slowed down, and the right secret always works.
    let neighbour = app.register(new_client("neighbour")).await;
    let wrong = with_secret(&neighbour, Some("a guess"));
    assert_eq!(ask(&app, &wrong, &right).await.status, 401);
    assert_eq!(ask(&app, &rp, &right).await.status, 200);
}

#[tokio::test]
async fn a_client_authenticates_by_its_own_method_and_once() {
    let app = App::start().await;
    let rp = app.register(new_client("methodical")).await;
    let secret = rp.secret.clone().unwrap();
    let (departure, code) = code(&app, &rp).await;
    let right = fields(&rp, &departure, &code);
    let none = with_secret(&rp, None);
    for (extra, error) in [
        (vec![], "invalid_client"),
        (vec![("client_id", "methodical")], "invalid_client"),
        (
            vec![
                ("client_id", "methodical"),
                ("client_secret", secret.as_str()),
            ],
            "invalid_client",
        ),
        (
            vec![("client_id", "nobody"), ("client_secret", secret.as_str())],
            "invalid_client",
        ),
    ] {
        let mut fields = right.clone();
        fields.extend(extra.clone());
        let answer = ask(&app, &none, &fields).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, error),
            "{extra:?}"
        );
    }
    for extra in [
        ("client_secret", secret.as_str()),
        ("client_id", "somebody"),
    ] {
        let mut fields = right.clone();
        fields.push(extra);
        let answer = ask(&app, &rp, &fields).await;
        assert_eq!(answer.error(), "invalid_request", "{extra:?}");
    }
    // The last two: no colon, and a name with a NUL.
    for value in [
        "Basic",
        "Basic !",
        "Bearer x",
        "basic bm9jb2xvbg==",
        "Basic YQBiOmM=",
    ] {
        let request = http()
            .post(format!("{}/token", app.issuer))
            .header("authorization", value)
            .form(&right);
        let answer = Raw::of(request).await;
        assert_eq!(answer.status, 401, "{value}");
    }
    assert_eq!(ask(&app, &rp, &right).await.status, 200);
}

#[tokio::test]
async fn a_disabled_client_redeems_nothing() {
    let app = App::start().await;
    let (departure, code) = code(&app, &app.shop).await;
    let right = fields(&app.shop, &departure, &code);
    numbercloak::admin::clients::set_disabled(&app.desk(), "shop", true)
        .await
        .unwrap();
    app.state().forget("clients").await;
    let answer = ask(&app, &app.shop, &right).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    assert_eq!(count(&app, "access_tokens").await, 0);
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.title(), "This link is not valid");
}

#[tokio::test]
async fn a_request_of_another_shape_is_refused_and_leaves_the_code() {
    let app = App::start().await;
    let (departure, code) = code(&app, &app.shop).await;
    let right = fields(&app.shop, &departure, &code);
    for (name, value) in &right {
        let mut fields = right.clone();
        fields.push((name, value));
        let answer = ask(&app, &app.shop, &fields).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_request"),
            "{name}"
        );
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&right)
        .finish();
    let token = format!("{}/token", app.issuer);
    let with = |kind: Option<&'static str>, body: String| {
        let request = http()
            .post(&token)
            .basic_auth(&app.shop.client_id, app.shop.secret.as_deref())
            .body(body);
        match kind {
            Some(kind) => request.header(CONTENT_TYPE, kind),
            None => request,
        }
    };
    let json = serde_json::Value::from_iter(right.iter().copied()).to_string();
    for (kind, body) in [
        (Some("application/json"), json),
        (Some("text/plain"), body.clone()),
        (Some("multipart/form-data"), body.clone()),
        (Some("application/x-www-form-urlencoded-not"), body.clone()),
        (None, body.clone()),
    ] {
        let answer = Raw::of(with(kind, body)).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_request"),
            "{kind:?}"
        );
    }
    let in_query = http()
        .post(format!("{token}?{body}"))
        .basic_auth(&app.shop.client_id, app.shop.secret.as_deref())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(Raw::of(in_query).await.status, 400);
    let got = http()
        .get(format!("{token}?{body}"))
        .basic_auth(&app.shop.client_id, app.shop.secret.as_deref());
    assert_eq!(Raw::of(got).await.status, 405);
    for name in ["code", "redirect_uri", "code_verifier", "grant_type"] {
        let answer = ask(&app, &app.shop, &but(&right, name, Some("\0"))).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_request"),
            "{name}"
        );
    }
    for grant in ["password", "implicit", "client_credentials"] {
        let answer = ask(&app, &app.shop, &but(&right, "grant_type", Some(grant))).await;
        assert_eq!(answer.error(), "unsupported_grant_type", "{grant}");
    }
    let huge = format!("{body}&x={}", "x".repeat(70_000));
    let answer = Raw::of(with(Some("application/x-www-form-urlencoded"), huge)).await;
    assert_eq!(answer.status, 413);
    let answer = ask(&app, &app.shop, &right).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
}
