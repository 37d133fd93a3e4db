//! What can be set for a client: its policy and its metadata (OIDC Dynamic Client Registration
//! section 2, RFC 7591 section 2). Stored as one JSON object whose absent members have defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accent::Accent;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::checks::Checks;

/// When the person is asked before their number is released (DESIGN.md section 3, The go-ahead).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// Once per browser, client, subject and release.
    #[default]
    FirstTime,
    /// Every time.
    Always,
    /// Not at all; only for confidential clients that hint the number, else as `first_time`.
    Never,
}

/// Whether the person may change a number that the client hinted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// No.
    #[default]
    Fixed,
    /// Yes.
    Suggestion,
}

/// Whether people at a desktop may move a login to their phone (docs/handoff.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Handoff {
    /// No.
    #[default]
    Off,
    /// Yes, by a QR code.
    On,
}

/// What `sub` is for a client (OIDC Core section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// Different per sector.
    #[default]
    Pairwise,
    /// The same for all clients that chose it.
    Public,
}

/// The set of rules a client lives by (DESIGN.md section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// OpenID Connect Core with RFC 9700.
    #[default]
    Oidc,
    /// The FAPI 2.0 security profile: pushed requests, keys instead of secrets, bound tokens.
    Fapi2,
    /// The same with signed requests and signed answers (FAPI 2.0 message signing).
    Fapi2MessageSigning,
}

impl Profile {
    /// Whether the FAPI rules hold.
    #[must_use]
    pub fn is_fapi(self) -> bool {
        self != Self::Oidc
    }

    /// The algorithm we sign with for a client that wants this one: never RS256 under the FAPI rules
    /// (FAPI 2.0 section 5.4.1), whatever is registered.
    #[must_use]
    pub fn signs_with(self, wanted: SigningAlg) -> SigningAlg {
        match wanted {
            SigningAlg::RS256 if self.is_fapi() => SigningAlg::PS256,
            wanted => wanted,
        }
    }
}

/// What an access token looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A random string that only we can read.
    #[default]
    Opaque,
    /// A signed JWT (RFC 9068).
    Jwt,
}

/// What the certificate of a client must say (RFC 8705 section 2.1.2): exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSubject {
    /// The subject's distinguished name as RFC 4514 writes it.
    SubjectDn(String),
    /// A DNS name.
    SanDns(String),
    /// A URI.
    SanUri(String),
    /// An IP address.
    SanIp(String),
    /// A mail address.
    SanEmail(String),
}

/// A client's policy, all of it editable. A row's unknown members are passed over: while replicas are
/// replaced, the older ones must be able to read what a newer one wrote. What people write is read by
/// [`Settings::from_input`], which is strict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(rename = "ClientSettings")]
pub struct Settings {
    /// The scopes it may ask for.
    pub scopes: Vec<String>,
    /// The operators it accepts, by alias; empty: every enabled one.
    pub operators: Vec<String>,
    /// When the person is asked.
    pub confirm: Confirm,
    /// Whether a hinted number is fixed.
    pub hint: Hint,
    /// Seconds a session's verdict may answer for; 0 asks an operator every time; at most 3600.
    pub fresh_for_s: u32,
    /// Whether `prompt=none` may ask an operator.
    pub silent_check: bool,
    /// Whether a login may be handed off to a phone.
    pub handoff: Handoff,
    /// Which set of rules it lives by.
    pub profile: Profile,
    /// The algorithm of its ID tokens and logout tokens.
    pub id_token_alg: SigningAlg,
    /// The algorithm of signed userinfo answers; absent: plain JSON.
    pub userinfo_alg: Option<SigningAlg>,
    /// The algorithm of signed authorization responses (JARM).
    pub authorization_response_alg: SigningAlg,
    /// The algorithm of signed introspection answers (RFC 9701).
    pub introspection_alg: SigningAlg,
    /// The one algorithm its request objects may use; absent: any we accept.
    pub request_object_alg: Option<SigningAlg>,
    /// Whether every request must be a signed request object (RFC 9101 section 10.5).
    pub require_signed_request_object: bool,
    /// Whether every request must be pushed (RFC 9126 section 6).
    pub require_pushed: bool,
    /// The one algorithm its assertions may use; absent: any we accept.
    pub auth_signing_alg: Option<SigningAlg>,
    /// Its public keys, a JWK set by value: for assertions, request objects and self-signed
    /// certificates.
    pub jwks: Option<serde_json::Value>,
    /// Where its public keys are fetched from, instead.
    pub jwks_uri: Option<String>,
    /// What its certificate must say, for `tls_client_auth`.
    pub tls_client_auth: Option<CertificateSubject>,
    /// Whether its access tokens must be bound to a DPoP key (RFC 9449 section 5.2).
    pub dpop_bound_access_tokens: bool,
    /// Whether its access tokens are bound to its certificate (RFC 8705 section 3.4).
    pub certificate_bound_access_tokens: bool,
    /// What its access tokens look like.
    pub access_token_format: AccessTokenFormat,
    /// The resources it may ask tokens for (RFC 8707), absolute URIs; their tokens are JWTs.
    pub resources: Vec<String>,
    /// The `max_age` of requests that name none, in seconds.
    pub default_max_age: Option<u32>,
    /// The `acr_values` of requests that name none.
    pub default_acr_values: Vec<String>,
    /// Where a browser may go after logout, compared as strings.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where we tell it of a logout, server to server.
    pub backchannel_logout_uri: Option<String>,
    /// Whether that must name the session.
    pub backchannel_logout_session_required: bool,
    /// Where the browser tells it of a logout, in a frame.
    pub frontchannel_logout_uri: Option<String>,
    /// Whether that must name the session.
    pub frontchannel_logout_session_required: bool,
    /// Where a login that starts at a third party is sent (OIDC Core section 4).
    pub initiate_login_uri: Option<String>,
    /// What `sub` is.
    pub subject_type: SubjectType,
    /// Where all redirect URIs of its sector are listed (OIDC Core section 8.1); its host is the
    /// sector.
    pub sector_identifier_uri: Option<String>,
    /// Whether phone claims stand at userinfo only.
    pub claims_in_userinfo_only: bool,
    /// Whether every request needs PKCE; public clients always do.
    pub require_pkce: bool,
    /// Seconds an access token lives; absent: the server's default.
    pub access_token_s: Option<u32>,
    /// Its picture.
    pub logo_uri: Option<String>,
    /// Who answers for it.
    pub contacts: Vec<String>,
    /// The app's page, for the way back.
    pub client_uri: Option<String>,
    /// The colour it brings to the pages people see.
    pub accent: Option<Accent>,
    /// Its privacy policy.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
    /// The language of its people, a BCP 47 tag, for those whose browser does not tell theirs.
    pub default_locale: Option<String>,
    /// What else is asked about a number, and how often an operator is asked.
    pub checks: Checks,
    /// Billable calls a month (UTC) after which staff are alerted; absent: nobody is. Nothing is refused.
    pub quota_per_month: Option<u32>,
}

