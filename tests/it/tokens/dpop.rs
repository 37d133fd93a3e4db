//! DPoP (RFC 9449) at the token endpoint and at userinfo.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    code, no, offline, opened, post, public, redeeming, refreshing, refusal, staying, text,
};
use crate::support::app::{App, NUMBER};
use crate::support::dpop::ProofKey;
use crate::support::rp::{Rp, Wish};
use crate::support::wire::{Raw, count, http};

/// A token request with proofs.
async fn ask(app: &App, rp: &Rp, fields: &[(&str, &str)], proofs: &[&str]) -> Raw {
    let mut request = post(app, rp, "/token", fields);
    for proof in proofs {
        request = request.header("dpop", *proof);
    }
    Raw::of(request).await
}

fn token_proof(app: &App, key: &ProofKey) -> String {
    key.proof("POST", &format!("{}/token", app.issuer), None)
}

/// The tokens of a sign-in, bound to a key.
async fn bound(app: &App, rp: &Rp, key: &ProofKey) -> Value {
    let (departure, code) = code(app, rp, &staying()).await;
    let fields = redeeming(rp, &departure, &code);
    let answer = ask(app, rp, &fields, &[&token_proof(app, key)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// A userinfo request under a scheme, with proofs.
async fn userinfo(app: &App, scheme: &str, token: &str, proofs: &[&str]) -> Raw {
    let mut request = http()
        .get(format!("{}/userinfo", app.issuer))
        .header("authorization", format!("{scheme} {token}"));
    for proof in proofs {
        request = request.header("dpop", *proof);
    }
    Raw::of(request).await
}

/// RFC 9449 sections 5, 6 and 7.1.
#[tokio::test]
async fn a_bound_token_works_with_its_key_and_not_without() {
    let app = App::start().await;
    let key = ProofKey::new(&app.clock);
    let given = bound(&app, &app.shop, &key).await;
    assert_eq!(text(&given, "token_type"), "DPoP");
    let token = text(&given, "access_token");
    let url = format!("{}/userinfo", app.issuer);
    let proof = || key.proof("GET", &url, Some(token));
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let answer = userinfo(&app, scheme, token, &[&proof()]).await;
        assert_eq!(answer.status, 200, "{scheme} {}", answer.body);
        assert_eq!(answer.json()["phone_number"], NUMBER);
    }
    // Section 7.2: never as a bearer token, wherever it stands.
    for proofs in [vec![], vec![proof()]] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = userinfo(&app, "Bearer", token, &proofs).await;
        assert_eq!(refusal(&answer), no(401, "invalid_token"));
    }
    let body = http().post(&url).form(&[("access_token", token)]);
    assert_eq!(refusal(&Raw::of(body).await), no(401, "invalid_token"));
    let posted = http()
        .post(&url)
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", key.proof("POST", &url, Some(token)));
    assert_eq!(Raw::of(posted).await.status, 200);
}

/// RFC 9449 section 4.3 and the suite's `dpop-negative-tests`, at the resource.
#[tokio::test]
async fn every_fault_of_a_proof_is_told_at_the_resource() {
    let app = App::start().await;
    let (key, other) = (ProofKey::new(&app.clock), ProofKey::new(&app.clock));
    let given = bound(&app, &app.shop, &key).await;
    let token = text(&given, "access_token");
    let url = format!("{}/userinfo", app.issuer);
    let now = app.clock.now().timestamp();
    let claims = || key.claims("GET", &url, Some(token));
    let mut bad = Vec::new();
    let mut faulty = |what: &str, header: Value, claims: Value| {
        bad.push((what.to_owned(), key.sign(&header, &claims)));
    };
    let with = |mut base: Value, name: &str, value: Value| {
        base[name] = value;
        base
    };
    let without = |mut base: Value, name: &str| {
        base.as_object_mut().unwrap().remove(name);
        base
    };
    for name in ["typ", "alg", "jwk"] {
        faulty(name, without(key.header(), name), claims());
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        faulty(name, key.header(), without(claims(), name));
    }
    for (name, value) in [
        ("typ", json!("JWT")),
        ("alg", json!("none")),
        ("alg", json!("RS256")),
        ("jwk", with(key.jwk(), "d", json!("AAAA"))),
        ("jwk", other.jwk()),
    ] {
        faulty(name, with(key.header(), name, value), claims());
    }
    for (name, value) in [
        ("htm", json!("POST")),
        ("htu", json!(format!("{}/token", app.issuer))),
        ("htu", json!("https://elsewhere.example/userinfo")),
        ("iat", json!(now - 3600)),
        ("iat", json!(now + 3600)),
        ("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")),
    ] {
        faulty(name, key.header(), with(claims(), name, value));
    }
    let good = key.sign(&key.header(), &claims());
    bad.push((
        "signature".to_owned(),
        format!("{}AAAA", &good[..good.len() - 4]),
    ));
    bad.push(("malformed".to_owned(), "not a proof".to_owned()));
    for (what, proof) in &bad {
        let answer = userinfo(&app, "DPoP", token, &[proof]).await;
        assert_eq!(refusal(&answer), no(401, "invalid_dpop_proof"), "{what}");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with("DPoP error=\"invalid_dpop_proof\""),
            "{challenge}"
        );
        assert!(
            challenge.contains("algs=\"PS256 ES256 EdDSA\""),
            "{challenge}"
        );
    }
    let answer = userinfo(&app, "DPoP", token, &[]).await;
    assert_eq!(refusal(&answer), no(401, "invalid_dpop_proof"));
    let answer = userinfo(&app, "DPoP", token, &[&good, &good]).await;
    assert_eq!(refusal(&answer), no(401, "invalid_dpop_proof"));
    // None of these counted.
    assert_eq!(count(&app, "dpop_proofs").await, 1);
    // A right proof of another key.
    let foreign = other.proof("GET", &url, Some(token));
    let answer = userinfo(&app, "DPoP", token, &[&foreign]).await;
    assert_eq!(refusal(&answer), no(401, "invalid_token"));
    assert_eq!(userinfo(&app, "DPoP", token, &[&good]).await.status, 200);
}

