//! What stands in an operator's contract: the words of a record's settings.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::oauth::signing_alg::SigningAlg;
use crate::phone::{PhoneNumber, sha256_hex};
use crate::store::checks::Offered;
use crate::store::restraint::Restraint;

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
    /// The header of the call that tells the phone's address, for operators that compare it.
    pub device_ip_header: Option<String>,
    /// The header of the call that tells the phone's port.
    pub device_port_header: Option<String>,
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
            device_ip_header: None,
            device_port_header: None,
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
