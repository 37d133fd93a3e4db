//! `POST /revoke` (RFC 7009).

use super::{no, offline, post, public, refresh, refusal, staying, text, tokens, userinfo};
use crate::support::app::App;
use crate::support::rp::Rp;
use crate::support::wire::{Raw, count, http};

async fn revoke(app: &App, rp: &Rp, fields: &[(&str, &str)]) -> Raw {
    Raw::of(post(app, rp, "/revoke", fields)).await
}

async fn records(app: &App) -> i64 {
    count(app, "audit_records where type = 'REVOKE_GRANT'").await
}

/// Sections 2.1 and 2.2: an access token ends alone.
#[tokio::test]
async fn a_revoked_access_token_ends_alone() {
    let app = App::start().await;
    let mut jwt = offline("reader");
    jwt.settings.access_token_format = numbercloak::store::clients::AccessTokenFormat::Jwt;
    for new in [offline("stays"), public("page"), jwt] {
        let rp = app.register(new).await;
        let given = tokens(&app, &rp, &staying()).await;
        let token = text(&given, "access_token");
        assert_eq!(userinfo(&app, token).await, 200);
        let before = records(&app).await;
        // The hint is only a hint.
        let fields = [("token", token), ("token_type_hint", "refresh_token")];
        let answer = revoke(&app, &rp, &fields).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(userinfo(&app, token).await, 401);
        assert_eq!(records(&app).await, before + 1);
        // Again changes nothing and records nothing.
        assert_eq!(revoke(&app, &rp, &fields).await.status, 200);
        assert_eq!(records(&app).await, before + 1);
        let answer = refresh(&app, &rp, text(&given, "refresh_token")).await;
        assert_eq!(answer.status, 200);
    }
}

/// Section 2.1: a refresh token ends with everything of its grant; a rotated one as well.
#[tokio::test]
async fn a_revoked_refresh_token_ends_its_grant() {
    let app = App::start().await;
    for (new, used) in [
        (offline("stays"), false),
        (public("page"), false),
        (public("p"), true),
    ] {
        let rp = app.register(new).await;
        let given = tokens(&app, &rp, &staying()).await;
        let token = text(&given, "refresh_token");
        let next = refresh(&app, &rp, token).await.json();
        let newest = next["refresh_token"].as_str().unwrap_or(token);
        let revoked = if used { token } else { newest };
        let before = records(&app).await;
        assert_eq!(revoke(&app, &rp, &[("token", revoked)]).await.status, 200);
        assert_eq!(revoke(&app, &rp, &[("token", revoked)]).await.status, 200);
        assert_eq!(records(&app).await, before + 1);
        for tokens in [&given, &next] {
            assert_eq!(userinfo(&app, text(tokens, "access_token")).await, 401);
        }
        assert_eq!(refresh(&app, &rp, newest).await.error(), "invalid_grant");
    }
}

/// Sections 2.1 and 5: only its own client, and authenticated as at the token endpoint.
#[tokio::test]
async fn nobody_revokes_what_is_not_theirs() {
    let app = App::start().await;
    let rp = app.register(offline("stays")).await;
    let other = app.register(public("page")).await;
    let given = tokens(&app, &rp, &staying()).await;
    for name in ["access_token", "refresh_token"] {
        let token = text(&given, name);
        let answer = revoke(&app, &other, &[("token", token)]).await;
        assert_eq!(refusal(&answer), no(400, "invalid_grant"), "{name}");
        let url = format!("{}/revoke", app.issuer);
        let anonymous = Raw::of(http().post(&url).form(&[("token", token)])).await;
        assert_eq!(refusal(&anonymous), no(401, "invalid_client"));
        let mut guesser = rp.clone();
        guesser.secret = Some("a guess".to_owned());
        let answer = revoke(&app, &guesser, &[("token", token)]).await;
        assert_eq!(refusal(&answer), no(401, "invalid_client"));
        assert_eq!(Raw::of(http().get(&url)).await.status, 405);
    }
    assert_eq!(userinfo(&app, text(&given, "access_token")).await, 200);
    assert_eq!(
        refresh(&app, &rp, text(&given, "refresh_token"))
            .await
            .status,
        200
    );
    assert_eq!(records(&app).await, 0);
}

/// Section 2.2: an unknown token is as good as ended; a request of another shape is refused.
#[tokio::test]
async fn an_unknown_token_is_ended_already() {
    let app = App::start().await;
    for token in ["x", "a.b.c", &"A".repeat(43), &"A".repeat(64)] {
        assert_eq!(
            revoke(&app, &app.shop, &[("token", token)]).await.status,
            200,
            "{token}"
        );
    }
    for fields in [&[][..], &[("token", "")], &[("token", "a"), ("token", "b")]] {
        let answer = revoke(&app, &app.shop, fields).await;
        assert_eq!(refusal(&answer), no(400, "invalid_request"), "{fields:?}");
    }
    assert_eq!(records(&app).await, 0);
}

/// DESIGN.md section 3: failures are counted over all of a client's endpoints.
#[tokio::test]
async fn guessing_is_slowed_down_here_as_well() {
    let app = App::start().await;
    let mut guesser = app.shop.clone();
    guesser.secret = Some("a guess".to_owned());
    let mut told = Vec::new();
    for path in ["/token", "/revoke", "/introspect"].iter().cycle().take(12) {
        let answer = Raw::of(post(&app, &guesser, path, &[("token", "x")])).await;
        told.push(answer.status);
    }
    assert!(told[..10].iter().all(|status| *status == 401), "{told:?}");
    assert!(told.contains(&429), "{told:?}");
    assert_eq!(revoke(&app, &app.shop, &[("token", "x")]).await.status, 200);
    let metadata = app.shop.metadata().await;
    assert_eq!(
        metadata["revocation_endpoint"],
        format!("{}/revoke", app.issuer)
    );
}
