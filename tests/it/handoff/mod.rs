//! A desktop moves a login to a phone: whole hand-offs, and every way to abuse one that RFC 10027 and we
//! could think of.

mod abuse;
mod around;
mod journeys;
mod limits;
mod wifi;

use numbercloak::admin::clients::NewClient;
use numbercloak::simulator::{Device, Handle, Whose};
use numbercloak::store::clients::Handoff;
use reqwest::header::COOKIE;
use url::Url;

use crate::support::app::{App, Builder, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Departure, Wish};
use crate::support::wire::{Raw, http};

pub const DESKTOP: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

const SCAN: &str = "Scan with your phone";
const QUESTION: &str = "Did you start this?";
const CONFIRMED: &str = "Number confirmed";
const TYPE: &str = "Type the digits from your phone";

fn allowed(client: &mut NewClient) {
    client.settings.handoff = Handoff::On;
}

pub fn builder() -> Builder {
    App::builder().client(allowed)
}

/// A browser on a computer. Its pages refresh by themselves while they wait, which would never end.
fn computer(app: &App) -> Browser {
    let mut browser = app.browser();
    browser.user_agent = Some(DESKTOP);
    browser.follows_refresh = false;
    browser
}

fn telephone(app: &App) -> Browser {
    let mut browser = app.browser();
    browser.user_agent = Some(PHONE);
    browser
}

/// A desktop that shows a code, and a phone that has not scanned it yet.
pub struct Scene {
    pub app: App,
    pub desktop: Browser,
    phone: Browser,
    pub departure: Departure,
}

impl Scene {
    pub async fn new() -> Self {
        Self::of(builder().start().await).await
    }

    pub async fn of(app: App) -> Self {
        let mut desktop = computer(&app);
        let departure = app.open(&mut desktop, &Wish::of(NUMBER)).await;
        desktop.press("Use my phone").await;
        assert_eq!(desktop.title(), SCAN, "{}", desktop.page().document.text);
        Self {
            phone: telephone(&app),
            desktop,
            departure,
            app,
        }
    }

    /// One whose phone has confirmed the number, and shows these digits.
    pub async fn matched(mut self) -> (Self, String) {
        self.scan().await;
        self.phone.press("Yes, continue").await;
        let digits = digits(&self.phone);
        self.reload().await;
        assert_eq!(self.desktop.title(), TYPE);
        (self, digits)
    }

    async fn scan(&mut self) {
        let url = scanned(&self.desktop);
        self.phone.open(&url).await;
        assert_eq!(self.phone.title(), QUESTION);
    }

    /// What the operator sees behind the phone from now on; `None`: the SIM of the number asked about.
    fn phone_is(&mut self, device: Option<Device>) {
        let host = Url::parse(self.app.operator.issuer()).unwrap();
        let host = host.host_str().unwrap();
        self.phone.set_cookie(host, Handle::COOKIE, "the-phone");
        let whose = Whose::Browser("the-phone".to_owned());
        self.app.operator.set_sim(whose, device);
    }

    /// The desktop looks again, as its script or its refresh does.
    async fn reload(&mut self) {
        let path = format!("/login/{}", self.desktop.login());
        self.desktop.follow(&path).await;
    }

    async fn type_digits(&mut self, digits: &str) {
        self.desktop.follows_refresh = true;
        self.desktop
            .press_with("Continue", &[("digits", digits)])
            .await;
        self.desktop.follows_refresh = false;
    }

    /// The digits, and what the app gets for them.
    pub async fn finish(&mut self, digits: &str) -> crate::support::rp::SignedIn {
        self.type_digits(digits).await;
        self.app.redeem(&self.desktop, &self.departure).await
    }

    /// The person at the phone says no, and the desktop goes back to the app.
    pub async fn say_no(&mut self) {
        self.scan().await;
        self.phone.press("No, stop").await;
        assert_eq!(self.phone.title(), "Stopped");
        self.reload().await;
        assert_eq!(self.desktop.title(), "This sign-in was stopped");
        let back = way_back(&self.desktop);
        self.desktop.open(&back).await;
    }

