//! Every page is rendered here once with all it can show. They are written to `pages/` in the target
//! folder's temporary part, to be looked at.

mod pages;

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::web::page::App;
use crate::web::plain::Home;
use pages::{bare, frame, journey, pages};

fn between<'a>(html: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    html.split(from)
        .skip(1)
        .map(|rest| rest.split(to).next().unwrap())
        .collect()
}

#[test]
fn the_pages_can_be_looked_at() {
    let exe = std::env::current_exe().unwrap();
    let folder = exe.ancestors().nth(3).unwrap().join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    let css = include_str!("../../../static/numbercloak.css");
    std::fs::write(folder.join("numbercloak.css"), css).unwrap();
    for (name, html) in pages() {
        let html = html
            .replace(crate::web::assets::stylesheet(), "numbercloak.css")
            .replace("http-equiv=\"refresh\"", "name=\"no-refresh\"")
            .replace("<script>", "<script type=\"text/plain\">");
        let file = folder.join(name).with_extension("html");
        std::fs::write(&file, html).unwrap();
        assert!(Path::new(&file).exists());
    }
}

#[test]
fn every_page_is_small_and_has_a_language_a_title_and_one_heading() {
    for (name, html) in pages() {
        assert!(html.len() < 4096, "{name}: {} bytes", html.len());
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\" dir=\"ltr\">"));
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        assert_eq!(html.matches("<main>").count(), 1, "{name}");
        let title = between(&html, "<title>", "</title>")[0];
        let heading = between(&html, "<h1>", "</h1>")[0];
        let words = heading.replace("<bdi>", "").replace("</bdi>", "");
        assert!(title.contains(&words), "{name}: {title} / {words}");
        let owner = if html.contains("class=\"app\"") {
            " – Harbour Books"
        } else {
            " – Numbercloak"
        };
        assert!(title.ends_with(owner), "{name}: {title}");
        assert!(!html.contains('{') && !html.contains("_title"), "{name}");
    }
}

#[test]
fn titles_tell_the_pages_apart() {
    let states_of_one_page = [
        "go-ahead-pinned",
        "operator-share",
        "operator-declined",
        "leaving-error",
        "wifi-maybe",
        "mismatch-pinned",
        "mismatch-over",
        "operator-down-soon",
        "operator-consent-missing",
        "too-many-numbers",
    ];
    let mut seen = BTreeSet::new();
    for (name, html) in pages() {
        let title = between(&html, "<title>", "</title>")[0].to_owned();
        if !states_of_one_page.contains(&name) {
            assert!(seen.insert(title.clone()), "{name}: {title}");
        }
    }
}

#[test]
fn nothing_on_a_page_needs_what_the_policy_forbids() {
    for (name, html) in pages() {
        let script = html.contains("<script");
        let watches = [
            "wifi",
            "vpn",
            "relay",
            "hotspot",
            "wifi-maybe",
            "no-sim",
            "too-many-tries",
            "too-many-numbers",
            "operator-down",
            "operator-busy",
        ];
        assert_eq!(
            script,
            name == "form-post" || watches.contains(&name),
            "{name}"
        );
        let tags = between(&html, "<", ">").join("\n");
        for forbidden in ["style=", "style\n", "img ", "iframe", "javascript:"] {
            assert!(!tags.contains(forbidden), "{name}: {forbidden}");
        }
        let handler = |word: &str| word.starts_with("on") && word.contains('=');
        assert!(!tags.split_whitespace().any(handler), "{name}");
    }
}

#[test]
fn every_form_posts_to_its_login_and_carries_the_token() {
    for (name, html) in journey() {
        let forms = between(&html, "<form ", "</form>");
        for form in &forms {
            assert!(
                form.starts_with(
                    "method=\"post\" action=\"/login/0190a1b2c3d47e8f9a0b1c2d3e4f5061/"
                ),
                "{name}: {form}"
            );
            assert!(
                form.contains("name=\"csrf\" value=\"Zm9v"),
                "{name}: {form}"
            );
        }
    }
}

#[test]
fn every_page_of_a_login_has_a_way_back() {
    for (name, html) in journey() {
        let back = ["/cancel\"", "/return\"", BACK_START];
        assert!(back.iter().any(|way| html.contains(way)), "{name}");
    }
    for (name, html) in pages() {
        if ["expired", "already-done"].contains(&name) {
            assert!(html.contains(BACK_START), "{name}");
        }
    }
}

const BACK_START: &str = "href=\"https://shop.example/callback?error";

