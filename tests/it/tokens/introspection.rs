//! `POST /introspect` (RFC 7662), signed as RFC 9701 has it.

use std::time::Duration;

use numbercloak::oauth::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::{no, offline, post, public, refresh, refusal, staying, text, tokens, verified};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::dpop::ProofKey;
use crate::support::rp::{Rp, Wish};
use crate::support::wire::{Raw, count, http};

async fn introspect(app: &App, rp: &Rp, token: &str) -> Value {
    let answer = Raw::of(post(app, rp, "/introspect", &[("token", token)])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json()
}

fn inactive() -> Value {
    json!({ "active": false })
}

/// Section 2.2.
#[tokio::test]
async fn a_client_learns_of_its_own_tokens_and_nothing_of_the_number() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let given = tokens(&app, &rp, &staying()).await;
    let told = introspect(&app, &rp, text(&given, "access_token")).await;
    let seconds = |name: &str| told[name].as_i64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 600);
    let checked = seconds("auth_time");
    for (name, value) in [
        ("active", json!(true)),
        ("iss", json!(app.issuer)),
        ("aud", json!(app.issuer)),
        ("client_id", json!("stays")),
        ("scope", json!("openid phone offline_access")),
        ("token_type", json!("Bearer")),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert!(!told["sub"].as_str().unwrap().is_empty());
    assert!(!told.to_string().contains(&NUMBER[1..]));
    let refresh_token = text(&given, "refresh_token");
    let told = introspect(&app, &rp, refresh_token).await;
    assert_eq!(
        (&told["active"], &told["client_id"]),
        (&json!(true), &json!("stays"))
    );
    assert!(told.get("token_type").is_none());
    assert_eq!(told["exp"], checked + 30 * 86_400);
    // Dead: nothing but that.
    app.clock.advance(Duration::from_secs(601));
    assert_eq!(
        introspect(&app, &rp, text(&given, "access_token")).await,
        inactive()
    );
    assert_eq!(introspect(&app, &rp, refresh_token).await["active"], true);
    let fields = [("token", refresh_token)];
    assert_eq!(
        Raw::of(post(&app, &rp, "/revoke", &fields)).await.status,
        200
    );
    assert_eq!(introspect(&app, &rp, refresh_token).await, inactive());
    for token in ["x", "a.b.c", &"A".repeat(43), &"A".repeat(64)] {
        assert_eq!(introspect(&app, &rp, token).await, inactive());
    }
    assert_eq!(
        count(&app, "audit_records where type like 'INTROSPECT%'").await,
        0
    );
}

/// Sections 2.1 and 4: others learn that it is of no use to them; strangers nothing at all.
#[tokio::test]
async fn others_learn_nothing() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let other = app.register(new_client("other")).await;
    let page = app.register(public("page")).await;
    let given = tokens(&app, &rp, &staying()).await;
    for name in ["access_token", "refresh_token"] {
        let token = text(&given, name);
        assert_eq!(introspect(&app, &other, token).await, inactive(), "{name}");
        let answer = Raw::of(post(&app, &page, "/introspect", &[("token", token)])).await;
        assert_eq!(refusal(&answer), no(400, "unauthorized_client"));
        let url = format!("{}/introspect", app.issuer);
        let anonymous = Raw::of(http().post(&url).form(&[("token", token)])).await;
        assert_eq!(refusal(&anonymous), no(401, "invalid_client"));
        let bearer = http()
            .post(&url)
            .bearer_auth(token)
            .form(&[("token", token)]);
        assert_eq!(Raw::of(bearer).await.status, 401);
        assert_eq!(Raw::of(http().get(&url)).await.status, 405);
    }
    for fields in [&[][..], &[("token", "a"), ("token", "b")]] {
        let answer = Raw::of(post(&app, &rp, "/introspect", fields)).await;
        assert_eq!(refusal(&answer), no(400, "invalid_request"), "{fields:?}");
    }
}

