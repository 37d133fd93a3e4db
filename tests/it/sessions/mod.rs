//! A browser's session: what it answers, what it must not, and how it ends (DESIGN.md section 3, "The
//! go-ahead" and "When an operator is asked again").

mod attacks;
mod checked_silently;
mod limits;
mod prompts;
mod sso;
mod staff;
mod subjects;

use numbercloak::admin::clients::NewClient;

use crate::support::app::{App, new_client};
use crate::support::browser::Browser;
use crate::support::rp::{Answer, Departure, Rp, SignedIn, Wish};

/// The page that asks for the go-ahead.
const CONFIRM: &str = "Check your number";
/// The page that asks for the number.
const NUMBER_PAGE: &str = "Your mobile number";
/// The page on the way to the operator.
const CHECKING: &str = "Checking with Simulator";

/// A server whose `shop` takes a session's word for 15 minutes, the default.
async fn start() -> App {
    App::builder()
        .client(|client| client.settings.fresh_for_s = 900)
        .start()
        .await
}

/// Another app that does.
fn client(name: &str) -> NewClient {
    let mut new = new_client(name);
    new.settings.fresh_for_s = 900;
    new
}

/// How often the operator was asked about a number.
fn checks(app: &App) -> usize {
    let received = app.operator.received();
    let verify = "/number-verification/v2/verify";
    received.iter().filter(|one| one.path == verify).count()
}

/// Sends a browser to us and returns the answer it leaves with, without having seen a page.
async fn ask(rp: &Rp, browser: &mut Browser, wish: &Wish) -> (Departure, Answer) {
    browser.hops.clear();
    let departure = rp.depart(wish).await;
    browser.open(&departure.url).await;
    let answer = rp.answer(&departure, browser.left());
    assert_eq!(browser.titles(), Vec::<&str>::new(), "a page was shown");
    (departure, answer)
}

/// The same, and the answer is a code.
async fn sso(rp: &Rp, browser: &mut Browser, wish: &Wish) -> SignedIn {
    let (departure, answer) = ask(rp, browser, wish).await;
    rp.redeem(&departure, answer.code()).await
}

/// The error of a silent request, and its first word.
async fn refused(rp: &Rp, browser: &mut Browser, wish: &Wish) -> String {
    let (_, answer) = ask(rp, browser, &wish.clone().prompt("none")).await;
    answer.error().0.to_owned()
}

/// Opens a request on a page.
async fn open(rp: &Rp, browser: &mut Browser, wish: &Wish) -> Departure {
    browser.hops.clear();
    let departure = rp.depart(wish).await;
    browser.open(&departure.url).await;
    departure
}

/// Presses Continue on the go-ahead page and brings the code home.
async fn agree(rp: &Rp, browser: &mut Browser, departure: &Departure) -> SignedIn {
    assert_eq!(browser.title(), CONFIRM);
    browser.press("Continue").await;
    let answer = rp.answer(departure, browser.left());
    rp.redeem(departure, answer.code()).await
}
