//! Every screen that one browser reaches, one after the other; the copy and where each leads.

use numbercloak::simulator::scenario::{AtAuthorize, AtIdToken, Effect, Scenario, TABLE};
use uuid::Uuid;

use super::landing::Landing;
use super::{Chromium, Kind};
use crate::support::app::{App, Builder, NUMBER, OTHER_NUMBER};
use crate::support::rp::{Answer, Departure, Wish};

/// The magic number with this effect.
pub fn magic(effect: Effect) -> String {
    let row = TABLE.iter().find(|row| row.effect == effect).unwrap();
    Scenario::number(row)
}

pub fn error(code: &str, word: &str) -> Answer {
    Answer::Error(code.to_owned(), word.to_owned())
}

/// A world with one app and one browser.
pub struct Tour {
    pub app: App,
    pub browser: Chromium,
    pub landing: Landing,
}

impl Tour {
    /// The usual world; `None` where there is no browser.
    pub async fn start(kind: Kind) -> Option<Self> {
        Self::with(kind, |app| app).await
    }

    /// A world that is set up so.
    pub async fn with(kind: Kind, change: impl FnOnce(Builder) -> Builder) -> Option<Self> {
        let browser = Chromium::start(kind).await?;
        let landing = Landing::start().await;
        let app = change(landing.app()).start().await;
        Some(Self {
            app,
            browser,
            landing,
        })
    }

    pub async fn open(&self, wish: &Wish) -> Departure {
        let departure = self.app.shop.depart(wish).await;
        self.browser.open(&departure.url).await;
        departure
    }

    /// What the app was told.
    pub async fn answer(&self, departure: &Departure) -> Answer {
        let left = self.browser.arrives(&self.landing.redirect_uri).await;
        self.app.shop.answer(departure, &left)
    }

    /// Goes on from the go-ahead page with this SIM to a page, and looks at it.
    pub async fn fails(&self, number: &str, title: &str, screen: &str) -> Departure {
        let departure = self.open(&Wish::of(number)).await;
        self.browser.shows("Check your number").await;
        self.browser.press("Continue").await;
        self.browser.shows(title).await;
        self.browser.look(screen).await;
        departure
    }

    /// The page's button leads back with this error.
    pub async fn returns(&self, departure: &Departure, button: &str, told: (&str, &str)) {
        self.browser.press(button).await;
        assert_eq!(self.answer(departure).await, error(told.0, told.1));
    }

    /// What is asked before the check.
    pub async fn asking(&self) {
        let browser = &self.browser;
        let departure = self.open(&Wish::of(NUMBER)).await;
        browser.shows("Check your number").await;
        let text = browser.text().await;
        for words in [
            "shop wants to confirm the number of this phone:",
            "+990 •••000",
            "No text message, no code.",
            "127.0.0.1",
        ] {
            assert!(text.contains(words), "{words} in {text}");
        }
        assert!(!text.replace(' ', "").contains(&NUMBER[1..]), "{text}");
        browser.look("s01-go-ahead").await;
        self.returns(&departure, "Cancel", ("access_denied", "user_cancelled"))
            .await;

        let departure = self.open(&Wish::new()).await;
        browser.shows("Your mobile number").await;
        browser.look("s02-number").await;
        browser.write("phone_number", "0612345678").await;
        browser.press("Continue").await;
        browser.shows("Error: Your mobile number").await;
        assert!(browser.text().await.contains("Add the country code"));
        let field = "return [document.activeElement.name, document.activeElement.value]";
        let focused = browser.compute(field).await;
        assert_eq!(
            focused[0], "phone_number",
            "the field to mend has the focus"
        );
        assert_eq!(focused[1], "0612345678");
        browser.look("s02-number-error").await;
        self.returns(&departure, "Cancel", ("access_denied", "user_cancelled"))
            .await;
    }

