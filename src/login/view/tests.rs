//! Every page is rendered here once with all it can show. They are written to `pages/` in the target
//! folder's temporary part, to be looked at.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::web::page::{App, Form};
use crate::web::plain::{BadLink, ErrorPage, FormPost, Home, Problem};
use crate::web::text::Language;

const MASKED: &str = "+44 •••• •••123";
const OPERATOR: &str = "Northwind Mobile";
const AWAY: &str = "https://operator.example/authorize?client_id=nc&scope=openid%20dpv%3AFraudPreventionAndDetection%20number-verification%3Averify&state=0190a1b2.Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9v&nonce=Zm9vYmFyYmF6Zm9vYmFyYmF6&code_challenge=Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9v&code_challenge_method=S256&login_hint=tel%3A%2B990700001";
const BACK: &str =
    "https://shop.example/callback?error=access_denied&state=xyz&iss=https%3A%2F%2Fid.example";

fn frame() -> Frame {
    Frame {
        app: Some(App {
            name: "Harbour Books".into(),
            domain: "shop.harbour-books.example".into(),
        }),
        form: Some(Form {
            base: "/login/0190a1b2c3d47e8f9a0b1c2d3e4f5061".into(),
            csrf: "Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmF".into(),
        }),
        reference: Some("7F3K-21".into()),
        policy: Some("https://harbour-books.example/privacy".into()),
        terms: Some("https://harbour-books.example/terms".into()),
        ..bare()
    }
}

fn bare() -> Frame {
    Frame::plain_page("Numbercloak", Language::default())
}

fn operator() -> String {
    OPERATOR.into()
}

