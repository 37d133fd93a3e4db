//! Two browsers: a desktop that shows a code, and a phone that scans it off the picture of the screen.

use numbercloak::store::clients::Handoff;
use serde_json::json;

use super::landing::Landing;
use super::tour::{Tour, error};
use super::{Chromium, DESKTOP, DESKTOP_WITHOUT_SCRIPTS, Kind, PHONE, PHONE_WITHOUT_SCRIPTS};
use crate::support::app::NUMBER;
use crate::support::rp::{Departure, Wish};

const SCAN: &str = "Scan with your phone";
const QUESTION: &str = "Did you start this?";

/// The desktop is the tour's browser.
struct Pair {
    desktop: Tour,
    phone: Chromium,
}

impl Pair {
    async fn start(desktop: Kind, phone: Kind) -> Option<Self> {
        let (browser, phone) = Chromium::pair(desktop, phone).await?;
        let landing = Landing::start().await;
        let app = landing.app().start().await;
        app.edit_client(&app.shop, |client| client.settings.handoff = Handoff::On)
            .await;
        let desktop = Tour {
            app,
            browser,
            landing,
        };
        Some(Self { desktop, phone })
    }

    /// The desktop shows the code.
    async fn offer(&self, first: bool) -> Departure {
        let departure = self.desktop.open(&Wish::of(NUMBER)).await;
        self.desktop.browser.shows("Check your number").await;
        if first {
            self.desktop.browser.look("handoff-1-offer").await;
        }
        self.desktop.browser.press("Use my phone").await;
        self.desktop.browser.shows(SCAN).await;
        departure
    }

    /// The phone's camera reads the code off the screen.
    async fn scan(&self) {
        let url = read(&self.desktop.browser.picture().await);
        assert!(
            url.starts_with(&format!("{}/go/", self.desktop.app.issuer)),
            "{url}"
        );
        self.phone.open(&url).await;
        self.phone.shows(QUESTION).await;
    }

    async fn end(self) {
        self.phone.end().await;
        self.desktop.browser.end().await;
    }
}

/// What a camera reads off a picture.
pub fn read(png: &[u8]) -> String {
    let picture = image::load_from_memory(png).unwrap().to_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        picture.as_raw()[y * width + x]
    });
    let grids = seen.detect_grids();
    assert_eq!(grids.len(), 1, "one code on the screen");
    grids[0].decode().unwrap().1
}

async fn digits_lead_back(desktop: Kind, phone: Kind) {
    let Some(pair) = Pair::start(desktop, phone).await else {
        return;
    };
    let computer = &pair.desktop.browser;
    let departure = pair.offer(true).await;
    computer.says("Do not send this code to anybody.").await;
    computer.look("handoff-2-scan").await;
    if !desktop.scripts {
        let waiting = computer.link("Refresh every few seconds").await;
        computer.open(&waiting).await;
        computer.shows(SCAN).await;
        assert!(computer.link("Stop refreshing").await.contains("/login/"));
    }
    pair.scan().await;
    let text = pair.phone.text().await;
    for words in ["shop", "127.0.0.1", "Nobody from support will ever ask you"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let boxes = "return [...document.querySelectorAll('.pair button')].map((b) => b.getBoundingClientRect().width * b.getBoundingClientRect().height)";
    let boxes = pair.phone.compute(boxes).await;
    assert_eq!(boxes[0], boxes[1], "No is as large as Yes");
    pair.phone.look("handoff-3-question").await;
    pair.phone.press("Yes, continue").await;
    pair.phone.shows("Number confirmed").await;
    pair.phone.look("handoff-4-digits").await;
    let digits = pair.phone.text_of(".digits").await;

    // Nobody touches the desktop: it goes on by itself, without scripts for who asked for that.
    computer.shows("Type the digits from your phone").await;
    computer.look("handoff-5-type").await;
    let other = format!("{:04}", (digits.parse::<u16>().unwrap() + 1) % 10_000);
    computer.write("digits", &other).await;
    computer.press("Continue").await;
    computer
        .shows("Error: Type the digits from your phone")
        .await;
    computer.look("handoff-5-wrong").await;
    computer.write("digits", &digits).await;
    computer.press("Continue").await;
    let code = pair.desktop.answer(&departure).await;
    let signed_in = pair.desktop.app.shop.redeem(&departure, code.code()).await;
    assert_eq!(
        signed_in.claims["acr"],
        "urn:numbercloak:acr:network-handoff"
    );
    assert_eq!(signed_in.claims["amr"], json!(["nba", "user", "mca"]));
    if !phone.scripts {
        let here = pair.phone.client.current_url().await.unwrap();
        pair.phone.open(here).await;
    }
    pair.phone.shows("Done").await;
    pair.phone.look("handoff-6-done").await;
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_scans_the_screen_and_its_digits_lead_back() {
    digits_lead_back(DESKTOP, PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_scans_the_screen_and_its_digits_lead_back_without_scripts() {
    digits_lead_back(DESKTOP_WITHOUT_SCRIPTS, PHONE_WITHOUT_SCRIPTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_says_no_stops_the_desktop() {
    let Some(pair) = Pair::start(DESKTOP, PHONE).await else {
        return;
    };
    let computer = &pair.desktop.browser;

    // The code of one's own screen.
    let departure = pair.offer(false).await;
    let url = read(&computer.picture().await);
    let code = computer.text_of(".big .number").await;
    computer.open(&url).await;
    computer.shows("This is the same device").await;
    computer.look("handoff-same-device").await;

    // A code typed instead of scanned, first a wrong one.
    let phone = &pair.phone;
    phone.open(format!("{}/go", pair.desktop.app.issuer)).await;
    phone.shows("Type the code from your computer").await;
    phone.look("handoff-type-code").await;
    phone.write("code", "AAAA-AAAA").await;
    phone.press("Continue").await;
    phone.shows("Error: Type the code from your computer").await;
    phone.look("handoff-type-code-error").await;
    phone.write("code", &code).await;
    phone.press("Continue").await;
    phone.shows(QUESTION).await;
    phone.press("No, stop").await;
    phone.shows("Stopped").await;
    phone.look("handoff-stopped-phone").await;
    let login = pair.desktop.app.only_login().await;
    computer
        .open(format!("{}/login/{login}", pair.desktop.app.issuer))
        .await;
    computer.shows("This sign-in was stopped").await;
    computer.look("handoff-stopped").await;
    let back = computer.link("Return to shop").await;
    let told = pair
        .desktop
        .app
        .shop
        .answer(&departure, &back.parse().unwrap());
    assert_eq!(told, error("access_denied", "handoff_stopped"));
    phone.open(&url).await;
    phone.shows("This code is not valid").await;
    phone.look("handoff-gone").await;
    pair.end().await;
}
