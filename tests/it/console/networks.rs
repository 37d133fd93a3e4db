//! Tables of source addresses in the console: an operator's own, and those that hide a phone.

use numbercloak::admin::operators::{self, Editable};
use numbercloak::admin::{network_ranges, ranges};
use numbercloak::store::network_ranges::NetworkKind;
use numbercloak::store::staff::Role;

use super::acts;
use crate::support::app::{App, OPERATOR};
use crate::support::browser::Browser;
use crate::support::command::run;
use crate::support::console::signed_in;

const RELAYS: &str = "/admin/networks/relay";

async fn load(admin: &mut Browser, networks: &str) {
    admin
        .press_with("Load them", &[("networks", networks)])
        .await;
}

async fn loaded(app: &App) -> Vec<(&'static str, usize)> {
    let all = network_ranges::list(&app.desk()).await.unwrap();
    let counts = all
        .iter()
        .map(|one| (one.kind.as_str(), one.networks.len()));
    counts.collect()
}

#[tokio::test]
async fn networks_that_hide_a_phone_are_loaded_by_text_and_file_and_forgotten() {
    let app = App::start().await;
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    admin.follow("/admin/operators").await;
    let links = &admin.page().document.links;
    assert!(links.iter().any(|(_, target)| target == "/admin/networks"));
    admin.follow("/admin/networks").await;
    let text = &admin.page().document.text;
    assert!(text.contains("Private relays 0 never"), "{text}");
    admin.follow(RELAYS).await;
    load(
        &mut admin,
        "192.0.2.0/24\n192.0.3.0/24\n198.51.100.0,198.51.100.255",
    )
    .await;
    let text = &admin.page().document.text;
    assert!(
        text.contains("Saved.") && text.contains("192.0.2.0/23"),
        "{text}"
    );
    assert_eq!(loaded(&app).await, [("relay", 2)]);

    // A file of more than a form may hold, as relays' operators publish them.
    let lines =
        (0..6_000u32).map(|i| format!("10.{}.{}.0/25,ES,ES-MD,Madrid,\n", i / 256, i % 256));
    let file: String = lines.collect();
    assert!(file.len() > 128 * 1024);
    admin
        .upload("/networks/relay", "file", file.as_bytes())
        .await;
    assert_eq!(admin.page().status, 200, "{}", admin.page().document.text);
    assert!(admin.page().document.text.contains("The first 200"));
    assert_eq!(loaded(&app).await, [("relay", 6_000)]);
    let line = ["network", "list", "--json"];
    assert_eq!(run(&app, &line, "").await.json()[0]["networks"], 6_000);

    admin.press("Forget them").await;
    assert_eq!(admin.page().status, 422, "not without the tick");
    assert_eq!(loaded(&app).await, [("relay", 6_000)]);
    admin.press_with("Forget them", &[("sure", "yes")]).await;
    assert!(admin.page().document.text.contains("They are forgotten."));
    assert_eq!(loaded(&app).await, [("relay", 0)]);
    let records = acts(&app, "load_ranges").await;
    let told: Vec<_> = records
        .iter()
        .map(|one| &one["details"]["networks"])
        .collect();
    assert_eq!(told, [2, 6_000, 0]);
    assert!(
        records
            .iter()
            .all(|one| one["actor"] == "admin@example.com")
    );
}