/// Every page under a name, journey pages with all their parts.
fn pages() -> Vec<(&'static str, String)> {
    let html = |page: &dyn askama::DynTemplate| page.dyn_render().unwrap();
    let go_ahead = |number: Option<&str>, may_change, method| {
        html(&GoAhead {
            frame: frame(),
            number_masked: number.map(Into::into),
            may_change,
            method,
            to_phone: false,
        })
    };
    let number = |value: &str, error| {
        html(&Number {
            frame: frame(),
            value: value.into(),
            error,
            to_phone: false,
        })
    };
    let choose = |number: Option<&str>, declined: Option<&str>, is_error| {
        let named = |alias: &str, name: &str| (alias.to_owned(), name.to_owned());
        html(&ChooseOperator {
            frame: frame(),
            operators: vec![
                named("bluewave", "Bluewave"),
                named("kestrel", "Kestrel Telecom"),
            ],
            number_masked: number.map(Into::into),
            may_change: true,
            declined: declined.map(Into::into),
            is_error,
        })
    };
    let leaving = |why| {
        html(&Leaving {
            frame: frame(),
            url: BACK.into(),
            why,
        })
    };
    let not_mobile = |connection| {
        html(&NotMobile {
            frame: frame(),
            may_change: true,
            connection,
            to_phone: false,
            on_phone: false,
            watch: Watch {
                url: "/login/0190a1b2c3d47e8f9a0b1c2d3e4f5061/network".into(),
                from: "Zm9vYmFyYmF6Zm9v".into(),
                after: 1,
            },
            may_choose: false,
        })
    };
    let mismatch = |may_change, value: &str, tries_left| {
        html(&Mismatch {
            frame: frame(),
            number_masked: MASKED.into(),
            may_change,
            value: value.into(),
            tries_left,
        })
    };
    let down = |retry_after_s| {
        html(&OperatorDown {
            frame: frame(),
            operator_name: operator(),
            retry_after_s,
        })
    };
    let back = || Some(BACK.to_owned());
    let problem = |problem| {
        html(&ErrorPage {
            frame: Frame {
                reference: Some("7F3K-21".into()),
                ..bare()
            },
            problem,
        })
    };
    vec![
        ("go-ahead", go_ahead(Some(MASKED), true, Method::Verify)),
        (
            "go-ahead-pinned",
            go_ahead(Some(MASKED), false, Method::Verify),
        ),
        (
            "go-ahead-share",
            go_ahead(None, false, Method::DevicePhoneNumber),
        ),
        ("number", number("", None)),
        (
            "number-error",
            number("07700 9001", Some(NotANumber::NoCountryCode)),
        ),
        ("operator", choose(Some(MASKED), None, false)),
        ("operator-share", choose(None, None, false)),
        (
            "operator-declined",
            choose(Some(MASKED), Some(OPERATOR), false),
        ),
        ("operator-error", choose(Some(MASKED), None, true)),
        (
            "share",
            html(&Share {
                frame: frame(),
                number_masked: MASKED.into(),
            }),
        ),
        (
            "checking",
            html(&Checking {
                frame: frame(),
                operator_name: operator(),
                url: AWAY.into(),
            }),
        ),
        ("leaving-confirmed", leaving(Why::Confirmed)),
        ("leaving-cancelled", leaving(Why::Cancelled)),
        ("leaving-error", leaving(Why::Error)),
        ("wifi", not_mobile(Some(Connection::Wifi))),
        ("vpn", not_mobile(Some(Connection::Vpn))),
        ("relay", not_mobile(Some(Connection::Relay))),
        ("hotspot", not_mobile(Some(Connection::Hotspot))),
        ("wifi-maybe", not_mobile(Some(Connection::Unknown))),
        ("no-sim", not_mobile(None)),
        ("mismatch", mismatch(true, "+44 7700 900123", 2)),
        ("mismatch-pinned", mismatch(false, "", 2)),
        ("mismatch-over", mismatch(true, "+44 7700 900123", 0)),
        (
            "unsupported",
            html(&Unsupported {
                frame: frame(),
                may_change: true,
            }),
        ),
        ("operator-down", down(Some(30))),
        ("operator-down-soon", down(None)),
        (
            "operator-invalid",
            html(&OperatorInvalid {
                frame: frame(),
                operator_name: operator(),
            }),
        ),
        (
            "operator-consent-denied",
            html(&OperatorConsentDenied {
                frame: frame(),
                operator_name: operator(),
            }),
        ),
        (
            "too-many-tries",
            html(&TooManyTries {
                frame: frame(),
                wait_s: 60,
                links: None,
            }),
        ),
        (
            "expired",
            html(&Expired {
                frame: frame(),
                return_url: back(),
            }),
        ),
        (
            "already-done",
            html(&AlreadyDone {
                frame: frame(),
                return_url: back(),
            }),
        ),
        (
            "lost-cookie",
            html(&LostCookie {
                frame: bare(),
                return_url: None,
            }),
        ),
        (
            "form-post",
            html(&FormPost {
                frame: frame(),
                action: "https://shop.example/callback".into(),
                fields: vec![
                    ("code".into(), "abc".into()),
                    ("state".into(), "\"><b>".into()),
                ],
            }),
        ),
        (
            "bad-link",
            html(&BadLink {
                frame: Frame {
                    reference: Some("7F3K-21".into()),
                    ..bare()
                },
                reason: "redirect_uri is not registered".into(),
            }),
        ),
        ("not-found", problem(Problem::NotFound)),
        ("bad-request", problem(Problem::BadRequest)),
        ("stale-form", problem(Problem::StaleForm)),
        ("internal", problem(Problem::Internal)),
        ("unavailable", problem(Problem::Unavailable)),
        ("home", html(&Home { frame: bare() })),
    ]
}

/// Pages that belong to a login and have its forms.
fn journey() -> impl Iterator<Item = (&'static str, String)> {
    let end = [
        "lost-cookie",
        "expired",
        "already-done",
        "form-post",
        "bad-link",
    ];
    pages()
        .into_iter()
        .take_while(|(name, _)| *name != "not-found")
        .filter(move |(name, _)| !end.contains(name))
}

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
        let watches = ["wifi", "vpn", "relay", "hotspot", "wifi-maybe", "no-sim"];
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
        ("go-ahead-share", false),
        ("mismatch", true),
        ("mismatch-pinned", false),
        ("mismatch-over", false),
        ("wifi", true),
        ("share", false),
        ("operator", true),
        ("operator-share", true),
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
        links: Some(Links {
            again: "/authorize?a=1&b=2".to_owned(),
            back: "https://shop.example/cb?error=x".to_owned(),
        }),
    };
    let html = page.render().unwrap();
    assert!(html.contains("href=\"/authorize?a=1&#38;b=2\""), "{html}");
    assert!(html.contains("href=\"https://shop.example/cb?error=x\""));
    assert!(!html.contains("<form"));
}