    /// What is shown when an operator did not confirm.
    pub async fn failing(&self) {
        use AtAuthorize::Error;
        let browser = &self.browser;
        let number = magic(Effect::Authorize(Error("access_denied")));
        let wifi = "Switch to mobile data";
        let departure = self.fails(&number, wifi, "s06-not-mobile").await;
        let told = ("access_denied", "not_on_mobile_network");
        self.returns(&departure, "Return to shop", told).await;

        let departure = self
            .fails("+990700001", "This number does not match", "s08-mismatch")
            .await;
        for left in ["2", "1"] {
            browser.says(&format!("Tries left: {left}")).await;
            browser.press("Try again").await;
        }
        browser.says("There are no tries left.").await;
        browser.look("s08-mismatch-over").await;
        self.returns(&departure, "Return to shop", ("access_denied", "mismatch"))
            .await;

        let number = magic(Effect::Authorize(Error("server_error")));
        let departure = self
            .fails(&number, "Simulator does not answer", "s10-operator-down")
            .await;
        assert!(browser.text().await.contains("This is not your fault."));
        let told = ("temporarily_unavailable", "operator_unavailable");
        self.returns(&departure, "Return to shop", told).await;

        let number = magic(Effect::IdToken(AtIdToken::WrongNonce));
        let departure = self
            .fails(&number, "Something went wrong", "s11-operator-invalid")
            .await;
        // A reference that support finds in the audit log.
        let text = browser.text().await;
        let reference = text.split("Reference ").nth(1).unwrap();
        let ending: String = reference.chars().take(9).filter(|c| *c != '-').collect();
        let login = self.app.logins().await.pop().unwrap();
        assert!(login.simple().to_string().to_uppercase().ends_with(&ending));
        let told = ("server_error", "protocol_violation");
        self.returns(&departure, "Return to shop", told).await;

        let number = magic(Effect::Authorize(Error("consent_denied")));
        let title = "Simulator needs your permission";
        let departure = self.fails(&number, title, "s13-operator-consent").await;
        let told = ("access_denied", "consent_denied");
        self.returns(&departure, "Return to shop", told).await;

        let departure = self.open(&Wish::new()).await;
        browser.shows("Your mobile number").await;
        browser.write("phone_number", "+34 612 345 678").await;
        browser.press("Continue").await;
        browser.shows("Your operator is not supported yet").await;
        browser.look("s09-unsupported").await;
        let told = ("access_denied", "operator_unknown");
        self.returns(&departure, "Return to shop", told).await;

        // A number typed by the person is in the field again, to be corrected.
        let departure = self.open(&Wish::new()).await;
        browser.shows("Your mobile number").await;
        browser.write("phone_number", "+990 700 001").await;
        browser.press("Continue").await;
        browser.shows("This number does not match").await;
        browser.look("s08-mismatch-typed").await;
        browser.write("phone_number", OTHER_NUMBER).await;
        browser.press("Check this number").await;
        let code = self.answer(&departure).await;
        self.app.shop.redeem(&departure, code.code()).await;
    }

    /// A sign-in from the first page to the app, then the ways of not getting lost.
    pub async fn signing_in(&self) {
        let (app, browser) = (&self.app, &self.browser);
        let departure = self.open(&Wish::of(NUMBER)).await;
        browser.shows("Check your number").await;
        let login = app.logins().await.pop().unwrap();
        browser.press("Continue").await;
        let code = self.answer(&departure).await;
        app.shop.redeem(&departure, code.code()).await;

        let page = format!("{}/login/{login}", app.issuer);
        browser.open(&page).await;
        browser.shows("You are already done").await;
        browser.look("s18-already-done").await;
        let home = browser.link("Return to shop").await;
        assert!(self.landing.redirect_uri.starts_with(&home), "{home}");

        // The second time nobody is asked anything.
        let departure = self.open(&Wish::of(NUMBER)).await;
        assert!(matches!(self.answer(&departure).await, Answer::Code(_)));

        browser.open(format!("{}/apps", app.issuer)).await;
        browser.shows("Apps this browser remembers").await;
        browser.look("apps").await;
        browser.press("Withdraw").await;
        browser
            .arrives(&format!("{}/apps?withdrawn", app.issuer))
            .await;
        assert!(
            browser
                .text()
                .await
                .contains("This browser remembers no app.")
        );
        let departure = self.open(&Wish::of(NUMBER)).await;
        browser.shows("Check your number").await;

        // The time is over.
        app.clock.advance(std::time::Duration::from_secs(16 * 60));
        browser.press("Continue").await;
        browser.shows("This page has expired").await;
        browser.look("s17-expired").await;
        let back = browser.link("Return to shop").await;
        let told = app.shop.answer(&departure, &back.parse().unwrap());
        assert_eq!(told, error("access_denied", "expired"));
    }

