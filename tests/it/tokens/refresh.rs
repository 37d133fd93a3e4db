//! Refresh tokens (RFC 6749 section 6, OIDC Core sections 11 and 12).

use std::time::Duration;

use super::{
    no, offline, opened, post, public, refresh, refreshing, refusal, staying, text, tokens,
    userinfo,
};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;
use crate::support::wire::{Raw, count, no_room, room_again, tamper};

/// OIDC Core section 11: only with `offline_access`.
#[tokio::test]
async fn a_refresh_token_is_given_only_where_offline_access_was_granted() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    for wish in [
        Wish::of(NUMBER),
        // Without consent the word counts for nothing.
        Wish::of(NUMBER).scopes(&["offline_access"]).prompt("login"),
    ] {
        let given = tokens(&app, &rp, &wish).await;
        assert!(given.get("refresh_token").is_none(), "{wish:?}");
    }
    // Registered for another set of scopes.
    let given = tokens(&app, &app.shop, &staying()).await;
    assert!(given.get("refresh_token").is_none());
    assert_eq!(count(&app, "refresh_tokens").await, 0);
    let given = tokens(&app, &rp, &staying()).await;
    assert_eq!(text(&given, "refresh_token").len(), 64);
    assert_eq!(text(&given, "scope"), "openid phone offline_access");
    let metadata = app.shop.metadata().await;
    assert_eq!(metadata["grant_types_supported"][1], "refresh_token");
}

/// OIDC Core section 12.2: the new ID token is of the same person, sign-in and app.
#[tokio::test]
async fn a_refresh_tells_the_same_again_with_a_new_time() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let first = tokens(&app, &rp, &staying()).await;
    app.clock.advance(Duration::from_secs(120));
    let answer = refresh(&app, &rp, text(&first, "refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let second = answer.json();
    assert_eq!(text(&second, "token_type"), "Bearer");
    assert_eq!(second["expires_in"], 600);
    assert_ne!(first["access_token"], second["access_token"]);
    let (_, old) = opened(text(&first, "id_token"));
    let (header, new) = opened(text(&second, "id_token"));
    assert_eq!(header["alg"], "RS256");
    for claim in [
        "iss",
        "sub",
        "aud",
        "auth_time",
        "sid",
        "txn",
        "acr",
        "amr",
        "phone_number",
        "phone_number_verified",
        "number_verification",
    ] {
        assert!(!old[claim].is_null(), "{claim}");
        assert_eq!(old[claim], new[claim], "{claim}");
    }
    let iat = |claims: &serde_json::Value| claims["iat"].as_i64().unwrap();
    assert_eq!(iat(&new), iat(&old) + 120);
    assert!(old.get("nonce").is_some() && new.get("nonce").is_none());
    assert_ne!(old["at_hash"], new["at_hash"]);
    for tokens in [&first, &second] {
        assert_eq!(userinfo(&app, text(tokens, "access_token")).await, 200);
    }
}

/// RFC 9700 section 4.14.2: a confidential client's stays, so that a lost answer costs nothing.
#[tokio::test]
async fn a_confidential_client_s_refresh_token_does_not_rotate() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let given = tokens(&app, &rp, &staying()).await;
    let token = text(&given, "refresh_token");
    for _ in 0..3 {
        let answer = refresh(&app, &rp, token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.json().get("refresh_token").is_none());
        app.clock.advance(Duration::from_secs(31));
    }
    assert_eq!(count(&app, "refresh_tokens").await, 1);
    assert_eq!(count(&app, "access_tokens").await, 4);
}

/// RFC 6749 section 6: the same scope or less; and less only for the new access token.
#[tokio::test]
async fn a_narrower_scope_is_kept_to_and_a_wider_one_refused() {
    let app = App::start().await;
    for new in [offline("stays"), public("page")] {
        let rp = app.register(new).await;
        let given = tokens(&app, &rp, &staying()).await;
        let mut token = text(&given, "refresh_token").to_owned();
        let ask = async |token: &str, scope: &str| {
            let mut fields = refreshing(token);
            fields.push(("scope", scope));
            Raw::of(post(&app, &rp, "/token", &fields)).await
        };
        for wider in [
            "openid number_verified",
            "openid email",
            "phone\" openid",
            "OPENID",
        ] {
            let answer = ask(&token, wider).await;
            assert_eq!(refusal(&answer), no(400, "invalid_scope"), "{wider}");
        }
        for (scope, told, claims) in [
            ("openid", "openid", 0),
            ("phone  openid", "openid phone", 1),
            (
                "offline_access phone openid",
                "openid phone offline_access",
                1,
            ),
        ] {
            let answer = ask(&token, scope).await;
            assert_eq!(answer.status, 200, "{scope}: {}", answer.body);
            let given = answer.json();
            assert_eq!(text(&given, "scope"), told);
            let (status, body) = rp.userinfo(text(&given, "access_token")).await;
            assert_eq!(status, 200);
            assert_eq!(usize::from(body.get("phone_number").is_some()), claims);
            let (_, id_token) = opened(text(&given, "id_token"));
            assert_eq!(usize::from(id_token.get("phone_number").is_some()), claims);
            if let Some(next) = given["refresh_token"].as_str() {
                token = next.to_owned();
            }
        }
        // What is left without openid is no sign-in: no ID token, no userinfo.
        let given = ask(&token, "phone").await.json();
        assert!(given.get("id_token").is_none());
        assert_eq!(userinfo(&app, text(&given, "access_token")).await, 403);
    }
}

