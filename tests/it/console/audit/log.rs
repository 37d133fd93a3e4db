//! How the log stands, and legal holds.

use super::{App, Role, audited, signed_in, text};

#[tokio::test]
async fn the_log_tells_its_last_checkpoint_and_who_outside_has_it() {
    let name = numbercloak::secret::b64(&numbercloak::secret::random::<12>());
    let folder = std::env::temp_dir().join(format!("nc-log-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("checkpoint");
    let app = App::builder()
        .config("checkpoints.file", file.to_str().unwrap())
        .start()
        .await;
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    app.sealed().await;
    auditor.follow("/admin/audit/log").await;
    let told = text(&auditor).to_owned();
    let checkpoint = std::fs::read_to_string(&file).unwrap();
    let origin = checkpoint.lines().next().unwrap();
    assert!(told.contains(origin), "{told}");
    for fact in [
        "covers",
        "Leaves",
        "numbercloak audit verify",
        "396 days",
        "90 days",
        "None was raised",
    ] {
        assert!(told.contains(fact), "{fact}: {told}");
    }
    assert!(told.contains("file"), "{told}");
    assert!(!told.contains("trouble"), "{told}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn holds_are_placed_and_released_by_owners_and_auditors_with_a_reason() {
    let (app, mut auditor) = audited().await;
    auditor.follow("/admin/audit/log").await;
    let span = [("from", "2026-03-01T00:00"), ("until", "2026-04-01T00:00")];
    auditor
        .press_with(
            "Place the hold",
            &[&span[..], &[("reason", "case 4711")]].concat(),
        )
        .await;
    assert!(
        text(&auditor).contains("case 4711 auditor@example.com in place"),
        "{}",
        text(&auditor)
    );
    auditor.press_with("Release", &[("reason", " ")]).await;
    assert_eq!(auditor.page().status, 400);
    auditor.follow("/admin/audit/log").await;
    auditor
        .press_with("Release", &[("reason", "settled")])
        .await;
    assert!(text(&auditor).contains("released by auditor@example.com"));
    for (from, until) in [
        ("2026-04-01T00:00", "2026-03-01T00:00"),
        ("x", "y"),
        ("", ""),
    ] {
        auditor.follow("/admin/audit/log").await;
        let fields = [("from", from), ("until", until), ("reason", "x")];
        auditor.press_with("Place the hold", &fields).await;
        assert_eq!(auditor.page().status, 400, "{from}");
    }
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    admin.follow("/admin/audit/log").await;
    assert!(text(&admin).contains("settled") || text(&admin).contains("released by"));
    assert!(!admin.page().source.contains("/admin/audit/log/hold"));
}