    /// The other questions: which operator, and what the operator told.
    pub async fn choosing(&self) {
        let (app, browser) = (&self.app, &self.browser);
        // Nobody types anything: the operator tells the number, and the person says whether it is shared.
        let departure = self.open(&Wish::new()).await;
        browser.write("sim", NUMBER).await;
        browser.press("Be this SIM").await;
        browser.shows("Share your number with shop?").await;
        browser.look("s12-share").await;
        let told = ("access_denied", "consent_denied");
        self.returns(&departure, "Do not share", told).await;
        let _bluewave = app.add_network("bluewave", "Bluewave", |_| {}).await;
        let departure = self.open(&Wish::of(NUMBER)).await;
        browser.shows("Check your number").await;
        browser.press("Continue").await;
        browser.shows("Choose your operator").await;
        browser.look("operator").await;
        browser.press("Bluewave").await;
        let code = self.answer(&departure).await;
        app.shop.redeem(&departure, code.code()).await;
    }

    /// The pages that lead on by themselves.
    pub async fn passing(&self) {
        let (app, browser) = (&self.app, &self.browser);
        let mut person = app.browser();
        person.follows_refresh = false;
        for (button, title, screen) in [
            ("Continue", "Checking with Simulator", "s04-checking"),
            ("Cancel", "Cancelled", "s14-cancelled"),
        ] {
            app.open(&mut person, &Wish::of(NUMBER)).await;
            person.press(button).await;
            browser.paint(&app.issuer, &person.page().source).await;
            browser.shows(title).await;
            browser.look(screen).await;
        }
    }

    /// Pages without a login.
    pub async fn outside(&self) {
        let (issuer, browser) = (&self.app.issuer, &self.browser);
        browser
            .open(format!("{issuer}/login/{}", Uuid::nil()))
            .await;
        browser.shows("We lost track of this sign-in").await;
        browser.look("s19-lost").await;
        let departure = self.app.shop.depart(&Wish::of(NUMBER)).await;
        browser
            .open(departure.url.as_str().replace("callback", "elsewhere"))
            .await;
        browser.shows("This link is not valid").await;
        assert!(browser.text().await.contains("Reference "));
        browser.look("s21-bad-link").await;
        browser.open(issuer).await;
        browser.shows("This is a sign-in service").await;
        browser.look("home").await;
        browser.open(format!("{issuer}/nowhere")).await;
        browser.shows("Page not found").await;
        browser.look("not-found").await;
        browser.open(format!("{issuer}/logout")).await;
        browser.shows("Sign out?").await;
        browser.look("sign-out").await;
        browser.press("Sign out").await;
        browser.shows("You are signed out").await;
        browser.look("signed-out").await;
        // Its own person, whose cookies are gone.
        self.open(&Wish::of(NUMBER)).await;
        browser.shows("Check your number").await;
        browser.client.delete_all_cookies().await.unwrap();
        browser.press("Continue").await;
        browser.shows("We lost track of this sign-in").await;
        browser.look("s19-lost-way-back").await;
        let home = browser.link("Return to the app").await;
        assert!(self.landing.redirect_uri.starts_with(&home), "{home}");
    }
}
