//! Records leave as files that the server writes by itself.

use std::time::Duration;

use numbercloak::secret::sha256;

use super::wait_for_the_next_code;
use super::{App, Browser, NUMBER, PASSWORD, Role, audited, has_link, link, signed_in, text};

/// Looks until the newest export has ended.
async fn ended(app: &App, browser: &mut Browser) {
    crate::support::wire::no_export_runs(app).await;
    browser.follow("/admin/audit/exports").await;
}

#[tokio::test]
async fn what_was_found_is_exported_and_the_file_is_the_one_that_was_hashed() {
    let (app, mut auditor) = audited().await;
    app.clock.advance(Duration::from_secs(1));
    auditor.follow("/admin/audit").await;
    auditor
        .press_with("Search", &[("number", NUMBER), ("client", "shop")])
        .await;
    auditor
        .follow(&link(&auditor, "Export what is found"))
        .await;
    assert!(text(&auditor).contains("App: shop"));
    auditor
        .press_with("Begin the export", &[("format", "csv")])
        .await;
    assert_eq!(auditor.page().url.path(), "/admin/audit/exports");
    assert!(text(&auditor).contains("The export runs."));
    ended(&app, &mut auditor).await;
    assert!(text(&auditor).contains("done"), "{}", text(&auditor));
    assert!(
        text(&auditor).contains("App: shop, Number: given"),
        "{}",
        text(&auditor)
    );
    let page = text(&auditor).to_owned();
    app.sealed().await;
    let mut other = auditor.clone();
    other.follow(&link(&auditor, "Its signed manifest")).await;
    let manifest = other.page().source.clone();
    auditor.follow(&link(&auditor, "Fetch the file")).await;
    let answer = auditor.page();
    let file = answer.source.clone();
    let hash: String = sha256(file.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert!(page.contains(&hash), "{page}");
    assert!(manifest.contains(&hash), "{manifest}");
    let headers = &answer.headers;
    assert!(
        headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(
        headers["repr-digest"]
            .to_str()
            .unwrap()
            .starts_with("sha-256=:")
    );
    assert!(file.contains("NUMBER_VERIFIED") && !file.contains("NUMBER_NOT_VERIFIED"));
    assert!(!file.contains(&NUMBER[1..]));
    let mut acts = Vec::new();
    for action in ["begin", "end", "fetch"] {
        acts.extend(super::super::acts(&app, action).await);
    }
    assert_eq!(acts.len(), 3);
    assert!(acts.iter().all(|act| act["actor"] == "auditor@example.com"));
    // A day later the file is gone, and what it was is not.
    app.clock.advance(Duration::from_secs(25 * 3600));
    numbercloak::admin::export_files::purge(&app.desk())
        .await
        .unwrap();
    let left = crate::support::wire::count(&app, "record_export_parts").await;
    assert_eq!(left, 0);
    let exports = numbercloak::admin::exports::list(&app.desk(), 1)
        .await
        .unwrap();
    assert_eq!(exports[0].state, "done");
}

#[tokio::test]
async fn more_than_a_piece_is_kept_in_order() {
    let (app, mut auditor) = audited().await;
    let mut owner = app.database.owner().await;
    sqlx::query(
        "insert into audit_records (id, at, type, client_id, body, mac, mac_key_id)
        select (left(uuid_floor(at)::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, at, 'LOGIN', 'many',
            convert_to('{\"n\":' || n || ',\"pad\":\"' || repeat('x', 400) || '\"}', 'UTF8'), '', 'k'
        from (select n, now() - make_interval(secs => 60 + n / 10) as at from generate_series(1, 3500) n) m",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    auditor.follow("/admin/audit?client=many").await;
    auditor
        .follow(&link(&auditor, "Export what is found"))
        .await;
    auditor
        .press_with("Begin the export", &[("format", "jsonl")])
        .await;
    ended(&app, &mut auditor).await;
    assert!(crate::support::wire::count(&app, "record_export_parts").await > 2);
    assert!(
        text(&auditor).contains("Records 3500"),
        "{}",
        text(&auditor)
    );
    auditor.follow(&link(&auditor, "Fetch the file")).await;
    assert_eq!(auditor.page().source.lines().count(), 3500);
}

#[tokio::test]
async fn an_export_asks_for_proof_and_keeps_its_filter_over_it() {
    let (app, _) = audited().await;
    let (mut owner, account) = signed_in(&app, Role::Owner).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    owner.follow("/admin/audit?outcome=mismatch").await;
    owner.follow(&link(&owner, "Export what is found")).await;
    owner
        .follow(&link(&owner, "Confirm that it is you to export"))
        .await;
    wait_for_the_next_code(&app);
    let code = account.code(&app);
    owner
        .press_with("Confirm", &[("password", PASSWORD), ("code", &code)])
        .await;
    assert!(text(&owner).contains("Outcome: mismatch"));
    owner
        .press_with("Begin the export", &[("format", "xlsx")])
        .await;
    assert_eq!(owner.page().status, 400);
    for bad in ["none", "_w", "Y2xlaW50PXg"] {
        owner
            .follow(&format!("/admin/audit/exports/new/{bad}"))
            .await;
        assert!([400, 404].contains(&owner.page().status.as_u16()), "{bad}");
    }
}

#[tokio::test]
async fn a_running_export_is_stopped_and_one_without_its_server_is_given_up() {
    let (app, mut auditor) = audited().await;
    let insert = |id: &str, at: &str| {
        format!(
            "insert into record_exports
                (id, format, filters, requested_by, requested_at, state, target, percent, written, bytes, changed_at)
            values ('{id}', 'csv', '{{}}', 'ann@example.com', {at}, 'running', 'download', 40, 4000, 100000, {at})"
        )
    };
    let now = format!("'{}'::timestamptz", app.clock.now().to_rfc3339());
    let one = "019aaaaa-0000-7000-8000-000000000001";
    crate::support::wire::tamper(&app, &insert(one, &now)).await;
    auditor.follow("/admin/audit/exports").await;
    assert!(text(&auditor).contains("40 %"));
    auditor.press("Stop it").await;
    assert!(text(&auditor).contains("It stops at its next page."));
    assert!(!has_link(&auditor, "Fetch the file"));
    auditor
        .follow(&format!("/admin/audit/exports/{one}/file"))
        .await;
    assert_eq!(auditor.page().status, 404);
    app.clock.advance(Duration::from_secs(10 * 60));
    auditor.follow("/admin/audit/exports").await;
    assert!(text(&auditor).contains("lost its server"));
    numbercloak::admin::export_files::purge(&app.desk())
        .await
        .unwrap();
    auditor.follow("/admin/audit/exports").await;
    assert!(text(&auditor).contains("the server that wrote it went away"));
    // Only three at once.
    app.clock.advance(Duration::from_secs(1));
    let now = format!("'{}'::timestamptz", app.clock.now().to_rfc3339());
    for n in 2..5 {
        let id = format!("019aaaaa-0000-7000-8000-00000000000{n}");
        crate::support::wire::tamper(&app, &insert(&id, &now)).await;
    }
    let query = numbercloak::admin::audit::Query::default();
    let format = numbercloak::admin::exports::Format::Csv;
    let refused =
        numbercloak::admin::export_files::start(&app.desk(), &app.clock, query, format).await;
    assert!(refused.is_err());
}
