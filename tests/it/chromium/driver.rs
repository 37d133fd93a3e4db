//! ChromeDriver: one per run of the tests, and few browsers at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use url::{ParseError, Url};

use super::{Kind, in_time};

static TURNS: Semaphore = Semaphore::const_new(2);

/// A running ChromeDriver.
pub struct Driver {
    /// Where it listens, on this machine.
    authority: String,
    /// Ends with us: its shell waits for the other end of this pipe to close.
    _process: Child,
}

/// The driver, started by whoever asks first; `None` where there is none.
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
    // Ends the driver's browsers too, for a run that is killed.
    let script = "chromedriver --port=0 --log-level=SEVERE & driver=$!; cat >/dev/null; \
        pkill -P $driver; kill $driver";
    let there = Process::new("chromedriver").arg("--version").output();
    if !there.is_ok_and(|told| told.status.success()) {
        eprintln!(
            "left out: there is no chromedriver here (apt-get install chromium chromium-driver)"
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
        authority: format!("127.0.0.1:{}", port.expect("chromedriver starts")),
        _process: process,
    })
}

impl Driver {
    /// Waits until so many more browsers may run.
    pub async fn turns(&self, browsers: u32) -> SemaphorePermit<'static> {
        TURNS.acquire_many(browsers).await.unwrap()
    }

    /// Starts a browser.
    pub async fn session(&self, kind: Kind) -> (Client, Session) {
        let (width, height) = kind.size();
        let mut args = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={width},{height}"),
        ];
        match kind.proxy {
            // Chromium would leave this machine's own addresses out.
            Some(proxy) => args.extend([
                format!("--proxy-server=http://{proxy}"),
                "--proxy-bypass-list=<-loopback>".to_owned(),
            ]),
            None => args.push("--no-proxy-server".to_owned()),
        }
        let prefs = json!({"intl.accept_languages": "en"});
        let options = json!({"args": args, "prefs": prefs});
        let capabilities: Map<String, Value> = json!({
            "browserName": "chrome",
            // Pages here lead on by themselves. And no `mobileEmulation`: its taps wait for ever where scripts
            // are off.
            "pageLoadStrategy": "none",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": options,
        })
        .as_object()
        .unwrap()
        .clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let url = format!("http://{}", self.authority);
        let started = builder.capabilities(capabilities).connect(&url);
        let client = in_time("a browser", started).await.unwrap();
        let id = client.session_id().await.unwrap();
        let session = Session {
            driver: self.authority.clone(),
            id: id.expect("a browser that runs has a session"),
        };
        (client, session)
    }

    /// The ids of the sessions that there are.
    pub async fn sessions(&self) -> Vec<String> {
        let told = crate::support::wire::http().get(format!("http://{}/sessions", self.authority));
        let told = crate::support::wire::Raw::of(told).await.json();
        let all = told["value"].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A browser's session: the browser ends with it, also when its test panics.
pub struct Session {
    driver: String,
    /// ChromeDriver's name for it.
    pub id: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without the runtime, which may be on its way out itself. A session that is over already is not
        // found, and that is as good.
        let Ok(mut stream) = TcpStream::connect(&self.driver) else {
            return;
        };
        let (driver, id) = (&self.driver, &self.id);
        let wish =
            format!("DELETE /session/{id} HTTP/1.1\r\nHost: {driver}\r\nConnection: close\r\n\r\n");
        let patience = stream.set_read_timeout(Some(Duration::from_secs(10)));
        if patience.is_ok() && stream.write_all(wish.as_bytes()).is_ok() {
            // The answer comes when the browser is gone.
            let _ = stream.read(&mut [0; 64]);
        }
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
