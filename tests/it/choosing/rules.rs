//! Each rule, which rule outranks which, and that none leads outside.

use numbercloak::admin::{operators, ranges};

use super::{Country, QUESTION};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::Wish;

const UNSUPPORTED: &str = "Your operator is not supported yet";

fn hinted(name: &'static str, value: &str) -> Wish {
    Wish::of(NUMBER).with(name, value)
}

/// Loads the ranges of an operator from a table, and has the server know at once.
async fn load(app: &App, alias: &str, table: &str, asns: &[u32]) {
    let networks = ranges::read(table, asns).unwrap();
    ranges::load(&app.desk(), alias, &networks, asns)
        .await
        .unwrap();
    app.state().forget("operators").await;
}

#[tokio::test]
async fn the_app_names_the_operator_in_any_of_three_ways() {
    let country = Country::new().await;
    for (name, value) in [
        ("idp_hint", "bluewave"),
        ("kc_idp_hint", "bluewave"),
        ("acr_values", "1 idp:bluewave idp:kestrel"),
    ] {
        let chosen = country.chosen(&hinted(name, value)).await;
        assert_eq!(chosen, "bluewave hint", "{name}");
    }
    let both = hinted("kc_idp_hint", "kestrel").with("idp_hint", "bluewave");
    assert_eq!(country.chosen(&both).await, "bluewave hint");
    // One that leads nowhere is only a hint.
    for nowhere in ["nobody", "idp:bluewave", "BLUEWAVE", "-"] {
        let chosen = country.chosen(&hinted("idp_hint", nowhere)).await;
        assert_eq!(chosen, QUESTION, "{nowhere}");
    }
}

#[tokio::test]
async fn a_client_that_accepts_one_operator_gets_that_one_whatever_is_hinted() {
    let country = Country::new().await;
    country
        .app
        .edit_client(&country.app.shop, |client| {
            client.settings.operators = vec!["kestrel".to_owned()];
        })
        .await;
    let chosen = country.chosen(&hinted("idp_hint", "bluewave")).await;
    assert_eq!(chosen, "kestrel client");
    assert_eq!(country.asked(), [0, 0, 1]);
}

#[tokio::test]
async fn an_aggregator_is_asked_before_addresses_and_prefixes_are_looked_at() {
    let country = Country::new().await;
    let app = &country.app;
    load(app, "bluewave", "127.0.0.0/8", &[]).await;
    app.edit_operator_at("kestrel", |kestrel| kestrel.aggregator = true)
        .await;
    assert_eq!(
        country.chosen(&Wish::of(NUMBER)).await,
        "kestrel aggregator"
    );
    let chosen = country.chosen(&hinted("idp_hint", "bluewave")).await;
    assert_eq!(chosen, "bluewave hint");
}

#[tokio::test]
async fn the_phone_s_address_decides_by_the_ranges_that_were_loaded() {
    let country = Country::new().await;
    let app = &country.app;
    let table = "start,end,asn\n127.0.0.0,127.255.255.255,64500\n192.0.2.0,192.0.2.255,64501\n";
    load(app, "bluewave", table, &[64_500]).await;
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, "bluewave address");
    // A narrower one is more to the point, and so is one on the record.
    load(app, "kestrel", "127.0.0.0/24", &[]).await;
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, "kestrel address");
    app.edit_operator(|own| own.ip_ranges = vec!["127.0.0.1/32".parse().unwrap()])
        .await;
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, "simulator address");
    // Another load replaces all.
    app.edit_operator(|own| own.ip_ranges = Vec::new()).await;
    load(app, "kestrel", table, &[64_501]).await;
    load(app, "bluewave", table, &[64_501]).await;
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, QUESTION);
    let shown = ranges::show(&app.desk(), "bluewave").await.unwrap();
    assert_eq!(shown.networks, ["192.0.2.0/24".parse().unwrap()]);
    assert_eq!(shown.asns, [64_501]);
    ranges::load(&app.desk(), "bluewave", &[], &[])
        .await
        .unwrap();
    let shown = ranges::show(&app.desk(), "bluewave").await.unwrap();
    assert!(shown.networks.is_empty());
}

