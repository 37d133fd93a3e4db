//! `client`: apps that sign people in.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::admin::client_logo;
use crate::admin::client_secrets;
use crate::admin::client_sector::{self, SectorDocument};
use crate::admin::clients::{self, NewClient};
use crate::cli::client_flags::Flags;
use crate::cli::client_shown;
use crate::cli::client_snippet::{self, Snippet};
use crate::cli::client_tokens::{self, TokenCommand};
use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::input::{duration, file, word};
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json};
use crate::outbound::{Outbound, Rules};
use crate::store::clients::{Kind, Settings};

const JSON_FIELDS: &str = "JSON fields: client_id, client_secret (only when a secret was made), name, type, \
redirect_uris, token_endpoint_auth_method, test, sector, settings (one per flag: confirm, id_token_alg, jwks_uri, …), \
secrets (id, hint, created_at, expires_at, last_used_at), logo, revision, disabled_at, ended_at, created_at, updated_at.";

/// Apps that sign people in.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Register an app. Its secret, if it keeps one, is shown once.
    #[command(after_help = JSON_FIELDS)]
    Create(Box<Create>),
    /// List the apps.
    #[command(after_help = JSON_FIELDS)]
    List {
        /// Only those whose name or client_id holds this.
        #[arg(long, default_value = "")]
        search: String,
    },
    /// Show one app: what is set, and its secrets with their ends and last uses.
    #[command(after_help = JSON_FIELDS)]
    Show {
        /// Its client_id.
        client_id: String,
    },
    /// Give an app a new secret, shown once; the one before works on for a while.
    #[command(after_help = "JSON fields: client_id, client_secret, expires_at, earlier_ends.")]
    RotateSecret {
        /// Its client_id.
        client_id: String,
        /// How long the secret before works on, at most 7d; 0 ends it now.
        #[arg(long, default_value = "24h", value_parser = duration)]
        grace: Duration,
        /// When the new secret ends by itself: from 1h to 3 years (1098d); without it, never.
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        expires: Option<Duration>,
    },
    /// End one of an app's secrets at once.
    #[command(after_help = "JSON fields: client_id, revoked, left.")]
    RevokeSecret {
        /// Its client_id.
        client_id: String,
        /// The secret's first four characters, or its id, as `client show` tells them.
        hint: String,
    },
    /// Move an app to another sector: EVERY PERSON GETS A NEW sub THERE.
    #[command(after_help = JSON_FIELDS)]
    ChangeSector {
        /// Its client_id.
        client_id: String,
        /// Where all redirect URIs of the new sector are listed; its host is the sector.
        #[arg(
            long,
            value_name = "URL",
            required_unless_present = "from_redirect_uris"
        )]
        sector_identifier_uri: Option<String>,
        /// The sector is the one host of the app's redirect URIs, else its client_id.
        #[arg(long, conflicts_with = "sector_identifier_uri")]
        from_redirect_uris: bool,
        /// You know that the app will take everybody for somebody new.
        #[arg(long)]
        yes: bool,
    },
    /// Refuse an app everywhere.
    #[command(after_help = "JSON fields: client_id, disabled.")]
    Disable {
        /// Its client_id.
        client_id: String,
    },
    /// End an app for good: its secrets are gone and it is refused everywhere. Nobody else ever gets its
    /// client_id.
    #[command(after_help = "JSON fields: client_id, removed.")]
    Remove {
        /// Its client_id.
        client_id: String,
        /// You know that its secrets cannot be had back.
        #[arg(long)]
        yes: bool,
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
    /// Print code that signs people in with an app, for a library.
    #[command(after_help = "JSON fields: a list of name, library, language, code.")]
    Snippet(Snippet),
    /// What lets apps register themselves.
    #[command(subcommand)]
    InitialAccessToken(TokenCommand),
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
    /// Where all redirect URIs of its sector are listed, if it has several hosts; fetched now.
    #[arg(long, value_name = "URL")]
    sector_identifier_uri: Option<String>,
    #[command(flatten)]
    flags: Flags,
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
    /// Whether test operators may vouch for it: true or false.
    #[arg(long)]
    test: Option<bool>,
    /// A picture that stands beside its name: PNG, JPEG or WebP of at most 256 KiB, drawn anew at 256 by 256
    /// pixels; none takes it away.
    #[arg(long, value_name = "FILE", value_parser = logo)]
    logo_file: Option<Logo>,
    #[command(flatten)]
    flags: Flags,
}

