//! People's sessions in the console: everybody's page by page, those of a number or an app, and ending them.

use numbercloak::store::staff::Role;

use super::acts;
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::console::signed_in;
use crate::support::rp::Wish;
use crate::support::wire::{count, tamper};

/// Many more live sessions with the grants given in them, each a copy of the one that is there.
async fn many(app: &App, sessions: usize) {
    let copy = format!(
        "create temp table copy as
        select s.id as of, i, ('019aaaaa-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid as id
        from sessions s, generate_series(1, {sessions}) i;
        insert into grants
        select (jsonb_populate_record(g, jsonb_build_object('id', gen_random_uuid(), 'session_id', copy.id))).*
        from grants g join copy on copy.of = g.session_id;
        insert into sessions
        select (jsonb_populate_record(s, jsonb_build_object(
            'id', copy.id, 'cookie_hash', '\\x' || md5(i::text)))).*
        from sessions s join copy on copy.of = s.id"
    );
    tamper(app, &copy).await;
}

/// The sessions that the page offers to end, as their forms name them.
fn listed(browser: &Browser) -> Vec<String> {
    let forms = browser.page().document.forms.iter();
    let fields = forms.flat_map(|form| &form.fields);
    let named = fields.filter(|(name, _)| name == "session");
    named.map(|(_, id)| id.clone()).collect()
}

/// Follows the pages to the last; all that they list.
async fn to_the_end(browser: &mut Browser) -> Vec<String> {
    let mut all = listed(browser);
    for _ in 0..10 {
        let links = browser.page().document.links.clone();
        let next = links.iter().find(|(label, _)| label == "Next page");
        let by_form = browser.page().source.contains(">Next page</button>");
        match next {
            Some((_, target)) => browser.follow(target).await,
            None if by_form => browser.press("Next page").await,
            None => return all,
        }
        assert_eq!(browser.page().status, 200);
        all.extend(listed(browser));
    }
    panic!("pages without end");
}

async fn signed_in_people() -> App {
    let app = App::builder()
        .counting()
        .client(|client| client.settings.fresh_for_s = 900)
        .start()
        .await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app
}

#[tokio::test]
async fn peoples_sessions_are_found_by_number_shown_masked_and_ended() {
    let app = App::builder()
        .client(|client| client.settings.fresh_for_s = 900)
        .start()
        .await;
    let mut person = app.browser();
    let signed = app.sign_in(&mut person, &Wish::of(NUMBER)).await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/sessions").await;
    browser.press_with("Find", &[("number", NUMBER)]).await;
    let text = browser.page().document.text.clone();
    assert!(
        text.contains("simulator") && text.contains("shop"),
        "{text}"
    );
    assert!(!browser.page().url.as_str().contains(&NUMBER[1..]));
    browser.press("End all of them").await;
    assert!(browser.page().document.text.contains("Ended."));
    assert_eq!(app.shop.userinfo(&signed.access_token).await.0, 401);
    browser.press_with("Find", &[("number", NUMBER)]).await;
    assert!(browser.page().document.text.contains("None."));
    browser.press_with("Find", &[("number", "nonsense")]).await;
    assert_eq!(browser.page().status, 422);
}

#[tokio::test]
async fn every_session_stands_on_one_page_and_each_page_takes_few_statements() {
    let app = signed_in_people().await;
    many(&app, 120).await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/sessions").await;
    assert_eq!(listed(&browser).len(), 50);
    for search in [None, Some(("number", NUMBER)), Some(("client_id", "shop"))] {
        browser.follow("/admin/sessions").await;
        if let Some(search) = search {
            browser.press_with("Find", &[search]).await;
        }
        let mut all = to_the_end(&mut browser).await;
        assert!(!browser.page().url.as_str().contains(&NUMBER[1..]));
        let sorted = all.is_sorted_by(|before, after| before > after);
        assert!(sorted, "newest first: {search:?}");
        all.dedup();
        assert_eq!(all.len(), 121, "{search:?}");
    }
    let statements = app.statements.as_ref().unwrap();
    browser.follow("/admin/sessions").await;
    let before = statements.sent().len();
    browser.press_with("Find", &[("client_id", "shop")]).await;
    let took = statements.sent().len() - before;
    assert!(took <= 5, "{took} statements");
    let before = statements.sent().len();
    browser.press("Next page").await;
    let took = statements.sent().len() - before;
    assert!(took <= 5, "{took} statements");
    // What no page ended with leads nowhere, and one that nobody is on is empty.
    browser.follow("/admin/sessions?after=nonsense").await;
    assert_eq!(browser.page().status, 400);
}

#[tokio::test]
async fn one_session_is_ended_and_the_others_go_on() {
    let app = signed_in_people().await;
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/sessions").await;
    let ids = listed(&browser);
    assert_eq!(ids.len(), 2);
    // All of somebody's are offered only to who looked for somebody.
    assert!(!browser.page().document.text.contains("End all of them"));
    browser
        .submit("/sessions/end", &[("session", &ids[1])])
        .await;
    assert!(browser.page().document.text.contains("Ended."));
    assert_eq!(listed(&browser), ids[..1]);
    assert_eq!(count(&app, "sessions where ended_at is null").await, 1);
    browser
        .submit("/sessions/end", &[("session", &ids[1])])
        .await;
    assert!(
        browser
            .page()
            .document
            .text
            .contains("There was no such session.")
    );
    browser
        .submit("/sessions/end", &[("session", "nonsense")])
        .await;
    assert_eq!(browser.page().status, 404);
    assert_eq!(acts(&app, "end").await[0]["details"]["by"], "id");
}