#[tokio::test]
async fn a_table_that_cannot_be_is_told_at_its_field_and_changes_nothing() {
    let app = App::start().await;
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    for page in [RELAYS, &format!("/admin/operators/{OPERATOR}/ranges")] {
        admin.follow(page).await;
        load(&mut admin, "192.0.2.0/24").await;
        for (networks, asns, field) in [
            ("192.0.2.0/24\nnonsense", "", "networks"),
            ("", "", "networks"),
            ("0.0.0.0/0", "", "networks"),
            ("198.51.100.0/24", "3352", "networks"),
            ("198.51.100.0/24", "spain", "asns"),
        ] {
            admin.follow(page).await;
            let fields = [("networks", networks), ("asns", asns)];
            admin.press_with("Load them", &fields).await;
            let shown = admin.page();
            assert_eq!(shown.status, 422, "{page} {networks}");
            let told = format!("id=\"{field}-error\" role=\"alert\"");
            assert!(shown.source.contains(&told), "{page} {networks}");
            let form = admin.form(page);
            assert!(
                form.fields
                    .contains(&("networks".to_owned(), networks.to_owned()))
            );
        }
        admin.follow(page).await;
        admin.upload(page, "file", b"\xff\xfe\x00").await;
        assert_eq!(admin.page().status, 422);
        assert!(admin.page().source.contains("id=\"file-error\""));
    }
    assert_eq!(loaded(&app).await, [("relay", 1)]);
    let own = ranges::show(&app.desk(), OPERATOR).await.unwrap();
    assert_eq!(own.networks.len(), 1);
    admin.follow("/admin/networks/tunnel").await;
    assert_eq!(admin.page().status, 404);
}

#[tokio::test]
async fn the_addresses_of_subscribers_are_loaded_chosen_by_system_and_forgotten() {
    let app = App::start().await;
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    admin.follow(&format!("/admin/operators/{OPERATOR}")).await;
    let page = format!("/admin/operators/{OPERATOR}/ranges");
    admin.follow(&page).await;
    load(&mut admin, "192.0.2.0/24\n192.0.3.0/24\n").await;
    let text = &admin.page().document.text;
    assert!(
        text.contains("Saved.") && text.contains("192.0.2.0/23"),
        "{text}"
    );
    let table = "network,asn\n192.0.2.0/24,AS3352\n198.51.100.0/24,AS12479\n";
    let fields = [("networks", table), ("asns", "AS3352, 1")];
    admin.press_with("Load them", &fields).await;
    let text = &admin.page().document.text;
    assert!(
        text.contains("AS1 AS3352") && !text.contains("198.51.100.0"),
        "{text}"
    );
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    auditor.follow(&page).await;
    let text = &auditor.page().document.text;
    assert!(
        text.contains("192.0.2.0/24") && !text.contains("Load them"),
        "{text}"
    );
    assert!(!text.contains("Forget them"), "{text}");
    admin.follow(&page).await;
    admin.press_with("Forget them", &[("sure", "yes")]).await;
    assert!(admin.page().document.text.contains("Networks 0"));
}

#[tokio::test]
async fn what_somebody_else_loaded_meanwhile_is_not_lost_and_who_keeps_it_is_told() {
    let app = App::start().await;
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    let theirs = ["203.0.113.0/24".parse().unwrap()];
    let kept = (None, Some("prod.toml"));
    let ranges_page = format!("/admin/operators/{OPERATOR}/ranges");
    for page in [RELAYS, &ranges_page] {
        admin.follow(page).await;
        assert!(!admin.page().document.text.contains("prod.toml"));
        let desk = app.desk();
        if page == RELAYS {
            let put = network_ranges::put(&desk, NetworkKind::Relay, &theirs, kept);
            put.await.unwrap();
        } else {
            ranges::load(&desk, OPERATOR, &theirs, &[]).await.unwrap();
            let keep = |fields: &mut Editable| fields.managed_by = Some("prod.toml".to_owned());
            operators::update(&desk, OPERATOR, None, keep)
                .await
                .unwrap();
        }
        load(&mut admin, "192.0.2.0/24").await;
        let (status, text) = (admin.page().status, &admin.page().document.text);
        assert_eq!(status, 409, "{page}");
        assert!(text.contains("Somebody else changed it"), "{page}: {text}");
        assert!(text.contains("prod.toml"), "{page}: {text}");
        assert!(text.contains("203.0.113.0/24"), "{page}: {text}");
        assert!(text.contains("192.0.2.0/24"), "{page}: {text}");
        // A mistake on the way does not make the form newer than it is.
        admin.follow(page).await;
        load(&mut admin, "what").await;
        assert_eq!(admin.page().status, 422, "{page}");
        load(&mut admin, "192.0.2.0/24").await;
        assert!(admin.page().document.text.contains("Saved."), "{page}");
    }
}
