//! The built program, run once as staff run it: with arguments, something on standard input, and the
//! configuration in the environment.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::app::App;

/// What one run left behind.
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as JSON, of a run that went well.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{} {}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Runs `numbercloak ARGUMENTS` on an app's database.
pub async fn run(app: &App, arguments: &[&str], input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numbercloak"));
    command
        .args(arguments)
        .env_clear()
        .env("NUMBERCLOAK__ISSUER", &app.issuer)
        .env("NUMBERCLOAK__DATABASE__URL", app.database.app_url())
        .env("NUMBERCLOAK__DATABASE__ACQUIRE_TIMEOUT", "20s")
        .env("NUMBERCLOAK__DATABASE__STATEMENT_TIMEOUT", "20s")
        .env("NUMBERCLOAK__KEYS__ROOT_KEY", app.database.root().reveal())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let input = input.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who reads nothing may have closed it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