    /// The person at the phone says that they did not start it.
    pub async fn report(&mut self) {
        self.scan().await;
        self.phone.press("I did not start this: report it").await;
        assert_eq!(self.phone.title(), "Reported");
    }

    pub async fn story(&self) -> Vec<String> {
        let login = self.app.logins().await[0];
        self.app.story(login).await
    }
}

/// What a camera reads off the page.
fn scanned(desktop: &Browser) -> Url {
    let source = &desktop.page().source;
    let picture = between(source, "class=\"qr\"", "</svg>");
    let side: usize = between(picture, "viewBox=\"0 0 ", " ").parse().unwrap();
    let path = between(picture, "class=\"black\" d=\"", "\"");
    let scale = 5;
    let width = side * scale;
    let mut pixels = vec![255u8; width * width];
    for run in path.split('M').skip(1) {
        let (x, rest) = run.split_once(' ').unwrap();
        let (y, rest) = rest.split_once('h').unwrap();
        let (length, _) = rest.split_once('v').unwrap();
        let [x, y, length] = [x, y, length].map(|text| text.parse::<usize>().unwrap());
        for row in y * scale..(y + 1) * scale {
            let start = row * width + x * scale;
            pixels[start..start + length * scale].fill(0);
        }
    }
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(width, width, |x, y| pixels[y * width + x]);
    let (_, text) = image.detect_grids()[0].decode().unwrap();
    Url::parse(&text).unwrap()
}

/// The short code beside it.
fn short_code(desktop: &Browser) -> String {
    let big = between(&desktop.page().source, "class=\"big\">", "</p>");
    between(big, "dir=\"ltr\">", "<").to_owned()
}

/// The digits that the phone shows.
fn digits(phone: &Browser) -> String {
    assert_eq!(phone.title(), CONFIRMED, "{}", phone.page().document.text);
    let shown = between(&phone.page().source, "class=\"digits\"", "</strong>");
    let digits = shown.rsplit('>').next().unwrap().to_owned();
    assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()));
    digits
}

/// Whether an answer tells the digits anywhere, as a word of their own: names, ports and tokens hold any four
/// digits now and then.
fn tells(answer: &str, digits: &str) -> bool {
    let mut words = answer.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    words.any(|word| word == digits)
}

/// The way back to the app that a page offers.
fn way_back(browser: &Browser) -> String {
    let links = &browser.page().document.links;
    let mut out = links
        .iter()
        .filter(|(_, to)| to.starts_with("https://shop.example"));
    out.next().expect("a way back to the app").1.clone()
}

/// Four other digits.
fn others(digits: &str) -> String {
    let number: u16 = digits.parse().unwrap();
    format!("{:04}", (number + 1) % 10_000)
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text
        .split_once(from)
        .unwrap_or_else(|| panic!("{from} in {text}"));
    rest.split_once(to)
        .unwrap_or_else(|| panic!("{to} in {rest}"))
        .0
}

/// A browser's cookies, as it sends them.
fn cookies(browser: &Browser) -> String {
    let cookies = browser.cookies("localhost");
    let pairs: Vec<String> = cookies
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    pairs.join("; ")
}

/// Sends a form of a page as it is, with cookies of somebody's choice, and follows nothing.
async fn send(page: &Browser, action: &str, cookies: &str, fields: &[(&str, &str)]) -> Raw {
    let form = page.form(action);
    let url = page.page().url.join(&form.action).unwrap();
    let mut pairs = form.fields.clone();
    for (name, value) in fields {
        pairs.retain(|(known, _)| known != name);
        pairs.push(((*name).to_owned(), (*value).to_owned()));
    }
    Raw::of(http().post(url).header(COOKIE, cookies).form(&pairs)).await
}
