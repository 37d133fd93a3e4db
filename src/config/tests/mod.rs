//! Loading as a whole.

mod example;
mod faults;
mod secrets;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::clock::Clock;
use crate::secret::{RootKey, b64, random};

/// A folder of one test, removed at its end, with a root key in `root.key`.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("numbercloak-{}", b64(&random::<12>())));
        std::fs::create_dir(&path).unwrap();
        let folder = Self(path);
        folder.write("root.key", &(root_key() + "\n"));
        folder
    }

    /// Writes a file that only its owner may read.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        self.allow(name, 0o600);
        path
    }

    fn allow(&self, name: &str, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.0.join(name), permissions).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn root_key() -> String {
    RootKey::generate(Clock::system().now()).reveal()
}

const MINIMAL: &str = r#"
issuer = "https://id.example.com/"
[database]
url = "postgres://app:hunter2@db/numbercloak"
[keys]
root_key_file = "root.key"
"#;

/// The same without section headers, so that any key can stand before it.
const DOTTED: &str = r#"
issuer = "https://id.example.com/"
database.url = "postgres://app:hunter2@db/numbercloak"
keys.root_key_file = "root.key"
"#;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    list.iter().map(own).collect()
}

/// Loads `toml` from a file, with the environment and flags given.
fn load_text(
    folder: &Folder,
    toml: &str,
    env: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, Faults> {
    let file = folder.write("config.toml", toml);
    load(Some(&file), pairs(env).into_iter(), pairs(flags))
}

fn minimal_and(toml: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Faults> {
    load_text(&Folder::new(), &format!("{MINIMAL}{toml}"), env, flags)
}

/// The one fault there is.
fn only_fault(result: Result<Config, Faults>) -> Fault {
    let mut faults = result.unwrap_err();
    assert_eq!(faults.0.len(), 1, "{faults}");
    faults.0.remove(0)
}

#[test]
fn a_minimal_file_loads_with_the_documented_defaults() {
    let config = minimal_and("", &[], &[]).unwrap();
    assert_eq!(config.issuer.as_str(), "https://id.example.com");
    assert_eq!(config.listen.public.to_string(), "127.0.0.1:8080");
    assert_eq!(config.listen.management.to_string(), "127.0.0.1:9000");
    assert_eq!(config.tls, None);
    assert_eq!(config.database.max_connections, 8);
    assert_eq!(
        config.database.url.reveal(),
        "postgres://app:hunter2@db/numbercloak"
    );
    assert_eq!(config.login.code, Duration::from_secs(60));
    assert!(!config.operators.allow_test);
    assert!(config.operators.allow_private_addresses.is_empty());
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn the_environment_outdoes_the_file_and_flags_outdo_both() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\n";
    let env = [("NUMBERCLOAK__SERVER__LISTEN", "127.0.0.1:2")];
    let flags = [("server.listen", "127.0.0.1:3")];
    let port = |env, flags| minimal_and(file, env, flags).unwrap().listen.public.port();
    assert_eq!(port(&[], &[]), 1);
    assert_eq!(port(&env, &[]), 2);
    assert_eq!(port(&env, &flags), 3);
    assert_eq!(port(&[], &flags), 3);
}

#[test]
fn everything_can_be_set_without_a_file() {
    let key = root_key();
    let env = pairs(&[
        ("NUMBERCLOAK__ISSUER", "http://localhost:8080"),
        ("NUMBERCLOAK__DATABASE__URL", "postgres://db/n"),
        ("NUMBERCLOAK__DATABASE__MAX_CONNECTIONS", "7"),
        ("NUMBERCLOAK__KEYS__ROOT_KEY", &key),
        (
            "NUMBERCLOAK__SERVER__TRUSTED_PROXIES",
            "10.0.0.0/8, fd00::/8",
        ),
        ("NUMBERCLOAK__OPERATORS__ALLOW_TEST", "true"),
        ("NUMBERCLOAK__OPERATORS__ALLOW_PRIVATE_ADDRESSES", "true"),
        ("NUMBERCLOAK__LIFETIMES__CODE", "30"),
        ("NUMBERCLOAK_SETUP", "one underscore is somebody else's"),
        ("HOME", "/root"),
    ]);
    let config = load(None, env.into_iter(), Vec::new()).unwrap();
    assert_eq!(config.database.max_connections, 7);
    assert_eq!(config.proxies.trusted.len(), 2);
    assert!(config.operators.allow_test);
    assert_eq!(config.operators.allow_private_addresses.len(), 2);
    assert_eq!(config.login.code, Duration::from_secs(30));
    assert_eq!(config.keys.read().unwrap()[0].reveal(), key);
}

#[test]
fn lists_of_networks_are_read_from_every_source() {
    let toml = "[operators]\nallow_private_addresses = [\"10.1.0.0/16\"]\n";
    let name = "NUMBERCLOAK__OPERATORS__ALLOW_PRIVATE_ADDRESSES";
    let allowed = |env: &[(&str, &str)]| {
        let config = minimal_and(toml, env, &[]).unwrap();
        let list = config.operators.allow_private_addresses;
        list.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(allowed(&[]), ["10.1.0.0/16"]);
    assert_eq!(allowed(&[(name, "false")]), [""; 0]);
    assert_eq!(
        allowed(&[(name, "10.2.0.0/16,10.3.0.0/16")]),
        ["10.2.0.0/16", "10.3.0.0/16"]
    );
    assert_eq!(allowed(&[(name, "[\"10.4.0.0/16\"]")]), ["10.4.0.0/16"]);
}

#[test]
fn our_own_tls_moves_the_listener_to_its_port() {
    let folder = Folder::new();
    folder.write("tls.crt", "x");
    folder.write("tls.key", "x");
    let toml =
        format!("{MINIMAL}[server.tls]\ncertificate_file = \"tls.crt\"\nkey_file = \"tls.key\"\n");
    let config = load_text(&folder, &toml, &[], &[]).unwrap();
    assert_eq!(config.listen.public.to_string(), "0.0.0.0:8443");
    assert_eq!(config.tls.unwrap().key_file, folder.0.join("tls.key"));

    folder.allow("tls.key", 0o644);
    let fault = only_fault(load_text(&folder, &toml, &[], &[]));
    assert!(fault.place.ends_with("server.tls.key_file"), "{fault}");
    assert!(fault.fix.starts_with("chmod o= "), "{fault}");
    folder.allow("tls.key", 0o640);
    assert!(load_text(&folder, &toml, &[], &[]).is_ok());
}

#[test]
fn database_url_is_only_a_fallback() {
    let stray = [("DATABASE_URL", "postgres://db/stray")];
    let config = minimal_and("", &stray, &[]).unwrap();
    assert!(config.database.url.reveal().ends_with("/numbercloak"));
    let toml = MINIMAL.replace("url =", "max_connections = 5 #");
    let config = load_text(&Folder::new(), &toml, &stray, &[]).unwrap();
    assert_eq!(config.database.url.reveal(), "postgres://db/stray");
}

#[test]
fn shown_values_tell_where_they_come_from_and_load_again() {
    let folder = Folder::new();
    let env = [("NUMBERCLOAK__LOG__LEVEL", "debug")];
    let flags = [("lifetimes.code", "30s")];
    let config = load_text(&folder, MINIMAL, &env, &flags).unwrap();
    let shown = config.redacted_toml();
    for line in [
        "level = \"debug\" # env NUMBERCLOAK__LOG__LEVEL",
        "code = \"30s\" # flag",
        "max_connections = 8 # default",
        "listen = \"127.0.0.1:8080\" # default",
        "# support_url is not set",
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line} not in {shown}"
        );
    }
    let issuer = format!(
        "issuer = \"https://id.example.com\" # file {}:2",
        folder.0.join("config.toml").display()
    );
    assert_eq!(shown.lines().next(), Some(issuer.as_str()));
    let again = shown.replace("[redacted]", "postgres://db/n");
    let again = again.replace("root_key_command = []", "");
    load_text(&folder, &again, &[], &[]).unwrap();
}

#[test]
fn the_schema_closes_every_section_and_marks_secrets() {
    let schema = Config::json_schema();
    assert_eq!(schema["additionalProperties"], false);
    let server = &schema["properties"]["server"];
    assert_eq!(server["additionalProperties"], false);
    assert_eq!(server["properties"]["tls"]["additionalProperties"], false);
    let secrets: Vec<_> = schema::keys()
        .into_iter()
        .filter(schema::Key::is_secret)
        .collect();
    let names: Vec<_> = secrets.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "checkpoints.s3.secret_access_key",
            "checkpoints.webhook_secret",
            "console.oidc.client_secret",
            "database.migrator_url",
            "database.url",
            "keys.root_key",
            "streams.otlp_authorization",
            "streams.webhook_secret"
        ]
    );
    for key in schema::keys() {
        assert!(
            key.description().len() > 10,
            "{} has no description",
            key.name
        );
        let unset = key.default().is_none();
        assert!(
            !unset || key.advice().contains("for example"),
            "{}",
            key.name
        );
    }
}

