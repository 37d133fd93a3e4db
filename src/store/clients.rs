//! Clients: the relying parties' registrations and their secrets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::request::Registered;
pub use crate::store::client_settings::{
    AccessTokenFormat, CertificateSubject, Confirm, Handoff, Hint, Profile, Settings, SubjectType,
};
use crate::store::db::StoreError;

/// One relying party.
#[derive(Clone, Debug)]
pub struct Client {
    /// The row's key.
    pub id: Uuid,
    /// The `client_id` of RFC 6749.
    pub client_id: String,
    /// The name people see.
    pub name: String,
    /// What runs it.
    pub kind: Kind,
    /// How it authenticates at the token endpoint.
    pub auth_method: AuthMethod,
    /// The redirect URIs, compared as strings (RFC 9700 section 4.1.3).
    pub redirect_uris: Vec<String>,
    /// Whether test operators may vouch for it, and only for +990 numbers (P5).
    pub test: bool,
    /// Everything that may be edited later.
    pub settings: Settings,
    /// What its pairwise `sub` is made of; fixed at registration.
    pub sector: String,
    /// Whose file it is kept as by `numbercloak apply`; absent: only people change it.
    pub managed_by: Option<String>,
    /// Counts the edits.
    pub revision: i32,
    /// Set: refused everywhere.
    pub disabled_at: Option<Time>,
    /// Set: removed for good; it is disabled too.
    pub ended_at: Option<Time>,
    /// When it was registered.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
    /// Its live secrets' hashes.
    pub secrets: Vec<Secret>,
    /// The hash of its picture, if it has one.
    pub logo: Option<String>,
}

/// What runs a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// A server that keeps a secret.
    Web,
    /// A page in a browser: public.
    Spa,
    /// An app on a device: public.
    Native,
}

/// How a client authenticates at the token endpoint (OIDC Core section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// An assertion signed with its private key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// A certificate of an authority, by its subject (RFC 8705 section 2.1).
    TlsClientAuth,
    /// A certificate it registered itself (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// Not at all: a public client with PKCE.
    None,
}

impl AuthMethod {
    /// The word in metadata.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }

    /// Whether it is by a secret we made.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// A live client secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// The row's key.
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub hash: Vec<u8>,
    /// Its first four characters, to tell two apart.
    pub hint: String,
    /// When it was made.
    pub created_at: Time,
    /// When it ends, if it does.
    pub expires_at: Option<Time>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Time>,
}

impl Client {
    /// Whether it keeps a secret.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.auth_method != AuthMethod::None
    }

    /// Whether it must use PKCE.
    #[must_use]
    pub fn must_use_pkce(&self) -> bool {
        !self.is_confidential() || self.settings.require_pkce || self.settings.profile.is_fapi()
    }

    /// Whether it must push its requests (RFC 9126 section 6).
    #[must_use]
    pub fn must_push(&self) -> bool {
        self.settings.require_pushed || self.settings.profile.is_fapi()
    }

    /// Whether it must sign its requests (RFC 9101 section 10.5).
    #[must_use]
    pub fn must_sign_requests(&self) -> bool {
        self.settings.require_signed_request_object
            || self.settings.profile == Profile::Fapi2MessageSigning
    }

    /// Whether its answers are signed whatever the request says (JARM).
    #[must_use]
    pub fn must_get_signed_answers(&self) -> bool {
        self.settings.profile == Profile::Fapi2MessageSigning
    }

    /// What the checks of an authorization request need to know of it.
    #[must_use]
    pub fn registered(&self) -> Registered<'_> {
        Registered {
            redirect_uris: &self.redirect_uris,
            native: self.kind == Kind::Native,
            must_use_pkce: self.must_use_pkce(),
            scopes: &self.settings.scopes,
            resources: &self.settings.resources,
            default_max_age: self.settings.default_max_age,
            default_acr_values: &self.settings.default_acr_values,
            signed_answers: self.must_get_signed_answers(),
        }
    }
}

struct Row {
    id: Uuid,
    client_id: String,
    name: String,
    kind: Kind,
    token_endpoint_auth_method: AuthMethod,
    redirect_uris: Vec<String>,
    test: bool,
    settings: Json<Settings>,
    sector: String,
    managed_by: Option<String>,
    revision: i32,
    disabled_at: Option<Time>,
    ended_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
    secrets: Json<Vec<SecretRow>>,
    logo: Option<String>,
}

/// A secret inside the aggregate, its hash in hex as `encode()` writes it.
#[derive(Deserialize)]
struct SecretRow {
    id: Uuid,
    hash: String,
    hint: String,
    created_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
}

impl From<SecretRow> for Secret {
    fn from(row: SecretRow) -> Self {
        let hash = (0..row.hash.len() / 2)
            .filter_map(|i| u8::from_str_radix(row.hash.get(2 * i..2 * i + 2)?, 16).ok())
            .collect();
        Self {
            id: row.id,
            hash,
            hint: row.hint,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}

impl From<Row> for Client {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            client_id: row.client_id,
            name: row.name,
            kind: row.kind,
            auth_method: row.token_endpoint_auth_method,
            redirect_uris: row.redirect_uris,
            test: row.test,
            settings: row.settings.0,
            sector: row.sector,
            managed_by: row.managed_by,
            revision: row.revision,
            disabled_at: row.disabled_at,
            ended_at: row.ended_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            secrets: row.secrets.0.into_iter().map(Secret::from).collect(),
            logo: row.logo,
        }
    }
}

