//! Every page of a hand-off, rendered once, and written to `pages/` in the target folder's temporary part
//! beside those of ordinary logins.

use uuid::Uuid;

use super::*;
use crate::login::handoff::qr;
use crate::web::page::{App, Form};
use crate::web::text::Language;

const LOGIN: Uuid = Uuid::from_u128(0x0190_a1b2_c3d4_7e8f_9a0b_1c2d_3e4f_5061);
const TICKET: &str = "https://id.example.com/go/k2J4bXcPq0aWm1ZtVn3uYd5eRf7gHs9iLo6pTxBzCvA";

fn frame(base: &str) -> Frame {
    Frame {
        app: Some(App {
            name: "Harbour Books".into(),
            domain: "shop.harbour-books.example".into(),
        }),
        form: Some(Form {
            base: base.into(),
            csrf: "Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmF".into(),
        }),
        reference: Some("7F3K-21".into()),
        ..Frame::plain_page("Numbercloak", Language::default())
    }
}

fn desktop() -> Frame {
    frame(&format!("/login/{LOGIN}"))
}

fn phone() -> Frame {
    frame(&format!("/phone/{LOGIN}"))
}

fn ticket() -> Frame {
    frame("/go/k2J4bXcPq0aWm1ZtVn3uYd5eRf7gHs9iLo6pTxBzCvA")
}

fn html(page: &dyn askama::DynTemplate) -> String {
    page.dyn_render().unwrap()
}

/// The desktop's pages, by name.
fn desktops() -> Vec<(&'static str, String)> {
    let drawn = qr::draw(TICKET).unwrap();
    let scan = |seconds_left| {
        html(&Scan {
            frame: desktop(),
            login: LOGIN,
            state: "waiting",
            side: drawn.side,
            path: drawn.path.clone(),
            code: "K7P4-QM9T".into(),
            typed: "id.example.com/go".into(),
            seconds_left,
            refreshes: true,
        })
    };
    let on_phone = |state| {
        html(&OnPhone {
            frame: desktop(),
            login: LOGIN,
            state,
            refreshes: true,
        })
    };
    let digits = |error| {
        html(&Digits {
            frame: desktop(),
            login: LOGIN,
            error,
            tries_left: 1,
        })
    };
    vec![
        ("handoff-scan", scan(170)),
        ("handoff-scan-old", scan(0)),
        ("handoff-opened", on_phone("opened")),
        ("handoff-checking", on_phone("checking")),
        ("handoff-problem", on_phone("problem")),
        ("handoff-digits", digits(None)),
        ("handoff-digits-wrong", digits(Some("handoff_digits_wrong"))),
        (
            "handoff-stopped",
            html(&Stopped {
                frame: desktop(),
                return_url: "https://shop.example/callback?error=access_denied".into(),
            }),
        ),
    ]
}

/// The phone's pages, by name.
fn phones() -> Vec<(&'static str, String)> {
    let masked = "+44 •••• •••123";
    let type_code = |error| {
        html(&TypeCode {
            frame: Frame {
                form: None,
                app: None,
                ..phone()
            },
            error,
        })
    };
    let gone = |why| {
        html(&GonePage {
            frame: Frame {
                form: None,
                app: None,
                ..phone()
            },
            why,
        })
    };
    let end = |end| {
        html(&PhoneEnd {
            frame: phone(),
            end,
        })
    };
    let step = |texts, is_problem| {
        html(&PhoneStep {
            frame: phone(),
            texts,
            operator_name: "Northwind Mobile".into(),
            number_masked: masked.into(),
            may_try: true,
            is_problem,
        })
    };
    vec![
        ("phone-type", type_code(None)),
        (
            "phone-type-unknown",
            type_code(Some("handoff_code_unknown")),
        ),
        (
            "phone-question",
            html(&Question {
                frame: ticket(),
                desktop: "Chrome, Windows".into(),
                number_masked: masked.into(),
                began_s: 40,
            }),
        ),
        ("phone-expired", gone(Gone::Expired)),
        ("phone-used", gone(Gone::Used)),
        (
            "phone-digits",
            html(&ShowDigits {
                frame: phone(),
                login: LOGIN,
                digits: "0471".into(),
                desktop: "Chrome, Windows".into(),
            }),
        ),
        ("phone-done", end(End::Done)),
        ("phone-stopped", end(End::Stopped)),
        ("phone-reported", end(End::Reported)),
        ("phone-over", end(End::Over)),
        (
            "phone-ready",
            step(("handoff_ready_title", "handoff_ready_lead"), false),
        ),
        (
            "phone-mismatch",
            step(("mismatch_title", "handoff_mismatch_lead"), true),
        ),
    ]
}

#[test]
fn the_pages_can_be_looked_at() {
    let exe = std::env::current_exe().unwrap();
    let folder = exe.ancestors().nth(3).unwrap().join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, html) in desktops().into_iter().chain(phones()) {
        let html = html
            .replace(crate::web::assets::stylesheet(), "numbercloak.css")
            .replace("http-equiv=\"refresh\"", "name=\"no-refresh\"");
        std::fs::write(folder.join(name).with_extension("html"), html).unwrap();
    }
}

#[test]
fn every_page_has_a_language_a_title_that_says_its_heading_and_no_loose_ends() {
    for (name, html) in desktops().into_iter().chain(phones()) {
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        let between = |from: &str, to: &str| {
            let (_, rest) = html.split_once(from).unwrap();
            rest.split_once(to).unwrap().0.to_owned()
        };
        let heading = between("<h1>", "</h1>");
        let title = between("<title>", "</title>");
        assert!(title.contains(&heading), "{name}: {title} / {heading}");
        assert!(!html.contains('{') && !html.contains("handoff_"), "{name}");
        assert!(
            !html.contains("style=\"") && !html.contains(" onclick"),
            "{name}"
        );
    }
}

#[test]
fn a_phone_s_page_leads_to_nobody_and_a_waiting_desktop_s_everywhere_it_should() {
    for (name, html) in phones() {
        let main = html
            .split("<main>")
            .nth(1)
            .unwrap()
            .split("</main>")
            .next()
            .unwrap();
        assert!(!main.contains("<a "), "{name}: {main}");
        assert!(!main.contains("Return to"), "{name}");
        assert!(
            !html.contains("http-equiv"),
            "{name} leads somewhere by itself"
        );
    }
    for (name, html) in desktops() {
        let leaves = html.contains("/cancel\"") || html.contains("https://shop.example/callback");
        assert!(leaves, "{name} is a dead end");
        let refreshes = html.contains("<noscript><meta http-equiv=\"refresh\"");
        let waits = [
            "handoff-scan",
            "handoff-opened",
            "handoff-checking",
            "handoff-problem",
        ];
        assert_eq!(refreshes, waits.contains(&name), "{name}");
    }
}

#[test]
fn no_is_as_large_as_yes_and_comes_first() {
    let (_, page) = phones().remove(2);
    let (no, yes) = (
        page.find("No, stop").unwrap(),
        page.find("Yes, continue").unwrap(),
    );
    assert!(no < yes);
    assert!(
        page.contains("<button class=\"\">No, stop</button>"),
        "{page}"
    );
    assert!(page.contains("<button class=\"\">Yes, continue</button>"));
}

#[test]
fn nothing_reloads_by_itself_unless_somebody_asked_for_it() {
    let page = html(&OnPhone {
        frame: desktop(),
        login: LOGIN,
        state: "checking",
        refreshes: false,
    });
    assert!(!page.contains("http-equiv"), "{page}");
    assert!(page.contains(&format!("href=\"/login/{LOGIN}/waiting\"")));
}
