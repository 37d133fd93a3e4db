//! Sectors (OIDC Core section 8.1), and rows of a newer server.

use numbercloak::admin::client_sector::{self, SectorDocument};
use numbercloak::admin::clients::{self, NewClient};
use numbercloak::admin::{Refused, audit::Query};
use serde_json::json;
use sqlx::Connection as _;

use super::{knock_as, let_in};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::Wish;
use crate::support::served::Served;

const TWO: [&str; 2] = ["https://a.example/cb", "https://b.example/cb"];

async fn document(app: &App, served: &Served) -> Result<SectorDocument, Refused> {
    client_sector::fetch(&app.state().outbound, &served.uri).await
}

fn in_sector(name: &str, sector: Option<SectorDocument>) -> NewClient {
    NewClient {
        redirect_uris: TWO.map(str::to_owned).to_vec(),
        sector,
        ..new_client(name)
    }
}

// 2.6: oidcc-registration-sector-uri, -sector-bad
#[tokio::test]
async fn a_sector_document_must_list_every_redirect_uri_and_its_host_is_the_sector() {
    let app = App::start().await;
    let served = Served::start(&json!(TWO)).await;
    let good = document(&app, &served).await.unwrap();
    let made = clients::create(&app.desk(), in_sector("wide", Some(good)))
        .await
        .unwrap();
    assert_eq!(made.client.sector, "127.0.0.1");
    assert_eq!(
        made.client.settings.sector_identifier_uri.as_ref(),
        Some(&served.uri)
    );
    // Without one, two hosts have no sector in common but the client itself.
    let made = clients::create(&app.desk(), in_sector("alone", None))
        .await
        .unwrap();
    assert_eq!(made.client.sector, "alone");
    served.becomes(200, json!([TWO[0]]).to_string());
    let short = document(&app, &served).await.unwrap();
    let refused = clients::create(&app.desk(), in_sector("short", Some(short)))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains(TWO[1]), "{refused}");
    for (status, body) in [
        (404, json!(TWO)),
        (302, json!(TWO)),
        (200, json!({})),
        (200, json!([1])),
    ] {
        served.becomes(status, body.to_string());
        assert!(document(&app, &served).await.is_err(), "{status} {body}");
    }
    // A redirect URI that comes later must be listed, too, and the sector does not move by the way.
    let add = |fields: &mut clients::Editable| {
        fields.redirect_uris.push("https://c.example/cb".to_owned());
    };
    let desk = app.desk();
    assert!(clients::update(&desk, "wide", None, add).await.is_err());
    served.becomes(200, json!(TWO).to_string());
    let old = document(&app, &served).await.unwrap();
    let refused = clients::update_in_sector(&desk, "wide", None, Some(&old), add).await;
    assert!(refused.is_err());
    served.becomes(
        200,
        json!([TWO[0], TWO[1], "https://c.example/cb"]).to_string(),
    );
    let new = document(&app, &served).await.unwrap();
    let updated = clients::update_in_sector(&desk, "wide", None, Some(&new), add)
        .await
        .unwrap();
    assert_eq!(updated.sector, "127.0.0.1");
    let drop_it = |fields: &mut clients::Editable| fields.settings.sector_identifier_uri = None;
    assert!(clients::update(&desk, "wide", None, drop_it).await.is_err());
}

// DESIGN.md section 3: changing the sector is an act of its own
#[tokio::test]
async fn another_sector_is_another_sub_and_is_recorded() {
    let app = App::start().await;
    let rp = app.shop.clone();
    let sub = async |app: &App| {
        let mut browser = app.browser();
        app.sign_in(&mut browser, &Wish::of(NUMBER)).await.claims["sub"].clone()
    };
    let before = sub(&app).await;
    assert_eq!(sub(&app).await, before);
    let served = Served::start(&json!([rp.redirect_uri])).await;
    let to = document(&app, &served).await.unwrap();
    let changed = client_sector::change(&app.desk(), "shop", Some(&to), None)
        .await
        .unwrap();
    assert_eq!(changed.sector, "127.0.0.1");
    app.state().forget("clients").await;
    let after = sub(&app).await;
    assert_ne!(after, before);
    let records = app
        .audit(Query {
            client_id: Some("shop".to_owned()),
            kind: Some("ADMIN_EVENT".to_owned()),
            ..Query::default()
        })
        .await;
    let last = &records.last().unwrap().body["details"];
    assert_eq!(last["action"], "change_sector");
    assert_eq!(last["before"]["sector"], "shop.example");
    client_sector::change(&app.desk(), "shop", None, None)
        .await
        .unwrap();
    app.state().forget("clients").await;
    assert_eq!(sub(&app).await, before);
}

#[tokio::test]
async fn a_row_that_a_newer_server_wrote_works_on() {
    let app = App::start().await;
    let mut owner = app.database.owner().await;
    sqlx::query("update clients set settings = settings || '{\"of_next_year\": {\"x\": 1}}'")
        .execute(&mut owner)
        .await
        .unwrap();
    owner.close().await.unwrap();
    app.state().forget("clients").await;
    let secret = app.shop.secret.clone().unwrap();
    let_in(&knock_as(&app.shop, &secret).await);
}
