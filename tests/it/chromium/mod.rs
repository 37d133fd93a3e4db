//! Real Chromium, driven over WebDriver: what people see, on a phone and on a desktop, with scripts and
//! without, in light and dark. No answer of ours may break its own Content-Security-Policy, on the way
//! through operators on other sites included. Without Chromium or ChromeDriver they say so and do nothing;
//! `./test` installs both where it can.

mod console;
mod driver;
mod handoff;
mod landing;
mod limits;
mod look;
mod screens;
mod taps;
mod tour;
mod wifi;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::sync::SemaphorePermit;
use url::Url;

use driver::{Command, Driver, Session};

/// Longer than any page takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const AGENT: &str = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/156.0.0.0 Mobile Safari/537.36";

/// What stands before the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// 375 by 740, a finger; else 1280 by 800.
    pub phone: bool,
    /// Whether scripts run.
    pub scripts: bool,
    /// The proxy that everything goes through: the radio network.
    pub proxy: Option<SocketAddr>,
    /// What it calls itself, instead of the usual.
    pub agent: Option<&'static str>,
}

pub const PHONE: Kind = Kind {
    phone: true,
    scripts: true,
    proxy: None,
    agent: None,
};
pub const DESKTOP: Kind = Kind {
    phone: false,
    ..PHONE
};
pub const PHONE_WITHOUT_SCRIPTS: Kind = Kind {
    scripts: false,
    ..PHONE
};
pub const DESKTOP_WITHOUT_SCRIPTS: Kind = Kind {
    phone: false,
    ..PHONE_WITHOUT_SCRIPTS
};

impl Kind {
    pub fn name(self) -> &'static str {
        match (self.phone, self.scripts) {
            (true, true) => "phone",
            (true, false) => "phone-no-scripts",
            (false, true) => "desktop",
            (false, false) => "desktop-no-scripts",
        }
    }

    /// What it calls itself; a desktop says what it is.
    pub fn agent(self) -> Option<&'static str> {
        self.agent.or(self.phone.then_some(AGENT))
    }

    pub fn size(self) -> (u32, u32) {
        if self.phone { (375, 740) } else { (1280, 800) }
    }
}

/// One browser with a profile of its own.
pub struct Chromium {
    pub client: Client,
    pub kind: Kind,
    pub session: Session,
    _turns: Option<SemaphorePermit<'static>>,
}

impl Chromium {
    /// A browser without cookies; `None` where this machine has none.
    pub async fn start(kind: Kind) -> Option<Self> {
        let driver = driver::driver().await?;
        let turn = driver.turns(1).await;
        Some(Self::in_turn(driver, kind, Some(turn)).await)
    }

    /// Two browsers. Their turns are taken together, so that nobody waits who holds one.
    pub async fn pair(one: Kind, other: Kind) -> Option<(Self, Self)> {
        let driver = driver::driver().await?;
        let turns = driver.turns(2).await;
        let one = Self::in_turn(driver, one, Some(turns)).await;
        Some((one, Self::in_turn(driver, other, None).await))
    }

    async fn in_turn(driver: &Driver, kind: Kind, turns: Option<SemaphorePermit<'static>>) -> Self {
        let (client, session) = driver.session(kind).await;
        let browser = Self {
            client,
            kind,
            session,
            _turns: turns,
        };
        browser.run_scripts(kind.scripts).await;
        let (width, height) = kind.size();
        browser.resize(width, height).await;
        if let Some(agent) = kind.agent() {
            // What it calls itself stands in more headers than one.
            let told = json!({"userAgent": agent, "userAgentMetadata": {
                "platform": "Android", "platformVersion": "15", "architecture": "",
                "model": "Pixel 9", "mobile": true,
            }});
            browser
                .devtools("Emulation.setUserAgentOverride", told)
                .await;
        }
        browser
    }

    /// Lets pages run scripts from now on, or not: what is there already stays as it was read.
    pub async fn run_scripts(&self, scripts: bool) {
        let off = json!({"value": !scripts});
        self.devtools("Emulation.setScriptExecutionDisabled", off)
            .await;
    }

