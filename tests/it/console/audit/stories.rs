//! One login, told step by step, and the proof that its records are in the log.

use serde_json::Value;

use super::{App, NUMBER, Role, Wish, audited, has_link, link, rows, signed_in, text};

#[tokio::test]
async fn the_story_of_a_login_tells_what_was_asked_found_out_and_received() {
    let (app, mut auditor) = audited().await;
    let login = app.logins().await[0];
    auditor
        .follow(&format!("/admin/audit/logins/{login}"))
        .await;
    let told = text(&auditor);
    let places: Vec<usize> = [
        "The app asked for a sign-in",
        "The browser was sent to the operator",
        "The operator confirmed the number",
        "The sign-in ended with a code for the app",
        "The app exchanged the code for tokens",
    ]
    .iter()
    .map(|says| {
        let (_, steps) = told.split_once("Step by step").unwrap();
        steps.find(says).unwrap_or_else(|| panic!("{says}: {told}"))
    })
    .collect();
    assert!(places.is_sorted(), "{places:?}");
    for fact in [
        "+0 ms",
        "Asked for openid",
        "Answered at http",
        "Chosen by rule",
        "Asked how verify",
        "Correlator sent",
        "Verification call",
        "Token call",
        "Revision of the operator's record 1",
        "Software version",
        "Subject (sub)",
        "+990 •••",
    ] {
        assert!(told.contains(fact), "{fact}: {told}");
    }
    assert!(!auditor.page().source.contains(&NUMBER[1..]));
    let other = app.logins().await[1];
    auditor
        .follow(&format!("/admin/audit/logins/{other}"))
        .await;
    assert!(text(&auditor).contains("mismatch"));
    // The same number's records, without the number in the address.
    auditor.follow(&link(&auditor, "Same number")).await;
    assert!(rows(&auditor).contains("The operator did not confirm the number"));
    auditor
        .follow(&format!("/admin/audit/logins/{other}"))
        .await;
    auditor
        .follow(&link(&auditor, "Same app, 10 minutes around"))
        .await;
    assert!(rows(&auditor).contains("The operator confirmed the number"));
    for nothing in ["019aaaaa-0000-7000-8000-000000000000", "none", "%00"] {
        let page = format!("/admin/audit/logins/{nothing}");
        auditor.follow(&page).await;
        assert!(
            [400, 404].contains(&auditor.page().status.as_u16()),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_record_tells_whether_it_is_sealed_and_hands_out_its_proof() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let login = app.only_login().await;
    app.sealed().await;
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    auditor
        .follow(&format!("/admin/audit/logins/{login}"))
        .await;
    assert!(text(&auditor).contains("records are sealed under a checkpoint"));
    let records = app.records(login).await;
    let verified = records
        .iter()
        .find(|record| record.body["type"] == "NUMBER_VERIFIED")
        .unwrap();
    auditor
        .follow(&format!("/admin/audit/records/{}", verified.id))
        .await;
    assert!(text(&auditor).contains("sealed, under a signed checkpoint"));
    let command = format!("-proof proof-{}.json", verified.id);
    assert!(text(&auditor).contains(&command));
    auditor.follow(&link(&auditor, "Fetch the proof")).await;
    let proof: Value = serde_json::from_str(&auditor.page().source).unwrap();
    let body: Value = serde_json::from_str(proof["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["id"], verified.id.to_string());
    assert!(
        proof["checkpoint"]
            .as_str()
            .unwrap()
            .contains(proof["origin"].as_str().unwrap())
    );
    assert!(proof["key"].as_str().is_some_and(|key| !key.is_empty()));
    let leaf = proof["leaf"].as_u64().unwrap();
    auditor
        .follow(&format!("/admin/audit/records/{}", verified.id))
        .await;
    assert!(
        text(&auditor).contains(&format!("Leaf {leaf} of")),
        "{}",
        text(&auditor)
    );
}

#[tokio::test]
async fn a_record_that_is_not_sealed_yet_has_no_proof() {
    let (app, mut auditor) = audited().await;
    let mut owner = app.database.owner().await;
    let record: uuid::Uuid = sqlx::query_scalar(
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
        select uuid_floor(timestamptz '2026-01-01'), '2026-01-01', 'LOGOUT',
            convert_to('{\"type\":\"LOGOUT\"}', 'UTF8'), '', 'k'
        returning id",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    auditor
        .follow(&format!("/admin/audit/records/{record}"))
        .await;
    assert!(text(&auditor).contains("not yet sealed"));
    assert!(text(&auditor).contains("does not carry our MAC"));
    assert!(!has_link(&auditor, "Fetch the proof"));
    auditor
        .follow(&format!("/admin/audit/records/{record}/proof"))
        .await;
    assert_eq!(auditor.page().status, 400);
}
