//! With nothing but the setup link: an account, an app, its credentials copied, a person signed in by it, and every
//! check ticked. In so few steps that a minute is enough.

use std::cell::Cell;

use numbercloak::admin::staff;

use super::Office;
use super::hands::ENTER;
use crate::chromium::landing::Landing;
use crate::chromium::{DESKTOP, DESKTOP_WITHOUT_SCRIPTS, Kind, PHONE};
use crate::support::app::{App, NUMBER};
use crate::support::console::{Account, PASSWORD, code, wait_for_the_next_code};
use crate::support::rp::{Rp, Wish};

const EMAIL: &str = "owner@example.com";

/// What the admin has done so far.
struct Admin {
    office: Office,
    landing: Landing,
    /// Links and buttons pressed.
    presses: Cell<u32>,
    /// Fields written into, or chosen.
    inputs: Cell<u32>,
}

impl Admin {
    async fn follow(&self, link: &str, title: &str) {
        self.presses.set(self.presses.get() + 1);
        self.office.browser.follow(link).await;
        self.office.browser.shows(title).await;
    }

    async fn submit(&self, button: &str, title: &str) {
        self.presses.set(self.presses.get() + 1);
        self.office.browser.submit(button).await;
        self.office.browser.shows(title).await;
    }

    async fn fill(&self, field: &str, text: &str) {
        self.inputs.set(self.inputs.get() + 1);
        self.office.browser.fill(field, text).await;
    }

    /// How much was done since the last time.
    fn effort(&self) -> (u32, u32) {
        (self.presses.replace(0), self.inputs.replace(0))
    }

    /// By the link to a console that knows who this is.
    async fn set_up(&self) -> Account {
        let (app, browser) = (&self.office.app, &self.office.browser);
        let link = staff::setup_link(&app.desk(), None).await.unwrap();
        browser.open(link.url(&app.state().config.issuer)).await;
        browser.shows("Set up your account").await;
        browser.face("setup").await;
        let secret = browser.text_of("#totp-secret").await.replace(' ', "");
        self.fill("email", EMAIL).await;
        self.fill("password", PASSWORD).await;
        self.fill("password_again", "something else").await;
        self.fill("code", &code(&secret, app)).await;
        self.submit("Set up and sign in", "Set up your account")
            .await;
        browser.says("It is not the same").await;
        browser.face("setup-refused").await;
        self.fill("password", PASSWORD).await;
        self.fill("password_again", PASSWORD).await;
        self.fill("code", &code(&secret, app)).await;
        self.submit("Set up and sign in", "Your recovery codes")
            .await;
        let codes = browser.text_of(".codes").await;
        assert_eq!(codes.split_whitespace().count(), 8);
        if browser.kind.scripts {
            assert_eq!(browser.copies("codes").await, codes);
        }
        browser.face("recovery-codes").await;
        self.follow("I have kept them", "Overview").await;
        browser.face("overview-first").await;
        let recovery = codes.split_whitespace().map(str::to_owned).collect();
        Account {
            email: EMAIL.to_owned(),
            secret,
            recovery,
        }
    }

    /// Out, and in again with password and code.
    async fn sign_in_again(&self, account: &Account) {
        let (app, browser) = (&self.office.app, &self.office.browser);
        wait_for_the_next_code(app);
        self.submit("Sign out", "Sign in to the console").await;
        browser.face("sign-in").await;
        self.fill("email", EMAIL).await;
        self.fill("password", PASSWORD).await;
        self.fill("code", "000000").await;
        self.submit("Sign in", "Sign in to the console").await;
        browser.says("the password or the code is wrong").await;
        browser.face("sign-in-refused").await;
        self.fill("password", PASSWORD).await;
        self.fill("code", &account.code(app)).await;
        browser.key(ENTER).await;
        browser.shows("Overview").await;
    }

    /// From the overview to credentials.
    async fn register(&self) -> Rp {
        let browser = &self.office.browser;
        self.effort();
        self.follow("Clients", "Clients").await;
        self.follow("Register an app", "Register an app").await;
        self.fill("name", "Bakery").await;
        self.fill("redirect_uris", &self.landing.redirect_uri).await;
        self.inputs.set(self.inputs.get() + 1);
        browser.choose("kind", "web").await;
        // Where only test operators are, a test app is what is proposed.
        assert!(browser.has("[name=test]:checked").await);
        self.submit("Register", "Your app is registered").await;
        let (presses, inputs) = self.effort();
        assert!(
            presses <= 3 && inputs <= 3,
            "{presses} presses, {inputs} inputs"
        );
        browser.face("app-registered").await;
        self.credentials().await
    }