/// RFC 7662 section 4, RFC 9068 section 5: a resource learns of tokens for it, and of no others.
#[tokio::test]
async fn a_resource_learns_of_tokens_for_it() {
    let app = App::start().await;
    let resource = "https://api.example/";
    let with = |mut new: numbercloak::admin::clients::NewClient| {
        new.settings.resources = vec![resource.to_owned()];
        new
    };
    let rp = app.register(with(offline("caller"))).await;
    let api = app.register(with(new_client("api"))).await;
    let given = tokens(&app, &rp, &staying().with("resource", resource)).await;
    let token = text(&given, "access_token");
    let told = introspect(&app, &api, token).await;
    assert_eq!(
        (&told["active"], &told["aud"]),
        (&json!(true), &json!(resource))
    );
    assert_eq!(told["client_id"], "caller");
    assert_eq!(
        introspect(&app, &api, text(&given, "refresh_token")).await,
        inactive()
    );
    // A token for us is not for it.
    let ours = tokens(&app, &rp, &staying()).await;
    assert_eq!(
        introspect(&app, &api, text(&ours, "access_token")).await,
        inactive()
    );
    // A JWT that was given back is dead here, whatever its exp says.
    let fields = [("token", token)];
    assert_eq!(
        Raw::of(post(&app, &rp, "/revoke", &fields)).await.status,
        200
    );
    assert_eq!(introspect(&app, &api, token).await, inactive());
}

/// RFC 9449 section 6.2; and what a narrowed token is.
#[tokio::test]
async fn key_and_scope_are_the_token_s_own() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let key = ProofKey::new(&app.clock);
    let given = tokens(&app, &rp, &staying()).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&given, "refresh_token")),
        ("scope", "openid"),
    ];
    let proof = key.proof("POST", &format!("{}/token", app.issuer), None);
    let request = post(&app, &rp, "/token", &fields).header("dpop", proof);
    let narrow = Raw::of(request).await.json();
    let told = introspect(&app, &rp, text(&narrow, "access_token")).await;
    assert_eq!(told["token_type"], "DPoP");
    assert_eq!(told["cnf"], json!({ "jkt": key.jkt() }));
    assert_eq!(told["scope"], "openid");
    let page = app.register(public("page")).await;
    let rotated = tokens(&app, &page, &staying()).await;
    let token = text(&rotated, "refresh_token");
    refresh(&app, &page, token).await;
    // A used one is dead, and asking is not using: the family lives.
    assert_eq!(count(&app, "grants where ended_at is not null").await, 0);
}

/// RFC 9701 section 5.
#[tokio::test]
async fn an_answer_is_signed_for_whoever_wants_it_signed() {
    let app = App::start().await;
    let mut new = offline("auditor");
    new.settings.introspection_alg = SigningAlg::EdDSA;
    let rp = app.register(new).await;
    let given = tokens(&app, &rp, &Wish::of(NUMBER)).await;
    let token = text(&given, "access_token");
    let ask = async |token: &str, accept: &str| {
        let request = post(&app, &rp, "/introspect", &[("token", token)]);
        Raw::of(request.header("accept", accept)).await
    };
    for (token, active) in [(token, true), ("unknown", false)] {
        let accept = "text/html, application/token-introspection+jwt;q=0.9";
        let answer = ask(token, accept).await;
        let kind = "application/token-introspection+jwt";
        assert_eq!(answer.headers["content-type"], kind);
        let claims = verified(&app, &answer.body, "token-introspection+jwt", "auditor").await;
        let age = app.clock.now().timestamp() - claims["iat"].as_i64().unwrap();
        assert!((0..60).contains(&age), "{age}");
        assert_eq!(claims["token_introspection"]["active"], active);
        assert!(claims.get("sub").is_none() && claims.get("exp").is_none());
        let alg = jsonwebtoken::decode_header(&answer.body).unwrap().alg;
        assert_eq!(alg, jsonwebtoken::Algorithm::EdDSA);
        // It is no token itself.
        assert_eq!(super::userinfo(&app, &answer.body).await, 401);
    }
    let answer = ask(token, "application/json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
}
