//! The telco finder: a service that is asked which operator a number is with. At most one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::{Place, Redacted, Unsealable, Vault};
use crate::store::db::StoreError;

/// The telco finder's record.
#[derive(Clone, Debug)]
pub struct Finder {
    /// The row's key.
    pub id: Uuid,
    /// Everything about its contract.
    pub settings: Settings,
    /// What we prove ourselves with, sealed; open with [`Finder::secret`].
    pub sealed_credentials: Option<Vec<u8>>,
    /// Whose file it is kept as.
    pub managed_by: Option<String>,
    /// Counts the edits.
    pub revision: i32,
    /// When it was last edited.
    pub updated_at: Time,
}

/// How we authenticate at a telco finder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinderAuth {
    /// Not at all: it stands in our own network.
    #[default]
    None,
    /// HTTP Basic with `client_id` and the secret.
    Basic,
    /// The secret is a token that is sent as it is.
    Bearer,
    /// A token from `token_endpoint`, fetched with `client_id` and the secret (RFC 6749 section 4.4).
    ClientCredentials,
}

/// A telco finder's contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "TelcoFinderSettings")]
pub struct Settings {
    /// Where it is asked, the whole of it: `https://finder.example/telco-finder/v1/search`.
    pub url: String,
    /// How we authenticate.
    pub auth: FinderAuth,
    /// Where the token is fetched, for `client_credentials`.
    pub token_endpoint: Option<String>,
    /// Who we are to it.
    pub client_id: Option<String>,
    /// The scope of the token, for `client_credentials`.
    pub scope: Option<String>,
    /// Milliseconds for one look-up in all.
    pub timeout_ms: u64,
    /// The digits of the numbers it may be told start with one of these; empty: all numbers.
    pub prefixes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            auth: FinderAuth::None,
            token_endpoint: None,
            client_id: None,
            scope: None,
            timeout_ms: 1_500,
            prefixes: Vec::new(),
        }
    }
}

impl Settings {
    /// The time limit of one look-up.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Finder {
    /// Opens the sealed secret.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn secret(&self, vault: &Vault) -> Result<Option<Redacted>, Unsealable> {
        let Some(sealed) = &self.sealed_credentials else {
            return Ok(None);
        };
        let plain = vault.open(place(&self.id), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Unsealable)?;
        Ok(Some(Redacted::new(text)))
    }
}

/// Seals the secret for the row.
#[must_use]
pub fn seal_secret(vault: &Vault, id: &Uuid, secret: &Redacted) -> Vec<u8> {
    vault.seal(place(id), secret.reveal().as_bytes())
}

fn place(id: &Uuid) -> Place<'_> {
    Place::new("telco_finders", "credentials", id)
}

/// The telco finder, if there is one.
pub async fn find(db: &mut PgConnection) -> Result<Option<Finder>, StoreError> {
    let row = sqlx::query!(
        r#"
        select id, settings as "settings: Json<Settings>", credentials, managed_by, revision, updated_at
        from telco_finders
        "#
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Finder {
        id: row.id,
        settings: row.settings.0,
        sealed_credentials: row.credentials,
        managed_by: row.managed_by,
        revision: row.revision,
        updated_at: row.updated_at,
    }))
}

/// Puts the telco finder there, or replaces it if the row still has the revision the editor saw. Returns
/// the new revision, which no row had before.
///
/// # Errors
/// [`StoreError::Stale`] if somebody else edited it meanwhile, [`StoreError::Conflict`] if somebody
/// else put one there.
pub async fn put(db: &mut PgConnection, finder: &Finder) -> Result<i32, StoreError> {
    let revision = sqlx::query_scalar!(
        r#"
        insert into telco_finders as known (id, settings, credentials, revision, updated_at, managed_by)
        select $1, $2, $3, nextval('telco_finder_revisions')::integer, $5, $6
        where $4 = 0 or exists (select from telco_finders where id = $1)
        on conflict (id) do update
        set settings = excluded.settings, credentials = excluded.credentials,
            revision = excluded.revision, updated_at = excluded.updated_at,
            managed_by = excluded.managed_by
        where known.revision = $4
        returning revision
        "#,
        finder.id,
        Json(&finder.settings) as _,
        finder.sealed_credentials.as_deref(),
        finder.revision,
        finder.updated_at,
        finder.managed_by,
    )
    .fetch_optional(db)
    .await?;
    revision.ok_or(StoreError::Stale)
}

/// Removes it if it still has the revision that was seen.
///
/// # Errors
/// [`StoreError::Stale`] if somebody else edited or removed it meanwhile.
pub async fn remove(db: &mut PgConnection, revision: i32) -> Result<(), StoreError> {
    let done = sqlx::query!("delete from telco_finders where revision = $1", revision)
        .execute(db)
        .await?;
    StoreError::one_row(done.rows_affected())
}
