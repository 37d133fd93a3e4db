//! Operators: the networks and aggregators we ask. A record is data, not code (DESIGN.md section 4).

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::phone::{PhoneNumber, sha256_hex};
use crate::secret::{Place, Redacted, Unsealable, Vault};
use crate::store::checks::Offered;
use crate::store::db::StoreError;
use crate::store::restraint::Restraint;

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

/// How to speak to the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// CAMARA Number Verification behind OpenID Connect.
    #[default]
    Camara,
    /// Telefónica Open Gateway: a channel partner in front of operators.
    Telefonica,
    /// Vonage Network APIs and their white labels.
    Vonage,
    /// Mobile Connect, device-initiated, with a match call: Vodafone Number Verify, TIM Brasil.
    MobileConnect,
}

/// The release of CAMARA Number Verification the operator runs; it names the path and the scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Release {
    /// 0.3.1 of November 2023: `/number-verification/v0`.
    #[serde(rename = "0.3")]
    V0_3,
    /// 1.0.0 of September 2024: `/number-verification/v1`.
    #[serde(rename = "1.0")]
    V1_0,
    /// 2.0.0 of March 2025: `/number-verification/v2`.
    #[serde(rename = "2.0")]
    V2_0,
    /// 2.1.0 of September 2025: `/number-verification/v2`.
    #[default]
    #[serde(rename = "2.1")]
    V2_1,
}

impl Release {
    /// The path under the API root.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::V0_3 => "number-verification/v0",
            Self::V1_0 => "number-verification/v1",
            Self::V2_0 | Self::V2_1 => "number-verification/v2",
        }
    }
}

/// How we authenticate at the operator's token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenAuth {
    /// HTTP Basic, both halves form-encoded (RFC 6749 section 2.3.1).
    #[default]
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// A signed assertion (RFC 7523), lifetime 60 s.
    PrivateKeyJwt,
    /// Vonage's: a JWT of the application as the bearer token of the request.
    ApplicationJwt,
}

/// Where the parameters of a token request stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenParameters {
    /// In the body, as OAuth has it.
    #[default]
    Body,
    /// In the query string, as some Mobile Connect operators have it.
    Query,
}

/// The form in which the operator wants the number as `login_hint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HintForm {
    /// Not at all: plain CAMARA ignores it.
    #[default]
    None,
    /// `tel:+34666111334`.
    Tel,
    /// `+34666111334`.
    E164,
}

/// The form in which the operator wants the number in the call that verifies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// E.164.
    #[default]
    Plain,
    /// E.164 without its `+`.
    Digits,
    /// SHA-256 of E.164 with `+`, hex.
    Sha256,
    /// SHA-256 of E.164 without its `+`, hex.
    Sha256Digits,
}

impl NumberForm {
    /// Whether the operator gets a hash.
    #[must_use]
    pub fn is_hash(self) -> bool {
        matches!(self, Self::Sha256 | Self::Sha256Digits)
    }

    /// The number in this form. A hash is as good as the number: only for the operator.
    #[must_use]
    pub fn of(self, number: &PhoneNumber) -> String {
        match self {
            Self::Plain => number.e164().to_owned(),
            Self::Digits => number.digits().to_owned(),
            Self::Sha256 => number.sha256_hex(),
            Self::Sha256Digits => sha256_hex(number.digits()),
        }
    }
}

/// Whether the operator's token answer carries an ID token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdTokenRule {
    /// It must, and it is checked.
    Required,
    /// If it does, it is checked.
    #[default]
    IfPresent,
    /// It is not asked for, and of one that comes only `amr` is read, and only to refuse.
    Ignored,
}