    /// Has the browser's own tools do something. A page that just then gives way to the next one is no
    /// answer.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.wait_for(command, async || {
            let sent = Command::new("goog/cdp/execute", body.clone());
            self.client.issue_cmd(sent).await.ok()
        })
        .await
    }

    /// Types an address.
    pub async fn open(&self, url: impl AsRef<str>) {
        in_time(url.as_ref(), self.client.goto(url.as_ref()))
            .await
            .unwrap();
    }

    /// Waits for a page with this title, but for the app's or service's name.
    pub async fn shows(&self, title: &str) {
        let begins = format!("{title} – ");
        let started = Instant::now();
        loop {
            let now = in_time(title, self.client.title()).await;
            let now = now.unwrap_or_default();
            if now.starts_with(&begins) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{now} instead of {title}");
            rest().await;
        }
    }

    /// Presses the button whose text begins so.
    pub async fn press(&self, text: &str) {
        let path = format!(
            "//button[starts-with(normalize-space(.), \"{text}\")] | //summary[starts-with(normalize-space(.), \"{text}\")]"
        );
        self.wait_for(text, async || {
            let button = self.client.find(Locator::XPath(&path)).await.ok()?;
            button.click().await.ok()
        })
        .await;
    }

    /// Types into the field that can be seen, by its name; what stood there goes.
    pub async fn write(&self, field: &str, text: &str) {
        let path = format!("input[name={field}]");
        self.wait_for(field, async || {
            for input in self.client.find_all(Locator::Css(&path)).await.ok()? {
                if input.is_displayed().await.ok()? {
                    input.clear().await.ok()?;
                    return input.send_keys(text).await.ok();
                }
            }
            None
        })
        .await;
    }

    /// Where the link whose text begins so leads.
    pub async fn link(&self, text: &str) -> String {
        let path = format!("//a[starts-with(normalize-space(.), \"{text}\")]");
        self.wait_for(text, async || {
            let link = self.client.find(Locator::XPath(&path)).await.ok()?;
            link.prop("href").await.ok()?
        })
        .await
    }

    /// Waits until the browser is at an address that begins so.
    pub async fn arrives(&self, start: &str) -> Url {
        self.wait_for(start, async || {
            let now = self.client.current_url().await.ok()?;
            now.as_str().starts_with(start).then_some(now)
        })
        .await
    }

    /// All text of the page.
    pub async fn text(&self) -> String {
        self.text_of("body").await
    }

    /// The text of what a selector finds first.
    pub async fn text_of(&self, selector: &str) -> String {
        self.settled().await;
        self.wait_for(selector, async || {
            let found = self.client.find(Locator::Css(selector)).await.ok()?;
            found.text().await.ok()
        })
        .await
    }

    /// Waits until these words stand on the page.
    pub async fn says(&self, words: &str) {
        let started = Instant::now();
        loop {
            let body = in_time(words, self.client.find(Locator::Css("body"))).await;
            let now = match body {
                Ok(body) => in_time(words, body.text()).await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if now.contains(words) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "waited for {words} on: {now}");
            rest().await;
        }
    }

    /// What a script of ours computes in the page.
    pub async fn compute(&self, script: &str) -> Value {
        self.wait_for(script, async || {
            self.client.execute(script, Vec::new()).await.ok()
        })
        .await
    }

    /// Waits until everything that belongs to the page is there.
    pub async fn settled(&self) {
        self.wait_for("the whole page", async || {
            let state = "return document.readyState";
            let state = self.client.execute(state, Vec::new()).await.ok()?;
            (state == "complete").then_some(())
        })
        .await;
    }

    async fn wait_for<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = in_time(what, look()).await {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "waited for {what}");
            rest().await;
        }
    }

    /// What the browser complained about since the last time: policies broken, files of ours not there.
    pub async fn complaints(&self) -> Vec<String> {
        let sent = Command::new("se/log", json!({"type": "browser"}));
        let told = in_time("the log", self.client.issue_cmd(sent))
            .await
            .unwrap();
        let lines = told.as_array().unwrap().iter();
        // Pages about an error have its status, and a phone between two networks has none.
        let expected = |line: &str| {
            let network = line.contains("responded with a status of") || line.contains("net::ERR_");
            network && !line.contains("/static/")
        };
        lines
            .filter(|line| line["level"] == "SEVERE" || line["source"] == "security")
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .filter(|line| !expected(line))
            .collect()
    }

    /// Closes the browser; nothing may have been complained about.
    pub async fn end(self) {
        assert_eq!(self.complaints().await, Vec::<String>::new());
        in_time("the end", self.client.close()).await.unwrap();
    }
}

/// Nothing that ChromeDriver is asked may take for ever.
async fn in_time<T>(what: &str, answer: impl Future<Output = T>) -> T {
    let answered = tokio::time::timeout(PATIENCE * 2, answer).await;
    answered.unwrap_or_else(|_| panic!("ChromeDriver does not answer: {what}"))
}

async fn rest() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
