//! The telco finder in the console: set, changed and removed, its secret never shown, by the rules of the
//! API and the command line.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::finder;
use numbercloak::store::finder::{Finder, FinderAuth};
use numbercloak::store::staff::Role;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::command::run;
use crate::support::console::signed_in;

const PAGE: &str = "/admin/telco-finder";
const URL: &str = "https://finder.example/telco-finder/v1/search";
const SECRET: &str = "a secret of the finder's";

const ALL: [(&str, &str); 8] = [
    ("url", URL),
    ("auth", "client_credentials"),
    ("token_endpoint", "https://finder.example/token"),
    ("client_id", "numbercloak"),
    ("scope", "telco-finder:read"),
    ("secret", SECRET),
    ("timeout_ms", "900"),
    ("prefixes", "+34, 351"),
];

async fn set(app: &App) -> Option<Finder> {
    finder::show(&app.desk()).await.unwrap()
}

async fn at_the_page(app: &App) -> Browser {
    let (mut browser, _) = signed_in(app, Role::Admin).await;
    browser.follow("/admin/operators").await;
    let links = &browser.page().document.links;
    assert!(links.iter().any(|(_, target)| target == PAGE));
    browser.follow(PAGE).await;
    browser
}

#[tokio::test]
async fn a_telco_finder_is_set_changed_and_removed_and_its_secret_is_never_shown() {
    let app = App::start().await;
    let mut browser = at_the_page(&app).await;
    assert!(browser.page().document.text.contains("None is asked."));
    browser.press_with("Save", &ALL).await;
    let text = &browser.page().document.text;
    assert!(text.contains("Saved.") && text.contains(URL), "{text}");
    assert!(text.contains("sealed, never shown"), "{text}");
    let first = set(&app).await.unwrap();
    assert_eq!(first.settings.auth, FinderAuth::ClientCredentials);
    assert_eq!(first.settings.timeout_ms, 900);
    assert_eq!(first.settings.prefixes, ["34", "351"]);
    let vault = &app.state().vault;
    assert_eq!(first.secret(vault).unwrap().unwrap().reveal(), SECRET);
    // The command line shows what the console set.
    let line = ["operator", "finder", "show", "--json"];
    let shown = run(&app, &line, "").await.json();
    assert_eq!(shown["settings"]["scope"], "telco-finder:read");

    // What is left empty is empty; the secret stays.
    browser
        .press_with("Save", &[("scope", ""), ("prefixes", "")])
        .await;
    let second = set(&app).await.unwrap();
    assert_eq!(
        (&second.settings.scope, second.settings.prefixes.len()),
        (&None, 0)
    );
    assert_eq!(second.secret(vault).unwrap().unwrap().reveal(), SECRET);
    assert_eq!(
        second.settings.token_endpoint,
        first.settings.token_endpoint
    );
    assert!(!browser.page().source.contains(SECRET));

    browser.press("Remove it").await;
    assert_eq!(browser.page().status, 422, "not without the tick");
    assert!(set(&app).await.is_some());
    browser.press_with("Remove it", &[("sure", "yes")]).await;
    let text = &browser.page().document.text;
    assert!(
        text.contains("Removed.") && text.contains("None is asked."),
        "{text}"
    );
    assert!(set(&app).await.is_none());

    let records = app.audit(Query::default()).await;
    let acts: Vec<_> = records
        .iter()
        .filter(|record| record.body["resource"] == "telco_finder")
        .map(|record| record.body["operation"].as_str().unwrap())
        .collect();
    assert_eq!(acts, ["CREATE", "UPDATE", "DELETE"]);
    let tells = |text: &str| {
        records
            .iter()
            .any(|one| one.body.to_string().contains(text))
    };
    assert!(tells("admin@example.com") && !tells(SECRET));
}

#[tokio::test]
async fn what_a_finder_cannot_be_is_told_at_its_field_and_what_was_written_stays_but_for_the_secret()
 {
    let app = App::start().await;
    let mut browser = at_the_page(&app).await;
    for (field, nonsense) in [
        ("url", "http://finder.example/search"),
        ("auth", "fax"),
        ("token_endpoint", ""),
        ("client_id", ""),
        ("secret", ""),
        ("timeout_ms", "soon"),
        ("timeout_ms", "60000"),
        ("prefixes", "spain"),
    ] {
        browser.follow(PAGE).await;
        let kept: Vec<_> = ALL.into_iter().filter(|(name, _)| *name != field).collect();
        let fields = [&kept[..], &[(field, nonsense)]].concat();
        browser.press_with("Save", &fields).await;
        let page = browser.page();
        assert_eq!(page.status, 422, "{field}");
        let told = format!("id=\"{field}-error\" role=\"alert\"");
        assert!(page.source.contains(&told), "{field}");
        assert!(!page.source.contains(SECRET), "{field}");
        assert!(
            page.source.contains("value=\"telco-finder:read\""),
            "{field}"
        );
        assert!(set(&app).await.is_none(), "{field}");
    }
}

#[tokio::test]
async fn what_somebody_else_set_meanwhile_is_not_lost() {
    let app = App::start().await;
    let mut browser = at_the_page(&app).await;
    let line = [
        "operator",
        "finder",
        "set",
        "--url",
        "https://theirs.example/search",
    ];
    assert_eq!(run(&app, &line, "").await.code, Some(0));
    let mine = [("url", URL), ("auth", "none")];
    browser.press_with("Save", &mine).await;
    assert_eq!(browser.page().status, 409);
    let text = &browser.page().document.text;
    assert!(text.contains("Somebody else changed it"), "{text}");
    assert!(set(&app).await.unwrap().settings.url.contains("theirs"));
    // What was written stands in the form still, and may be saved knowingly.
    browser.press("Save").await;
    assert_eq!(set(&app).await.unwrap().settings.url, URL);
    // Nor is it removed unseen.
    assert_eq!(run(&app, &line, "").await.code, Some(0));
    browser.press_with("Remove it", &[("sure", "yes")]).await;
    assert_eq!(browser.page().status, 409);
    assert!(set(&app).await.is_some());
    browser.press_with("Remove it", &[("sure", "yes")]).await;
    assert!(set(&app).await.is_none());
}

#[tokio::test]
async fn setting_a_finder_needs_a_fresh_proof_and_readers_only_read() {
    let app = App::start().await;
    let mut browser = at_the_page(&app).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    browser.press_with("Save", &ALL).await;
    assert_eq!(browser.title(), "Confirm that it is you");
    assert!(set(&app).await.is_none());
    browser.follow(PAGE).await;
    let page = browser.page();
    assert!(page.document.forms.iter().all(|form| form.action != PAGE));
    let confirm = format!("/admin/confirm?next={PAGE}");
    assert!(
        page.document
            .links
            .iter()
            .any(|(_, target)| *target == confirm)
    );
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    auditor.follow(PAGE).await;
    assert!(auditor.page().document.text.contains("None is asked."));
    assert!(
        !auditor
            .page()
            .source
            .contains("action=\"/admin/telco-finder")
    );
}