/// An operator's contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "OperatorSettings")]
pub struct Settings {
    /// How to speak to it.
    pub dialect: Dialect,
    /// Its issuer; required for ID-token checks and for discovery.
    pub issuer: Option<String>,
    /// Whether endpoints left out here are read from `{issuer}/.well-known/openid-configuration`.
    pub discovery: bool,
    /// Where the phone's browser goes.
    pub authorization_endpoint: Option<String>,
    /// Where the code is exchanged.
    pub token_endpoint: Option<String>,
    /// Where its signing keys are.
    pub jwks_uri: Option<String>,
    /// The URL that stands before `/number-verification/v2`.
    pub api_root: String,
    /// The path of the call below `api_root`, if it is not the one of the release.
    pub api_path: Option<String>,
    /// Further headers of that call.
    pub api_headers: BTreeMap<String, String>,
    /// Vonage: where a number's coverage is asked for before anybody departs.
    pub enablement_endpoint: Option<String>,
    /// The release it runs.
    pub release: Release,
    /// Who we are to it.
    pub client_id: String,
    /// How we authenticate at its token endpoint.
    pub token_auth: TokenAuth,
    /// Where the parameters of the token request stand.
    pub token_parameters: TokenParameters,
    /// Whether the token request repeats the redirect URI, as OAuth wants it.
    pub token_redirect_uri: bool,
    /// The algorithm of our assertions and signed requests.
    pub assertion_alg: SigningAlg,
    /// The audience of our assertions; empty: the token endpoint's URL (ICM).
    pub assertion_audience: Option<String>,
    /// The scope text for `verify`, exactly as the operator wants it.
    pub scope_verify: String,
    /// The scope text for `device-phone-number`; absent: the operator does not offer it.
    pub scope_device_phone_number: Option<String>,
    /// How the number is hinted.
    pub login_hint: HintForm,
    /// How the number is sent to `verify`.
    pub number_form: NumberForm,
    /// Whether an ID token must come.
    pub id_token: IdTokenRule,
    /// The algorithms its ID tokens may use.
    pub id_token_algs: Vec<SigningAlg>,
    /// PKCE S256.
    pub pkce: bool,
    /// Whether `prompt=none` is sent.
    pub prompt_none: bool,
    /// Whether it never interacts with the person, whatever comes of it: only then `prompt=none` may
    /// ask it.
    pub guarantees_silence: bool,
    /// Whether a leg that ends in `consent_required` may be repeated once without `prompt=none`.
    pub retry_with_page: bool,
    /// Whether the authorization request goes as a signed request object (RFC 9101).
    pub signed_request: bool,
    /// The `amr` values that count as network authentication, if the ID token names any.
    pub accepted_amr: Vec<String>,
    /// Further parameters of the authorization request; Mobile Connect: `acr_values`, `version`.
    pub authorize_params: BTreeMap<String, String>,
    /// Whether the operator returns `iss` with the code (RFC 9207) and it must be there.
    pub require_iss: bool,
    /// Milliseconds to connect.
    pub connect_timeout_ms: u64,
    /// Milliseconds for one whole call.
    pub total_timeout_ms: u64,
    /// The digits its numbers may start with: country codes and prefixes it has authority over (P5).
    pub prefixes: Vec<String>,
    /// Source addresses of its subscribers.
    #[schemars(with = "Vec<String>")]
    pub ip_ranges: Vec<IpNet>,
    /// The names by which apps and telco finders know its network: MCC and MNC (`21407`), operator
    /// ids (`movistar-es`).
    pub network_ids: Vec<String>,
    /// Whether it finds the subscriber's own network itself: it is asked before addresses and
    /// prefixes are looked at.
    pub aggregator: bool,
    /// Mobile Connect: whether the call repeats the correlation id.
    pub correlation_in_call: bool,
    /// Text the operator's law demands on our page.
    pub notice: Option<String>,
    /// The extra checks it offers.
    pub checks: Offered,
    /// When it is left alone.
    pub restraint: Restraint,
    /// Billable calls a month (UTC) after which staff are alerted; absent: nobody is. Nothing is refused.
    pub quota_per_month: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::Camara,
            issuer: None,
            discovery: true,
            authorization_endpoint: None,
            token_endpoint: None,
            jwks_uri: None,
            api_root: String::new(),
            api_path: None,
            api_headers: BTreeMap::new(),
            enablement_endpoint: None,
            release: Release::default(),
            client_id: String::new(),
            token_auth: TokenAuth::default(),
            token_parameters: TokenParameters::Body,
            token_redirect_uri: true,
            assertion_alg: SigningAlg::ES256,
            assertion_audience: None,
            scope_verify: "openid dpv:FraudPreventionAndDetection number-verification:verify"
                .to_owned(),
            scope_device_phone_number: None,
            login_hint: HintForm::None,
            number_form: NumberForm::Plain,
            id_token: IdTokenRule::IfPresent,
            id_token_algs: vec![SigningAlg::RS256, SigningAlg::ES256],
            pkce: true,
            prompt_none: true,
            guarantees_silence: false,
            retry_with_page: false,
            signed_request: false,
            accepted_amr: vec!["nba".to_owned(), "mnba".to_owned()],
            authorize_params: BTreeMap::new(),
            require_iss: false,
            connect_timeout_ms: 2_000,
            total_timeout_ms: 8_000,
            prefixes: Vec::new(),
            ip_ranges: Vec::new(),
            network_ids: Vec::new(),
            aggregator: false,
            correlation_in_call: false,
            notice: None,
            checks: Offered::default(),
            restraint: Restraint::default(),
            quota_per_month: None,
        }
    }
}

impl Settings {
    /// The time limit for connecting.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// The time limit for one whole call.
    #[must_use]
    pub fn total_timeout(&self) -> Duration {
        Duration::from_millis(self.total_timeout_ms)
    }
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
