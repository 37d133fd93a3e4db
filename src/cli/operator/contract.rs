//! An operator's contract as the command line gives it: a preset, a file, single settings and flags, each
//! over what stands before it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use crate::admin::presets;
use crate::cli::failure::{FINDING, Failure};
use crate::cli::input::{pair, secret, word};
use crate::store::operators::{Credentials, Mode, Settings, TokenAuth};

/// `operator add` and `operator update`.
#[derive(Args, Debug)]
pub struct Contract {
    /// Its short name in our callback path /broker/ALIAS/endpoint; never changed.
    pub(super) alias: String,
    /// A known operator's contract to start from; `operator presets` lists them.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// The URL that the preset's endpoints stand below.
    #[arg(long, value_name = "URL", requires = "preset")]
    base_url: Option<String>,
    /// A TOML or JSON file with name, mode and any of the settings that `operator show --json` prints.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// One setting: release=2.0, pkce=false, ip_ranges=["192.0.2.0/24"]. Repeat for more.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// The name people see; the alias if left out.
    #[arg(long)]
    name: Option<String>,
    /// live, or test: vouches for +990 numbers of test clients only. Live if left out.
    #[arg(long, value_parser = word::<Mode>)]
    mode: Option<Mode>,
    /// Its issuer.
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Where the phone's browser goes; by discovery if left out.
    #[arg(long, value_name = "URL")]
    authorization_endpoint: Option<String>,
    /// Where the code is exchanged; by discovery if left out.
    #[arg(long, value_name = "URL")]
    token_endpoint: Option<String>,
    /// Where its keys are; by discovery if left out.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// The URL that stands before /number-verification/v2.
    #[arg(long, value_name = "URL")]
    api_root: Option<String>,
    /// Who we are to it.
    #[arg(long)]
    client_id: Option<String>,
    /// What its numbers start with, country code first: 34. Repeat for more.
    #[arg(long = "prefix", value_name = "DIGITS")]
    prefixes: Vec<String>,
    /// How we authenticate there: client_secret_basic, client_secret_post or private_key_jwt.
    #[arg(long, value_name = "METHOD", value_parser = word::<TokenAuth>)]
    token_auth: Option<TokenAuth>,
    /// File with the secret it gave us; - for standard input.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// File with our private key for it (PKCS#8 PEM); - for standard input.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// That key's id at the operator.
    #[arg(long, requires = "private_key_file")]
    kid: Option<String>,
}

/// A contract as the command line gives it, over one that is there.
pub(super) struct Described {
    pub(super) name: Option<String>,
    pub(super) mode: Option<Mode>,
    pub(super) settings: Settings,
    pub(super) credentials: Option<Credentials>,
}

impl Contract {
    /// What the command line says, over what is there.
    pub(super) fn describe(&self, before: &Settings) -> Result<Described, Failure> {
        let Ok(Value::Object(mut settings)) = serde_json::to_value(before) else {
            return Err(Failure::new(FINDING, "these settings cannot be read", ""));
        };
        let (mut name, mut mode) = (None, None);
        if let Some(preset) = &self.preset {
            let preset = presets::find(preset)?;
            let mode = self.mode.unwrap_or(Mode::Live);
            settings.extend(preset.settings(self.base_url.as_deref(), mode)?);
            name = Some(preset.title.clone());
        }
        if let Some(file) = &self.settings {
            let mut given = read_settings(file)?;
            if let Some(Value::String(text)) = given.remove("name") {
                name = Some(text);
            }
            if let Some(Value::String(text)) = given.remove("mode") {
                let wrong = |error| Failure::usage(format!("mode: {error}"), "Write live or test.");
                mode = Some(word::<Mode>(&text).map_err(wrong)?);
            }
            settings.extend(given);
        }
        for (key, value) in &self.set {
            settings.insert(key.clone(), value_of(value));
        }
        for (key, value) in [
            ("issuer", &self.issuer),
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("jwks_uri", &self.jwks_uri),
            ("api_root", &self.api_root),
            ("client_id", &self.client_id),
        ] {
            if let Some(value) = value {
                settings.insert(key.to_owned(), json!(value));
            }
        }
        if let Some(method) = self.token_auth {
            settings.insert("token_auth".to_owned(), json!(method));
        }
        if !self.prefixes.is_empty() {
            settings.insert("prefixes".to_owned(), json!(self.prefixes));
        }
        Ok(Described {
            name: self.name.clone().or(name),
            mode: self.mode.or(mode),
            settings: serde_json::from_value(Value::Object(settings))
                .map_err(|error| unreadable("the settings", &error.to_string()))?,
            credentials: self.credentials()?,
        })
    }