    /// What the page gives the app to keep, by its copy buttons where there are some.
    async fn credentials(&self) -> Rp {
        let (app, browser) = (&self.office.app, &self.office.browser);
        let client_id = browser.text_of("#client-id").await;
        let secret = browser.text_of("#client-secret").await;
        let environment = browser.text_of("#environment").await;
        let redirect_uri = &self.landing.redirect_uri;
        for line in [&client_id, &secret, &app.issuer, redirect_uri] {
            assert!(environment.contains(line.as_str()), "{line}: {environment}");
        }
        assert_eq!(browser.has(".copy").await, browser.kind.scripts);
        if browser.kind.scripts {
            assert_eq!(browser.copies("client ID").await, client_id);
            assert_eq!(browser.copies("client secret").await, secret);
            assert_eq!(browser.copies("issuer").await, app.issuer);
            assert_eq!(browser.copies("environment").await, environment);
        }
        Rp::new(
            &app.issuer,
            &client_id,
            Some(secret),
            redirect_uri,
            &app.clock,
        )
    }

    /// A person signs in with the app that was just made, through a library that knows nothing of us.
    async fn person_signs_in(&self, rp: &Rp) {
        let browser = &self.office.browser;
        let departure = rp.depart(&Wish::of(NUMBER)).await;
        browser.open(&departure.url).await;
        browser.shows("Check your number").await;
        assert!(browser.text().await.contains("Bakery"));
        browser.press("Continue").await;
        let left = browser.arrives(&self.landing.redirect_uri).await;
        let answer = rp.answer(&departure, &left);
        let signed_in = rp.redeem(&departure, answer.code()).await;
        assert_eq!(signed_in.claims["phone_number"], NUMBER);
        assert_eq!(signed_in.claims["phone_number_verified"], true);
    }

    /// "Try sign-in" runs the flow and ticks what an app checks.
    async fn tries(&self, rp: &Rp) {
        let browser = &self.office.browser;
        let page = format!("/admin/clients/{}", rp.client_id);
        self.office.visit(&page, "Bakery").await;
        self.effort();
        self.follow("Try sign-in", "Try sign-in").await;
        self.fill("number", NUMBER).await;
        browser.select("scope", "phone").await;
        self.submit("Make the request", "Try sign-in").await;
        browser.says("This is the request.").await;
        browser.face("try-request").await;
        self.follow("Sign in now", "Check your number").await;
        self.submit("Continue", "Try sign-in").await;
        let (presses, _) = self.effort();
        assert!(presses <= 4, "{presses} presses");
        browser.says("Signed in. Every check passed.").await;
        let text = browser.text().await;
        for check in ["signature", "iss", "aud", "exp", "nonce", "at_hash"] {
            assert!(text.contains(&format!("{check} good")), "{check}: {text}");
        }
        assert!(!text.contains("not good"), "{text}");
        assert!(text.contains("\"phone_number\": \"+990700000\""), "{text}");
        browser.face("try-done").await;
    }
}

async fn from_nothing(kind: Kind) {
    let landing = Landing::start().await;
    let app = App::builder().config("operators.allow_test", "true");
    let Some(office) = Office::of(kind, app).await else {
        return;
    };
    let admin = Admin {
        office,
        landing,
        presses: Cell::new(0),
        inputs: Cell::new(0),
    };
    let account = admin.set_up().await;
    admin.sign_in_again(&account).await;
    let rp = admin.register().await;
    admin.person_signs_in(&rp).await;
    admin.tries(&rp).await;
    admin.office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_signs_people_in_a_minute_after_the_setup_link_on_a_phone() {
    from_nothing(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_signs_people_in_a_minute_after_the_setup_link_on_a_desktop() {
    from_nothing(DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_signs_people_in_a_minute_after_the_setup_link_without_scripts() {
    from_nothing(DESKTOP_WITHOUT_SCRIPTS).await;
}
