//! Records are found by every filter, page by page in both directions, and nothing hostile gets through.

use super::{App, NUMBER, Role, signed_in};
use super::{MISMATCHED, audited, has_link, link, rows, text};

#[tokio::test]
async fn every_filter_stands_in_the_address_and_goes_by_its_chip() {
    let (app, mut auditor) = audited().await;
    auditor.follow("/admin/audit").await;
    assert!(rows(&auditor).contains("The operator confirmed the number"));
    let fields = [
        ("client", "shop"),
        ("operator", "simulator"),
        ("outcome", "mismatch"),
        ("type", "NUMBER_NOT_VERIFIED"),
        ("since", "24h"),
    ];
    auditor.press_with("Search", &fields).await;
    let address = auditor.page().url.query().unwrap().to_owned();
    for part in [
        "client=shop",
        "operator=simulator",
        "outcome=mismatch",
        "type=NUMBER_NOT_VERIFIED",
        "since=24h",
    ] {
        assert!(address.contains(part), "{address}");
    }
    assert!(rows(&auditor).contains("The operator did not confirm the number"));
    assert!(!rows(&auditor).contains("The operator confirmed the number"));
    // Without its chip a filter is gone and the others stay.
    let without = link(&auditor, "Outcome: mismatch");
    assert!(!without.contains("outcome=") && without.contains("operator=simulator"));
    auditor
        .follow("/admin/audit?outcome=sim_swapped&client=shop")
        .await;
    assert!(text(&auditor).contains("Nothing fits all 2 filters"));
    auditor
        .follow("/admin/audit?actor=console&type=ADMIN_EVENT")
        .await;
    assert!(rows(&auditor).contains("set up"), "{}", text(&auditor));
    drop(app);
}

#[tokio::test]
async fn a_number_is_found_by_typing_it_and_stands_in_no_address() {
    let (app, mut auditor) = audited().await;
    auditor.follow("/admin/audit").await;
    auditor
        .press_with("Search", &[("number", MISMATCHED)])
        .await;
    assert_eq!(auditor.page().status, 200);
    let address = auditor.page().url.as_str().to_owned();
    assert!(address.contains("number=") && !address.contains("990700001"));
    let source = &auditor.page().source;
    assert!(!source.contains("990700001") && !source.contains("700001"));
    assert!(text(&auditor).contains("+990 •••001"));
    assert!(rows(&auditor).contains("The operator did not confirm the number"));
    assert!(!rows(&auditor).contains("The operator confirmed the number"));
    // The filter stays while another is added.
    let more = [("type", "LOGIN_STARTED")];
    auditor.press_with("Search", &more).await;
    assert!(has_link(&auditor, "Number: +990 •••001"));
    assert!(has_link(&auditor, "Event: login started"));
    // Each page that somebody saw of it is on record, by name.
    let acts = super::super::acts(&app, "search").await;
    assert_eq!(acts.len(), 2);
    assert!(acts.iter().all(|act| act["actor"] == "auditor@example.com"));
    // Nor is what cannot be one told back.
    auditor.press_with("Search", &[("number", "12")]).await;
    assert_eq!(auditor.page().status, 422);
    assert!(text(&auditor).contains("This is no phone number"));
}

#[tokio::test]
async fn a_login_is_found_by_its_reference_and_by_the_network_it_began_from() {
    let (app, mut auditor) = audited().await;
    let login = app.logins().await[0];
    let digits = login.simple().to_string();
    let reference = format!("{}-{}", &digits[24..28], &digits[28..]);
    auditor.follow("/admin/audit").await;
    auditor
        .press_with("Search", &[("reference", &reference)])
        .await;
    assert!(rows(&auditor).contains("The app asked for a sign-in"));
    app.clock.advance(std::time::Duration::from_secs(600));
    app.index_records().await;
    auditor.follow("/admin/audit").await;
    auditor
        .press_with("Search", &[("network", "127.0.0.1")])
        .await;
    let address = auditor.page().url.as_str();
    assert!(
        !address.contains("127.0.0.1%2F") && !address.contains("network=127"),
        "{address}"
    );
    assert!(
        rows(&auditor).contains("The app asked for a sign-in"),
        "{}",
        text(&auditor)
    );
    assert!(has_link(&auditor, "Network: 127.0.0.1/32"));
    auditor.follow("/admin/audit").await;
    auditor
        .press_with("Search", &[("network", "127.0.0.0/25")])
        .await;
    assert_eq!(auditor.page().status, 422);
}

