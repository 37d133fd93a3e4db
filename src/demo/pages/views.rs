//! What the pages show, drawn by the templates in `templates/demo/`.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use chrono::DateTime;
use serde_json::Value;

use crate::demo::failure::Failure;
use crate::demo::relying_party::SignedIn;
use crate::phone::{NotANumber, PhoneNumber};

/// A number of the simulator, offered on the start page.
struct TestNumber {
    number: &'static str,
    shown: &'static str,
    effect: &'static str,
}

const TEST_NUMBERS: [TestNumber; 4] = [
    TestNumber {
        number: "990700000",
        shown: "+99070 0000",
        effect: "matches",
    },
    TestNumber {
        number: "990700001",
        shown: "+99070 0001",
        effect: "does not match",
    },
    TestNumber {
        number: "990701000",
        shown: "+99070 1000",
        effect: "is on Wi-Fi",
    },
    TestNumber {
        number: "990701020",
        shown: "+99070 1020",
        effect: "the operator asks first",
    },
];

#[derive(Template)]
#[template(path = "demo/start.html")]
struct Start<'a> {
    number: &'a str,
    error: Option<String>,
    test_numbers: &'static [TestNumber],
    simulator_url: Option<&'a str>,
}

/// The start page, with the field filled in and what is wrong with it, if anything.
pub(super) fn start(
    number: &str,
    error: Option<NotANumber>,
    simulator_url: Option<&str>,
) -> Response {
    let status = match error {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = draw(&Start {
        number,
        error: error.map(|error| capitalise(&error.to_string())),
        test_numbers: &TEST_NUMBERS,
        simulator_url,
    });
    (status, page).into_response()
}

#[derive(Template)]
#[template(path = "demo/leave.html")]
struct Leave<'a> {
    url: &'a str,
}

/// The page that goes to the issuer by itself.
pub(super) fn leave(url: &str) -> Response {
    draw(&Leave { url })
}

struct Check {
    name: &'static str,
    detail: String,
    passed: bool,
}

#[derive(Template)]
#[template(path = "demo/signed_in.html")]
struct Signed {
    number: Option<String>,
    is_test: bool,
    operator: Option<String>,
    when: Option<String>,
    checks: Vec<Check>,
    header: String,
    claims: String,
    userinfo: String,
}

/// The page after a sign-in that passed every check.
pub(super) fn signed_in(signed_in: &SignedIn) -> Response {
    let claims = &signed_in.claims;
    let verification = &claims["number_verification"];
    draw(&Signed {
        number: signed_in.number().map(show_number),
        is_test: verification["test"] == Value::Bool(true),
        operator: verification["operator"].as_str().map(str::to_owned),
        when: verification["verified_at"].as_i64().and_then(show_time),
        checks: checks(signed_in),
        header: pretty(&signed_in.header),
        claims: pretty(claims),
        userinfo: pretty(&signed_in.userinfo),
    })
}

/// What was checked, in the order of OpenID Connect Core section 3.1.3.7 after the callback's own.
/// All but the last have passed, or there would be no such page.
fn checks(signed_in: &SignedIn) -> Vec<Check> {
    let (header, claims) = (&signed_in.header, &signed_in.claims);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let passed = |name, detail: String| Check {
        name,
        detail,
        passed: true,
    };
    let until = claims["exp"].as_i64().and_then(show_time);
    let audience = match &claims["aud"] {
        Value::Array(several) => several.iter().map(text).collect::<Vec<_>>().join(", "),
        one => text(one),
    };
    let mut checks = vec![
        passed("State", "this browser’s, used once".to_owned()),
        passed("iss parameter", "the issuer we asked (RFC 9207)".to_owned()),
        passed("Issuer", text(&claims["iss"])),
        passed("Audience", audience),
        passed(
            "Signature",
            match header["kid"].as_str() {
                Some(kid) => format!("{}, key {kid}", text(&header["alg"])),
                None => text(&header["alg"]),
            },
        ),
        passed(
            "Expiry",
            format!("valid until {}", until.unwrap_or_default()),
        ),
        passed("Nonce", "this sign-in’s".to_owned()),
    ];
    if claims["at_hash"].is_string() {
        checks.push(passed(
            "Access token",
            "its hash is in the ID token".to_owned(),
        ));
    }
    checks.push(passed("Userinfo", "same subject".to_owned()));
    // Not a condition: an app may let the person choose another number than it suggested.
    if let Some(asked) = &signed_in.asked {
        let is_asked = signed_in.number() == Some(asked);
        checks.push(Check {
            name: "Number",
            detail: if is_asked {
                "the one you typed".to_owned()
            } else {
                "not the one you typed".to_owned()
            },
            passed: is_asked,
        });
    }
    checks
}

#[derive(Template)]
#[template(path = "demo/failed.html")]
struct Failed<'a> {
    error: &'a str,
    description: &'a str,
    meaning: &'static str,
}

/// The page after a sign-in that did not work. Its status is the caller's.
pub(super) fn failed(failure: &Failure) -> Response {
    draw(&Failed {
        error: &failure.error,
        description: &failure.description,
        meaning: failure.meaning(),
    })
}

fn draw(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a demo page could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn show_number(number: &str) -> String {
    PhoneNumber::from_e164(number)
        .map_or_else(|_| number.to_owned(), |number| number.international())
}

fn show_time(seconds: i64) -> Option<String> {
    let time = DateTime::from_timestamp(seconds, 0)?;
    Some(time.format("%-d %B %Y, %H:%M:%S UTC").to_string())
}

fn capitalise(text: &str) -> String {
    let mut rest = text.chars();
    rest.next()
        .map(|first| first.to_uppercase().chain(rest).collect())
        .unwrap_or_default()
}
