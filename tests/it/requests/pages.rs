//! Pages in a browser without modern JavaScript (section 2.8, and 1.3 for form_post): the suite's is
//! HtmlUnit, which reads ES3 and hardly more.

use std::path::{Path, PathBuf};

use numbercloak::web::headers::FORM_POST_SCRIPT;

use super::posted;
use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Answer, Wish};

/// Templates of pages that people who sign in see. Staff's may have scripts.
fn templates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is = |names: &[&str]| {
                path.file_name()
                    .is_some_and(|n| names.iter().any(|s| n == *s))
            };
            if path.is_dir() {
                if !is(&["console", "simulator", "demo"]) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "html") && !is(&["form_post.html"]) {
                found.push(path);
            }
        }
    }
    found
}

/// The names of all attributes in a template, in lower case.
fn attributes(source: &str) -> Vec<String> {
    let words = source.split(|c: char| c.is_whitespace() || c == '<' || c == '"');
    words
        .filter_map(|word| word.split_once('='))
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect()
}

// 2.8
#[test]
fn only_pages_that_wait_have_a_script_and_none_needs_it() {
    // What a person waits for is noticed by a script where there is one, by a button or a refresh without.
    let waits = [
        "not_mobile.html",
        "operator_down.html",
        "too_many_tries.html",
        "digits.html",
        "on_phone.html",
        "scan.html",
        "show_digits.html",
    ];
    let templates = templates();
    assert!(templates.len() > 20, "{templates:?}");
    for path in templates {
        let source = std::fs::read_to_string(&path).unwrap();
        let mut lower = source.to_ascii_lowercase();
        if path.ends_with("part/form.html") {
            // What pages that wait put in: without a script a reload for who asks for it. And a button that
            // copies the page's own address, hidden until the script shows it.
            let ours = "<script src=\"{{ frame.copy_script() }}\"";
            assert!(lower.contains(ours), "{}", path.display());
            lower = lower.replacen(ours, "", 1).replace("<noscript>", "");
        }
        if waits.iter().any(|name| path.ends_with(name)) {
            let ours = "<script src=\"{{ frame.wa";
            assert!(lower.contains(ours), "{}", path.display());
            lower = lower.replacen(ours, "", 1).replace("<noscript>", "");
        }
        let shown = path.display();
        for never in [
            "<script",
            "javascript:",
            "<noscript",
            "<dialog",
            "<template",
        ] {
            assert!(!lower.contains(never), "{never} in {shown}");
        }
        let handlers: Vec<_> = attributes(&source)
            .into_iter()
            .filter(|name| name.starts_with("on") && name.bytes().all(|b| b.is_ascii_lowercase()))
            .collect();
        assert_eq!(handlers, Vec::<String>::new(), "{shown}");
    }
}

// 1.3, 2.8
#[test]
fn the_one_script_is_a_call_that_the_oldest_browsers_understand() {
    // ES3: names, dots, one index and one call. No keyword, no arrow, no template, no semicolon to guess.
    let known = ["document", "forms", "0", "submit"];
    let words: Vec<_> = FORM_POST_SCRIPT
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(words, known);
    assert!(
        FORM_POST_SCRIPT
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".[]()".contains(&b))
    );
}

// 1.3, 2.2.14
#[tokio::test]
async fn an_answer_by_form_needs_no_script_and_nothing_in_the_form_hides_its_submit() {
    let app = App::start().await;
    let mut browser: Browser = app.browser();
    let wish = Wish::of(NUMBER).with("response_mode", "form_post");
    let departure = app.open(&mut browser, &wish).await;
    browser.press("Continue").await;
    let (action, fields) = posted(&browser);
    // A field of that name would take the place of the function that the script calls.
    assert!(
        fields.iter().all(|(name, _)| name != "submit"),
        "{fields:?}"
    );
    let source = &browser.page().source;
    // The script stands after the form, where the oldest browsers know it already; the button is seen
    // with scripts and without.
    let at = |what: &str| {
        source
            .find(what)
            .unwrap_or_else(|| panic!("{what} in {source}"))
    };
    assert!(at("<button") < at("</form>") && at("</form>") < at("<script>"));
    assert!(!source.contains("<noscript") && !source.contains("hidden>"));
    assert!(source.contains("accept-charset") || source.contains("<meta charset=\"utf-8\">"));
    assert_eq!(action, app.shop.redirect_uri);
    assert!(matches!(
        app.shop.answer_of(&departure, fields),
        Answer::Code(_)
    ));
}