#[tokio::test]
async fn pages_go_both_ways_and_one_can_jump_to_a_time() {
    let (app, mut auditor) = audited().await;
    seed(&app, 120).await;
    let numbers = |text: &str| -> Vec<u32> {
        let words = text.split_whitespace();
        words
            .filter_map(|word| word.strip_prefix("many-")?.parse().ok())
            .collect()
    };
    let open = "/admin/audit?type=LOGIN&since=2026-01-01&until=2026-01-02";
    auditor.follow(open).await;
    let first = numbers(text(&auditor));
    assert_eq!(first, (71..=120).rev().collect::<Vec<_>>());
    assert!(!has_link(&auditor, "Newer"));
    auditor.follow(&link(&auditor, "Older")).await;
    assert_eq!(numbers(text(&auditor)), (21..=70).rev().collect::<Vec<_>>());
    auditor.follow(&link(&auditor, "Older")).await;
    assert_eq!(numbers(text(&auditor)), (1..=20).rev().collect::<Vec<_>>());
    assert!(!has_link(&auditor, "Older"));
    auditor.follow(&link(&auditor, "Newer")).await;
    assert_eq!(numbers(text(&auditor)), (21..=70).rev().collect::<Vec<_>>());
    auditor.follow(&link(&auditor, "Newer")).await;
    assert_eq!(numbers(text(&auditor)), first);
    assert!(!has_link(&auditor, "Newer"));
    auditor
        .follow(&format!("{open}&at=2026-01-01T00:00:30"))
        .await;
    assert_eq!(numbers(text(&auditor))[0], 30);
    assert!(has_link(&auditor, "Newer"));
}

