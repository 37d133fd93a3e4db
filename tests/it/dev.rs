//! `numbercloak dev`, as somebody starts it: the demo apps, the operators, and the pretend phone on their
//! radio network.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use numbercloak::clock::Clock;
use serde_json::{Value, json};

use crate::handoff::DESKTOP;
use crate::support::browser::Browser;
use crate::support::database::Database;
use crate::support::outside_client;

/// A running stack on a database of its own. Dropping it kills it.
struct Dev {
    child: Child,
    folder: PathBuf,
    ready: Value,
    _database: Database,
}

impl Dev {
    async fn start() -> Self {
        let database = Database::migrated().await;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let index = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("numbercloak-dev-{}-{index}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let ready = folder.join("ready.json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_numbercloak"))
            .args(["dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(&folder)
            .arg("--ready-file")
            .arg(&ready)
            .env("DATABASE_URL", database.owner_url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        let up = tokio::task::spawn_blocking(move || {
            let mut lines = told.lines().map_while(Result::ok);
            let up = lines.any(|line| line.contains("Stop with Ctrl-C"));
            // The pipe stays open: what it says later must not end it.
            std::thread::spawn(move || lines.for_each(drop));
            up
        });
        assert!(up.await.unwrap(), "it ended before it was up");
        let text = std::fs::read_to_string(&ready).unwrap();
        Self {
            child,
            folder,
            ready: serde_json::from_str(&text).unwrap(),
            _database: database,
        }
    }

    fn url(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// A browser whose proxy is the radio.
    fn phone(&self) -> Browser {
        let radio: SocketAddr = self
            .url("radio")
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        Browser::through(&Clock::system(), radio)
    }

    /// Puts the phone on a network, as the simulator's page does.
    async fn attach(&self, network: &str, sim: &str) {
        let page = format!("{}/sim/phone", self.url("simulator"));
        let attached = outside_client(Duration::from_secs(30))
            .post(page)
            .header("content-type", "application/json")
            .body(json!({ "network": network, "sim": sim }).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(attached.status(), 204, "{network}");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Presses the demo's button, and ours.
async fn sign_in(browser: &mut Browser, app: &str, number: &str) {
    browser.open(app).await;
    browser
        .press_with("Sign in with phone network", &[("number", number)])
        .await;
    if browser.title() == "Check your number" {
        browser.press("Continue").await;
    }
}

#[tokio::test]
async fn the_phone_is_where_its_radio_says_and_the_demo_signs_in_through_its_network() {
    let dev = Dev::start().await;
    let demo = dev.url("demo_app");
    // Two buttons suffice without any radio.
    let mut desk = Browser::new(&Clock::system());
    sign_in(&mut desk, demo, "+990700000").await;
    assert!(desk.page().url.as_str().starts_with(demo));
    assert!(desk.page().source.contains("<dd>simulator</dd>"));

    // The phone starts on Wi-Fi, where nobody sees its SIM.
    let mut phone = dev.phone();
    sign_in(&mut phone, demo, "+990700000").await;
    assert_eq!(phone.title(), "Switch to mobile data");
    dev.attach("vodafone-mc", "+990700000").await;
    phone.press("Try again").await;
    assert!(
        phone.page().url.as_str().starts_with(demo),
        "{}",
        phone.title()
    );
    let shown = &phone.page().source;
    assert!(shown.contains("<dd>vodafone-mc</dd>"), "{shown}");

    // Another SIM than the number's.
    dev.attach("simulator", "+990709999").await;
    let mut phone = dev.phone();
    sign_in(&mut phone, demo, "+990700000").await;
    assert_eq!(phone.title(), "This number does not match");

    // The page for the hand that holds it names every network.
    let mut hand = Browser::new(&Clock::system());
    hand.open(format!("{}/sim/phone", dev.url("simulator")))
        .await;
    assert_eq!(hand.title(), "The phone");
    let buttons: Vec<_> = hand
        .page()
        .document
        .forms
        .iter()
        .flat_map(|form| &form.buttons)
        .collect();
    assert_eq!(buttons.len(), 12 + 2, "twelve networks, Wi-Fi, none");
    hand.press("No network").await;
    phone.press("Try again").await;
    assert_eq!(phone.page().status, 502);
}

#[tokio::test]
async fn the_same_app_signs_in_through_every_network() {
    let dev = Dev::start().await;
    let demo = dev.url("demo_app");
    let mut hand = Browser::new(&Clock::system());
    hand.open(format!("{}/sim/phone", dev.url("simulator")))
        .await;
    let forms = hand.page().document.forms.clone();
    let networks = forms.iter().filter_map(|form| {
        let mut fields = form.fields.iter();
        fields.find_map(|(name, value)| (name == "network").then(|| value.clone()))
    });
    let networks: Vec<String> = networks.collect();
    assert_eq!(networks.len(), 12);
    for (network, index) in networks.into_iter().zip(9000..) {
        // Each its own: one number may not be checked so often in an hour.
        let number = format!("+99070{index}");
        dev.attach(&network, &number).await;
        let mut phone = dev.phone();
        sign_in(&mut phone, demo, &number).await;
        let shown = &phone.page().source;
        let operator = format!("<dd>{network}</dd>");
        assert!(shown.contains(&operator), "{network}: {}", phone.title());
    }
}

#[tokio::test]
async fn the_strict_app_shows_what_the_checks_refuse() {
    let dev = Dev::start().await;
    for (number, title) in [
        ("+990704000", "This SIM is too new"),
        ("+990704010", "This number has a new owner"),
        ("+990704008", "One check is missing"),
    ] {
        let mut browser = Browser::new(&Clock::system());
        sign_in(&mut browser, dev.url("strict_app"), number).await;
        assert_eq!(browser.title(), title, "{number}");
        // The other app does not ask.
        let mut browser = Browser::new(&Clock::system());
        sign_in(&mut browser, dev.url("demo_app"), number).await;
        assert!(browser.page().url.as_str().starts_with(dev.url("demo_app")));
    }
    // A desktop may hand off there, and nowhere else.
    for (app, offered) in [("strict_app", true), ("demo_app", false)] {
        let mut desktop = Browser::new(&Clock::system());
        desktop.user_agent = Some(DESKTOP);
        desktop.open(dev.url(app)).await;
        let number = [("number", "+990700000")];
        desktop
            .press_with("Sign in with phone network", &number)
            .await;
        assert_eq!(
            desktop.page().source.contains("Use my phone"),
            offered,
            "{app}"
        );
    }
    // No operator of dev has authority over it.
    let mut browser = Browser::new(&Clock::system());
    sign_in(&mut browser, dev.url("demo_app"), "+34666111334").await;
    assert_eq!(browser.title(), "Your operator is not supported yet");
}
