//! The file that clients, operators and networks are kept as: `numbercloak apply` reads it, `numbercloak export`
//! writes it. It holds no secret, only the names of the files that hold them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::admin::Refused;
use crate::admin::refused::check_alias;
use crate::store::clients::{self, AuthMethod, Client, Kind};
use crate::store::finder::Finder;
use crate::store::network_ranges::NetworkKind;
use crate::store::operators::{self, Mode, Operator};

/// The file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Who keeps it: stands on every row that is kept as it says.
    pub owner: String,
    /// Apps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ClientEntry>,
    /// Operators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<OperatorEntry>,
    /// The telco finder; absent: whatever there is stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telco_finder: Option<FinderEntry>,
    /// Networks that hide a phone's own address; what is absent stays.
    #[serde(default, skip_serializing_if = "NetworksEntry::is_empty")]
    pub networks: NetworksEntry,
}

/// An app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientEntry {
    /// Its `client_id`.
    pub client_id: String,
    /// The name people see.
    pub name: String,
    /// What runs it.
    #[serde(rename = "type", default = "web")]
    pub kind: Kind,
    /// How it authenticates; by its type if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// Where its users come back to.
    pub redirect_uris: Vec<String>,
    /// Whether test operators may vouch for it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub test: bool,
    /// Whether it is refused everywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Where all redirect URIs of its sector are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// The file with its picture: PNG, JPEG or WebP. Without it and `logo`, its picture stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_file: Option<PathBuf>,
    /// The picture itself in base64; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Its policy, as far as it differs from the defaults.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
}

/// An operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// Its alias.
    pub alias: String,
    /// The name people see; the alias if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it vouches for real numbers.
    #[serde(default = "live")]
    pub mode: Mode,
    /// A known operator's contract to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The URL that the preset's endpoints stand below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Whether nobody is sent to it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// The file with the secret the operator gave us. Without any of these, its credentials stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// The file with our key, PKCS#8 PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_file: Option<PathBuf>,
    /// The key's id at the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// Its contract, as far as it differs from the preset and the defaults.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// The source addresses of its subscribers; absent: whatever there is stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<TableEntry>,
}

/// Networks: written out, or in a table beside the file. Neither: none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEntry {
    /// The networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// The file with the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Of the table only the networks of these autonomous systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asns: Vec<u32>,
}

/// Networks that hide a phone's own address, by their kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworksEntry {
    /// iCloud Private Relay and its like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<TableEntry>,
    /// VPNs and hosting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn: Option<TableEntry>,
}

impl NetworksEntry {
    /// Those of a kind.
    #[must_use]
    pub fn of(&self, kind: NetworkKind) -> Option<&TableEntry> {
        match kind {
            NetworkKind::Relay => self.relay.as_ref(),
            NetworkKind::Vpn => self.vpn.as_ref(),
        }
    }

    pub(super) fn slot(&mut self, kind: NetworkKind) -> &mut Option<TableEntry> {
        match kind {
            NetworkKind::Relay => &mut self.relay,
            NetworkKind::Vpn => &mut self.vpn,
        }
    }

    fn is_empty(&self) -> bool {
        self.relay.is_none() && self.vpn.is_none()
    }
}

/// The telco finder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinderEntry {
    /// The file with the secret or token it gave us; without it, what we have stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Its contract.
    pub settings: Map<String, Value>,
}

fn web() -> Kind {
    Kind::Web
}

fn live() -> Mode {
    Mode::Live
}

fn is_false(value: &bool) -> bool {
    !value
}

impl File {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`Refused::Invalid`] with line and reason.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let file: Self =
            toml::from_str(text).map_err(|error| Refused::invalid("file", error.to_string()))?;
        check_alias("owner", &file.owner)?;
        twice("clients", file.clients.iter().map(|entry| &entry.client_id))?;
        twice("operators", file.operators.iter().map(|entry| &entry.alias))?;
        Ok(file)
    }

    /// Writes TOML.
    ///
    /// # Panics
    /// Never: nothing in it is null.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("entries are tables without nulls")
    }
}

fn twice<'a>(field: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), Refused> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Refused::invalid(field, format!("{name} is there twice")));
        }
    }
    Ok(())
}

impl ClientEntry {
    /// How the file says a row as it is.
    pub(super) fn of(client: &Client, logo: Option<String>) -> Self {
        let mut settings = own(&client.settings, &clients::Settings::default());
        settings.remove("sector_identifier_uri");
        Self {
            client_id: client.client_id.clone(),
            name: client.name.clone(),
            kind: client.kind,
            token_endpoint_auth_method: Some(client.auth_method),
            redirect_uris: client.redirect_uris.clone(),
            test: client.test,
            disabled: client.disabled_at.is_some(),
            sector_identifier_uri: client.settings.sector_identifier_uri.clone(),
            logo_file: None,
            logo,
            settings,
        }
    }
}

impl OperatorEntry {
    /// How the file says a row as it is; its secrets are expected in files of these names.
    pub(super) fn of(
        operator: &Operator,
        credentials: &operators::Credentials,
        ranges: Option<TableEntry>,
    ) -> Self {
        let file = |has: bool, what: &str| {
            has.then(|| PathBuf::from(format!("secrets/{}.{what}", operator.alias)))
        };
        Self {
            alias: operator.alias.clone(),
            name: Some(operator.name.clone()),
            mode: operator.mode,
            preset: None,
            base_url: None,
            paused: operator.disabled_at.is_some(),
            client_secret_file: file(credentials.client_secret.is_some(), "client_secret"),
            private_key_file: file(credentials.private_key_pem.is_some(), "private_key.pem"),
            kid: credentials.kid.clone(),
            settings: own(&operator.settings, &operators::Settings::default()),
            ranges,
        }
    }
}

impl FinderEntry {
    /// How the file says a row as it is.
    pub(super) fn of(finder: &Finder) -> Self {
        let secret = finder.sealed_credentials.as_ref();
        Self {
            secret_file: secret.map(|_| PathBuf::from("secrets/telco_finder.secret")),
            settings: own(&finder.settings, &crate::store::finder::Settings::default()),
        }
    }
}

/// The members that are not as by default, without nulls.
///
/// # Panics
/// Never: settings are JSON objects.
#[must_use]
pub fn own<T: Serialize>(settings: &T, defaults: &T) -> Map<String, Value> {
    let json = |settings: &T| serde_json::to_value(settings).expect("settings serialise");
    match differing(json(settings), &json(defaults)) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn differing(own: Value, default: &Value) -> Option<Value> {
    if own == *default {
        return None;
    }
    match (own, default) {
        (Value::Object(own), Value::Object(defaults)) => {
            let members = own.into_iter().filter_map(|(name, value)| {
                let default = defaults.get(&name).unwrap_or(&Value::Null);
                Some((name, differing(value, default)?))
            });
            Some(Value::Object(members.collect()))
        }
        (own, _) => without_nulls(own),
    }
}

/// TOML has no null; a member that is absent means the same.
fn without_nulls(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(members) => {
            let members = members
                .into_iter()
                .filter_map(|(name, value)| Some((name, without_nulls(value)?)));
            Some(Value::Object(members.collect()))
        }
        other => Some(other),
    }
}
