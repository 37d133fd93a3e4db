//! `operator`: the networks we ask.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::admin::breakers::{self, OpenBreaker};
use crate::admin::operators::{self, NewOperator};
use crate::admin::presets;
use crate::cli::failure::{CONFIG, FINDING, Failure, OK};
use crate::cli::finder::{self, FinderCommand};
use crate::cli::input::{pair, secret, word};
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json, shown, spelt, table};
use crate::cli::ranges::{self, RangesCommand};
use crate::clock::{Clock, Time};
use crate::config::Issuer;
use crate::operator::test::walk;
use crate::outbound::{Outbound, Rules};
use crate::store::operators::{Credentials, Mode, Operator, Settings, TokenAuth};

const JSON_FIELDS: &str = "JSON fields: alias, name, mode, redirect_uri (to register with the operator; null without \
an issuer), settings (dialect, issuer, endpoints, prefixes, …), has_credentials, breakers (servers that leave it alone because \
its calls fail: replica, state, since, until), revision, disabled_at, created_at, updated_at.";

/// The networks we ask.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Add an operator, from a settings file, flags, or both (flags are stronger).
    #[command(after_help = JSON_FIELDS)]
    Add(Box<Contract>),
    /// Change an operator; what is not named stays. New credentials replace all earlier ones.
    #[command(after_help = JSON_FIELDS)]
    Update(Box<Contract>),
    /// List the known operators that `operator add --preset` starts from.
    #[command(
        after_help = "JSON fields: by name: title, says, credential (secret or key), base, prefixes, settings."
    )]
    Presets,
    /// List the operators.
    #[command(after_help = JSON_FIELDS)]
    List,
    /// Show one operator, without its credentials.
    #[command(after_help = JSON_FIELDS)]
    Show {
        /// Its alias.
        alias: String,
    },
    /// Try its endpoints one after the other, as far as that goes without a phone. Exit code 1 if
    /// one is not as it must be.
    #[command(after_help = "JSON fields: a list of name, ok, detail, fix (null if all is well).")]
    Test {
        /// Its alias.
        alias: String,
    },
    /// Ask it no more.
    #[command(after_help = "JSON fields: alias, disabled.")]
    Disable {
        /// Its alias.
        alias: String,
    },
    /// Ask it again.
    #[command(after_help = "JSON fields: alias, disabled.")]
    Enable {
        /// Its alias.
        alias: String,
    },
    /// The source addresses of its subscribers, for choosing it.
    #[command(subcommand)]
    Ranges(RangesCommand),
    /// The service that is asked which operator a number is with.
    #[command(subcommand)]
    Finder(FinderCommand),
}

/// `operator add` and `operator update`.
#[derive(Args, Debug)]
pub struct Contract {
    /// Its short name in our callback path /broker/ALIAS/endpoint; never changed.
    alias: String,
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
struct Described {
    name: Option<String>,
    mode: Option<Mode>,
    settings: Settings,
    credentials: Option<Credentials>,
}

impl Contract {
    fn describe(&self, before: &Settings) -> Result<Described, Failure> {
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

#[derive(Serialize)]
struct View<'a> {
    alias: &'a str,
    name: &'a str,
    mode: Mode,
    redirect_uri: Option<String>,
    settings: &'a Settings,
    has_credentials: bool,
    breakers: Vec<&'a OpenBreaker>,
    revision: i32,
    disabled_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
}

fn view<'a>(
    operator: &'a Operator,
    issuer: Option<&Issuer>,
    breakers: &'a [OpenBreaker],
) -> View<'a> {
    View {
        breakers: breakers
            .iter()
            .filter(|open| open.operator == operator.alias)
            .collect(),
        alias: &operator.alias,
        name: &operator.name,
        mode: operator.mode,
        redirect_uri: issuer.map(|issuer| redirect_uri(issuer, &operator.alias)),
        settings: &operator.settings,
        has_credentials: operator.sealed_credentials.is_some(),
        revision: operator.revision,
        disabled_at: operator.disabled_at,
        created_at: operator.created_at,
        updated_at: operator.updated_at,
    }
}