/// RFC 9449 section 4.3: query, fragment, case and default ports of `htu` do not count; clocks differ;
/// further claims are ignored.
#[tokio::test]
async fn what_does_not_matter_in_a_proof_does_not_matter() {
    let app = App::start().await;
    let key = ProofKey::new(&app.clock);
    let given = bound(&app, &app.shop, &key).await;
    let token = text(&given, "access_token");
    let url = format!("{}/userinfo", app.issuer);
    let now = app.clock.now().timestamp();
    for (name, value) in [
        ("htu", json!(format!("{url}?a=b#c"))),
        (
            "htu",
            json!(url.replace("http://localhost", "HTTP://LOCALHOST")),
        ),
        ("iat", json!(now - 10)),
        ("iat", json!(now + 10)),
        ("nbf", json!(now)),
        ("exp", json!(now + 300)),
        ("nonce", json!("never asked for")),
        ("custom", json!([1, 2])),
    ] {
        let mut claims = key.claims("GET", &url, Some(token));
        claims[name] = value.clone();
        let proof = key.sign(&key.header(), &claims);
        let answer = userinfo(&app, "DPoP", token, &[&proof]).await;
        assert_eq!(answer.status, 200, "{name} {value} {}", answer.body);
    }
}

/// P6, RFC 9449 section 11.1: a proof counts once, over all replicas and endpoints of one URL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_counts_once_over_two_replicas() {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let key = ProofKey::new(&app.clock);
    let given = bound(&app, &app.shop, &key).await;
    let token = text(&given, "access_token").to_owned();
    let proof = key.proof("GET", &format!("{}/userinfo", app.issuer), Some(&token));
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20 {
        let port = [app.server.address.port(), replica.address.port()][i % 2];
        let request = http()
            .get(format!("http://localhost:{port}/userinfo"))
            .header("authorization", format!("DPoP {token}"))
            .header("dpop", &proof);
        tasks.spawn(Raw::of(request));
    }
    let answers = tasks.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(refusal(answer), no(401, "invalid_dpop_proof"));
    }
    // The same at the token endpoint: the proof is spent, the refresh token is not.
    let proof = token_proof(&app, &key);
    let rp = app.register(offline("stays")).await;
    let given = bound(&app, &rp, &key).await;
    let fields = refreshing(text(&given, "refresh_token"));
    assert_eq!(ask(&app, &rp, &fields, &[&proof]).await.status, 200);
    let answer = ask(&app, &rp, &fields, &[&proof]).await;
    assert_eq!(refusal(&answer), no(400, "invalid_dpop_proof"));
    assert_eq!(
        ask(&app, &rp, &fields, &[&token_proof(&app, &key)])
            .await
            .status,
        200
    );
    replica.stop().await;
}