impl Settings {
    /// Reads what a person or a program of theirs wrote: an unknown member is a typing error.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_input(input: serde_json::Value) -> Result<Self, String> {
        let known = serde_json::to_value(Self::default()).expect("settings serialise");
        let members = input.as_object().ok_or("is no JSON object")?;
        match members.keys().find(|name| known.get(name).is_none()) {
            Some(unknown) => Err(format!("`{}` is no setting", unknown.escape_debug())),
            None => serde_json::from_value(input).map_err(|error| error.to_string()),
        }
    }

    /// Has whatever is signed for the client signed as the FAPI profiles demand, its requests pushed
    /// and its tokens bound: what those profiles leave no choice about. What contradicts them is still
    /// refused when the client is checked.
    pub fn adopt(&mut self, profile: Profile) {
        self.profile = profile;
        if !profile.is_fapi() {
            return;
        }
        for alg in [
            &mut self.id_token_alg,
            &mut self.authorization_response_alg,
            &mut self.introspection_alg,
        ] {
            if *alg == SigningAlg::RS256 {
                *alg = SigningAlg::PS256;
            }
        }
        self.require_pushed = true;
        self.require_pkce = true;
        self.require_signed_request_object |= profile == Profile::Fapi2MessageSigning;
        if !self.certificate_bound_access_tokens {
            self.dpop_bound_access_tokens = true;
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scopes: ["openid", "number_verified", "phone"]
                .map(str::to_owned)
                .to_vec(),
            operators: Vec::new(),
            confirm: Confirm::FirstTime,
            hint: Hint::Fixed,
            fresh_for_s: 900,
            silent_check: false,
            handoff: Handoff::Off,
            profile: Profile::Oidc,
            id_token_alg: SigningAlg::RS256,
            userinfo_alg: None,
            authorization_response_alg: SigningAlg::RS256,
            introspection_alg: SigningAlg::RS256,
            request_object_alg: None,
            require_signed_request_object: false,
            require_pushed: false,
            auth_signing_alg: None,
            jwks: None,
            jwks_uri: None,
            tls_client_auth: None,
            dpop_bound_access_tokens: false,
            certificate_bound_access_tokens: false,
            access_token_format: AccessTokenFormat::Opaque,
            resources: Vec::new(),
            default_max_age: None,
            default_acr_values: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            frontchannel_logout_uri: None,
            frontchannel_logout_session_required: false,
            initiate_login_uri: None,
            subject_type: SubjectType::Pairwise,
            sector_identifier_uri: None,
            claims_in_userinfo_only: false,
            require_pkce: false,
            access_token_s: None,
            logo_uri: None,
            contacts: Vec::new(),
            client_uri: None,
            accent: None,
            policy_uri: None,
            tos_uri: None,
            default_locale: None,
            checks: Checks::default(),
            quota_per_month: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_of_a_newer_server_can_be_read_and_a_person_s_typing_error_cannot() {
        let newer = json!({"confirm": "always", "of_next_year": {"x": 1}});
        let read: Settings = serde_json::from_value(newer.clone()).unwrap();
        assert_eq!(read.confirm, Confirm::Always);
        let error = Settings::from_input(newer).unwrap_err();
        assert!(error.contains("of_next_year"), "{error}");
        let good = Settings::from_input(json!({"confirm": "always"})).unwrap();
        assert_eq!(good, read);
        assert!(Settings::from_input(json!({"confirm": "perhaps"})).is_err());
        assert!(Settings::from_input(json!([])).is_err());
    }
}
