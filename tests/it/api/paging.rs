//! Lists of ten thousand.

use std::time::{Duration, Instant};

use numbercloak::admin::clients;
use numbercloak::admin::page::Wanted;
use serde_json::Value;

use super::{Program, ok, problem};
use crate::support::app::App;
use crate::support::wire::tamper;

/// Clients like `shop`, ten thousand of them.
async fn crowd(app: &App) {
    tamper(
        app,
        "insert into clients (id, client_id, name, kind, token_endpoint_auth_method, redirect_uris, test,
                settings, sector, revision, created_at, updated_at)
            select gen_random_uuid(), 'app-' || lpad(n::text, 5, '0'), 'Crowd ' || n, kind,
                token_endpoint_auth_method, redirect_uris, test, settings, sector, 1, created_at, created_at
            from clients, generate_series(1, 10000) n
            where client_id = 'shop';
        analyze clients",
    )
    .await;
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    let id = |item: &Value| item["client_id"].as_str().unwrap().to_owned();
    items.iter().map(id).collect()
}

#[tokio::test]
async fn ten_thousand_apps_are_read_page_by_page_and_none_is_missed_or_seen_twice() {
    let app = App::start().await;
    crowd(&app).await;
    let program = Program::owner(&app).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = ok(program.get(&format!("/clients?limit=200{after}")).await);
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 10_001);
    assert!(seen.is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn a_search_finds_any_part_of_a_name_id_or_redirect_uri_and_takes_signs_as_they_are() {
    let app = App::start().await;
    crowd(&app).await;
    let program = Program::owner(&app).await;
    for (search, expected) in [
        ("CROWD 1234", vec!["app-01234"]),
        ("pp-0999", vec!["app-09990", "app-09991"]),
        // All their redirect URIs hold it.
        ("SHOP.example", vec!["app-00001", "app-00002"]),
        ("%25", vec![]),
        ("app_", vec![]),
    ] {
        let page = ok(program
            .get(&format!("/clients?limit=2&search={search}"))
            .await);
        assert_eq!(ids(&page), expected, "{search}");
    }
    for (query, field) in [("limit=0", "limit"), ("limit=201", "limit")] {
        let answer = program.get(&format!("/clients?{query}")).await;
        assert_eq!(problem(&answer), (422, "invalid".into(), field.into()));
    }
    for query in ["limit=x", "serach=shop", "limit=1&limit=2", "search=%00"] {
        let answer = program.get(&format!("/clients?{query}")).await;
        assert_eq!(problem(&answer).0, 400, "{query}");
    }
}

#[tokio::test]
async fn the_last_page_of_ten_thousand_is_one_statement_from_an_index_and_quick() {
    let mut app = App::builder().counting().start().await;
    crowd(&app).await;
    let desk = app.desk();
    let wanted = Wanted {
        search: "crowd".to_owned(),
        after: Some("app-09900".to_owned()),
        limit: 50,
    };
    clients::page(&desk, &wanted).await.unwrap();
    app.statements.as_mut().unwrap().restart();
    let started = Instant::now();
    let page = clients::page(&desk, &wanted).await.unwrap();
    let took = started.elapsed();
    assert_eq!(page.items.len(), 50);
    let sent = app.statements.as_ref().unwrap().sent();
    let of_list = sent.iter().filter(|one| one.sql.contains("clients c"));
    assert_eq!(of_list.count(), 1);
    assert!(took < Duration::from_millis(500), "{took:?}");
    // Over the wire too, token and all, whatever is asked for.
    let program = Program::owner(&app).await;
    let pages = ["/clients", "/clients?search=crowd+9&after=app-05000"];
    for page in pages {
        ok(program.get(page).await);
        app.statements.as_mut().unwrap().restart();
        let started = Instant::now();
        ok(program.get(page).await);
        let took = started.elapsed();
        let sent = app.statements.as_ref().unwrap().sent().len();
        assert!(sent < 5, "{page}: {sent} statements");
        assert!(took < Duration::from_millis(500), "{page}: {took:?}");
    }
}