    fn credentials(&self) -> Result<Option<Credentials>, Failure> {
        let files = [&self.client_secret_file, &self.private_key_file];
        if files
            .iter()
            .all(|file| file.as_deref() == Some(Path::new("-")))
        {
            let fix = "Read one of the two from a file.";
            return Err(Failure::usage("standard input holds one secret only", fix));
        }
        if files.iter().all(|file| file.is_none()) {
            return Ok(None);
        }
        let read = |file: &Option<PathBuf>| file.as_deref().map(secret).transpose();
        Ok(Some(Credentials {
            client_secret: read(&self.client_secret_file)?,
            private_key_pem: read(&self.private_key_file)?,
            kid: self.kid.clone(),
        }))
    }
}

fn unreadable(what: &str, why: &str) -> Failure {
    let fix = "Compare with `numbercloak operator show --json`; secrets go in by --client-secret-file and --private-key-file.";
    Failure::usage(format!("{what} cannot be used ({why})"), fix)
}

/// The file as a JSON object: JSON by its name, TOML otherwise.
fn read_settings(file: &Path) -> Result<Map<String, Value>, Failure> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let fix = "Name a TOML or JSON file that this user may read.";
        Failure::usage(format!("{shown} cannot be read ({error})"), fix)
    })?;
    let value = if file.extension().is_some_and(|end| end == "json") {
        serde_json::from_str(&text).map_err(|error| unreadable(&shown, &error.to_string()))?
    } else {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| unreadable(&shown, error.message()))?;
        serde_json::to_value(table).map_err(|error| unreadable(&shown, &error.to_string()))?
    };
    match value {
        Value::Object(mut map) => {
            // What `operator show --json` prints can be given back.
            if let Some(Value::Object(inner)) = map.remove("settings") {
                map.extend(inner);
                for shown in [
                    "redirect_uri",
                    "has_credentials",
                    "breakers",
                    "managed_by",
                    "revision",
                    "disabled_at",
                    "created_at",
                    "updated_at",
                ] {
                    map.remove(shown);
                }
            }
            map.remove("alias");
            Ok(map)
        }
        _ => Err(unreadable(&shown, "it is no table of settings")),
    }
}

/// `false`, `3` and `["a"]` as TOML reads them, anything else as text.
fn value_of(text: &str) -> Value {
    let table = format!("v = {text}").parse::<toml::Table>().ok();
    table
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("v"))
        // A release 2.0 is a word, not a number.
        .filter(|value| !value.is_float())
        .and_then(|value| serde_json::to_value(value).ok())
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::store::operators::Release;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        contract: Contract,
    }

    fn describe(line: &[&str]) -> Result<Described, Failure> {
        let line = Line::try_parse_from(std::iter::once(&"add").chain(line)).unwrap();
        line.contract.describe(&Settings::default())
    }

    #[test]
    fn single_settings_are_read_as_their_type() {
        let line = ["o2-de", "--set", "release=2.0", "--set", "pkce=false"];
        let more = ["--set", "ip_ranges=[\"192.0.2.0/24\"]", "--prefix", "49"];
        let described = describe(&[&line[..], &more].concat()).unwrap();
        assert_eq!(described.settings.release, Release::V2_0);
        assert!(!described.settings.pkce);
        assert_eq!(described.settings.ip_ranges.len(), 1);
        assert_eq!(described.settings.prefixes, ["49"]);
        assert!(described.credentials.is_none());
    }

    #[test]
    fn a_setting_that_does_not_exist_is_named_and_so_is_the_way_for_secrets() {
        let failure = describe(&["a", "--set", "client_secret=x"]).err().unwrap();
        assert!(failure.message.contains("client_secret"), "{failure}");
        assert!(failure.fix.contains("--client-secret-file"), "{failure}");
        assert!(!failure.to_string().contains("=x"), "{failure}");
    }

    #[test]
    fn a_preset_and_credentials_are_enough() {
        let line = [
            "v",
            "--preset",
            "vodafone",
            "--base-url",
            "https://vf.example",
        ];
        let described = describe(&[&line[..], &["--client-id", "us"]].concat()).unwrap();
        assert_eq!(described.name.as_deref(), Some("Vodafone"));
        let settings = described.settings;
        assert_eq!(settings.api_root, "https://vf.example");
        assert!(settings.prefixes.contains(&"49".to_owned()));
        let test = describe(&[&line[..], &["--mode", "test", "--set", "release=1.0"]].concat());
        let settings = test.unwrap().settings;
        assert_eq!(settings.prefixes, ["990"]);
        assert_eq!(settings.release, Release::V1_0);
        assert!(describe(&["v", "--preset", "vodafone"]).is_err());
        assert!(describe(&["v", "--preset", "nobody"]).is_err());
    }

    #[test]
    fn one_standard_input_cannot_hold_two_secrets() {
        let both = ["a", "--client-secret-file", "-", "--private-key-file", "-"];
        assert!(describe(&both).is_err());
    }
}
