//! Real Chromium, driven over WebDriver: what people see, on a phone and on a desktop, with scripts and
//! without, in light and dark. No answer of ours may break its own Content-Security-Policy, on the way
//! through operators on other sites included.

mod driver;
mod look;
mod screens;
mod tour;

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Uri;
use axum::response::Html;
use axum::routing::get;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::SemaphorePermit;
use url::Url;

use crate::support::app::{App, Builder};
use driver::Command;

/// Longer than any page takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What stands before the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// 375 by 740, a finger; else 1280 by 800.
    pub phone: bool,
    /// Whether scripts run.
    pub scripts: bool,
}

pub const PHONE: Kind = Kind {
    phone: true,
    scripts: true,
};
pub const DESKTOP: Kind = Kind {
    phone: false,
    scripts: true,
};

impl Kind {
    pub fn without_scripts(self) -> Self {
        Self {
            scripts: false,
            ..self
        }
    }

    pub fn name(self) -> &'static str {
        if self.phone { "phone" } else { "desktop" }
    }

    pub fn size(self) -> (u32, u32) {
        if self.phone { (375, 740) } else { (1280, 800) }
    }
}

/// One browser with a profile of its own.
pub struct Chromium {
    pub client: Client,
    pub kind: Kind,
    _turn: SemaphorePermit<'static>,
}

impl Chromium {
    /// A browser without cookies; `None` where this machine has none and says so.
    pub async fn start(kind: Kind) -> Option<Self> {
        let driver = driver::driver().await?;
        let turn = driver.turn().await;
        let client = driver.session(kind).await;
        let browser = Self {
            client,
            kind,
            _turn: turn,
        };
        if !kind.scripts {
            let off = json!({"value": true});
            browser
                .devtools("Emulation.setScriptExecutionDisabled", off)
                .await;
        }
        Some(browser)
    }

    /// Has the browser's own tools do something.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        let sent = Command::new("goog/cdp/execute", body);
        self.client.issue_cmd(sent).await.unwrap()
    }

    /// Types an address.
    pub async fn open(&self, url: impl AsRef<str>) {
        self.client.goto(url.as_ref()).await.unwrap();
    }

    /// Waits for a page with this title, but for the app's or service's name.
    pub async fn shows(&self, title: &str) {
        let begins = format!("{title} – ");
        self.wait_for(title, async || {
            let now = self.client.title().await.ok()?;
            now.starts_with(&begins).then_some(())
        })
        .await;
    }

    /// Presses the button whose text begins so.
    pub async fn press(&self, text: &str) {
        let path = format!(
            "//button[starts-with(normalize-space(.), \"{text}\")] | //summary[starts-with(normalize-space(.), \"{text}\")]"
        );
        let button = self
            .wait_for(text, async || {
                self.client.find(Locator::XPath(&path)).await.ok()
            })
            .await;
        button.click().await.unwrap();
    }

    /// Types into a field, by its name; what stood there goes.
    pub async fn write(&self, field: &str, text: &str) {
        let path = format!("input[name={field}]");
        let input = self
            .wait_for(field, async || {
                let found = self.client.find_all(Locator::Css(&path)).await.ok()?;
                let mut visible = None;
                for one in found {
                    if one.is_displayed().await.ok()? {
                        visible = Some(one);
                    }
                }
                visible
            })
            .await;
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }

    /// Where the link whose text begins so leads.
    pub async fn link(&self, text: &str) -> String {
        let path = format!("//a[starts-with(normalize-space(.), \"{text}\")]");
        let link = self
            .wait_for(text, async || {
                self.client.find(Locator::XPath(&path)).await.ok()
            })
            .await;
        link.prop("href").await.unwrap().unwrap()
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
        let body = self.client.find(Locator::Css("body")).await.unwrap();
        body.text().await.unwrap()
    }

    /// What the page's script computes.
    pub async fn compute(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    async fn wait_for<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if started.elapsed() > PATIENCE {
                let (url, title) = (self.client.current_url().await, self.client.title().await);
                panic!("waited for {what} at {url:?}: {title:?}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// What the browser complained about since the last time: policies broken, files not found.
    pub async fn complaints(&self) -> Vec<String> {
        let sent = Command::new("se/log", json!({"type": "browser"}));
        let told = self.client.issue_cmd(sent).await.unwrap();
        let lines = told.as_array().unwrap().iter();
        lines
            .filter(|line| line["level"] == "SEVERE")
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .filter(|line| !line.contains("the server responded with a status of"))
            .collect()
    }

    /// Closes the browser; nothing may have been complained about.
    pub async fn end(self) {
        assert_eq!(self.complaints().await, Vec::<String>::new());
        self.client.close().await.unwrap();
    }
}

/// An app that browsers can come back to: it answers, and says nothing.
pub struct Landing {
    /// Its redirect URI.
    pub redirect_uri: String,
}

impl Landing {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let page =
            async |uri: Uri| Html(format!("<!doctype html><title>Shop</title>{}", uri.path()));
        let routes = Router::new().fallback(get(page).post(page));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            redirect_uri: format!("http://{here}/callback"),
        }
    }

    /// A server whose app `shop` is here.
    pub fn app(&self) -> Builder {
        let uri = self.redirect_uri.clone();
        App::builder().client(move |client| {
            client.redirect_uris = vec![uri];
            client.settings.policy_uri = Some("https://shop.example/privacy".to_owned());
            client.settings.tos_uri = Some("https://shop.example/terms".to_owned());
        })
    }
}