/// Runs it.
pub async fn run(globals: &Globals, command: OperatorCommand) -> Result<u8, Failure> {
    if let OperatorCommand::Presets = command {
        show_presets(globals);
        return Ok(OK);
    }
    let office = globals.office().await?;
    let desk = &office.desk;
    match command {
        OperatorCommand::Add(contract) => {
            let described = contract.describe(&Settings::default())?;
            let new = NewOperator {
                name: described.name.unwrap_or_else(|| contract.alias.clone()),
                alias: contract.alias,
                mode: described.mode.unwrap_or(Mode::Live),
                settings: described.settings,
                credentials: described.credentials.unwrap_or_default(),
            };
            let operator = operators::add(desk, new).await?;
            show(globals, &office, &operator, &[]);
            if operator.mode == Mode::Test && !office.tools.operators.allow_test {
                note("The server works with test operators only if operators.allow_test is true.");
            }
        }
        OperatorCommand::Update(contract) => {
            let before = operators::show(desk, &contract.alias).await?;
            let described = contract.describe(&before.settings)?;
            let edit = |fields: &mut operators::Editable| {
                if let Some(name) = described.name {
                    fields.name = name;
                }
                fields.mode = described.mode.unwrap_or(fields.mode);
                fields.settings = described.settings;
                fields.credentials = described.credentials;
            };
            let seen = Some(before.revision);
            let operator = operators::update(desk, &contract.alias, seen, edit).await?;
            show(globals, &office, &operator, &breakers::open(desk).await?);
        }
        OperatorCommand::List => {
            let breakers = breakers::open(desk).await?;
            list(globals, &office, &operators::list(desk).await?, &breakers);
        }
        OperatorCommand::Presets => show_presets(globals),
        OperatorCommand::Show { alias } => {
            let breakers = breakers::open(desk).await?;
            show(
                globals,
                &office,
                &operators::show(desk, &alias).await?,
                &breakers,
            );
        }
        OperatorCommand::Test { alias } => return test(globals, &office, &alias).await,
        OperatorCommand::Disable { alias } => {
            operators::set_disabled(desk, &alias, true).await?;
            switched(globals, &alias, true);
        }
        OperatorCommand::Enable { alias } => {
            operators::set_disabled(desk, &alias, false).await?;
            switched(globals, &alias, false);
        }
        OperatorCommand::Ranges(command) => return ranges::run(globals, desk, command).await,
        OperatorCommand::Finder(command) => return finder::run(globals, desk, command).await,
    }
    Ok(OK)
}

fn show_presets(globals: &Globals) {
    if globals.json {
        return print_json(presets::all());
    }
    let row = |(name, preset): (&String, &presets::Preset)| {
        [
            name.clone(),
            spelt(&preset.credential),
            preset.base.clone().unwrap_or_default(),
            preset.says.clone(),
        ]
    };
    let rows: Vec<_> = presets::all().iter().map(row).collect();
    print(&table(["preset", "credential", "base", "for"], &rows));
}

async fn test(globals: &Globals, office: &Office, alias: &str) -> Result<u8, Failure> {
    let Some(issuer) = &office.tools.issuer else {
        let fix = "Set it to your public URL: the operator checks the redirect URI below it.";
        return Err(Failure::new(CONFIG, "issuer is not set", fix));
    };
    let operator = operators::show(&office.desk, alias).await?;
    let credentials = operator.credentials(&office.desk.vault).map_err(|_| {
        let fix = format!("Give them anew: numbercloak operator update {alias}.");
        Failure::new(
            CONFIG,
            "its credentials do not open with the root keys given",
            fix,
        )
    })?;
    let outbound = Rules::of(&office.tools.operators).and_then(|rules| Outbound::new(&rules));
    let outbound = outbound.map_err(|error| {
        let fix = "Check that this system's certificates are installed.";
        Failure::new(FINDING, error.to_string(), fix)
    })?;
    let back = redirect_uri(issuer, alias);
    let steps = walk(&outbound, &operator, &credentials, &back, &Clock::system()).await;
    if globals.json {
        print_json(&steps);
    } else {
        for step in &steps {
            let sign = if step.ok { "ok  " } else { "FAIL" };
            print(&format!("{sign}  {}: {}", step.name, shown(&step.detail)));
            if let Some(fix) = step.fix {
                print(&format!("      Fix: {fix}"));
            }
        }
    }
    let all_well = steps.iter().all(|step| step.ok);
    Ok(if all_well { OK } else { FINDING })
}

