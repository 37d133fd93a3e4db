//! The admin API to read in the console: every route of the document, with an example that works.

use numbercloak::api::document;
use numbercloak::store::staff::Role;

use crate::api::Program;
use crate::support::app::App;
use crate::support::console::{signed_in, text_of};

#[tokio::test]
async fn every_route_of_the_api_has_its_page() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Auditor).await;
    browser.follow("/admin/reference").await;
    let list = browser.page().clone();
    assert!(!list.source.contains("//cdn") && list.source.matches("<script").count() == 1);
    let document = document();
    let mut pages = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let target = format!("/admin/reference/{id}");
            let label = format!("{} {path}", method.to_uppercase());
            let is_listed = |(text, to): &(String, String)| *text == label && *to == target;
            assert!(list.document.links.iter().any(is_listed), "{label}");
            browser.follow(&target).await;
            assert_eq!(browser.page().status, 200, "{id}");
            let text = &browser.page().document.text;
            assert!(text.contains("curl -X"), "{id}: {text}");
            let scope = operation["security"][0]["token"][0].as_str();
            assert!(text.contains(scope.unwrap_or("any token")), "{id}");
            // No place of a path is left open, and what is linked stands on the page.
            let links = &browser.page().document.links;
            for (_, to) in links.iter().filter(|(_, to)| to.starts_with('#')) {
                let anchor = format!("id=\"{}\"", &to[1..]);
                assert!(browser.page().source.contains(&anchor), "{id} {to}");
            }
            pages += 1;
        }
    }
    assert!(pages > 40, "{pages}");
    browser.follow("/admin/reference/no_such_route").await;
    assert_eq!(browser.page().status, 404);
}

#[tokio::test]
async fn a_route_s_example_is_a_request_that_the_api_takes() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/reference/create_client").await;
    let text = browser.page().document.text.clone();
    assert!(text.contains("clients:write"), "{text}");
    let curl = text_of(&browser, "curl")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'");
    let (_, rest) = curl.split_once("-d '").unwrap();
    let body = rest.strip_suffix('\'').unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let program = Program::owner(&app).await;
    let made = program.post("/clients", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
}
