//! A backup and its restore, as docs/operations.md describes them, with PostgreSQL's own programs.

use std::path::Path;
use std::process::Command;

use numbercloak::admin::audit::Query;
use numbercloak::clock::Clock;
use numbercloak::embedded_postgres::{
    APP_ROLE, Cluster, OWNER_ROLE, SUPERUSER, installed_program, prepare,
};
use numbercloak::secret::RootKey;

use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

const DATABASE: &str = "restored";

fn run(program: &str, arguments: &[&str]) {
    let path = installed_program(program);
    let path = path.unwrap_or_else(|| panic!("{program} is not installed"));
    let output = Command::new(path).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
}

/// Restores into an empty cluster, where not even the roles are.
async fn restore(file: &Path) -> Cluster {
    let cluster = tokio::task::spawn_blocking(|| Cluster::temporary(&[]));
    let cluster = cluster.await.unwrap().unwrap();
    let superuser = cluster.url(SUPERUSER, "postgres");
    prepare(&superuser, DATABASE).await.unwrap();
    let target = format!("--dbname={}", cluster.url(OWNER_ROLE, DATABASE));
    let arguments = [
        "--exit-on-error",
        "--single-transaction",
        &target,
        file.to_str().unwrap(),
    ];
    run("pg_restore", &arguments);
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_goes_on_where_it_was_taken() {
    let app = App::start().await;
    let mut browser = app.browser();
    let before = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let told = app.audit(Query::default()).await;
    let told: Vec<_> = told
        .into_iter()
        .map(|record| (record.id, record.body))
        .collect();
    assert!(told.len() > 4, "{told:?}");

    let file = std::env::temp_dir().join(format!(
        "numbercloak-{}.dump",
        RootKey::generate(app.clock.now()).id
    ));
    let output = format!("--file={}", file.display());
    run(
        "pg_dump",
        &["--format=custom", &output, &app.database.owner_url()],
    );
    let cluster = restore(&file).await;
    std::fs::remove_file(&file).unwrap();
    let url = cluster.url(APP_ROLE, DATABASE);
    let root = app.database.root().clone();
    let app = app.restart_on(&url, &root).await.unwrap();

    let (status, claims) = app.shop.userinfo(&before.access_token).await;
    assert_eq!((status, &claims["phone_number"]), (200, &NUMBER.into()));
    let again = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let again = app.redeem(&browser, &again).await;
    assert_eq!(again.claims["sub"], before.claims["sub"]);
    let listed = app.audit(Query::default()).await;
    for (id, body) in &told {
        let kept = listed.iter().find(|record| record.id == *id);
        assert_eq!(kept.map(|record| &record.body), Some(body), "{id}");
    }
    assert!(listed.len() > told.len(), "the second login is there, too");

    let other = RootKey::generate(Clock::system().now());
    let refused = app.restart_on(&url, &other).await.err().unwrap();
    assert!(format!("{refused:#}").contains("root key"), "{refused:#}");
}
