//! The demo app against an OpenID Provider that a test can make lie.

use std::collections::HashMap;

use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use super::http_client::outside_client;
use super::test_provider::{CLIENT_ID, CLIENT_SECRET, Grant, Key, TestProvider};
use super::{Demo, Settings, bind};
use crate::clock::Clock;
use crate::secret::{Redacted, b64, sha256};

const NUMBER: &str = "+990700000";

/// A demo app, its issuer and one browser.
struct Stage {
    provider: TestProvider,
    demo: Demo,
    http: reqwest::Client,
    clock: Clock,
}

/// One sign-in, as the issuer sees it begin.
struct Begun {
    request: HashMap<String, String>,
    cookie: String,
}

impl Stage {
    async fn set(key: Key) -> Self {
        let provider = TestProvider::start(key).await;
        let clock = Clock::by_hand();
        let demo = serve(provider.issuer(), &clock).await;
        Self {
            provider,
            demo,
            http: outside_client().unwrap(),
            clock,
        }
    }

    async fn begin(&self) -> Begun {
        let answer = self
            .http
            .post(format!("{}/sign-in", self.demo.url()))
            .header(ACCEPT, "application/json")
            .form(&[("number", "+99070 0000")])
            .send()
            .await
            .unwrap();
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let answer: Value = answer.json().await.unwrap();
        let url = Url::parse(answer["authorization_url"].as_str().unwrap()).unwrap();
        assert_eq!(url.path(), "/authorize");
        let request = url.query_pairs().into_owned().collect();
        Begun { request, cookie }
    }

    /// The claims of an honest issuer.
    fn claims(&self, begun: &Begun) -> Value {
        let now = self.clock.now().timestamp();
        json!({
            "iss": self.provider.issuer(), "aud": CLIENT_ID, "sub": "somebody",
            "iat": now, "exp": now + 600, "nonce": begun.request["nonce"],
            "phone_number": NUMBER, "phone_number_verified": true,
            "number_verification": { "operator": "sim-one", "verified_at": 1_795_301_557, "test": true },
        })
    }

    fn grant(&self, begun: &Begun, id_token: Value) {
        self.provider.grant(Grant {
            code: "the-code".to_owned(),
            challenge: begun.request["code_challenge"].clone(),
            userinfo: json!({
                "sub": id_token["sub"], "phone_number": NUMBER, "phone_number_verified": true,
                "number_verification": id_token["number_verification"],
            }),
            id_token,
        });
    }

    /// The parameters of an honest answer.
    fn answer<'a>(&'a self, begun: &'a Begun) -> Vec<(&'a str, &'a str)> {
        vec![
            ("code", "the-code"),
            ("state", &begun.request["state"]),
            ("iss", self.provider.issuer()),
        ]
    }

    async fn come_back(
        &self,
        begun: &Begun,
        answer: &[(&str, &str)],
        accept: &str,
    ) -> reqwest::Response {
        let url = Url::parse_with_params(&self.demo.redirect_uri(), answer).unwrap();
        self.http
            .get(url)
            .header(ACCEPT, accept)
            .header(COOKIE, &begun.cookie)
            .send()
            .await
            .unwrap()
    }

    async fn come_back_json(&self, begun: &Begun, answer: &[(&str, &str)]) -> Value {
        let answer = self.come_back(begun, answer, "application/json").await;
        answer.json().await.unwrap()
    }

    /// The whole sign-in with these claims.
    async fn sign_in_with(&self, change: impl FnOnce(&mut Value)) -> Value {
        let begun = self.begin().await;
        let mut claims = self.claims(&begun);
        change(&mut claims);
        self.grant(&begun, claims);
        self.come_back_json(&begun, &self.answer(&begun)).await
    }
}