/// RFC 9449 section 5: a bad proof at the token endpoint leaves the code alone.
#[tokio::test]
async fn a_bad_proof_at_the_token_endpoint_spends_nothing() {
    let app = App::start().await;
    let key = ProofKey::new(&app.clock);
    let (departure, code) = code(&app, &app.shop, &Wish::of(NUMBER)).await;
    let fields = redeeming(&app.shop, &departure, &code);
    let elsewhere = key.proof("POST", &format!("{}/userinfo", app.issuer), None);
    let got = key.proof("GET", &format!("{}/token", app.issuer), None);
    let good = token_proof(&app, &key);
    for proofs in [&[elsewhere.as_str()][..], &[&got], &["x"], &[&good, &good]] {
        let answer = ask(&app, &app.shop, &fields, proofs).await;
        assert_eq!(
            refusal(&answer),
            no(400, "invalid_dpop_proof"),
            "{proofs:?}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    assert_eq!(count(&app, "codes where redeemed_at is not null").await, 0);
    let mut wrong = app.shop.clone();
    wrong.secret = Some("wrong".to_owned());
    assert_eq!(ask(&app, &wrong, &fields, &[&good]).await.status, 401);
    assert_eq!(ask(&app, &app.shop, &fields, &[&good]).await.status, 200);
}

/// RFC 9449 section 5.2: a client registered so must.
#[tokio::test]
async fn a_client_registered_for_dpop_gets_nothing_without() {
    let app = App::start().await;
    let mut new = offline("bound");
    new.settings.dpop_bound_access_tokens = true;
    let rp = app.register(new).await;
    let key = ProofKey::new(&app.clock);
    let (departure, code) = code(&app, &rp, &staying()).await;
    let fields = redeeming(&rp, &departure, &code);
    let answer = ask(&app, &rp, &fields, &[]).await;
    assert_eq!(refusal(&answer), no(400, "invalid_request"));
    let given = ask(&app, &rp, &fields, &[&token_proof(&app, &key)])
        .await
        .json();
    let fields = refreshing(text(&given, "refresh_token"));
    let answer = ask(&app, &rp, &fields, &[]).await;
    assert_eq!(refusal(&answer), no(400, "invalid_request"));
    // Section 5: a confidential client is bound by its authentication, and may change its key.
    let next = ProofKey::new(&app.clock);
    let answer = ask(&app, &rp, &fields, &[&token_proof(&app, &next)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json();
    let token = text(&token, "access_token");
    let url = format!("{}/userinfo", app.issuer);
    let right = next.proof("GET", &url, Some(token));
    let wrong = key.proof("GET", &url, Some(token));
    assert_eq!(userinfo(&app, "DPoP", token, &[&wrong]).await.status, 401);
    assert_eq!(userinfo(&app, "DPoP", token, &[&right]).await.status, 200);
}

/// RFC 9449 section 5: a public client's refresh token is bound to its key, through every rotation.
#[tokio::test]
async fn a_public_client_s_refresh_token_needs_its_key() {
    let app = App::start().await;
    let rp = app.register(public("page")).await;
    let (key, other) = (ProofKey::new(&app.clock), ProofKey::new(&app.clock));
    let given = bound(&app, &rp, &key).await;
    let mut token = text(&given, "refresh_token").to_owned();
    for _ in 0..3 {
        for proofs in [vec![], vec![token_proof(&app, &other)]] {
            let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
            let answer = ask(&app, &rp, &refreshing(&token), &proofs).await;
            assert_eq!(refusal(&answer), no(400, "invalid_grant"));
        }
        let answer = ask(&app, &rp, &refreshing(&token), &[&token_proof(&app, &key)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(text(&answer.json(), "token_type"), "DPoP");
        token = text(&answer.json(), "refresh_token").to_owned();
    }
}

/// RFC 9449 section 10: `dpop_jkt` binds the code, and another key burns it as another verifier does.
#[tokio::test]
async fn a_code_bound_to_a_key_needs_it() {
    let app = App::start().await;
    let (key, other) = (ProofKey::new(&app.clock), ProofKey::new(&app.clock));
    let wish = || Wish::of(NUMBER).prompt("login").with("dpop_jkt", key.jkt());
    for proofs in [vec![], vec![token_proof(&app, &other)]] {
        let (departure, code) = code(&app, &app.shop, &wish()).await;
        let fields = redeeming(&app.shop, &departure, &code);
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = ask(&app, &app.shop, &fields, &proofs).await;
        assert_eq!(refusal(&answer), no(400, "invalid_grant"));
        let answer = ask(&app, &app.shop, &fields, &[&token_proof(&app, &key)]).await;
        assert_eq!(refusal(&answer), no(400, "invalid_grant"));
    }
    let (departure, code) = code(&app, &app.shop, &wish()).await;
    let fields = redeeming(&app.shop, &departure, &code);
    let answer = ask(&app, &app.shop, &fields, &[&token_proof(&app, &key)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// RFC 9449 section 6.1: the key in a JWT, by its thumbprint; and section 7.1 for a token of no key.
#[tokio::test]
async fn a_jwt_says_its_key_and_an_unbound_token_is_no_dpop_token() {
    let app = App::start().await;
    let mut new = offline("reader");
    new.settings.access_token_format = numbercloak::store::clients::AccessTokenFormat::Jwt;
    let rp = app.register(new).await;
    let key = ProofKey::new(&app.clock);
    let given = bound(&app, &rp, &key).await;
    let (_, claims) = opened(text(&given, "access_token"));
    assert_eq!(claims["cnf"], json!({ "jkt": key.jkt() }));
    app.clock.advance(Duration::from_secs(1));
    let fields = refreshing(text(&given, "refresh_token"));
    let unbound = ask(&app, &rp, &fields, &[]).await.json();
    assert_eq!(text(&unbound, "token_type"), "Bearer");
    let token = text(&unbound, "access_token");
    let proof = key.proof("GET", &format!("{}/userinfo", app.issuer), Some(token));
    let answer = userinfo(&app, "DPoP", token, &[&proof]).await;
    assert_eq!(refusal(&answer), no(401, "invalid_token"));
    assert_eq!(userinfo(&app, "Bearer", token, &[]).await.status, 200);
}

/// RFC 9449 sections 8 and 9: where the server wants a nonce, it tells it, and any replica knows it.
#[tokio::test]
async fn a_nonce_is_asked_for_where_it_is_configured() {
    let app = App::builder()
        .config("dpop.require_nonce", "true")
        .start()
        .await;
    let key = ProofKey::new(&app.clock);
    let (departure, code) = code(&app, &app.shop, &Wish::of(NUMBER)).await;
    let fields = redeeming(&app.shop, &departure, &code);
    let url = format!("{}/token", app.issuer);
    let proof = |url: &str, method: &str, token: Option<&str>, nonce: &str| {
        let mut claims = key.claims(method, url, token);
        claims["nonce"] = json!(nonce);
        key.sign(&key.header(), &claims)
    };
    let without = token_proof(&app, &key);
    let mut nonce = String::new();
    for bad in [without, proof(&url, "POST", None, "of somebody else")] {
        let answer = ask(&app, &app.shop, &fields, &[&bad]).await;
        assert_eq!(refusal(&answer), no(400, "use_dpop_nonce"));
        nonce = answer.headers["dpop-nonce"].to_str().unwrap().to_owned();
    }
    app.clock.advance(Duration::from_secs(30));
    let good = proof(&url, "POST", None, &nonce);
    let answer = ask(&app, &app.shop, &fields, &[&good]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let given = answer.json();
    let token = text(&given, "access_token");
    let url = format!("{}/userinfo", app.issuer);
    let plain = key.proof("GET", &url, Some(token));
    let answer = userinfo(&app, "DPoP", token, &[&plain]).await;
    assert_eq!(refusal(&answer), no(401, "use_dpop_nonce"));
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.starts_with("DPoP error=\"use_dpop_nonce\""),
        "{challenge}"
    );
    let good = proof(&url, "GET", Some(token), &nonce);
    assert_eq!(userinfo(&app, "DPoP", token, &[&good]).await.status, 200);
    // A nonce is good for ten minutes at most.
    app.clock.advance(Duration::from_secs(570));
    let old = proof(&url, "GET", Some(token), &nonce);
    let answer = userinfo(&app, "DPoP", token, &[&old]).await;
    assert_eq!(refusal(&answer), no(401, "use_dpop_nonce"));
}
