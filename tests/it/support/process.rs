//! The built program as a process of its own, on a test's database: one more replica that can be
//! killed, with logs that can be read.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use numbercloak::secret::RootKey;

use super::app::App;
use super::database::Database;

/// Kills the process whose id a file begins with, and what it started, at once.
pub fn kill_all(pid_file: &Path) {
    let text = std::fs::read_to_string(pid_file).unwrap();
    let parent: u32 = text.lines().next().unwrap().trim().parse().unwrap();
    let mut killed = vec![parent.to_string()];
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // After the name, which may hold anything: the state, and the parent.
        let after = stat.rsplit_once(") ").map(|(_, rest)| rest);
        let of = after.and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        if of == Some(parent) {
            killed.push(process.file_name().into_string().unwrap());
        }
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", "kill -s KILL \"$@\"", "sh"])
        .args(&killed);
    // Some may be gone already.
    command.stderr(Stdio::null()).status().unwrap();
    // A signal is sent sooner than it works. What nobody has waited for yet keeps its number, but runs nothing.
    for process in killed {
        let runs = || std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        while !runs().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A running `numbercloak serve`. Dropping it kills it.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    logs: Arc<Mutex<String>>,
}

/// A command that would serve this issuer from this database.
pub fn command(database: &Database, root: &RootKey, issuer: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numbercloak"));
    command
        .args(["serve", "--no-migrate"])
        .env_clear()
        .env("NUMBERCLOAK__ISSUER", issuer)
        .env("NUMBERCLOAK__SERVER__LISTEN", "127.0.0.1:0")
        .env("NUMBERCLOAK__SERVER__MANAGEMENT_LISTEN", "127.0.0.1:0")
        .env("NUMBERCLOAK__DATABASE__URL", database.app_url())
        .env("NUMBERCLOAK__DATABASE__ACQUIRE_TIMEOUT", "20s")
        .env("NUMBERCLOAK__DATABASE__STATEMENT_TIMEOUT", "20s")
        .env("NUMBERCLOAK__DATABASE__MAX_CONNECTIONS", "4")
        .env("NUMBERCLOAK__KEYS__ROOT_KEY", root.reveal())
        .env("NUMBERCLOAK__OPERATORS__ALLOW_TEST", "true")
        .env(
            "NUMBERCLOAK__OPERATORS__ALLOW_PRIVATE_ADDRESSES",
            "[\"127.0.0.0/8\"]",
        )
        .env("NUMBERCLOAK__LOG__LEVEL", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Process {
    /// Starts one on an app's database and waits until it is ready.
    pub async fn start(app: &App) -> Self {
        Self::start_with(app, &[]).await
    }

    /// The same with settings of its own, by the names they have in the environment.
    pub async fn start_with(app: &App, settings: &[(&str, &str)]) -> Self {
        let mut command = command(&app.database, app.database.root(), &app.issuer);
        command.envs(settings.iter().copied());
        let mut child = command.spawn().unwrap();
        let logs = Arc::new(Mutex::new(String::new()));
        let (ready, is_ready) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let (ready, logs) = (ready.clone(), logs.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if let Some(address) = address(&line) {
                        // Nobody waits any more after the first one.
                        let _ = ready.send(address);
                    }
                    let mut logs = logs.lock().unwrap();
                    logs.push_str(&line);
                    logs.push('\n');
                }
            });
        }
        let waited =
            tokio::task::spawn_blocking(move || is_ready.recv_timeout(Duration::from_secs(60)));
        let Ok(address) = waited.await.unwrap() else {
            panic!("it did not start: {}", logs.lock().unwrap());
        };
        Self {
            child,
            address,
            logs,
        }
    }

    /// Kills it as a power cut would: nothing is finished, nothing is told.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Everything it wrote so far.
    pub fn logs(&self) -> String {
        self.logs.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line that says it is ready.
fn address(line: &str) -> Option<SocketAddr> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let ready = event["message"] == "ready";
    ready.then(|| event["address"].as_str()?.parse().ok())?
}