/// A picture's bytes, or none.
type Logo = Option<Vec<u8>>;

fn logo(path: &str) -> Result<Logo, String> {
    match path {
        "none" => Ok(None),
        path => file(path, client_logo::MOST_BYTES).map(Some),
    }
}

/// Runs it.
pub async fn run(globals: &Globals, command: ClientCommand) -> Result<u8, Failure> {
    if let ClientCommand::Snippet(wanted) = command {
        return client_snippet::run(globals, wanted).await;
    }
    let office = globals.office().await?;
    let desk = &office.desk;
    match command {
        ClientCommand::Create(create) => register(globals, &office, *create).await?,
        ClientCommand::List { search } => {
            client_shown::many(globals, &clients::search(desk, &search).await?, desk.now);
        }
        ClientCommand::Show { client_id } => {
            let client = clients::show(desk, &client_id).await?;
            client_shown::one(globals, &client, None, desk.now);
        }
        ClientCommand::RotateSecret {
            client_id,
            grace,
            expires,
        } => {
            let rotated = client_secrets::rotate(desk, &client_id, grace, expires).await?;
            show_rotated(globals, client_id, &rotated);
        }
        ClientCommand::RevokeSecret { client_id, hint } => {
            let left = client_secrets::revoke(desk, &client_id, &hint).await?;
            if globals.json {
                print_json(&json!({ "client_id": client_id, "revoked": hint, "left": left }));
            } else {
                print(&format!(
                    "{hint}… of {client_id} is revoked; {left} still work."
                ));
            }
        }
        ClientCommand::ChangeSector {
            client_id,
            sector_identifier_uri,
            yes,
            ..
        } => change_sector(globals, &office, &client_id, sector_identifier_uri, yes).await?,
        ClientCommand::Disable { client_id } => {
            clients::set_disabled(desk, &client_id, true).await?;
            switched(globals, &client_id, true);
        }
        ClientCommand::Remove { client_id, yes } => {
            if !yes {
                let fix =
                    "Repeat the command with --yes, or use `client disable`, which can be undone.";
                let message = format!("{client_id} would be ended for good");
                return Err(Failure::new(FINDING, message, fix));
            }
            clients::remove(desk, &client_id, None).await?;
            if globals.json {
                print_json(&json!({ "client_id": client_id, "removed": true }));
            } else {
                print(&format!("{client_id} is ended for good."));
            }
        }
        ClientCommand::Enable { client_id } => {
            clients::set_disabled(desk, &client_id, false).await?;
            switched(globals, &client_id, false);
        }
        ClientCommand::Update(update) => change(globals, &office, *update).await?,
        // It needs an office with an issuer, and had it above.
        ClientCommand::Snippet(_) => {}
        ClientCommand::InitialAccessToken(command) => {
            client_tokens::run(globals, desk, command).await?;
        }
    }
    Ok(OK)
}

async fn register(globals: &Globals, office: &Office, create: Create) -> Result<(), Failure> {
    let desk = &office.desk;
    let auth_method = create.flags.auth_method();
    let mut settings = Settings::default();
    create.flags.apply(&mut settings);
    let sector = match create.sector_identifier_uri {
        Some(uri) => Some(fetch(office, &uri).await?),
        None => None,
    };
    let new = NewClient {
        name: create.name,
        kind: create.kind,
        auth_method,
        redirect_uris: create.redirect_uris,
        test: create.test,
        client_id: create.client_id,
        sector,
        settings,
    };
    let made = clients::create(desk, new).await?;
    let secret = made.secret.map(|secret| secret.reveal());
    client_shown::one(globals, &made.client, secret, desk.now);
    Ok(())
}

