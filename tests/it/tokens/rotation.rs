//! Rotation and family revocation (RFC 9700 section 4.14.2), for public clients only.

use tokio::task::JoinSet;

use super::{
    at, code, no, post, public, redeeming, refresh, refreshing, refusal, staying, text, tokens,
    userinfo,
};
use crate::support::app::App;
use crate::support::wire::{Raw, count};

/// P6, RFC 9700 section 4.14.2: a rotated token works once, and its second use ends the family.
#[tokio::test]
async fn a_used_refresh_token_ends_its_family() {
    let app = App::start().await;
    let rp = app.register(public("page")).await;
    let first = tokens(&app, &rp, &staying()).await;
    let second = refresh(&app, &rp, text(&first, "refresh_token"))
        .await
        .json();
    let third = refresh(&app, &rp, text(&second, "refresh_token"))
        .await
        .json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(userinfo(&app, text(&third, "access_token")).await, 200);
    let answer = refresh(&app, &rp, text(&first, "refresh_token")).await;
    assert_eq!(refusal(&answer), no(400, "invalid_grant"));
    // Nothing of the family is left, whoever holds it.
    let answer = refresh(&app, &rp, text(&third, "refresh_token")).await;
    assert_eq!(refusal(&answer), no(400, "invalid_grant"));
    for tokens in [&first, &second, &third] {
        assert_eq!(userinfo(&app, text(tokens, "access_token")).await, 401);
    }
    let login = app.only_login().await;
    let records = app.records(login).await;
    let told: Vec<(&str, Option<bool>)> = records
        .iter()
        .map(|record| (text(&record.body, "type"), record.body["revoked"].as_bool()))
        .filter(|(kind, _)| kind.starts_with("REFRESH"))
        .collect();
    assert_eq!(
        told.iter().filter(|one| one.1 == Some(true)).count(),
        1,
        "{told:?}"
    );
    assert_eq!(told.len(), 4, "{told:?}");
    // Another sign-in of the same person is another family.
    let again = tokens(&app, &rp, &staying()).await;
    assert_eq!(
        refresh(&app, &rp, text(&again, "refresh_token"))
            .await
            .status,
        200
    );
}

/// P6: over two replicas, in one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_uses_of_one_rotating_token_give_one_success() {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let rp = app.register(public("page")).await;
    let given = tokens(&app, &rp, &staying()).await;
    let token = text(&given, "refresh_token");
    let mut tasks = JoinSet::new();
    for i in 0..50 {
        let port = [app.server.address.port(), replica.address.port()][i % 2];
        let base = format!("http://localhost:{port}");
        tasks.spawn(Raw::of(at(&base, &rp, "/token", &refreshing(token))));
    }
    let answers = tasks.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(refusal(answer), no(400, "invalid_grant"), "{}", answer.body);
    }
    // Somebody had it twice: what the one success gave is over, too.
    let won = won[0].json();
    assert_eq!(userinfo(&app, text(&won, "access_token")).await, 401);
    let answer = refresh(&app, &rp, text(&won, "refresh_token")).await;
    assert_eq!(refusal(&answer), no(400, "invalid_grant"));
    assert_eq!(count(&app, "grants where ended_at is not null").await, 1);
    assert_eq!(count(&app, "refresh_tokens").await, 2);
    let ended = "audit_records where type = 'REFRESH_TOKEN_ERROR' \
        and convert_from(body, 'UTF8') like '%\"revoked\":true%'";
    assert_eq!(count(&app, ended).await, 1);
    replica.stop().await;
}

/// RFC 6749 section 4.1.2, conformance suite `oidcc-codereuse-30seconds`: at any time, also when the
/// code is long expired, a replay ends all that came of it.
#[tokio::test]
async fn a_code_s_replay_ends_what_came_of_it_days_later() {
    let app = App::start().await;
    for new in [super::offline("stays"), public("page")] {
        let rp = app.register(new).await;
        let (departure, code) = code(&app, &rp, &staying()).await;
        let fields = redeeming(&rp, &departure, &code);
        let given = Raw::of(post(&app, &rp, "/token", &fields)).await.json();
        app.clock
            .advance(std::time::Duration::from_secs(5 * 86_400));
        let before = app.clock.now() - chrono::TimeDelta::days(1);
        numbercloak::store::grants::purge(app.state().db.relaxed(), before, 1000)
            .await
            .unwrap();
        let given = refresh(&app, &rp, text(&given, "refresh_token"))
            .await
            .json();
        let access = text(&given, "access_token");
        assert_eq!(userinfo(&app, access).await, 200);
        let answer = Raw::of(post(&app, &rp, "/token", &fields)).await;
        assert_eq!(refusal(&answer), no(400, "invalid_grant"));
        assert_eq!(userinfo(&app, access).await, 401);
        if let Some(token) = given["refresh_token"].as_str() {
            assert_eq!(refresh(&app, &rp, token).await.error(), "invalid_grant");
        }
    }
}

/// What is over for a day is deleted, and no earlier.
#[tokio::test]
async fn what_is_over_for_a_day_is_swept_away() {
    let app = App::builder()
        .config("lifetimes.refresh_grant", "2h")
        .start()
        .await;
    let rp = app.register(public("page")).await;
    let key = crate::support::dpop::ProofKey::new(&app.clock);
    let given = tokens(&app, &rp, &staying()).await;
    let proof = key.proof("POST", &format!("{}/token", app.issuer), None);
    let fields = refreshing(text(&given, "refresh_token"));
    let answer = Raw::of(post(&app, &rp, "/token", &fields).header("dpop", proof)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let tables = [
        "codes",
        "access_tokens",
        "refresh_tokens",
        "grants",
        "dpop_proofs",
    ];
    let rows = async || {
        let mut rows = Vec::new();
        for table in tables {
            rows.push(count(&app, table).await);
        }
        rows
    };
    let purge = async || {
        let before = app.clock.now() - chrono::TimeDelta::days(1);
        let db = app.state().db.relaxed();
        numbercloak::store::grants::purge(db, before, 1000)
            .await
            .unwrap()
    };
    purge().await;
    assert_eq!(rows().await, [1, 2, 2, 1, 1]);
    app.clock
        .advance(std::time::Duration::from_secs(86_400 + 3600));
    purge().await;
    assert_eq!(rows().await, [1, 0, 2, 1, 0]);
    // A grant is kept as long as a session needs it: a day, unless the server's sweeper has ended it by then.
    app.clock.advance(std::time::Duration::from_secs(26 * 3600));
    purge().await;
    assert_eq!(rows().await, [0, 0, 0, 0, 0]);
}
