//! P9: a phone number is never stored or logged in clear, and no secret is logged.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use numbercloak::secret::sha256;
use sqlx::{AssertSqlSafe, Connection as _};

use super::{callback_of, get_as};
use crate::support::app::App;
use crate::support::browser::{Browser, End};
use crate::support::process::Process;
use crate::support::rp::Wish;

/// Numbers that occur nowhere else: a verified one that is hinted, a verified one that is typed, one
/// that is refused, one that nobody serves, and one that is typed wrong.
const VERIFIED: &str = "+990705381";
const TYPED: &str = "+990706427";
const REFUSED: &str = "+990700001";
const UNSERVED: &str = "+34666135792";
const WRONG: &str = "070 5381";

/// Every form in which a number is as good as the number.
fn forms(number: &str) -> Vec<String> {
    let digits = &number[1..];
    let mut forms = vec![digits.to_owned(), hex(digits.as_bytes())];
    for text in [number, digits, &format!("tel:{number}")] {
        let hash = sha256(text.as_bytes());
        forms.push(hex(&hash));
        forms.push(STANDARD.encode(hash));
        forms.push(URL_SAFE_NO_PAD.encode(hash));
        forms.push(STANDARD.encode(text));
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything in the database as text; bytes are hex there.
async fn dump(app: &App) -> String {
    let mut owner = app.database.owner().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c
        where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    let mut dump = String::new();
    for table in tables {
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("select t::text from {table} t")))
                .fetch_all(&mut owner)
                .await
                .unwrap();
        for row in rows {
            dump.push_str(&format!("{table} {row}\n"));
        }
    }
    owner.close().await.unwrap();
    dump
}

/// What a batch of logins must leave no trace of.
struct Batch {
    secrets: Vec<String>,
}

impl Batch {
    fn keep(&mut self, what: impl Into<String>) {
        let what = what.into();
        assert!(what.len() > 8, "too short to be looked for: {what}");
        self.secrets.push(what);
    }

    fn keep_cookies(&mut self, browser: &Browser) {
        for cookie in browser.cookies("localhost") {
            self.keep(&cookie.value);
        }
    }
}

/// Logins of every kind, through whichever replica `browser` makes browsers for.
async fn run(app: &App, new_browser: impl Fn() -> Browser) -> Batch {
    let mut batch = Batch {
        secrets: Vec::new(),
    };
    batch.keep(app.shop.secret.clone().unwrap());
    batch.keep("a secret between operator and us");
    for number in [VERIFIED, TYPED, REFUSED, UNSERVED] {
        let mut browser = new_browser();
        browser.follows_refresh = false;
        let typed = number == TYPED;
        let wish = if typed { Wish::new() } else { Wish::of(number) };
        let departure = app.open(&mut browser, &wish).await;
        batch.keep(&departure.verifier);
        batch.keep(&departure.state);
        if typed {
            browser.submit("/number", &[("phone_number", WRONG)]).await;
            // What stands typed is sent along by who wants more time, and comes back.
            let fields = [("phone_number", number)];
            browser.forge("more-time", &fields).await;
            assert!(browser.page().source.contains(number));
            browser.submit("/number", &[("phone_number", number)]).await;
        } else {
            browser.press("Continue").await;
        }
        batch.keep_cookies(&browser);
        if number == UNSERVED {
            continue;
        }
        let callback = callback_of(&browser).await;
        for name in ["code", "state"] {
            let pair = callback.query_pairs().find(|(known, _)| known == name);
            batch.keep(pair.unwrap().1);
        }
        browser.open(&callback).await;
        // Once more, after it was answered, and once by somebody else.
        get_as(&browser, callback.as_str()).await;
        new_browser().open(&callback).await;
        batch.keep_cookies(&browser);
        if let End::Left(_) = browser.end {
            let answer = app.answer(&browser, &departure);
            batch.keep(answer.code());
            let signed_in = app.redeem(&browser, &departure).await;
            batch.keep(&signed_in.access_token);
            let replayed = app.shop.redeem_raw(&departure, answer.code()).await;
            assert_eq!(replayed.0, 400);
        } else {
            assert_eq!(number, REFUSED);
        }
    }
    batch
}

