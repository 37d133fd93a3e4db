//! How clients are printed.

use serde::Serialize;
use uuid::Uuid;

use crate::cli::office::Globals;
use crate::cli::output::{fields, note, print, print_json, shown, spelt, table};
use crate::clock::Time;
use crate::store::clients::{AuthMethod, Client, Kind, Settings};

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
    id: Uuid,
    hint: &'a str,
    created_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
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
                id: secret.id,
                hint: &secret.hint,
                created_at: secret.created_at,
                expires_at: secret.expires_at,
                last_used_at: secret.last_used_at,
            })
            .collect(),
        revision: client.revision,
        disabled_at: client.disabled_at,
        created_at: client.created_at,
        updated_at: client.updated_at,
    }
}

/// Prints one client, with its secret if one was just made.
pub fn one(globals: &Globals, client: &Client, client_secret: Option<String>, now: Time) {
    let view = view(client, client_secret, now);
    if globals.json {
        return print_json(&view);
    }
    let mut pairs = vec![("client_id", view.client_id.to_owned())];
    if let Some(secret) = &view.client_secret {
        pairs.push(("client_secret", secret.clone()));
    }
    let method = view.token_endpoint_auth_method;
    pairs.extend([
        ("name", shown(view.name)),
        ("type", spelt(&view.kind)),
        ("redirect URIs", view.redirect_uris.join("  ")),
        ("authentication", method.as_str().to_owned()),
        ("test", view.test.to_string()),
        ("sector", view.sector.to_owned()),
    ]);
    if method.is_secret() {
        let secrets: Vec<String> = view.secrets.iter().map(secret_line).collect();
        pairs.push(("secrets", secrets.join("; ")));
    }
    let disabled = view.disabled_at.map(|at| at.to_rfc3339());
    pairs.push(("disabled", disabled.unwrap_or_default()));
    let settings = settings_lines(view.settings);
    pairs.extend(
        settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    );
    print(&fields(&pairs));
    if view.client_secret.is_some() {
        note("The secret is shown this once; keep it where the app finds it.");
    }
}

fn secret_line(secret: &SecretView<'_>) -> String {
    let used = match secret.last_used_at {
        Some(at) => format!("last used {}", at.to_rfc3339()),
        None => "not used yet".to_owned(),
    };
    let until = secret
        .expires_at
        .map(|end| format!("until {}, ", end.to_rfc3339()));
    format!("{}… ({}{used})", secret.hint, until.unwrap_or_default())
}

/// The settings that are always worth a look, and those that are not as they are by default.
fn settings_lines(settings: &Settings) -> Vec<(String, String)> {
    const ALWAYS: [&str; 6] = [
        "profile",
        "scopes",
        "id_token_alg",
        "confirm",
        "hint",
        "fresh_for_s",
    ];
    let json = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
    let (defaults, own) = (json(&Settings::default()), json(settings));
    let own = own.as_object().cloned().unwrap_or_default();
    own.into_iter()
        .filter(|(name, value)| ALWAYS.contains(&name.as_str()) || defaults[name] != *value)
        .map(|(name, value)| {
            let text = match &value {
                serde_json::Value::String(text) => shown(text),
                serde_json::Value::Array(list) => {
                    let words = list.iter().map(|one| one.as_str().map(shown));
                    let words = words.collect::<Option<Vec<_>>>();
                    words.map_or_else(|| value.to_string(), |words| words.join(" "))
                }
                other => shown(&other.to_string()),
            };
            (name, text)
        })
        .collect()
}

/// Prints a table of clients.
pub fn many(globals: &Globals, clients: &[Client], now: Time) {
    if globals.json {
        let views: Vec<_> = clients.iter().map(|c| view(c, None, now)).collect();
        return print_json(&views);
    }
    let row = |client: &Client| {
        let state = if client.disabled_at.is_some() {
            "disabled"
        } else {
            ""
        };
        [
            client.client_id.clone(),
            shown(&client.name),
            client.auth_method.as_str().to_owned(),
            spelt(&client.settings.profile),
            if client.test { "test" } else { "" }.to_owned(),
            state.to_owned(),
        ]
    };
    let rows: Vec<_> = clients.iter().map(row).collect();
    let heading = [
        "client_id",
        "name",
        "authentication",
        "profile",
        "test",
        "state",
    ];
    print(&table(heading, &rows));
}
