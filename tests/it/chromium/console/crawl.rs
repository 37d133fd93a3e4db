//! Every page that links lead to, for each role: it is there, it is one page, and it is fit to be seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use http::Method;
use numbercloak::console::rule::{Rule, Who};
use numbercloak::console::rules;
use numbercloak::store::staff::Role;
use serde_json::json;

use super::{Office, seed};
use crate::chromium::PHONE;
use crate::support::app::App;
use crate::support::browser::Browser;

/// Pages that only a form leads to, or a link somebody was given; the other tests look at them.
const NOT_BY_LINKS: [&str; 3] = [
    "/admin/try/{id}",
    "/admin/operators/{alias}/phone/{id}",
    // Only for who proved themselves a while ago.
    "/admin/confirm",
];

/// Enough addresses of one route: searches have links without end.
const ENOUGH: usize = 12;

/// The route that answers a path.
fn route_of(path: &str) -> Option<&'static Rule> {
    let fits = |rule: &&Rule| {
        let (mut pattern, mut given) = (rule.path.split('/'), path.split('/'));
        loop {
            match (pattern.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(value)) if part.starts_with('{') || part == value => {}
                _ => return false,
            }
        }
    };
    let pages = rules().iter().filter(|rule| rule.method == Method::GET);
    // A name in the pattern fits everything, so the one with the fewest is meant.
    pages
        .filter(fits)
        .min_by_key(|rule| rule.path.matches('{').count())
}

/// A page of a route that links led to.
struct Found {
    path: String,
    title: String,
}

/// Follows every link from the overview on. None is dead; each route's first page comes back.
async fn walk(app: &App, browser: &mut Browser) -> BTreeMap<&'static str, Found> {
    let mut ahead = VecDeque::from(["/admin".to_owned()]);
    let mut seen: BTreeSet<String> = ahead.iter().cloned().collect();
    let mut met: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut pages = BTreeMap::new();
    while let Some(path) = ahead.pop_front() {
        browser.open(format!("{}{path}", app.issuer)).await;
        let page = browser.page();
        assert_eq!(page.status, 200, "{path}");
        let kind = page.headers[http::header::CONTENT_TYPE].to_str().unwrap();
        if !kind.starts_with("text/html") {
            continue;
        }
        let document = &page.document;
        assert!(
            !document.title.is_empty() && !document.heading.is_empty(),
            "{path}"
        );
        let (title, _) = document.title.split_once(" – ").unwrap();
        if let Some(rule) = route_of(page.url.path()) {
            pages.entry(rule.path).or_insert_with(|| Found {
                path: path.clone(),
                title: title.to_owned(),
            });
        }
        for (label, target) in &document.links {
            let url = page.url.join(target).unwrap();
            assert!(!label.is_empty(), "a link without words on {path}");
            if url.origin() != page.url.origin() {
                continue;
            }
            let next = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
            let route = route_of(url.path()).map_or("", |rule| rule.path);
            let times = met.entry(route).or_default();
            if *times < ENOUGH && seen.insert(next.clone()) {
                *times += 1;
                ahead.push_back(next);
            }
        }
    }
    pages
}

/// What this role should have met.
fn expected(role: Role) -> BTreeSet<&'static str> {
    let pages = rules().iter().filter(|rule| {
        rule.method == Method::GET && rule.who != Who::Anybody && rule.who.allows(role)
    });
    let files = ["/proof", "/file", "/manifest", "/usage/table"];
    pages
        .map(|rule| rule.path)
        .filter(|path| !NOT_BY_LINKS.contains(path))
        .filter(|path| !files.iter().any(|end| path.ends_with(end)))
        .collect()
}

/// A name for the pictures.
fn name(role: Role, pattern: &str) -> String {
    let words = pattern.replace("/admin", "").replace(['{', '}'], "");
    let words = words.trim_matches('/').replace('/', "-");
    let word = if words.is_empty() { "overview" } else { &words };
    format!("{role:?}-{word}").to_lowercase()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_that_links_lead_to() {
    let Some(office) = Office::of(PHONE, seed::builder()).await else {
        return;
    };
    let app = &office.app;
    seed::many_apps(app).await;
    seed::people(app).await;
    seed::counted(app).await;
    app.sealed().await;
    let mut looked_at = BTreeSet::new();
    for role in [Role::Owner, Role::Auditor, Role::Support, Role::Admin] {
        let (mut wire, _) = office.enters(role).await;
        if role == Role::Owner {
            seed::audited(app, &mut wire).await;
        }
        let pages = walk(app, &mut wire).await;
        let met: BTreeSet<_> = pages.keys().copied().collect();
        let missed: Vec<_> = expected(role).difference(&met).copied().collect();
        // Support finds a sign-in by what the person reads out.
        let by_form: &[&str] = match role {
            Role::Support => &["/admin/audit/logins/{login}"],
            _ => &[],
        };
        assert_eq!(missed, by_form, "{role:?} finds no link there");
        for (pattern, found) in pages {
            // The others' pages are an owner's with less on them.
            if !looked_at.insert(pattern) {
                continue;
            }
            office.visit(&found.path, &found.title).await;
            assert_eq!(office.browser.status().await, json!(200), "{pattern}");
            office.browser.face(&name(role, pattern)).await;
        }
    }
    office.browser.end().await;
}