async fn change(globals: &Globals, office: &Office, update: Update) -> Result<(), Failure> {
    let desk = &office.desk;
    let before = clients::show(desk, &update.client_id).await?;
    let sector = match &before.settings.sector_identifier_uri {
        Some(uri) if !update.redirect_uris.is_empty() => Some(fetch(office, uri).await?),
        _ => None,
    };
    let client_id = update.client_id;
    let edit = |fields: &mut clients::Editable| {
        if let Some(name) = update.name {
            fields.name = name;
        }
        if !update.redirect_uris.is_empty() {
            fields.redirect_uris = update.redirect_uris;
        }
        fields.auth_method = update.flags.auth_method().unwrap_or(fields.auth_method);
        fields.test = update.test.unwrap_or(fields.test);
        update.flags.apply(&mut fields.settings);
    };
    let seen = Some(before.revision);
    let mut client =
        clients::update_in_sector(desk, &client_id, seen, sector.as_ref(), edit).await?;
    match update.logo_file {
        Some(Some(picture)) => client = client_logo::set(desk, &client_id, picture, None).await?,
        Some(None) => client = client_logo::remove(desk, &client_id, None).await?,
        None => {}
    }
    client_shown::one(globals, &client, None, desk.now);
    if client.auth_method.is_secret() && client.secrets.is_empty() {
        note(&format!(
            "It has no secret yet: run `numbercloak client rotate-secret {client_id}`."
        ));
    }
    Ok(())
}

async fn change_sector(
    globals: &Globals,
    office: &Office,
    client_id: &str,
    uri: Option<String>,
    yes: bool,
) -> Result<(), Failure> {
    if !yes {
        return Err(Failure::new(
            FINDING,
            format!(
                "every person would get a new sub at {client_id}: the app would take everybody for \
                 somebody new, and nobody would find their account"
            ),
            "If the app is prepared for it, repeat the command with --yes.",
        ));
    }
    let desk = &office.desk;
    let sector = match uri {
        Some(uri) => Some(fetch(office, &uri).await?),
        None => None,
    };
    let client = client_sector::change(desk, client_id, sector.as_ref(), None).await?;
    client_shown::one(globals, &client, None, desk.now);
    Ok(())
}

async fn fetch(office: &Office, uri: &str) -> Result<SectorDocument, Failure> {
    let outbound = Rules::of(&office.tools.operators)
        .and_then(|rules| Outbound::new(&rules))
        .map_err(|error| {
            Failure::new(
                FINDING,
                error.to_string(),
                "Repair the system's trust store.",
            )
        })?;
    Ok(client_sector::fetch(&outbound, uri).await?)
}

fn show_rotated(globals: &Globals, client_id: String, rotated: &client_secrets::Rotated) {
    let secret = rotated.secret.reveal();
    if globals.json {
        return print_json(&json!({
            "client_id": client_id,
            "client_secret": secret,
            "expires_at": rotated.expires_at,
            "earlier_ends": rotated.earlier_ends,
        }));
    }
    let expires = rotated.expires_at.map(|end| end.to_rfc3339());
    print(&fields(&[
        ("client_id", client_id),
        ("client_secret", secret),
        ("expires", expires.unwrap_or_else(|| "never".to_owned())),
        ("earlier ends", rotated.earlier_ends.to_rfc3339()),
    ]));
    note("The secret is shown this once.");
}

fn switched(globals: &Globals, client_id: &str, disabled: bool) {
    if globals.json {
        print_json(&json!({ "client_id": client_id, "disabled": disabled }));
    } else {
        let how = if disabled { "disabled" } else { "enabled" };
        print(&format!("{client_id} is {how}."));
    }
}