/// What the operator must have on its list for us.
fn redirect_uri(issuer: &Issuer, alias: &str) -> String {
    issuer.url(&format!("/broker/{alias}/endpoint"))
}

fn switched(globals: &Globals, alias: &str, disabled: bool) {
    if globals.json {
        print_json(&json!({ "alias": alias, "disabled": disabled }));
    } else {
        let how = if disabled { "disabled" } else { "enabled" };
        print(&format!("{alias} is {how}."));
    }
}

fn show(globals: &Globals, office: &Office, operator: &Operator, breakers: &[OpenBreaker]) {
    let view = view(operator, office.tools.issuer.as_ref(), breakers);
    if globals.json {
        return print_json(&view);
    }
    let settings = view.settings;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    print(&fields(&[
        ("alias", view.alias.to_owned()),
        ("name", shown(view.name)),
        ("mode", spelt(&view.mode)),
        (
            "redirect URI",
            view.redirect_uri.clone().unwrap_or_default(),
        ),
        ("dialect", spelt(&settings.dialect)),
        ("issuer", text(&settings.issuer)),
        ("discovery", settings.discovery.to_string()),
        (
            "authorization endpoint",
            text(&settings.authorization_endpoint),
        ),
        ("token endpoint", text(&settings.token_endpoint)),
        ("JWKS", text(&settings.jwks_uri)),
        ("API root", settings.api_root.clone()),
        ("release", spelt(&settings.release)),
        ("client_id there", settings.client_id.clone()),
        ("authentication", spelt(&settings.token_auth)),
        (
            "credentials",
            if view.has_credentials { "sealed" } else { "" }.to_owned(),
        ),
        ("scope", settings.scope_verify.clone()),
        ("prefixes", settings.prefixes.join(" ")),
        ("extra checks", {
            let offered = settings.checks.contracts();
            let names: Vec<_> = offered.map(|(extra, _)| extra.as_str()).collect();
            names.join(" ")
        }),
        ("left alone", {
            let servers = view.breakers.iter();
            let told: Vec<_> = servers
                .map(|open| format!("{} by {}", open.state, open.replica))
                .collect();
            told.join(", ")
        }),
        (
            "disabled",
            view.disabled_at
                .map(|at| at.to_rfc3339())
                .unwrap_or_default(),
        ),
    ]));
    if view.redirect_uri.is_some() {
        note("Register the redirect URI with the operator, to the letter.");
    }
}

fn list(globals: &Globals, office: &Office, operators: &[Operator], breakers: &[OpenBreaker]) {
    let issuer = office.tools.issuer.as_ref();
    if globals.json {
        let views: Vec<_> = operators
            .iter()
            .map(|o| view(o, issuer, breakers))
            .collect();
        return print_json(&views);
    }
    let row = |operator: &Operator| {
        [
            operator.alias.clone(),
            shown(&operator.name),
            spelt(&operator.mode),
            operator.settings.prefixes.join(" "),
            if operator.disabled_at.is_some() {
                "disabled"
            } else if breakers.iter().any(|open| open.operator == operator.alias) {
                "does not answer"
            } else {
                ""
            }
            .to_owned(),
        ]
    };
    let rows: Vec<_> = operators.iter().map(row).collect();
    print(&table(
        ["alias", "name", "mode", "prefixes", "state"],
        &rows,
    ));
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
