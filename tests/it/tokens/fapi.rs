//! The FAPI 2.0 security profile at the token endpoint (section 5.3.2.1). What the profile asks of
//! clients' authentication and requests has its tests with those.

use std::time::Duration;

use super::{code, no, opened, post, redeeming, refreshing, refusal, staying, text};
use crate::support::app::App;
use crate::support::dpop::ProofKey;
use crate::support::rp::Rp;
use crate::support::wire::{Raw, tamper};

/// Puts a client that has begun its sign-in under the profile, whatever it is registered for besides.
async fn profile(app: &App, rp: &Rp) {
    let sql = format!(
        "update clients set settings = settings || '{{\"profile\":\"fapi2\"}}' \
         where client_id = '{}'",
        rp.client_id
    );
    tamper(app, &sql).await;
    app.state().forget("clients").await;
}

/// Suite `ensure-holder-of-key-required`.
#[tokio::test]
async fn its_tokens_are_bound_or_there_are_none() {
    let app = App::start().await;
    let rp = app.register(super::offline("bank")).await;
    let (departure, code) = code(&app, &rp, &staying()).await;
    profile(&app, &rp).await;
    let fields = redeeming(&rp, &departure, &code);
    let answer = Raw::of(post(&app, &rp, "/token", &fields)).await;
    assert_eq!(refusal(&answer), no(400, "invalid_request"));
    let key = ProofKey::new(&app.clock);
    let proof = || key.proof("POST", &format!("{}/token", app.issuer), None);
    let answer = Raw::of(post(&app, &rp, "/token", &fields).header("dpop", proof())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let given = answer.json();
    assert_eq!(text(&given, "token_type"), "DPoP");
    // Section 5.4.1: registered for RS256 as it is, it never gets it.
    assert_eq!(opened(text(&given, "id_token")).0["alg"], "PS256");
    // Section 5.3.2.1 clause 9: no rotation; the same token still works 30 s later.
    let fields = refreshing(text(&given, "refresh_token"));
    let answer = Raw::of(post(&app, &rp, "/token", &fields)).await;
    assert_eq!(refusal(&answer), no(400, "invalid_request"));
    for _ in 0..2 {
        let answer = Raw::of(post(&app, &rp, "/token", &fields).header("dpop", proof())).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.json().get("refresh_token").is_none());
        app.clock.advance(Duration::from_secs(30));
    }
}

/// Section 5.3.2.1: codes live 60 seconds at most, whatever is configured.
#[tokio::test]
async fn its_codes_live_sixty_seconds() {
    for (fapi, alive) in [(false, true), (true, false)] {
        let app = App::builder().config("lifetimes.code", "5m").start().await;
        let rp = app.register(super::offline("bank")).await;
        let departure = rp.depart(&staying()).await;
        let mut browser = app.browser();
        browser.open(&departure.url).await;
        if fapi {
            profile(&app, &rp).await;
        }
        browser.press("Continue").await;
        let code = rp.answer(&departure, browser.left()).code().to_owned();
        app.clock.advance(Duration::from_secs(61));
        let key = ProofKey::new(&app.clock);
        let proof = key.proof("POST", &format!("{}/token", app.issuer), None);
        let request = post(&app, &rp, "/token", &redeeming(&rp, &departure, &code));
        let answer = Raw::of(request.header("dpop", proof)).await;
        assert_eq!(answer.status == 200, alive, "{}", answer.body);
    }
}
