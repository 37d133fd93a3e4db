//! How clients are printed.

use crate::admin::client_view::{ClientView, SecretView};
use crate::cli::office::Globals;
use crate::cli::output::{fields, note, print, print_json, shown, spelt, table};
use crate::clock::Time;
use crate::store::clients::{Client, Settings};

/// Prints one client, with its secret if one was just made.
pub fn one(globals: &Globals, client: &Client, client_secret: Option<String>, now: Time) {
    let view = ClientView::of(client, client_secret, now);
    if globals.json {
        return print_json(&view);
    }
    let mut pairs = vec![("client_id", view.client_id.clone())];
    if let Some(secret) = &view.client_secret {
        pairs.push(("client_secret", secret.clone()));
    }
    let method = view.token_endpoint_auth_method;
    pairs.extend([
        ("name", shown(&view.name)),
        ("type", spelt(&view.kind)),
        ("redirect URIs", view.redirect_uris.join("  ")),
        ("authentication", method.as_str().to_owned()),
        ("test", view.test.to_string()),
        ("sector", view.sector.clone()),
    ]);
    if method.is_secret() {
        let secrets: Vec<String> = view.secrets.iter().map(secret_line).collect();
        pairs.push(("secrets", secrets.join("; ")));
    }
    let disabled = view.disabled_at.map(|at| at.to_rfc3339());
    pairs.push(("disabled", disabled.unwrap_or_default()));
    if let Some(at) = view.ended_at {
        pairs.push(("removed", at.to_rfc3339()));
    }
    let settings = settings_lines(&view.settings);
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

fn secret_line(secret: &SecretView) -> String {
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
        let views: Vec<_> = clients
            .iter()
            .map(|c| ClientView::of(c, None, now))
            .collect();
        return print_json(&views);
    }
    let row = |client: &Client| {
        let state = if client.ended_at.is_some() {
            "removed"
        } else if client.disabled_at.is_some() {
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