#[test]
fn leaving_starts_from_a_page_with_a_refresh_and_a_link() {
    for (name, html) in pages() {
        let leaves = name == "checking" || name.starts_with("leaving");
        assert_eq!(
            html.contains("http-equiv=\"refresh\" content=\"0;url=https://"),
            leaves,
            "{name}"
        );
        assert!(!leaves || html.contains("<a class=\"button"), "{name}");
    }
}

#[test]
fn a_whole_number_stands_only_in_the_field_it_was_typed_into() {
    for (name, html) in pages() {
        let html = html.replace("for example +44\u{a0}7700\u{a0}900123", "");
        let (shown, typed) = (
            html.replace('\u{a0}', " ").matches("7700 900").count(),
            html.matches("value=\"+44 7700 900123\"").count(),
        );
        assert_eq!(shown, typed + usize::from(name == "number-error"), "{name}");
    }
}

#[test]
fn a_number_s_error_is_tied_to_its_field() {
    let errors = [
        NotANumber::Empty,
        NotANumber::NoCountryCode,
        NotANumber::UnknownCountryCode,
        NotANumber::TooShort,
        NotANumber::TooLong,
        NotANumber::Landline,
        NotANumber::Malformed,
    ];
    let mut texts = BTreeSet::new();
    for error in errors {
        let page = Number {
            frame: frame(),
            value: "\"><script>".into(),
            error: Some(error),
            to_phone: false,
        };
        let html = page.render().unwrap();
        assert!(html.contains("<title>Error: "));
        assert!(html.contains("aria-invalid=\"true\" aria-describedby=\"error hint\" autofocus"));
        assert!(html.contains("id=\"error\" role=\"alert\">"));
        assert!(html.contains("value=\"&#34;&#62;&#60;script&#62;\""));
        texts.insert(between(&html, "role=\"alert\">", "<")[0].to_owned());
    }
    assert_eq!(texts.len(), errors.len());
}

#[test]
fn the_number_may_be_changed_only_where_the_client_allows_it() {
    let html = |name: &str| pages().into_iter().find(|(n, _)| *n == name).unwrap().1;
    for (name, may_change) in [
        ("go-ahead", true),
        ("go-ahead-pinned", false),
        ("mismatch", true),
        ("mismatch-pinned", false),
        ("mismatch-over", false),
        ("wifi", true),
        ("share", false),
        ("operator", true),
        ("operator-share", true),
        ("too-many-tries", false),
        ("too-many-numbers", true),
    ] {
        assert_eq!(html(name).contains("phone_number"), may_change, "{name}");
    }
}

#[test]
fn the_app_s_domain_always_stands_beside_its_name() {
    for (name, html) in journey() {
        let app = between(&html, "<bdi class=\"name\">", "</p>")[0];
        assert!(app.contains("shop.harbour-books.example"), "{name}");
    }
}

#[test]
fn a_browser_without_the_cookie_learns_nothing_of_the_login() {
    let (_, html) = pages()
        .into_iter()
        .find(|(n, _)| *n == "lost-cookie")
        .unwrap();
    assert!(!html.contains("<form") && !html.contains("class=\"app\""));
    assert!(html.contains("Open <bdi>the app</bdi> again"));
}

#[test]
fn a_hostile_app_name_stays_text() {
    let mut frame = frame();
    frame.app = Some(App {
        name: "</title><script>alert(1)</script>".into(),
        domain: "evil.example\"><b>".into(),
    });
    let page = Share {
        frame,
        number_masked: "<i>".into(),
    };
    let html = page.render().unwrap();
    assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains("<i>"));
}

#[test]
fn help_is_linked_if_the_deployment_has_some() {
    let home = |support| {
        let frame = Frame { support, ..bare() };
        Home { frame }.render().unwrap()
    };
    let link = "href=\"https://example.com/help\"";
    assert!(home(Some("https://example.com/help".to_owned())).contains(link));
    assert!(!home(None).contains("target=\"_blank\""));
}

#[test]
fn too_many_logins_lead_back_by_links_because_nothing_was_opened() {
    let page = TooManyTries {
        frame: bare(),
        wait_s: 60,
        why: TooMany::Network(Links {
            again: "/authorize?a=1&b=2".to_owned(),
            back: "https://shop.example/cb?error=x".to_owned(),
        }),
    };
    let html = page.render().unwrap();
    assert!(html.contains("href=\"/authorize?a=1&#38;b=2\""), "{html}");
    assert!(html.contains("href=\"https://shop.example/cb?error=x\""));
    assert!(!html.contains("<form"));
}