#[tokio::test]
async fn a_dump_of_the_database_holds_no_number_and_no_secret() {
    let app = App::start().await;
    let batch = run(&app, || app.browser()).await;
    let dump = dump(&app).await;
    assert!(
        dump.contains("NUMBER_VERIFIED"),
        "the dump holds what happened"
    );
    for number in [VERIFIED, TYPED, REFUSED, UNSERVED] {
        for form in forms(number) {
            let found = dump.lines().find(|line| line.contains(&form));
            assert_eq!(found, None, "{number} as {form}");
        }
    }
    for secret in &batch.secrets {
        for form in [secret.clone(), hex(secret.as_bytes())] {
            let found = dump.lines().find(|line| line.contains(&form));
            // The app's own `state` is kept, to be given back to it.
            let allowed = found.is_some_and(|line| line.starts_with("logins_"));
            assert!(found.is_none() || allowed, "{secret}: {found:?}");
        }
    }
}

#[tokio::test]
async fn logs_at_the_finest_level_hold_no_number_and_no_secret() {
    let app = App::start().await;
    let process = Process::start(&app).await;
    let mut batch = run(&app, || {
        let mut browser = app.browser();
        browser.goes_to(&app.issuer, process.address);
        browser
    })
    .await;
    // Token and userinfo of the process itself, good and bad.
    let mut browser = app.browser();
    browser.goes_to(&app.issuer, process.address);
    let departure = app.open(&mut browser, &Wish::of(VERIFIED)).await;
    browser.press("Continue").await;
    let code = app.answer(&browser, &departure).code().to_owned();
    let base = format!("http://localhost:{}", process.address.port());
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &app.shop.redirect_uri),
        ("code_verifier", &departure.verifier),
    ];
    for secret in ["not the secret", app.shop.secret.as_deref().unwrap()] {
        for _ in 0..2 {
            let request = super::http()
                .post(format!("{base}/token"))
                .basic_auth("shop", Some(secret))
                .form(&fields);
            let answer = super::Raw::of(request).await;
            if let Some(token) = answer.json()["access_token"].as_str() {
                batch.keep(token);
                let userinfo = super::http().get(format!("{base}/userinfo"));
                assert_eq!(
                    super::Raw::of(userinfo.bearer_auth(token)).await.status,
                    200
                );
            }
        }
    }
    batch.keep(code);
    batch.keep(departure.verifier);
    batch.keep(app.database.root().reveal());
    // And a failure of ours, which logs its cause.
    super::tamper(&app, "alter table logins rename to logins_gone").await;
    let mut browser = app.browser();
    browser.goes_to(&app.issuer, process.address);
    app.open(&mut browser, &Wish::of(VERIFIED)).await;
    assert_eq!(browser.page().status.as_u16(), 500);

    super::until("the failure is logged", async || {
        process.logs().contains("request failed")
    })
    .await;
    let logs = process.logs();
    assert!(
        logs.contains("\"route\":\"/broker/{alias}/endpoint\""),
        "{logs}"
    );
    for number in [VERIFIED, TYPED, REFUSED, UNSERVED] {
        for form in forms(number) {
            let found = logs.lines().find(|line| line.contains(&form));
            assert_eq!(found, None, "{number} as {form}");
        }
    }
    for secret in &batch.secrets {
        let found = logs.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(found, None, "{secret}");
    }
    for query in [
        "state=",
        "code=",
        "login_hint",
        "client_id=",
        "redirect_uri=",
    ] {
        let found = logs.lines().find(|line| line.contains(query));
        assert_eq!(found, None, "{query}");
    }
}