/// The client with this `client_id`, with its secrets.
pub async fn find(db: &mut PgConnection, client_id: &str) -> Result<Option<Client>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id, client_id, name, kind as "kind: Kind",
            token_endpoint_auth_method as "token_endpoint_auth_method: AuthMethod",
            redirect_uris, test, settings as "settings: Json<Settings>", sector, managed_by, revision,
            disabled_at, ended_at, created_at, updated_at,
            (select coalesce(json_agg(json_build_object(
                'id', s.id, 'hash', encode(s.hash, 'hex'), 'hint', s.hint,
                'created_at', s.created_at, 'expires_at', s.expires_at,
                'last_used_at', s.last_used_at) order by s.created_at), '[]')
            from client_secrets s where s.client = clients.id)
                as "secrets!: Json<Vec<SecretRow>>",
            (select l.hash from client_logos l where l.client = clients.id) as logo
        from clients
        where client_id = $1
        "#,
        client_id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Client::from))
}

/// A page of clients in the order of `client_id`, after the given one: those whose `client_id`, name or
/// redirect URIs hold the words searched for. The page is chosen from an index alone, then its rows are
/// read. The short-lived copies that sign-ins are tried out with are in no list.
pub async fn page(
    db: &mut PgConnection,
    search: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Client>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id, client_id, name, kind as "kind: Kind",
            token_endpoint_auth_method as "token_endpoint_auth_method: AuthMethod",
            redirect_uris, test, settings as "settings: Json<Settings>", sector, managed_by, revision,
            disabled_at, ended_at, created_at, updated_at,
            (select coalesce(json_agg(json_build_object(
                'id', s.id, 'hash', encode(s.hash, 'hex'), 'hint', s.hint,
                'created_at', s.created_at, 'expires_at', s.expires_at,
                'last_used_at', s.last_used_at) order by s.created_at), '[]')
            from client_secrets s where s.client = clients.id)
                as "secrets!: Json<Vec<SecretRow>>",
            (select l.hash from client_logos l where l.client = clients.id) as logo
        from clients
        where client_id in (
            select c.client_id
            from clients c
            where c.client_id > $1 and ($2 = '' or strpos(c.search, lower($2)) > 0)
                and not exists (
                    select from staff_trials t where t.trial_client = c.client_id)
            order by c.client_id
            limit $3
        )
        order by client_id
        "#,
        after,
        search,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Client::from).collect())
}

/// Registers a client, without its secrets.
///
/// # Errors
/// [`StoreError::Conflict`] with `clients_client_id_key` if the `client_id` is taken.
pub async fn insert(db: &mut PgConnection, client: &Client) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into clients
            (id, client_id, name, kind, token_endpoint_auth_method, redirect_uris, test, settings,
            sector, revision, created_at, updated_at, managed_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)
        "#,
        client.id,
        client.client_id,
        client.name,
        client.kind as Kind,
        client.auth_method as AuthMethod,
        &client.redirect_uris,
        client.test,
        Json(&client.settings) as _,
        client.sector,
        client.revision,
        client.created_at,
        client.managed_by,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces what can be edited, if the row still has the revision the editor saw.
///
/// # Errors
/// [`StoreError::Stale`] if somebody else edited it meanwhile.
pub async fn update(db: &mut PgConnection, client: &Client, now: Time) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update clients
        set name = $3, token_endpoint_auth_method = $4, redirect_uris = $5, test = $6,
            settings = $7, disabled_at = $8, managed_by = $10, revision = revision + 1,
            updated_at = $9, ended_at = $11
        where id = $1 and revision = $2
        "#,
        client.id,
        client.revision,
        client.name,
        client.auth_method as AuthMethod,
        &client.redirect_uris,
        client.test,
        Json(&client.settings) as _,
        client.disabled_at,
        now,
        client.managed_by,
        client.ended_at,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Adds a secret.
pub async fn insert_secret(
    db: &mut PgConnection,
    client: Uuid,
    secret: &Secret,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into client_secrets (id, client, hash, hint, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        secret.id,
        client,
        &secret.hash,
        secret.hint,
        secret.created_at,
        secret.expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives every older secret of a client an end, and removes those that have ended.
pub async fn retire_secrets(
    db: &mut PgConnection,
    client: Uuid,
    keep: Uuid,
    ends: Time,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with gone as (
            delete from client_secrets
            where client = $1 and id <> $2 and (expires_at <= $4 or $3 <= $4)
        )
        update client_secrets
        set expires_at = least(expires_at, $3)
        where client = $1 and id <> $2
        "#,
        client,
        keep,
        ends,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends one secret at once. Returns whether there was one.
pub async fn delete_secret(
    db: &mut PgConnection,
    client: Uuid,
    secret: Uuid,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "delete from client_secrets where client = $1 and id = $2",
        client,
        secret
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends every secret of a client.
pub async fn delete_secrets(db: &mut PgConnection, client: Uuid) -> Result<(), StoreError> {
    sqlx::query!("delete from client_secrets where client = $1", client)
        .execute(db)
        .await?;
    Ok(())
}

/// Writes when secrets were used; a later time that is known already stays.
pub async fn secrets_used(db: &PgPool, uses: &[(Uuid, Time)]) -> Result<(), StoreError> {
    if uses.is_empty() {
        return Ok(());
    }
    let (ids, times): (Vec<Uuid>, Vec<Time>) = uses.iter().copied().unzip();
    sqlx::query!(
        r#"
        update client_secrets s
        set last_used_at = greatest(s.last_used_at, used.at)
        from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
        where s.id = used.id
        "#,
        &ids,
        &times
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Moves a client to another sector: all its subjects change.
pub async fn set_sector(
    db: &mut PgConnection,
    client: Uuid,
    sector: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update clients set sector = $2 where id = $1",
        client,
        sector
    )
    .execute(db)
    .await?;
    Ok(())
}
