//! Staff in the console: an account, and a browser that is signed in with it.

use std::time::Duration;

use numbercloak::admin::staff;
use numbercloak::store::staff::Role;
use totp_rs::{Builder, Secret};

use super::app::App;
use super::browser::Browser;

/// A password nobody guesses.
pub const PASSWORD: &str = "plum engine sofa tide";

/// An account that set itself up.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its address.
    pub email: String,
    /// The authenticator app's secret, base32.
    pub secret: String,
    /// The recovery codes it was shown.
    pub recovery: Vec<String>,
}

impl Account {
    /// What its authenticator app shows now.
    pub fn code(&self, app: &App) -> String {
        code(&self.secret, app)
    }
}

/// What an authenticator app with this secret shows now.
pub fn code(secret: &str, app: &App) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let seconds = u64::try_from(app.clock.now().timestamp()).unwrap();
    let totp = Builder::new().with_secret(secret).build_noncompliant();
    totp.generate(seconds).to_string()
}

/// The text of the element with this id.
pub fn text_of(browser: &Browser, id: &str) -> String {
    let source = &browser.page().source;
    let start = format!("id=\"{id}\">");
    let (_, rest) = source
        .split_once(&start)
        .unwrap_or_else(|| panic!("no {id} on: {}", browser.page().document.text));
    rest.split_once('<').unwrap().0.trim().to_owned()
}

/// Opens a setup link and fills its form in; the answer is the page with the recovery codes.
pub async fn set_up(app: &App, browser: &mut Browser, link: &str, email: &str) -> Account {
    browser.open(link).await;
    let secret = text_of(browser, "totp-secret").replace(' ', "");
    let code = code(&secret, app);
    let fields = [
        ("email", email),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
        ("code", &code),
    ];
    browser.press_with("Set up and sign in", &fields).await;
    assert_eq!(browser.title(), "Your recovery codes");
    let source = &browser.page().source;
    let (_, codes) = source.split_once("class=\"codes\">").unwrap();
    let (codes, _) = codes.split_once("</code>").unwrap();
    Account {
        email: email.to_owned(),
        secret,
        recovery: codes.split_whitespace().map(str::to_owned).collect(),
    }
}

/// A browser in which somebody with this role is signed in, and their account.
pub async fn signed_in(app: &App, role: Role) -> (Browser, Account) {
    let email = format!("{role:?}@example.com").to_lowercase();
    let link = staff::create(&app.desk(), &email, role).await.unwrap();
    let url = link.url(&app.state().config.issuer);
    let mut browser = app.browser();
    let account = set_up(app, &mut browser, &url, &email).await;
    (browser, account)
}

/// Signs in on the sign-in page that the browser shows.
pub async fn sign_in(browser: &mut Browser, email: &str, password: &str, code: &str) {
    let fields = [("email", email), ("password", password), ("code", code)];
    browser.press_with("Sign in", &fields).await;
}

/// Lets the authenticator app show another code: each counts once.
pub fn wait_for_the_next_code(app: &App) {
    app.clock.advance(Duration::from_secs(30));
}