#[tokio::test]
async fn every_replica_hears_of_loaded_ranges() {
    let country = Country::new().await;
    let app = &country.app;
    let replica = app.second_replica().await;
    let registry = replica.app.registry().await.unwrap();
    let id = registry.get("bluewave").unwrap().operator.id;
    let here = "127.0.0.1".parse().unwrap();
    assert_eq!(registry.ranges().narrowest(id, here), None);
    let networks = ranges::read("127.0.0.0/16", &[]).unwrap();
    ranges::load(&app.desk(), "bluewave", &networks, &[])
        .await
        .unwrap();
    // By the notification: the time does not move, so nothing is read again for its age.
    for _ in 0..400 {
        let registry = replica.app.registry().await.unwrap();
        if registry.ranges().narrowest(id, here) == Some(16) {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the replica does not know");
}

#[tokio::test]
async fn an_app_may_name_the_network_and_the_longest_prefix_decides_last() {
    let country = Country::new().await;
    let app = &country.app;
    for (alias, ids) in [
        ("bluewave", ["99001", "99002"]),
        ("kestrel", ["99003", "99002"]),
    ] {
        app.edit_operator_at(alias, |operator| {
            operator.network_ids = ids.map(str::to_owned).to_vec();
        })
        .await;
    }
    let chosen = country.chosen(&hinted("idp_hint", "99003")).await;
    assert_eq!(chosen, "kestrel network");
    // Two go by this name.
    let chosen = country.chosen(&hinted("acr_values", "idp:99002")).await;
    assert_eq!(chosen, QUESTION);
    app.edit_operator_at("bluewave", |operator| {
        operator.prefixes = vec!["99070000".to_owned(), "990".to_owned()];
    })
    .await;
    let chosen = country.chosen(&hinted("acr_values", "idp:99002")).await;
    assert_eq!(chosen, "bluewave prefix");
    assert_eq!(country.chosen(&Wish::of(NUMBER)).await, "bluewave prefix");
    assert_eq!(country.chosen(&Wish::of("+990709999")).await, QUESTION);
    // The address outranks both.
    load(app, "simulator", "127.0.0.0/8", &[]).await;
    let chosen = country.chosen(&hinted("idp_hint", "99003")).await;
    assert_eq!(chosen, "simulator address");
}

#[tokio::test]
async fn no_rule_leads_outside_an_operator_s_authority() {
    let country = Country::new().await;
    let app = &country.app;
    load(app, "bluewave", "127.0.0.0/8", &[]).await;
    app.edit_operator_at("bluewave", |operator| {
        operator.prefixes = vec!["99071".to_owned()];
        operator.aggregator = true;
        operator.network_ids = vec!["99001".to_owned()];
    })
    .await;
    operators::set_disabled(&app.desk(), "kestrel", true)
        .await
        .unwrap();
    app.state().forget("operators").await;
    // Aggregator, address, network and hint all lead to Bluewave, which has no such number.
    for (name, value) in [
        ("idp_hint", "bluewave"),
        ("idp_hint", "99001"),
        ("idp_hint", "kestrel"),
        ("login", "no hint"),
    ] {
        let chosen = country.chosen(&hinted(name, value)).await;
        assert_eq!(chosen, "simulator prefix", "{value}");
    }
    app.edit_client(&app.shop, |client| {
        client.settings.operators = vec!["bluewave".to_owned(), "kestrel".to_owned()];
    })
    .await;
    let chosen = country.chosen(&hinted("idp_hint", "simulator")).await;
    assert_eq!(chosen, UNSUPPORTED);
    assert_eq!(country.asked(), [4, 0, 0]);
}

#[tokio::test]
async fn test_operators_are_not_offered_to_live_clients() {
    let country = Country::new().await;
    let mut new = new_client("bank");
    new.test = false;
    let bank = country.app.register(new).await;
    let mut browser = country.app.browser();
    let wish = hinted("idp_hint", "bluewave");
    browser.open(bank.depart(&wish).await.url).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), UNSUPPORTED);
    browser.forge("operator", &[("operator", "bluewave")]).await;
    assert_eq!(browser.title(), UNSUPPORTED);
    assert_eq!(country.asked(), [0, 0, 0]);
}
