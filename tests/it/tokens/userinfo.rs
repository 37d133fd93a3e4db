//! Userinfo (OIDC Core section 5.3): signed answers, scopes, challenges.

use numbercloak::oauth::signing_alg::SigningAlg;

use super::{offline, post, refreshing, staying, text, tokens, verified};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};

/// OIDC Core section 5.3.2, suite `oidcc-userinfo-rs256`.
#[tokio::test]
async fn a_client_may_get_it_signed() {
    let app = App::start().await;
    for alg in SigningAlg::ALL {
        let mut new = new_client(&format!("signed-{}", alg.as_str().to_lowercase()));
        new.settings.userinfo_alg = Some(alg);
        let rp = app.register(new).await;
        let given = tokens(&app, &rp, &Wish::of(NUMBER).scopes(&["phone"])).await;
        let token = text(&given, "access_token");
        let url = format!("{}/userinfo", app.issuer);
        for request in [
            http().get(&url).bearer_auth(token),
            http().post(&url).bearer_auth(token),
            http().post(&url).form(&[("access_token", token)]),
        ] {
            let answer = Raw::of(request).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.headers["content-type"], "application/jwt");
            assert_eq!(answer.headers["cache-control"], "no-store");
            let claims = verified(&app, &answer.body, "JWT", &rp.client_id).await;
            assert_eq!(claims["phone_number"], NUMBER);
            assert_eq!(
                claims["sub"],
                super::opened(text(&given, "id_token")).1["sub"]
            );
            assert!(claims.get("nonce").is_none());
            assert_eq!(super::opened(&answer.body).0["alg"], alg.as_str());
            // It is no ID token: whoever has it cannot use it as a hint.
            let keyring = app.state().keyring.current();
            assert!(keyring.verify(&app.issuer, &answer.body).is_err());
            assert!(
                keyring
                    .verify(&app.issuer, text(&given, "id_token"))
                    .is_ok()
            );
        }
    }
}

/// RFC 6750 section 3.1, OIDC Core section 5.3.3.
#[tokio::test]
async fn a_token_without_openid_is_told_so() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let given = tokens(&app, &rp, &staying()).await;
    let mut fields = refreshing(text(&given, "refresh_token"));
    fields.push(("scope", "phone"));
    let given = Raw::of(post(&app, &rp, "/token", &fields)).await.json();
    let url = format!("{}/userinfo", app.issuer);
    let answer = Raw::of(http().get(url).bearer_auth(text(&given, "access_token"))).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (403, "insufficient_scope")
    );
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.starts_with("Bearer error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(!answer.body.contains(&NUMBER[1..]));
}

/// RFC 6750 section 3, RFC 9449 section 7.1: both ways in are named, and no error if none was tried.
#[tokio::test]
async fn a_challenge_names_both_schemes() {
    let app = App::start().await;
    let url = format!("{}/userinfo", app.issuer);
    let challenges = |answer: &Raw| -> Vec<String> {
        let all = answer.headers.get_all("www-authenticate").iter();
        all.map(|value| value.to_str().unwrap().to_owned())
            .collect()
    };
    let answer = Raw::of(http().get(&url)).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, ""));
    assert_eq!(
        challenges(&answer),
        ["Bearer", "DPoP algs=\"PS256 ES256 EdDSA\""]
    );
    let answer = Raw::of(http().get(&url).bearer_auth("unknown")).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_token")
    );
    let told = challenges(&answer);
    assert!(told[0].starts_with("Bearer error=\"invalid_token\", error_description=\""));
    assert!(told[1].starts_with("DPoP algs="), "{told:?}");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    // Two headers are two tokens.
    let twice = http()
        .get(&url)
        .header("authorization", "Bearer a")
        .header("authorization", "Bearer b");
    let answer = Raw::of(twice).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_request")
    );
}
