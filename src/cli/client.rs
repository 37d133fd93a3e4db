//! `client`: apps that sign people in.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::admin::clients::{self, NewClient};
use crate::cli::check_flags::CheckFlags;
use crate::cli::failure::{Failure, OK};
use crate::cli::input::{duration, word};
use crate::cli::office::Globals;
use crate::cli::output::{fields, note, print, print_json, shown, spelt, table};
use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{AuthMethod, Client, Confirm, Hint, Kind, Settings};

const JSON_FIELDS: &str = "JSON fields: client_id, client_secret (only when a secret was made), name, type, \
redirect_uris, token_endpoint_auth_method, test, sector, settings (confirm, hint, id_token_alg, operators, …), \
secrets (hint, created_at, expires_at), revision, disabled_at, created_at, updated_at.";

/// Apps that sign people in.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Register an app. Its secret, if it keeps one, is shown once.
    #[command(after_help = JSON_FIELDS)]
    Create(Box<Create>),
    /// List the apps.
    #[command(after_help = JSON_FIELDS)]
    List,
    /// Show one app.
    #[command(after_help = JSON_FIELDS)]
    Show {
        /// Its client_id.
        client_id: String,
    },
    /// Give an app a new secret, shown once; the one before works on for a while.
    #[command(after_help = "JSON fields: client_id, client_secret, earlier_ends.")]
    RotateSecret {
        /// Its client_id.
        client_id: String,
        /// How long the secret before works on, at most 7d; 0 ends it now.
        #[arg(long, default_value = "24h", value_parser = duration)]
        grace: Duration,
    },
    /// Refuse an app everywhere.
    #[command(after_help = "JSON fields: client_id, disabled.")]
    Disable {
        /// Its client_id.
        client_id: String,
    },
    /// Let a disabled app work again.
    #[command(after_help = "JSON fields: client_id, disabled.")]
    Enable {
        /// Its client_id.
        client_id: String,
    },
    /// Change an app; what is not named stays.
    #[command(after_help = JSON_FIELDS)]
    Update(Box<Update>),
}

/// `client create`.
#[derive(Args, Debug)]
pub struct Create {
    /// The name people see.
    #[arg(long)]
    name: String,
    /// Where its users come back to, to the letter. Repeat for more.
    #[arg(long = "redirect-uri", value_name = "URL", required = true)]
    redirect_uris: Vec<String>,
    /// What runs it: web (a server that keeps a secret), spa (a page in a browser) or native (an app
    /// on a device).
    #[arg(long = "type", value_name = "TYPE", value_parser = word::<Kind>, default_value = "web")]
    kind: Kind,
    /// Test operators may vouch for it, for +990 numbers only.
    #[arg(long)]
    test: bool,
    /// Its client_id; made from the name otherwise.
    #[arg(long)]
    client_id: Option<String>,
    #[command(flatten)]
    policy: Policy,
}