async fn serve(issuer: &str, clock: &Clock) -> Demo {
    let bound = bind("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let redirect_uri = bound.redirect_uri();
    let demo = bound
        .serve(Settings {
            issuer: issuer.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: Some(Redacted::new(CLIENT_SECRET)),
            clock: clock.clone(),
            simulator_url: Some("http://127.0.0.9:1/numbers".to_owned()),
        })
        .unwrap();
    assert_eq!(demo.redirect_uri(), redirect_uri);
    demo
}

#[tokio::test]
async fn an_honest_answer_signs_in_with_either_algorithm() {
    for key in [Key::es256(), Key::rs256()] {
        let stage = Stage::set(key).await;
        let begun = stage.begin().await;
        let request = &begun.request;
        assert_eq!(request["scope"], "openid phone number_verified");
        assert_eq!(request["login_hint"], NUMBER);
        assert_eq!(request["code_challenge_method"], "S256");
        assert_eq!(request["redirect_uri"], stage.demo.redirect_uri());

        let claims = stage.claims(&begun);
        stage.grant(&begun, claims.clone());
        let answer = stage.come_back_json(&begun, &stage.answer(&begun)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        assert_eq!(answer["claims"], claims);
        assert_eq!(answer["userinfo"]["phone_number"], NUMBER);
        assert_eq!(
            answer["userinfo"]["number_verification"]["operator"],
            "sim-one"
        );
        stage.demo.stop().await;
    }
}

#[tokio::test]
async fn the_page_shows_the_number_and_every_check() {
    let stage = Stage::set(Key::es256()).await;
    let begun = stage.begin().await;
    stage.grant(&begun, stage.claims(&begun));
    let answer = stage
        .come_back(&begun, &stage.answer(&begun), "text/html")
        .await;
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let page = answer.text().await.unwrap();
    assert!(page.contains("+990 700000"), "{page}");
    assert!(page.contains("sim-one"), "{page}");
    for check in [
        "Signature",
        "Issuer",
        "Audience",
        "Expiry",
        "Nonce",
        "State",
        "iss parameter",
        "the one you typed",
    ] {
        assert!(page.contains(check), "{check} is missing: {page}");
    }
}

#[tokio::test]
async fn a_state_is_good_once_and_in_its_own_browser_only() {
    let stage = Stage::set(Key::es256()).await;
    let (begun, other) = (stage.begin().await, stage.begin().await);
    let mut answer = stage.answer(&begun);
    answer[1].1 = "made-up";
    let refused = stage.come_back_json(&begun, &answer).await;
    assert_eq!(
        (&refused["ok"], &refused["error"]),
        (&json!(false), &json!("wrong_state"))
    );

    stage.grant(&begun, stage.claims(&begun));
    let answer = stage.answer(&begun);
    assert_eq!(stage.come_back_json(&begun, &answer).await["ok"], true);
    assert_eq!(
        stage.come_back_json(&begun, &answer).await["error"],
        "wrong_state"
    );

    // The state of one browser in another one.
    let refused = stage.come_back_json(&begun, &stage.answer(&other)).await;
    assert_eq!(refused["error"], "wrong_state");
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_or_none_is_refused() {
    let stage = Stage::set(Key::es256()).await;
    for iss in [Some("https://somebody.else"), None] {
        let begun = stage.begin().await;
        stage.grant(&begun, stage.claims(&begun));
        let mut answer = stage.answer(&begun);
        answer.truncate(2);
        answer.extend(iss.map(|iss| ("iss", iss)));
        let refused = stage.come_back_json(&begun, &answer).await;
        assert_eq!(refused["error"], "wrong_issuer", "{iss:?}");
    }
}

#[tokio::test]
async fn a_lying_id_token_is_refused() {
    let stage = Stage::set(Key::es256()).await;
    let now = stage.clock.now().timestamp();
    let lies = [
        ("nonce", json!("another"), "nonce"),
        ("nonce", Value::Null, "nonce"),
        ("aud", json!("another-app"), "audience"),
        ("aud", json!([CLIENT_ID, "another-app"]), "audience"),
        ("iss", json!("https://somebody.else"), "issuer"),
        ("exp", json!(now - 1), "expired"),
        ("iat", json!(now + 3600), "not valid yet"),
        (
            "at_hash",
            json!(b64(&sha256(b"another")[..16])),
            "access token",
        ),
    ];
    for (claim, lie, why) in lies {
        let refused = stage
            .sign_in_with(|claims| claims[claim] = lie.clone())
            .await;
        assert_eq!(refused["error"], "id_token_refused", "{claim} {lie}");
        let description = refused["error_description"].as_str().unwrap();
        assert!(description.contains(why), "{claim} {lie}: {description}");
    }
    assert_eq!(stage.sign_in_with(|_| {}).await["ok"], true);
    stage.provider.sign_with_a_foreign_key();
    let refused = stage.sign_in_with(|_| {}).await;
    let description = refused["error_description"].as_str().unwrap();
    assert!(description.contains("signature"), "{refused}");
}

#[tokio::test]
async fn userinfo_about_somebody_else_is_refused() {
    let stage = Stage::set(Key::es256()).await;
    let begun = stage.begin().await;
    stage.provider.grant(Grant {
        code: "the-code".to_owned(),
        challenge: begun.request["code_challenge"].clone(),
        id_token: stage.claims(&begun),
        userinfo: json!({ "sub": "somebody else", "phone_number": NUMBER }),
    });
    let refused = stage.come_back_json(&begun, &stage.answer(&begun)).await;
    assert_eq!(refused["error"], "userinfo_failed", "{refused}");
}

#[tokio::test]
async fn a_code_that_cannot_be_redeemed_tells_the_issuers_error() {
    let stage = Stage::set(Key::es256()).await;
    let begun = stage.begin().await;
    let refused = stage.come_back_json(&begun, &stage.answer(&begun)).await;
    assert_eq!(refused["error"], "invalid_grant");
    assert_eq!(refused["error_description"], "as the test wanted");
}

#[tokio::test]
async fn an_error_answer_is_told_in_plain_words() {
    let stage = Stage::set(Key::es256()).await;
    let begun = stage.begin().await;
    let answer = [
        ("error", "access_denied"),
        ("error_description", "mismatch: <b>not</b> this SIM"),
        ("state", &begun.request["state"]),
        ("iss", stage.provider.issuer()),
    ];
    let page = stage.come_back(&begun, &answer, "text/html").await;
    assert_eq!(page.status(), 400);
    let page = page.text().await.unwrap();
    assert!(page.contains("access_denied"), "{page}");
    assert!(page.contains("has another number"), "{page}");
    assert!(page.contains("Try again"), "{page}");
    assert!(!page.contains("<b>"), "{page}");

    // The same words in an answer that nobody asked for are not shown.
    let page = stage.come_back(&begun, &answer, "text/html").await;
    let page = page.text().await.unwrap();
    assert!(!page.contains("access_denied"), "{page}");
    assert!(page.contains("wrong_state"), "{page}");
}

#[tokio::test]
async fn a_repeated_parameter_is_refused() {
    let stage = Stage::set(Key::es256()).await;
    let begun = stage.begin().await;
    let mut answer = stage.answer(&begun);
    answer.push(("code", "another"));
    let refused = stage.come_back_json(&begun, &answer).await;
    assert_eq!(refused["error"], "bad_answer");
}

#[tokio::test]
async fn the_issuer_may_be_away_when_the_demo_starts() {
    let demo = serve("http://127.0.0.1:1", &Clock::system()).await;
    let http = outside_client().unwrap();
    let page = http.get(demo.url()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let answer = http
        .post(format!("{}/sign-in", demo.url()))
        .form(&[("number", "")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 502);
    let page = answer.text().await.unwrap();
    assert!(page.contains("issuer_unreachable"), "{page}");
}

#[tokio::test]
async fn a_sign_in_leaves_by_a_page_and_only_from_our_own_form() {
    let stage = Stage::set(Key::es256()).await;
    let post = |site: &'static str, number: &'static str| {
        stage
            .http
            .post(format!("{}/sign-in", stage.demo.url()))
            .header("sec-fetch-site", site)
            .form(&[("number", number)])
            .send()
    };
    let page = post("same-origin", "").await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers().get(LOCATION).is_none());
    let page = page.text().await.unwrap();
    assert!(page.contains("http-equiv=\"refresh\""), "{page}");
    assert!(!page.contains("login_hint"), "{page}");

    let foreign = post("cross-site", "").await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert!(foreign.headers().get(SET_COOKIE).is_none());

    let mistyped = post("same-origin", "12\"34").await.unwrap();
    assert_eq!(mistyped.status(), 422);
    let page = mistyped.text().await.unwrap();
    assert!(page.contains("This is not a phone number."), "{page}");
    assert!(page.contains("value=\"12&#34;34\""), "{page}");
}

#[tokio::test]
async fn signing_out_clears_the_cookie() {
    let stage = Stage::set(Key::es256()).await;
    let answer = stage
        .http
        .get(format!("{}/sign-out", stage.demo.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("demo=; "), "{cookie}");
    assert!(cookie.ends_with("Max-Age=0"), "{cookie}");
}
