//! Reading root keys and other secrets from where the configuration says they are.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::faults::{Fault, Faults};
use super::sections::Keys;
use crate::secret::RootKey;

/// A KMS that takes longer than this is down.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// More than any line of ours, so that a wrong file or command cannot fill the memory.
const MOST_BYTES: u64 = 64 * 1024;

/// The text of a file without one trailing newline, which editors and `echo` add.
pub(super) fn read_secret_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MOST_BYTES)
        .read_to_string(&mut text)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Reads a root key's file.
///
/// # Errors
/// What is wrong and how to mend it.
pub(super) fn read_root_key_file(path: &Path) -> Result<RootKey, (String, String)> {
    let shown = path.display();
    if let Some(mode) = mode_of(path)
        && mode & 0o077 != 0
    {
        return Err((
            format!("{shown} can be read by group or others (mode {mode:03o})"),
            format!("chmod 600 {shown}"),
        ));
    }
    let text = read_secret_file(path)
        .map(Zeroizing::new)
        .map_err(|error| {
            let fix = "name a file that this user may read; `numbercloak key init` makes one";
            (format!("{shown} cannot be read ({error})"), fix.to_owned())
        })?;
    parse(&text).map_err(|(what, fix)| (format!("{shown} {what}"), fix))
}

/// Reads a root key's line.
pub(super) fn parse(line: &str) -> Result<RootKey, (String, String)> {
    RootKey::parse(line).ok_or_else(|| {
        let what = "does not hold a root key".to_owned();
        (
            what,
            "use the one line that `numbercloak key init` wrote".to_owned(),
        )
    })
}

/// The permission bits, where the system has them.
pub(super) fn mode_of(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

impl Keys {
    /// Reads all root keys, the active one first, as [`crate::secret::Vault::new`] takes them. Runs
    /// the command if one is configured, for up to 30 seconds: call it off the async threads.
    ///
    /// # Errors
    /// Every key that cannot be read, and two keys with one id.
    pub fn read(&self) -> Result<Vec<RootKey>, Faults> {
        let mut faults = Vec::new();
        let mut roots: Vec<RootKey> = Vec::new();
        let mut add = |place: &str, root: Result<RootKey, (String, String)>| match root {
            Ok(root) if roots.iter().any(|other| other.id == root.id) => {
                let what = format!("the root key {} is given twice", root.id);
                faults.push(Fault::new(place, what, "name each key once"));
            }
            Ok(root) => roots.push(root),
            Err((what, fix)) => faults.push(Fault::new(place, what, fix)),
        };
        match (&self.root_key_file, &self.root_key) {
            (Some(path), _) => add("keys.root_key_file", read_root_key_file(path)),
            (None, Some(line)) => add("keys.root_key", parse(line.reveal())),
            (None, None) => add("keys.root_key_command", run(&self.root_key_command)),
        }
        for path in &self.retired_root_key_files {
            add("keys.retired_root_key_files", read_root_key_file(path));
        }
        if faults.is_empty() {
            Ok(roots)
        } else {
            Err(Faults(faults))
        }
    }
}

fn run(command: &[String]) -> Result<RootKey, (String, String)> {
    let by_hand = "run the command by hand as this user and see what it says";
    let failed = |what: String| (what, by_hand.to_owned());
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| failed("is empty".to_owned()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("{program} cannot be started ({error})")))?;
    let (done, answer) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut text = Zeroizing::new(String::new());
            let read = output.take(MOST_BYTES).read_to_string(&mut text);
            // Nobody listens any more if the command was too slow.
            let _ = done.send(read.map(|_| text));
        });
    }
    let text = answer.recv_timeout(COMMAND_TIMEOUT);
    if text.is_err() {
        // It may have ended by itself in the meantime.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    match text {
        Ok(Ok(line)) if status.success() => {
            parse(&line).map_err(|(what, fix)| (format!("{program}'s answer {what}"), fix))
        }
        Ok(Err(error)) => Err(failed(format!(
            "{program}'s answer cannot be read ({error})"
        ))),
        Ok(Ok(_)) => Err(failed(format!("{program} failed ({status})"))),
        Err(_) => Err(failed(format!(
            "{program} did not answer within 30 seconds"
        ))),
    }
}
