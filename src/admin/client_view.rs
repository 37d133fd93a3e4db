//! An app as programs see it: the API and `--json` show the same.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::admin::moment::{Id, Moment};
use crate::clock::Time;
use crate::store::client_logos;
use crate::store::clients::{AuthMethod, Client, Kind, Settings};

/// An app.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Client")]
pub struct ClientView {
    /// The `client_id` of RFC 6749.
    pub client_id: String,
    /// Its secret: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The name people see.
    pub name: String,
    /// What runs it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Where its users come back to.
    pub redirect_uris: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthMethod,
    /// Whether test operators may vouch for it, and only for +990 numbers.
    pub test: bool,
    /// What its pairwise `sub` is made of.
    pub sector: String,
    /// Its policy.
    pub settings: Settings,
    /// Its live secrets, never themselves.
    pub secrets: Vec<SecretView>,
    /// The address of its picture on this server, if it has one.
    pub logo: Option<String>,
    /// Whose file it is kept as by `numbercloak apply`.
    pub managed_by: Option<String>,
    /// Counts the edits; its ETag.
    pub revision: i32,
    /// Set: refused everywhere.
    #[schemars(with = "Option<Moment>")]
    pub disabled_at: Option<Time>,
    /// Set: removed for good.
    #[schemars(with = "Option<Moment>")]
    pub ended_at: Option<Time>,
    /// When it was registered.
    #[schemars(with = "Moment")]
    pub created_at: Time,
    /// When it was last edited.
    #[schemars(with = "Moment")]
    pub updated_at: Time,
}

/// One of its secrets.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClientSecret")]
pub struct SecretView {
    /// Names it to revoke it.
    #[schemars(with = "Id")]
    pub id: Uuid,
    /// Its first four characters, to tell two apart.
    pub hint: String,
    /// When it was made.
    #[schemars(with = "Moment")]
    pub created_at: Time,
    /// When it ends, if it does.
    #[schemars(with = "Option<Moment>")]
    pub expires_at: Option<Time>,
    /// When it was last used, to about a minute.
    #[schemars(with = "Option<Moment>")]
    pub last_used_at: Option<Time>,
}

impl ClientView {
    /// How it is now, with a secret that was just made.
    #[must_use]
    pub fn of(client: &Client, client_secret: Option<String>, now: Time) -> Self {
        let live = client
            .secrets
            .iter()
            .filter(|secret| secret.expires_at.is_none_or(|end| end > now));
        let secrets = live.map(|secret| SecretView {
            id: secret.id,
            hint: secret.hint.clone(),
            created_at: secret.created_at,
            expires_at: secret.expires_at,
            last_used_at: secret.last_used_at,
        });
        Self {
            client_id: client.client_id.clone(),
            client_secret,
            name: client.name.clone(),
            kind: client.kind,
            redirect_uris: client.redirect_uris.clone(),
            token_endpoint_auth_method: client.auth_method,
            test: client.test,
            sector: client.sector.clone(),
            settings: client.settings.clone(),
            secrets: secrets.collect(),
            logo: client.logo.as_deref().map(client_logos::path),
            managed_by: client.managed_by.clone(),
            revision: client.revision,
            disabled_at: client.disabled_at,
            ended_at: client.ended_at,
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}