/// So many records, a second apart, each with an app of its own.
async fn seed(app: &App, many: i32) {
    let mut owner = app.database.owner().await;
    sqlx::query(
        "insert into audit_records (id, at, type, client_id, body, mac, mac_key_id)
        select (left(uuid_floor(at)::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, at, 'LOGIN', 'many-' || n,
            convert_to(jsonb_build_object('type', 'LOGIN', 'at', to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                'client_id', 'many-' || n)::text, 'UTF8'), '', 'k'
        from (
            select n, timestamptz '2026-01-01 00:00:00Z' + make_interval(secs => n) as at
            from generate_series(1, $1) n
        ) m",
    )
    .bind(many)
    .execute(&mut owner)
    .await
    .unwrap();
}

#[tokio::test]
async fn hostile_addresses_are_refused_and_show_nothing() {
    let (_app, mut auditor) = audited().await;
    let long = format!("client={}", "x".repeat(5000));
    for query in [
        "client=a&client=b",
        "cleint=shop",
        "outcome=verified'--",
        "number=%2B990700000",
        "number=AAAAAAAA",
        "login=../../etc",
        "since=yesterday",
        "since=9999999d",
        "before=1",
        "after=%27",
        "at=12345-01-01",
        "reference=%3Cscript%3E",
        long.as_str(),
    ] {
        auditor.follow(&format!("/admin/audit?{query}")).await;
        assert_eq!(auditor.page().status, 422, "{query}");
        assert!(!auditor.page().source.contains("<script>"), "{query}");
        assert_eq!(rows(&auditor), "", "{query}");
    }
    // What is only text finds nothing, and is shown as text.
    for query in [
        "client=%27%20or%201%3D1--",
        "actor=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
        "type=%25",
        "operator=%5C",
    ] {
        auditor.follow(&format!("/admin/audit?{query}")).await;
        assert_eq!(auditor.page().status, 200, "{query}");
        assert!(
            text(&auditor).contains("Nothing fits this filter"),
            "{query}"
        );
        assert!(!auditor.page().source.contains("<img"), "{query}");
    }
    auditor.follow("/admin/audit?client=%00").await;
    assert_eq!(auditor.page().status, 400);
}

#[tokio::test]
async fn a_record_that_nobody_of_us_wrote_is_shown_as_not_authentic() {
    let (app, mut auditor) = audited().await;
    seed(&app, 1).await;
    auditor.follow("/admin/audit?client=many-1").await;
    assert!(rows(&auditor).contains("not authentic"));
}

#[tokio::test]
async fn a_search_is_saved_without_what_is_personal_in_it_and_removed() {
    let (app, mut auditor) = audited().await;
    auditor.follow("/admin/audit").await;
    let fields = [("number", NUMBER), ("outcome", "mismatch"), ("since", "7d")];
    auditor.press_with("Search", &fields).await;
    auditor.follow(&link(&auditor, "Save as a view")).await;
    assert!(text(&auditor).contains("is not saved"));
    auditor.press_with("Save", &[("name", "Other SIMs")]).await;
    assert_eq!(auditor.title(), "Saved views");
    let saved = link(&auditor, "Other SIMs");
    assert_eq!(saved, "/admin/audit?outcome=mismatch&since=7d");
    auditor.follow(&saved).await;
    assert!(rows(&auditor).contains("The operator did not confirm the number"));
    // Somebody else has none of it, and cannot remove it.
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    admin.follow("/admin/audit/views").await;
    assert!(!text(&admin).contains("Other SIMs"));
    auditor.follow("/admin/audit/views").await;
    let view = auditor.form("/admin/audit/views/remove");
    let (_, id) = view.fields.iter().find(|(name, _)| name == "view").unwrap();
    admin.follow("/admin/audit").await;
    let csrf = admin.form("/admin/audit").fields[0].1.clone();
    let mut theirs = view.clone();
    theirs.fields = vec![("csrf".to_owned(), csrf), ("view".to_owned(), id.clone())];
    admin.send(&theirs, None, &[]).await;
    assert_eq!(admin.page().status, 404);
    auditor.press("Remove Other SIMs").await;
    assert!(!text(&auditor).contains("Other SIMs"));
}

#[tokio::test]
async fn support_finds_one_login_by_what_its_person_reads_and_nothing_else() {
    let (app, _) = audited().await;
    let login = app.logins().await[0];
    let digits = login.simple().to_string();
    let reference = format!("{}-{}", &digits[24..28], &digits[28..]);
    let (mut support, _) = signed_in(&app, Role::Support).await;
    support.follow("/admin/find").await;
    support
        .press_with("Find", &[("reference", "0000-0000")])
        .await;
    assert_eq!(support.page().status, 422);
    support
        .press_with("Find", &[("reference", &reference)])
        .await;
    assert_eq!(
        support.page().url.path(),
        format!("/admin/audit/logins/{login}")
    );
    assert!(!has_link(&support, "Record and proof"));
    assert!(!has_link(&support, "Same number"));
    for page in [
        "/admin/audit",
        "/admin/audit/charts",
        "/admin/audit/exports",
    ] {
        support.follow(page).await;
        assert_eq!(support.page().status, 403, "{page}");
    }
}

#[tokio::test]
async fn pages_take_fewer_than_five_statements() {
    let app = App::builder().counting().start().await;
    app.sign_in(&mut app.browser(), &crate::support::rp::Wish::of(NUMBER))
        .await;
    let login = app.only_login().await;
    let record = app.records(login).await[0].id;
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    for page in [
        "/admin/audit".to_owned(),
        "/admin/audit?client=shop&outcome=verified".to_owned(),
        "/admin/audit/views".to_owned(),
        format!("/admin/audit/logins/{login}"),
        format!("/admin/audit/records/{record}"),
        "/admin/audit/charts?span=30d".to_owned(),
        "/admin/audit/exports".to_owned(),
        "/admin/audit/exports/new/all".to_owned(),
        "/admin/audit/log".to_owned(),
    ] {
        auditor.follow(&page).await;
        assert_eq!(auditor.page().status, 200, "{page}");
        let statements = app.statements.as_ref().unwrap();
        let before = statements.sent().len();
        auditor.follow(&page).await;
        let all = statements.sent();
        let heads: Vec<_> = all[before..]
            .iter()
            .map(|one| one.sql.chars().take(60).collect::<String>())
            .collect();
        assert!(heads.len() < 5, "{page}: {heads:#?}");
    }
}
