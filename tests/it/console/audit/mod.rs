//! The auditor's pages: searching, the story of one login, what is personal, charts, exports, the log.

mod charts;
mod exports;
mod log;
mod search;
mod stories;
mod unmask;

use numbercloak::store::staff::Role;

use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::console::{PASSWORD, signed_in, wait_for_the_next_code};
use crate::support::rp::Wish;

/// The simulator says of this number that it is another SIM's.
const MISMATCHED: &str = "+990700001";

/// A server on which one number was confirmed and one was not, and an auditor.
async fn audited() -> (App, Browser) {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(MISMATCHED)).await;
    browser.press("Continue").await;
    let (auditor, _) = signed_in(&app, Role::Auditor).await;
    (app, auditor)
}

/// What a page shows, as text.
fn text(browser: &Browser) -> &str {
    &browser.page().document.text
}

/// The rows of a page's first table.
fn rows(browser: &Browser) -> &str {
    let source = &browser.page().source;
    let rows = source.split_once("<tbody>");
    rows.and_then(|(_, rows)| rows.split_once("</tbody>"))
        .map_or("", |(rows, _)| rows)
}

/// Where the link with this text leads.
#[track_caller]
fn link(browser: &Browser, label: &str) -> String {
    let links = &browser.page().document.links;
    let found = links.iter().find(|(text, _)| text.contains(label));
    let (_, target) = found.unwrap_or_else(|| panic!("no link {label}: {links:?}"));
    target.clone()
}

/// Whether a page has a link with this text.
fn has_link(browser: &Browser, label: &str) -> bool {
    let links = &browser.page().document.links;
    links.iter().any(|(text, _)| text.contains(label))
}
