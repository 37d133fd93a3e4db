//! Operators: the networks and aggregators we ask. A record is data, not code (DESIGN.md section 4).

mod settings;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

pub use settings::{
    Dialect, HintForm, IdTokenRule, NumberForm, Release, Settings, TokenAuth, TokenParameters,
};

use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::secret::{Place, Redacted, Unsealable, Vault};
use crate::store::db::StoreError;

/// One operator.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The row's key.
    pub id: Uuid,
    /// The slug in its callback path `/broker/{alias}/endpoint`; never changed.
    pub alias: String,
    /// The name people see.
    pub name: String,
    /// Whether it vouches for real numbers.
    pub mode: Mode,
    /// Everything about its contract.
    pub settings: Settings,
    /// Its credentials, sealed; open with [`Operator::credentials`].
    pub sealed_credentials: Option<Vec<u8>>,
    /// Whose file it is kept as by `numbercloak apply`; absent: only people change it.
    pub managed_by: Option<String>,
    /// Counts the edits; a leg remembers which it departed with.
    pub revision: i32,
    /// Set: not to be asked.
    pub disabled_at: Option<Time>,
    /// When it was added.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
}

/// Whether an operator vouches for real numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Mode {
    /// A real network.
    Live,
    /// A sandbox or the simulator: vouches only for +990 numbers and only for test clients (P5).
    Test,
}

/// What we prove ourselves to an operator with. Sealed in the row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Credentials {
    /// For `client_secret_basic` and `client_secret_post`.
    pub client_secret: Option<Redacted>,
    /// PKCS#8 PEM, for `private_key_jwt`, `application_jwt` and signed requests.
    pub private_key_pem: Option<Redacted>,
    /// The key's id at the operator.
    pub kid: Option<String>,
}

impl Operator {
    /// Whether this operator's word about `number` counts for a client (P5): it lies inside the
    /// prefixes on the record; a test operator only ever for +990 numbers of test clients, and a
    /// live one never for those.
    #[must_use]
    pub fn may_vouch_for(&self, number: &PhoneNumber, client_is_test: bool) -> bool {
        let inside = self
            .settings
            .prefixes
            .iter()
            .any(|prefix| !prefix.is_empty() && number.digits().starts_with(prefix.as_str()));
        let mode = match self.mode {
            Mode::Live => !number.is_test(),
            Mode::Test => number.is_test() && client_is_test,
        };
        inside && mode
    }

    /// Opens the sealed credentials.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn credentials(&self, vault: &Vault) -> Result<Credentials, Unsealable> {
        let Some(sealed) = &self.sealed_credentials else {
            return Ok(Credentials::default());
        };
        let plain = vault.open(Place::new("operators", "credentials", &self.id), sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Unsealable)
    }
}

impl Credentials {
    /// Seals them for the operator's row.
    ///
    /// # Panics
    /// Never: strings always serialise.
    #[must_use]
    pub fn seal(&self, vault: &Vault, operator: &Uuid) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).expect("strings serialise"));
        vault.seal(Place::new("operators", "credentials", operator), &plain)
    }
}

struct Row {
    id: Uuid,
    alias: String,
    name: String,
    mode: Mode,
    settings: Json<Settings>,
    credentials: Option<Vec<u8>>,
    managed_by: Option<String>,
    revision: i32,
    disabled_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
}

impl From<Row> for Operator {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            alias: row.alias,
            name: row.name,
            mode: row.mode,
            settings: row.settings.0,
            sealed_credentials: row.credentials,
            managed_by: row.managed_by,
            revision: row.revision,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// All operators, by alias.
pub async fn list(db: &mut PgConnection) -> Result<Vec<Operator>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id, alias, name, mode as "mode: Mode", settings as "settings: Json<Settings>",
            credentials, managed_by, revision, disabled_at, created_at, updated_at
        from operators
        order by alias
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Operator::from).collect())
}

/// A page of operators in the order of their aliases, after the given one: those whose alias or name
/// holds the words searched for.
pub async fn page(
    db: &mut PgConnection,
    search: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Operator>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id, alias, name, mode as "mode: Mode", settings as "settings: Json<Settings>",
            credentials, managed_by, revision, disabled_at, created_at, updated_at
        from operators
        where alias > $1 and ($2 = '' or strpos(lower(alias || ' ' || name), lower($2)) > 0)
        order by alias
        limit $3
        "#,
        after,
        search,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Operator::from).collect())
}

/// The operator with this alias.
pub async fn find(db: &mut PgConnection, alias: &str) -> Result<Option<Operator>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id, alias, name, mode as "mode: Mode", settings as "settings: Json<Settings>",
            credentials, managed_by, revision, disabled_at, created_at, updated_at
        from operators
        where alias = $1
        "#,
        alias
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Operator::from))
}

/// Adds an operator.
///
/// # Errors
/// [`StoreError::Conflict`] with `operators_alias_key` if the alias is taken.
pub async fn insert(db: &mut PgConnection, operator: &Operator) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into operators
            (id, alias, name, mode, settings, credentials, revision, created_at, updated_at,
            managed_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)
        "#,
        operator.id,
        operator.alias,
        operator.name,
        operator.mode as Mode,
        Json(&operator.settings) as _,
        operator.sealed_credentials.as_deref(),
        operator.revision,
        operator.created_at,
        operator.managed_by,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces what can be edited, if the row still has the revision the editor saw.
///
/// # Errors
/// [`StoreError::Stale`] if somebody else edited it meanwhile.
pub async fn update(
    db: &mut PgConnection,
    operator: &Operator,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update operators
        set name = $3, mode = $4, settings = $5, credentials = $6, disabled_at = $7,
            managed_by = $9, revision = revision + 1, updated_at = $8
        where id = $1 and revision = $2
        "#,
        operator.id,
        operator.revision,
        operator.name,
        operator.mode as Mode,
        Json(&operator.settings) as _,
        operator.sealed_credentials.as_deref(),
        operator.disabled_at,
        now,
        operator.managed_by,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}
