//! Every page under a name, with all it can show.

use crate::login::view::*;
use crate::web::page::{App, Form};
use crate::web::plain::{BadLink, ErrorPage, FormPost, Home, Problem};
use crate::web::text::Language;

const MASKED: &str = "+44 •••• •••123";
const OPERATOR: &str = "Northwind Mobile";
const AWAY: &str = "https://operator.example/authorize?client_id=nc&scope=openid%20dpv%3AFraudPreventionAndDetection%20number-verification%3Averify&state=0190a1b2.Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9v&nonce=Zm9vYmFyYmF6Zm9vYmFyYmF6&code_challenge=Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9v&code_challenge_method=S256&login_hint=tel%3A%2B990700001";
const BACK: &str =
    "https://shop.example/callback?error=access_denied&state=xyz&iss=https%3A%2F%2Fid.example";

pub(super) fn frame() -> Frame {
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

pub(super) fn bare() -> Frame {
    Frame::plain_page("Numbercloak", Language::default())
}

fn operator() -> String {
    OPERATOR.into()
}

/// Every page under a name, journey pages with all their parts.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    let html = |page: &dyn askama::DynTemplate| page.dyn_render().unwrap();
    let go_ahead = |may_change| {
        html(&GoAhead {
            frame: frame(),
            number_masked: MASKED.into(),
            may_change,
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
            is_busy: false,
            on_phone: false,
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
        ("go-ahead", go_ahead(true)),
        ("go-ahead-pinned", go_ahead(false)),
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
            "operator-busy",
            html(&OperatorDown {
                frame: frame(),
                operator_name: operator(),
                retry_after_s: Some(30),
                is_busy: true,
                on_phone: false,
            }),
        ),
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
                refused: true,
            }),
        ),
        (
            "operator-consent-missing",
            html(&OperatorConsentDenied {
                frame: frame(),
                operator_name: operator(),
                refused: false,
            }),
        ),
        (
            "too-many-tries",
            html(&TooManyTries {
                frame: frame(),
                wait_s: 60,
                why: TooMany::Number,
            }),
        ),
        (
            "too-many-numbers",
            html(&TooManyTries {
                frame: frame(),
                wait_s: 3000,
                why: TooMany::Numbers { may_change: true },
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
pub(super) fn journey() -> impl Iterator<Item = (&'static str, String)> {
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
