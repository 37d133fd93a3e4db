//! P5: an operator's word counts only where it has authority.

use numbercloak::clock::Clock;
use numbercloak::config;
use numbercloak::server::{self, Start};

use super::{calls, depart, depart_for, nothing_opened, tamper};
use crate::support::app::{App, NUMBER, OPERATOR, new_client};
use crate::support::database::Database;
use crate::support::rp::Wish;

/// Departs, has the database changed behind everybody's back, comes back, and returns how the login
/// ended.
async fn changed_while_away(sql: &str) -> (App, String) {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    tamper(&app, sql).await;
    for table in ["clients", "operators"] {
        app.state().forget(table).await;
    }
    browser.follows_refresh = true;
    browser.proceed().await;
    nothing_opened(&app).await;
    let login = app.only_login().await;
    let story = app.story(login).await;
    (app, story.last().unwrap().clone())
}

#[tokio::test]
async fn a_number_outside_the_prefixes_is_not_vouched_for() {
    // Without a new revision of the record, so that nothing but the prefixes themselves refuses.
    let prefixes =
        r#"update operators set settings = jsonb_set(settings, '{prefixes}', '["99071"]')"#;
    let (app, end) = changed_while_away(prefixes).await;
    assert_eq!(end, "NUMBER_NOT_VERIFIED operator_unsupported_number");
    assert_eq!(calls(&app, "/verify", false), 0, "it is not even asked");
}

#[tokio::test]
async fn an_operator_without_prefixes_vouches_for_nobody() {
    for prefixes in ["[]", r#"[""]"#] {
        let sql = format!(
            "update operators set settings = jsonb_set(settings, '{{prefixes}}', '{prefixes}')"
        );
        let (_, end) = changed_while_away(&sql).await;
        assert_eq!(end, "NUMBER_NOT_VERIFIED operator_unsupported_number");
    }
}

#[tokio::test]
async fn a_test_operator_does_not_vouch_for_a_live_client() {
    let (_, end) = changed_while_away("update clients set test = false").await;
    assert_eq!(end, "NUMBER_NOT_VERIFIED operator_unsupported_number");

    let app = App::start().await;
    let mut new = new_client("bank");
    new.test = false;
    let bank = app.register(new).await;
    let mut browser = app.browser();
    let departure = bank.depart(&Wish::of(NUMBER)).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Your operator is not supported yet");
    nothing_opened(&app).await;
    assert_eq!(app.operator.received().len(), 0);
}

#[tokio::test]
async fn a_live_operator_does_not_vouch_for_a_test_number() {
    let (_, end) = changed_while_away("update operators set mode = 'live'").await;
    assert_eq!(end, "NUMBER_NOT_VERIFIED operator_unsupported_number");
}

#[tokio::test]
async fn an_operator_edited_while_the_browser_was_away_is_not_believed() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    app.edit_operator(|operator| operator.prefixes = vec!["99071".to_owned()])
        .await;
    browser.follows_refresh = true;
    browser.proceed().await;
    let login = app.only_login().await;
    let story = app.story(login).await;
    assert_eq!(
        story.last().unwrap(),
        "NUMBER_NOT_VERIFIED operator_misconfigured"
    );
    nothing_opened(&app).await;
    assert_eq!(calls(&app, "/token", false), 0);
}

#[tokio::test]
async fn an_operator_disabled_while_the_browser_was_away_is_not_asked() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    numbercloak::admin::operators::set_disabled(&app.desk(), OPERATOR, true)
        .await
        .unwrap();
    app.state().forget("operators").await;
    browser.follows_refresh = true;
    browser.proceed().await;
    nothing_opened(&app).await;
    assert_eq!(calls(&app, "/token", false), 0);
}

#[tokio::test]
async fn a_hint_does_not_lead_to_an_operator_that_the_client_does_not_accept() {
    let app = App::start().await;
    let mut browser = app.browser();
    // The only operator, hinted by every name there is, does not serve this number.
    let wish = Wish::of("+34666111334")
        .with("idp_hint", OPERATOR)
        .with("kc_idp_hint", OPERATOR);
    app.open(&mut browser, &wish).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Your operator is not supported yet");
    nothing_opened(&app).await;
    assert_eq!(app.operator.received().len(), 0);
}

#[tokio::test]
async fn what_a_test_operator_says_is_marked_in_the_token() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart_for(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    browser.press("Cancel").await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert_eq!(signed_in.claims["number_verification"]["test"], true);
    assert_eq!(signed_in.userinfo["number_verification"]["test"], true);
}

#[tokio::test]
async fn a_server_that_does_not_allow_test_operators_does_not_start_with_one() {
    let app = App::start().await;
    let said = start(&app.database, "false").await.unwrap_err();
    assert!(said.contains("operators.allow_test"), "{said}");
    assert!(said.contains(OPERATOR), "{said}");
    // Without one that could be asked it starts.
    numbercloak::admin::operators::set_disabled(&app.desk(), OPERATOR, true)
        .await
        .unwrap();
    start(&app.database, "false").await.unwrap();
}

async fn start(database: &Database, allow_test: &str) -> Result<(), String> {
    let env = [
        ("NUMBERCLOAK__DATABASE__URL", database.app_url()),
        ("NUMBERCLOAK__KEYS__ROOT_KEY", database.root().reveal()),
    ];
    let flags = [
        ("issuer", "http://localhost:1"),
        ("server.listen", "127.0.0.1:0"),
        ("server.management_listen", "127.0.0.1:0"),
        ("operators.allow_test", allow_test),
    ];
    let config = config::load(
        None,
        env.map(|(name, value)| (name.to_owned(), value))
            .into_iter(),
        flags
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    )
    .unwrap();
    let started = server::start(Start {
        clock: Clock::by_hand(),
        migrate: false,
        ..Start::new(config)
    })
    .await;
    match started {
        Ok(server) => {
            server.stop().await;
            Ok(())
        }
        Err(error) => Err(format!("{error:#}")),
    }
}