/// `client update`.
#[derive(Args, Debug)]
pub struct Update {
    /// Its client_id.
    client_id: String,
    /// The name people see.
    #[arg(long)]
    name: Option<String>,
    /// Where its users come back to; replaces all earlier ones. Repeat for more.
    #[arg(long = "redirect-uri", value_name = "URL")]
    redirect_uris: Vec<String>,
    /// How it authenticates: client_secret_basic, client_secret_post or none.
    #[arg(long, value_name = "METHOD", value_parser = word::<AuthMethod>)]
    auth_method: Option<AuthMethod>,
    /// Whether test operators may vouch for it: true or false.
    #[arg(long)]
    test: Option<bool>,
    #[command(flatten)]
    policy: Policy,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Policy")]
struct Policy {
    /// When people are asked before their number is released: first_time, always or never.
    #[arg(long, value_name = "WHEN", value_parser = word::<Confirm>)]
    confirm: Option<Confirm>,
    /// Whether people may change a number the app named: fixed or suggestion.
    #[arg(long, value_parser = word::<Hint>)]
    hint: Option<Hint>,
    /// How its ID tokens are signed: RS256, PS256, ES256 or EdDSA.
    #[arg(long, value_name = "ALG", value_parser = word::<SigningAlg>)]
    id_token_alg: Option<SigningAlg>,
    /// A scope it may ask for: openid, number_verified, phone. Repeat for more; replaces all.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// An operator it accepts, by alias. Repeat for more; replaces all.
    #[arg(long = "operator", value_name = "ALIAS")]
    operators: Vec<String>,
    /// It accepts every enabled operator.
    #[arg(long, conflicts_with = "operators")]
    any_operator: bool,
    /// How long a check answers for later sign-ins, at most 1h; 0 asks an operator every time.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    fresh_for: Option<Duration>,
    /// Whether prompt=none may ask an operator: true or false.
    #[arg(long, value_name = "BOOL")]
    silent_check: Option<bool>,
    /// Whether phone claims stand at userinfo only: true or false.
    #[arg(long, value_name = "BOOL")]
    userinfo_only: Option<bool>,
    /// Whether every request needs PKCE: true or false. Public apps always do.
    #[arg(long, value_name = "BOOL")]
    require_pkce: Option<bool>,
    /// How long its access tokens live, 60s to 24h.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    access_token: Option<Duration>,
    #[command(flatten)]
    checks: CheckFlags,
    /// The app's page.
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// Its privacy policy.
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// Its terms.
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
}

impl Policy {
    fn apply(self, settings: &mut Settings) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        let seconds = |span: Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        set(&mut settings.confirm, self.confirm);
        set(&mut settings.hint, self.hint);
        set(&mut settings.id_token_alg, self.id_token_alg);
        if !self.scopes.is_empty() {
            settings.scopes = self.scopes;
        }
        if self.any_operator || !self.operators.is_empty() {
            settings.operators = self.operators;
        }
        set(&mut settings.fresh_for_s, self.fresh_for.map(seconds));
        set(&mut settings.silent_check, self.silent_check);
        set(&mut settings.claims_in_userinfo_only, self.userinfo_only);
        set(&mut settings.require_pkce, self.require_pkce);
        settings.access_token_s = self.access_token.map(seconds).or(settings.access_token_s);
        self.checks.apply(&mut settings.checks);
        for (field, value) in [
            (&mut settings.client_uri, self.client_uri),
            (&mut settings.policy_uri, self.policy_uri),
            (&mut settings.tos_uri, self.tos_uri),
        ] {
            if value.is_some() {
                *field = value;
            }
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    name: &'a str,
    #[serde(rename = "type")]
    kind: Kind,
    redirect_uris: &'a [String],
    token_endpoint_auth_method: AuthMethod,
    test: bool,
    sector: &'a str,
    settings: &'a Settings,
    secrets: Vec<SecretView<'a>>,
    revision: i32,
    disabled_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
}

#[derive(Serialize)]
struct SecretView<'a> {
    hint: &'a str,
    created_at: Time,
    expires_at: Option<Time>,
}

fn view(client: &Client, client_secret: Option<String>, now: Time) -> View<'_> {
    let live = client
        .secrets
        .iter()
        .filter(|secret| secret.expires_at.is_none_or(|end| end > now));
    View {
        client_id: &client.client_id,
        client_secret,
        name: &client.name,
        kind: client.kind,
        redirect_uris: &client.redirect_uris,
        token_endpoint_auth_method: client.auth_method,
        test: client.test,
        sector: &client.sector,
        settings: &client.settings,
        secrets: live
            .map(|secret| SecretView {
                hint: &secret.hint,
                created_at: secret.created_at,
                expires_at: secret.expires_at,
            })
            .collect(),
        revision: client.revision,
        disabled_at: client.disabled_at,
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

/// Runs it.
pub async fn run(globals: &Globals, command: ClientCommand) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let desk = &office.desk;
    match command {
        ClientCommand::Create(create) => {
            let mut settings = Settings::default();
            create.policy.apply(&mut settings);
            let new = NewClient {
                name: create.name,
                kind: create.kind,
                redirect_uris: create.redirect_uris,
                test: create.test,
                client_id: create.client_id,
                settings,
            };
            let made = clients::create(desk, new).await?;
            let secret = made.secret.map(|secret| secret.reveal());
            show(globals, &view(&made.client, secret, desk.now));
        }
        ClientCommand::List => list(globals, &clients::list(desk).await?, desk.now),
        ClientCommand::Show { client_id } => {
            let client = clients::show(desk, &client_id).await?;
            show(globals, &view(&client, None, desk.now));
        }
        ClientCommand::RotateSecret { client_id, grace } => {
            let rotated = clients::rotate_secret(desk, &client_id, grace).await?;
            let (secret, ends) = (rotated.secret.reveal(), rotated.earlier_ends);
            if globals.json {
                print_json(&serde_json::json!({
                    "client_id": client_id,
                    "client_secret": secret,
                    "earlier_ends": ends,
                }));
            } else {
                print(&fields(&[
                    ("client_id", client_id),
                    ("client_secret", secret),
                    ("earlier ends", ends.to_rfc3339()),
                ]));
                note("The secret is shown this once.");
            }
        }
        ClientCommand::Disable { client_id } => {
            clients::set_disabled(desk, &client_id, true).await?;
            switched(globals, &client_id, true);
        }
        ClientCommand::Enable { client_id } => {
            clients::set_disabled(desk, &client_id, false).await?;
            switched(globals, &client_id, false);
        }
        ClientCommand::Update(update) => {
            let update = *update;
            let edit = |fields: &mut clients::Editable| {
                if let Some(name) = update.name {
                    fields.name = name;
                }
                if !update.redirect_uris.is_empty() {
                    fields.redirect_uris = update.redirect_uris;
                }
                fields.auth_method = update.auth_method.unwrap_or(fields.auth_method);
                fields.test = update.test.unwrap_or(fields.test);
                update.policy.apply(&mut fields.settings);
            };
            let client = clients::update(desk, &update.client_id, None, edit).await?;
            show(globals, &view(&client, None, desk.now));
        }
    }
    Ok(OK)
}

fn switched(globals: &Globals, client_id: &str, disabled: bool) {
    if globals.json {
        print_json(&serde_json::json!({ "client_id": client_id, "disabled": disabled }));
    } else {
        let how = if disabled { "disabled" } else { "enabled" };
        print(&format!("{client_id} is {how}."));
    }
}

fn show(globals: &Globals, view: &View<'_>) {
    if globals.json {
        return print_json(view);
    }
    let settings = view.settings;
    let mut pairs = vec![("client_id", view.client_id.to_owned())];
    if let Some(secret) = &view.client_secret {
        pairs.push(("client_secret", secret.clone()));
    }
    pairs.extend([
        ("name", shown(view.name)),
        ("type", spelt(&view.kind)),
        ("redirect URIs", view.redirect_uris.join("  ")),
        (
            "authentication",
            view.token_endpoint_auth_method.as_str().to_owned(),
        ),
        ("test", view.test.to_string()),
        ("sector", view.sector.to_owned()),
        ("confirm", spelt(&settings.confirm)),
        ("hint", spelt(&settings.hint)),
        ("ID tokens", settings.id_token_alg.as_str().to_owned()),
        ("scopes", settings.scopes.join(" ")),
        (
            "operators",
            if settings.operators.is_empty() {
                "every enabled one".to_owned()
            } else {
                settings.operators.join(" ")
            },
        ),
        ("fresh for", format!("{} s", settings.fresh_for_s)),
        (
            "secrets",
            view.secrets
                .iter()
                .map(|secret| match secret.expires_at {
                    Some(end) => format!("{}… (until {})", secret.hint, end.to_rfc3339()),
                    None => format!("{}…", secret.hint),
                })
                .collect::<Vec<_>>()
                .join("  "),
        ),
        (
            "disabled",
            view.disabled_at
                .map(|at| at.to_rfc3339())
                .unwrap_or_default(),
        ),
    ]);
    print(&fields(&pairs));
    if view.client_secret.is_some() {
        note("The secret is shown this once; keep it where the app finds it.");
    }
}

fn list(globals: &Globals, clients: &[Client], now: Time) {
    if globals.json {
        let views: Vec<_> = clients.iter().map(|c| view(c, None, now)).collect();
        return print_json(&views);
    }
    let row = |client: &Client| {
        [
            client.client_id.clone(),
            shown(&client.name),
            client.auth_method.as_str().to_owned(),
            if client.test { "test" } else { "" }.to_owned(),
            if client.disabled_at.is_some() {
                "disabled"
            } else {
                ""
            }
            .to_owned(),
        ]
    };
    let rows: Vec<_> = clients.iter().map(row).collect();
    let heading = ["client_id", "name", "authentication", "test", "state"];
    print(&table(heading, &rows));
}
