//! Starting: together, with a wrong key, and keys before they sign.

use std::time::Duration;

use numbercloak::admin::keys;
use numbercloak::clock::Clock;
use numbercloak::config;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::secret::RootKey;
use numbercloak::server::{self, Server, Start};
use numbercloak::token::lifecycle::Rotation;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{Raw, http};
use crate::support::app::{App, NUMBER};
use crate::support::database::Database;
use crate::support::process;
use crate::support::rp::Wish;

/// A server that migrates, as `serve` does.
async fn start(database: &Database, root: &RootKey) -> anyhow::Result<Server> {
    let env = [
        ("NUMBERCLOAK__DATABASE__URL", database.app_url()),
        ("NUMBERCLOAK__DATABASE__MIGRATOR_URL", database.owner_url()),
        ("NUMBERCLOAK__KEYS__ROOT_KEY", root.reveal()),
    ];
    let flags = [
        ("issuer", "http://localhost:1"),
        ("server.listen", "127.0.0.1:0"),
        ("server.management_listen", "127.0.0.1:0"),
        ("database.acquire_timeout", "20s"),
        ("database.statement_timeout", "20s"),
    ];
    let config = config::load(
        None,
        env.map(|(name, value)| (name.to_owned(), value))
            .into_iter(),
        flags
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    )
    .unwrap();
    server::start(Start {
        clock: Clock::by_hand(),
        ..Start::new(config)
    })
    .await
}

async fn kids(server: &Server) -> Vec<String> {
    let jwks = format!("http://localhost:{}/jwks", server.address.port());
    kids_at(&jwks).await
}

async fn kids_at(jwks: &str) -> Vec<String> {
    let set = Raw::of(http().get(jwks)).await.json();
    let mut kids: Vec<String> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect();
    kids.sort();
    kids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_at_once_on_an_empty_database_agree() {
    let database = Database::migrated().await;
    // Really empty: not even the schema is there.
    let mut superuser = PgConnection::connect(&database.superuser_url())
        .await
        .unwrap();
    let owner = numbercloak::embedded_postgres::OWNER_ROLE;
    let empty = format!("drop schema public cascade; create schema public authorization {owner}");
    sqlx::raw_sql(AssertSqlSafe(empty))
        .execute(&mut superuser)
        .await
        .unwrap();
    let root = RootKey::generate(Clock::system().now());
    let (a, b) = tokio::join!(start(&database, &root), start(&database, &root));
    let (a, b) = (a.unwrap(), b.unwrap());
    let published = kids(&a).await;
    assert_eq!(published, kids(&b).await);
    let expected = 2 * numbercloak::token::lifecycle::ALGS.len();
    assert_eq!(
        published.len(),
        expected,
        "active and next of each algorithm"
    );
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let there = numbercloak::store::db::MIGRATIONS.iter().count();
    assert_eq!(usize::try_from(applied).unwrap(), there);
    a.stop().await;
    // A third finds what they made.
    let c = start(&database, &root).await.unwrap();
    assert_eq!(kids(&c).await, published);
    b.stop().await;
    c.stop().await;
}

#[tokio::test]
async fn a_wrong_root_key_refuses_to_start_and_says_so() {
    let app = App::start().await;
    let before = kids(&app.server).await;
    let wrong = RootKey::generate(Clock::system().now());
    let mut command = process::command(&app.database, &wrong, &app.issuer);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("root key"), "{said}");
    assert!(said.lines().count() <= 3, "one clear message: {said}");
    assert!(!said.contains(wrong.reveal().as_str()));
    assert_eq!(kids(&app.server).await, before, "and changed nothing");
    let restarted = app.restart().await;
    restarted
        .sign_in(&mut restarted.browser(), &Wish::of(NUMBER))
        .await;
}

#[tokio::test]
async fn a_key_is_published_before_it_signs() {
    let app = App::start().await;
    let mut browser = app.browser();
    let jwks = format!("{}/jwks", app.issuer);
    let cached = kids_at(&jwks).await;
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let kid = |header: &serde_json::Value| header["kid"].as_str().unwrap().to_owned();
    assert!(cached.contains(&kid(&first.header)));

    // Too early: nobody could have fetched the next one for long enough.
    let planned = Rotation::Planned {
        min_publish: Duration::from_secs(3600),
    };
    let rotate =
        async || keys::rotate(&app.desk(), &app.state().db, SigningAlg::RS256, planned).await;
    app.clock.advance(Duration::from_secs(7200));
    let rotated = rotate().await.unwrap();
    app.state().forget("keys").await;
    let second = app
        .sign_in(&mut browser, &Wish::of(NUMBER).prompt("login"))
        .await;
    assert_eq!(kid(&second.header), rotated.active);
    assert_ne!(kid(&second.header), kid(&first.header));
    assert!(
        cached.contains(&rotated.active),
        "an old copy of the set has it"
    );
    assert!(
        kids_at(&jwks).await.contains(&kid(&first.header)),
        "old tokens still check"
    );
    assert!(rotate().await.is_err(), "the next one is too new to sign");
}
