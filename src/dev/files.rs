//! What dev mode keeps in its data folder beside the database: a root key and the demo's secret, for
//! the owner's eyes only.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::clock::Clock;
use crate::embedded_postgres;
use crate::secret::{RootKey, b64, random};

const ROOT_KEY: &str = "root.key";
const CONFIG: &str = "numbercloak.toml";

/// The file with the root key; made if it is missing.
pub fn root_key(data: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(data)?.join(ROOT_KEY);
    if !path.exists() {
        let key = RootKey::generate(Clock::system().now());
        write_private(&path, &key.reveal())?;
    }
    Ok(path)
}

/// The root key of the dev stack that this database belongs to: beside its cluster, or, for a database
/// given to dev mode, in the usual data folder. A key that is not the database's is refused by its
/// check value, whoever finds it.
pub fn root_key_of(database_url: &str) -> Option<PathBuf> {
    let url = url::Url::parse(database_url).ok()?;
    let socket = url.query_pairs().find(|(name, _)| name == "host");
    let beside = socket.and_then(|(_, folder)| Some(Path::new(&*folder).parent()?.join(ROOT_KEY)));
    let usual = embedded_postgres::default_data_dir().join(ROOT_KEY);
    beside
        .into_iter()
        .chain([usual])
        .find(|path| path.is_file())
}

/// A demo client's secret, if one is kept.
pub fn client_secret(data: &Path, client_id: &str) -> Option<String> {
    let text = std::fs::read_to_string(data.join(secret_file(client_id))).ok()?;
    Some(text.trim().to_owned())
}

fn secret_file(client_id: &str) -> String {
    format!("{client_id}-client-secret")
}

/// Writes the stack's configuration file.
pub fn write_config(data: &Path, toml: &str) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(data)?.join(CONFIG);
    write_private(&path, toml)?;
    Ok(path)
}

/// Keeps a demo client's secret.
pub fn keep_client_secret(data: &Path, client_id: &str, secret: &str) -> anyhow::Result<()> {
    write_private(&data.join(secret_file(client_id)), secret)
}

/// Removes what is kept.
pub fn reset(data: &Path) -> anyhow::Result<()> {
    let secrets = ["demo", "demo-strict"].map(secret_file);
    let kept = [ROOT_KEY, CONFIG].map(str::to_owned);
    for name in kept.into_iter().chain(secrets) {
        match std::fs::remove_file(data.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", b64(&random::<6>())));
    let beside = PathBuf::from(beside);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| writeln!(file, "{text}"))
        .and_then(|()| std::fs::rename(&beside, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}
