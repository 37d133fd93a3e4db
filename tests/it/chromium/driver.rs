//! ChromeDriver: one per run of the tests, two browsers at once.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command as Process, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use url::{ParseError, Url};

use super::Kind;

/// Set by `./test` where Chromium cannot be had; otherwise the tests demand it.
const WITHOUT: &str = "NUMBERCLOAK_TESTS_WITHOUT_CHROMIUM";

static TURNS: Semaphore = Semaphore::const_new(2);

/// A running ChromeDriver.
pub struct Driver {
    url: String,
    /// Ends with us: its shell waits for the other end of this pipe to close.
    _process: Child,
}

/// The driver, started by whoever asks first.
pub async fn driver() -> Option<&'static Driver> {
    static DRIVER: OnceCell<Option<Driver>> = OnceCell::const_new();
    let start = async || tokio::task::spawn_blocking(start).await.unwrap();
    DRIVER.get_or_init(start).await.as_ref()
}

#[expect(clippy::disallowed_methods, reason = "the run is told by ./test")]
pub fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn start() -> Option<Driver> {
    let script =
        "chromedriver --port=0 --log-level=SEVERE & driver=$!; cat >/dev/null; kill $driver";
    let there = Process::new("chromedriver")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if there.is_err() {
        assert!(
            from_environment(WITHOUT).is_some(),
            "chromedriver is missing: run ./test, which installs it, or install chromium and \
             chromium-driver; {WITHOUT}=1 leaves these tests out"
        );
        return None;
    }
    let mut process = Process::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, port) = line.split_once("started successfully on port ")?;
        Some(port.trim_end_matches('.').to_owned())
    });
    Some(Driver {
        url: format!("http://127.0.0.1:{}", port.expect("chromedriver starts")),
        _process: process,
    })
}

impl Driver {
    /// Waits until one more browser may run.
    pub async fn turn(&self) -> SemaphorePermit<'static> {
        TURNS.acquire().await.unwrap()
    }

    /// Starts a browser.
    pub async fn session(&self, kind: Kind) -> Client {
        let (width, height) = kind.size();
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--hide-scrollbars", "--no-proxy-server",
                format!("--window-size={width},{height}"),
            ],
            "prefs": {"intl.accept_languages": "en"},
        });
        if kind.phone {
            options["mobileEmulation"] = json!({
                "deviceMetrics": {
                    "width": width, "height": height, "pixelRatio": 2.0, "touch": true, "mobile": true,
                },
                "userAgent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 \
                    (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
            });
        }
        let capabilities: Map<String, Value> = json!({
            "browserName": "chrome",
            // Pages here lead on by themselves, and one operator never answers.
            "pageLoadStrategy": "none",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": options,
        })
        .as_object()
        .unwrap()
        .clone();
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.url)
            .await
            .unwrap()
    }
}

/// What ChromeDriver knows beyond WebDriver.
#[derive(Debug)]
pub struct Command {
    path: &'static str,
    body: Value,
}

impl Command {
    pub fn new(path: &'static str, body: Value) -> Self {
        Self { path, body }
    }
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