/// RFC 6749 section 10.4, conformance suite `oidcc-refresh-token`: bound to its client.
#[tokio::test]
async fn another_client_s_refresh_token_is_refused_and_stays_alive() {
    let app = App::start().await;
    let thief = app.register(offline("thief")).await;
    let thief_page = app.register(public("thief-page")).await;
    for new in [offline("stays"), public("page")] {
        let rp = app.register(new).await;
        let given = tokens(&app, &rp, &staying()).await;
        let token = text(&given, "refresh_token");
        for other in [&thief, &thief_page] {
            let answer = refresh(&app, other, token).await;
            assert_eq!(refusal(&answer), no(400, "invalid_grant"));
        }
        assert_eq!(refresh(&app, &rp, token).await.status, 200);
    }
    let answer = Raw::of(
        crate::support::wire::http()
            .post(format!("{}/token", app.issuer))
            .form(&refreshing("x")),
    )
    .await;
    assert_eq!(refusal(&answer), no(401, "invalid_client"));
}

/// DESIGN.md section 3, Lifetimes: 30 days from the verdict, however often it is used.
#[tokio::test]
async fn a_grant_ends_thirty_days_after_its_check() {
    let app = App::start().await;
    let day = Duration::from_secs(86_400);
    for (new, rotates) in [(offline("stays"), false), (public("page"), true)] {
        let rp = app.register(new).await;
        let given = tokens(&app, &rp, &staying()).await;
        let mut token = text(&given, "refresh_token").to_owned();
        for _ in 0..29 {
            app.clock.advance(day);
            let answer = refresh(&app, &rp, &token).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            if rotates {
                token = text(&answer.json(), "refresh_token").to_owned();
            }
        }
        app.clock.advance(day - Duration::from_secs(60));
        let answer = refresh(&app, &rp, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let last = answer.json();
        if rotates {
            token = text(&last, "refresh_token").to_owned();
        }
        app.clock.advance(Duration::from_secs(61));
        let answer = refresh(&app, &rp, &token).await;
        assert_eq!(refusal(&answer), no(400, "invalid_grant"));
        // and so do its access tokens
        assert_eq!(userinfo(&app, text(&last, "access_token")).await, 401);
    }
}

/// The same, set shorter.
#[tokio::test]
async fn the_life_of_a_grant_is_a_setting() {
    let app = App::builder()
        .config("lifetimes.refresh_grant", "1h")
        .start()
        .await;
    let rp = app.register(offline("stays")).await;
    let given = tokens(&app, &rp, &staying()).await;
    let token = text(&given, "refresh_token");
    app.clock.advance(Duration::from_secs(3590));
    assert_eq!(refresh(&app, &rp, token).await.status, 200);
    app.clock.advance(Duration::from_secs(11));
    assert_eq!(refresh(&app, &rp, token).await.error(), "invalid_grant");
}

/// RFC 6749 section 5.2; DESIGN.md section 3: an ended grant is `invalid_grant`.
#[tokio::test]
async fn an_ended_grant_refreshes_no_more() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let given = tokens(&app, &rp, &staying()).await;
    let token = text(&given, "refresh_token");
    tamper(&app, "update grants set ended_at = now()").await;
    let answer = refresh(&app, &rp, token).await;
    assert_eq!(refusal(&answer), no(400, "invalid_grant"));
    assert_eq!(userinfo(&app, text(&given, "access_token")).await, 401);
    for bad in ["", "x", &token[1..], &"A".repeat(64), "\0"] {
        let answer = refresh(&app, &rp, bad).await;
        let error = if bad.is_empty() || bad == "\0" {
            "invalid_request"
        } else {
            "invalid_grant"
        };
        assert_eq!(refusal(&answer), no(400, error), "{bad:?}");
    }
}

/// P1: no verified claim without its audit record, and the record is there before the token is.
#[tokio::test]
async fn a_refresh_without_its_record_gives_nothing() {
    let app = App::start().await;
    for (new, rotates) in [(offline("stays"), false), (public("page"), true)] {
        let rp = app.register(new).await;
        let given = tokens(&app, &rp, &staying()).await;
        let token = text(&given, "refresh_token");
        let access = count(&app, "access_tokens").await;
        no_room(&app, "audit_records").await;
        let answer = refresh(&app, &rp, token).await;
        assert_eq!(answer.status, 500);
        assert!(!answer.body.contains("_token\""), "{}", answer.body);
        room_again(&app, "audit_records").await;
        assert_eq!(count(&app, "access_tokens").await, access);
        assert_eq!(
            count(&app, "refresh_tokens where used_at is not null").await,
            0
        );
        let given = refresh(&app, &rp, token).await;
        assert_eq!(given.status, 200);
        let login = *app.logins().await.last().unwrap();
        let records = app.records(login).await;
        let last = &records.last().unwrap().body;
        assert_eq!(last["type"], "REFRESH_TOKEN");
        assert_eq!(last["rotated"], rotates);
        assert_eq!(last["client_id"], rp.client_id.as_str());
        tamper(&app, "delete from refresh_tokens").await;
    }
}

/// DESIGN.md section 6: a token is stored as its hash only.
#[tokio::test]
async fn no_token_is_stored_in_clear() {
    let app = App::start().await;
    let rp = app.register(public("page")).await;
    let given = tokens(&app, &rp, &staying()).await;
    let given = refresh(&app, &rp, text(&given, "refresh_token"))
        .await
        .json();
    for name in ["access_token", "refresh_token"] {
        let token = text(&given, name);
        let raw = numbercloak::secret::from_b64(token).unwrap();
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        for table in [
            "access_tokens",
            "refresh_tokens",
            "grants",
            "audit_records",
            "codes",
        ] {
            for needle in [token, &hex] {
                let from = format!("{table} as t where t::text like '%{needle}%'");
                assert_eq!(count(&app, &from).await, 0, "{name} in {table}");
            }
        }
    }
}
