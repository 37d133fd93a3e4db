//! A database restored from an older backup, under a server that was stopped and under one that runs.

use numbercloak::ledger::verify::What;

use super::tampering::{bring_back, keep};
use super::{Against, found, latest, run, sealed_of, sealing_stops, superuser, verify};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

/// A file of one test.
pub(super) fn file(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("numbercloak-{}-{name}", std::process::id()))
}

#[tokio::test]
async fn a_restore_that_lost_sealed_records_begins_a_log_that_names_the_old_checkpoint() {
    let path = file("restore");
    let app = App::builder()
        .config("checkpoints.file", path.to_str().unwrap())
        .start()
        .await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let mut superuser = superuser(&app.database).await;
    keep(&mut superuser, "backup").await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    // The place outside has it, too.
    app.clock.advance(std::time::Duration::from_secs(61));
    app.sealed().await;
    let lost = latest(&app.database).await;
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with(&lost.text())
    );

    // The backup is played back, and no server that remembers more seals again.
    let stopped = sealing_stops(&app).await;
    bring_back(&mut superuser, "backup").await;
    let app = app.restart().await;
    drop(stopped);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;

    let started = sealed_of(&app.database, "AUDIT_LOG_STARTED").await;
    assert_eq!(started.len(), 2);
    assert_eq!(started[1]["reason"], "records_lost");
    let previous = &started[1]["previous"];
    assert_eq!(previous["origin"], lost.origin.as_str());
    assert!(
        previous["checkpoint"]
            .as_str()
            .unwrap()
            .starts_with(&lost.text())
    );
    assert!(previous["size"].as_u64().unwrap() < lost.size);

    let report = verify(&app.database, Against::default()).await;
    assert!(
        found(&report).contains(&What::LogLost),
        "{:?}",
        report.findings
    );
    assert_eq!(report.logs.len(), 2);
    let known = Against {
        known_losses: vec![lost.origin.clone()],
        ..Against::default()
    };
    let report = verify(&app.database, known).await;
    assert!(!found(&report).contains(&What::LogLost));
    assert!(report.notes.iter().any(|note| note.contains(&lost.origin)));
    let with = Against {
        outside: vec![lost.clone()],
        ..Against::default()
    };
    assert!(found(&verify(&app.database, with).await).contains(&What::Shortened));
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_restore_under_a_running_server_is_noticed_by_its_memory() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let mut superuser = superuser(&app.database).await;
    keep(&mut superuser, "backup").await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let lost = latest(&app.database).await;
    run(&mut superuser, "begin").await;
    bring_back(&mut superuser, "backup").await;
    run(&mut superuser, "commit").await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let started = sealed_of(&app.database, "AUDIT_LOG_STARTED").await;
    assert_eq!(started.len(), 2);
    let previous = &started[1]["previous"];
    assert_eq!(started[1]["reason"], "records_lost");
    assert_eq!(previous["origin"], lost.origin.as_str());
    let kinds = found(&verify(&app.database, Against::default()).await);
    assert!(kinds.contains(&What::LogLost), "{kinds:?}");
}

#[tokio::test]
async fn a_head_or_tree_that_somebody_wrote_is_not_continued() {
    for change in [
        "update logs set root = sha256(root)",
        "update logs set size = size + 1",
        "update log_tiles set hashes = set_byte(hashes, 3, (get_byte(hashes, 3) + 1) % 256)",
        "delete from log_tiles",
    ] {
        let app = App::start().await;
        app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
        app.sealed().await;
        let before = latest(&app.database).await;
        run(&mut superuser(&app.database).await, change).await;
        app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
        app.sealed().await;
        let started = sealed_of(&app.database, "AUDIT_LOG_STARTED").await;
        assert_eq!(started.len(), 2, "{change}");
        assert_eq!(started[1]["previous"]["origin"], before.origin.as_str());
        let report = verify(&app.database, Against::default()).await;
        let kinds = found(&report);
        assert!(kinds.contains(&What::LogLost), "{change}: {kinds:?}");
        assert_ne!(latest(&app.database).await.origin, before.origin);
    }
}
