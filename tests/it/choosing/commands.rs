//! What staff set on the command line decides the next login.

use numbercloak::admin::audit::Query;
use serde_json::json;

use super::finder::Fake;
use super::{Country, QUESTION};
use crate::support::app::NUMBER;
use crate::support::command::run;
use crate::support::rp::Wish;

#[tokio::test]
async fn ranges_that_are_loaded_decide_until_they_are_cleared() {
    let country = Country::new().await;
    let app = &country.app;
    let wish = Wish::of(NUMBER);
    let file = std::env::temp_dir().join(format!("numbercloak-ranges-{}", std::process::id()));
    let table = "network;asn;name\n127.0.0.0/8;64500;here\n192.0.2.0/24;64501;elsewhere\n";
    std::fs::write(&file, table).unwrap();
    let path = file.to_str().unwrap();
    let load = ["operator", "ranges", "load", "kestrel", "--file", path];
    let taken = run(
        app,
        &[&load[..], &["--asn", "64500", "--json"]].concat(),
        "",
    )
    .await;
    assert_eq!(
        taken.json(),
        json!({ "alias": "kestrel", "networks": 1, "asns": [64500] })
    );
    app.state().forget("operators").await;
    assert_eq!(country.chosen(&wish).await, "kestrel address");

    let show = ["operator", "ranges", "show", "kestrel", "--json"];
    let shown = run(app, &show, "").await.json();
    assert_eq!(shown["networks"], json!(["127.0.0.0/8"]));
    assert_eq!(shown["asns"], json!([64500]));

    // A table that cannot be read changes nothing.
    std::fs::write(&file, "127.0.0.0/8\nnonsense\n").unwrap();
    let refused = run(app, &load, "").await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("line 2"), "{}", refused.err);
    assert_eq!(run(app, &show, "").await.json(), shown);

    let clear = ["operator", "ranges", "clear", "kestrel", "--json"];
    assert_eq!(run(app, &clear, "").await.json()["networks"], 0);
    app.state().forget("operators").await;
    assert_eq!(country.chosen(&wish).await, QUESTION);
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_telco_finder_that_is_set_decides_until_it_is_removed() {
    let country = Country::new().await;
    let app = &country.app;
    let wish = Wish::of(NUMBER);
    let fake = Fake::start().await;
    fake.answers(200, json!({ "operatorId": "bluewave" }));
    let url = format!("{}/telco-finder/v1/search", fake.url);
    let set = [
        "operator", "finder", "set", "--url", &url, "--auth", "bearer",
    ];
    let more = ["--secret-file", "-", "--prefix", "990", "--json"];
    let known = run(app, &[&set[..], &more].concat(), "a-finders-secret\n").await;
    assert_eq!(known.json()["has_secret"], true);
    assert_eq!(known.json()["settings"]["url"], url);
    app.state().forget("operators").await;
    assert_eq!(country.chosen(&wish).await, "bluewave telco_finder");
    assert_eq!(fake.asked()[0].1, "Bearer a-finders-secret");

    let shown = run(app, &["operator", "finder", "show", "--json"], "").await;
    assert_eq!(shown.json()["settings"], known.json()["settings"]);
    for told in [known, shown] {
        assert!(!told.out.contains("a-finders-secret") && !told.err.contains("a-finders-secret"));
    }

    let removed = run(app, &["operator", "finder", "remove", "--json"], "").await;
    assert_eq!(removed.json(), json!({ "removed": true }));
    app.state().forget("operators").await;
    assert_eq!(country.chosen(&wish).await, QUESTION);
}

#[tokio::test]
async fn a_number_that_staff_gave_to_a_new_owner_gets_a_new_sub() {
    let app = crate::support::app::App::start().await;
    let first = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let command = ["number", "new-owner", "--number-file", "-"];
    // Without a reason nothing happens.
    let refused = run(&app, &command, NUMBER).await;
    assert_ne!(refused.code, Some(0));
    let reason = ["--reason", "contract shown", "--json"];
    let moved = run(&app, &[&command[..], &reason].concat(), NUMBER).await;
    assert_eq!(
        moved.json(),
        json!({ "from": 0, "to": 1, "sessions": 1, "grants": 1, "go_aheads": 1 })
    );
    let digits = &NUMBER[1..];
    assert!(!moved.out.contains(digits) && !moved.err.contains(digits));
    let records = app.audit(Query::default()).await;
    let told = records
        .iter()
        .find(|record| record.body["type"] == "NUMBER_CHANGED_HANDS")
        .unwrap();
    assert_eq!(told.body["reason"], "contract shown");
    let second = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert_ne!(second.claims["sub"], first.claims["sub"]);
}