#[test]
fn a_tool_needs_no_issuer_and_no_files_it_does_not_use() {
    let folder = Folder::new();
    let key = folder.0.join("root.key").display().to_string();
    let url = ("DATABASE_URL", "postgres://db/n");
    let tools = |env: &[(&str, &str)], needs| {
        let file = folder.write("tools.toml", "server.tls.key_file = \"missing.pem\"\n");
        load_tools(Some(&file), pairs(env).into_iter(), Vec::new(), needs)
    };
    let keyed = Needs {
        root_keys: true,
        ..Needs::default()
    };
    let env = [url, ("NUMBERCLOAK__KEYS__ROOT_KEY_FILE", key.as_str())];
    let loaded = tools(&env, keyed).unwrap();
    assert_eq!(loaded.issuer, None);
    assert_eq!(loaded.keys.read().unwrap().len(), 1);
    assert!(tools(&[url], Needs::default()).is_ok());
    for (env, needs, key) in [
        (&env[..1], keyed, "keys.root_key_file"),
        (&env[1..], keyed, "database.url"),
        (
            &env[..],
            Needs {
                issuer: true,
                ..keyed
            },
            "issuer",
        ),
    ] {
        let faults = tools(env, needs).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{faults}");
        assert_eq!(faults.0[0].place, key);
    }
}
