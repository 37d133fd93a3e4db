//! Client metadata as RFC 7591 section 2, OpenID Connect Dynamic Client Registration section 2 and the
//! documents after them name it, to and from what we store. Whatever is not named here, an app cannot
//! set for itself: neither `test` nor operators nor when people are asked.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::admin::clients::Editable;
use crate::oauth::scope::Scope;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{AuthMethod, CertificateSubject, Client, Kind, Settings, SubjectType};

/// What an app says about itself. Unknown members are ignored (RFC 7591 section 2).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) redirect_uris: Vec<String>,
    client_name: Option<String>,
    application_type: Option<ApplicationType>,
    token_endpoint_auth_method: Option<AuthMethod>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    scope: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    pub(super) sector_identifier_uri: Option<String>,
    subject_type: Option<SubjectType>,
    id_token_signed_response_alg: Option<SigningAlg>,
    userinfo_signed_response_alg: Option<SigningAlg>,
    request_object_signing_alg: Option<SigningAlg>,
    authorization_signed_response_alg: Option<SigningAlg>,
    introspection_signed_response_alg: Option<SigningAlg>,
    token_endpoint_auth_signing_alg: Option<SigningAlg>,
    require_signed_request_object: Option<bool>,
    require_pushed_authorization_requests: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    tls_client_certificate_bound_access_tokens: Option<bool>,
    tls_client_auth_subject_dn: Option<String>,
    tls_client_auth_san_dns: Option<String>,
    tls_client_auth_san_uri: Option<String>,
    tls_client_auth_san_ip: Option<String>,
    tls_client_auth_san_email: Option<String>,
    default_max_age: Option<u32>,
    default_acr_values: Option<Vec<String>>,
    initiate_login_uri: Option<String>,
    post_logout_redirect_uris: Option<Vec<String>>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
    frontchannel_logout_uri: Option<String>,
    frontchannel_logout_session_required: Option<bool>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    contacts: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ApplicationType {
    #[default]
    Web,
    Native,
}

impl Metadata {
    /// Reads a request's JSON. A member that is `null` counts as absent (RFC 7591 section 2.2).
    ///
    /// # Errors
    /// What is wrong, for the app's developer.
    pub(super) fn parse(mut members: Map<String, Value>) -> Result<Self, String> {
        members.retain(|_, value| !value.is_null());
        let metadata: Self =
            serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())?;
        metadata.check_grants()?;
        Ok(metadata)
    }

    /// Only what this server does: codes, and refresh tokens beside them.
    fn check_grants(&self) -> Result<(), String> {
        if let Some(types) = &self.response_types
            && types.iter().any(|one| one != "code")
        {
            return Err("response_types: only code is offered".to_owned());
        }
        let subjects = [
            &self.tls_client_auth_subject_dn,
            &self.tls_client_auth_san_dns,
            &self.tls_client_auth_san_uri,
            &self.tls_client_auth_san_ip,
            &self.tls_client_auth_san_email,
        ];
        if subjects.iter().filter(|one| one.is_some()).count() > 1 {
            return Err("tls_client_auth_…: only one of them may be used".to_owned());
        }
        let Some(grants) = &self.grant_types else {
            return Ok(());
        };
        let known = ["authorization_code", "refresh_token"];
        if grants.iter().any(|grant| !known.contains(&grant.as_str()))
            || !grants.iter().any(|grant| grant == known[0])
        {
            return Err(
                "grant_types: must hold authorization_code, and may hold refresh_token".to_owned(),
            );
        }
        Ok(())
    }

    /// The name people see.
    pub(super) fn name(&self) -> String {
        // Something must stand on our pages.
        self.client_name.clone().unwrap_or_else(|| {
            let first = self.redirect_uris.first();
            let host = first
                .and_then(|uri| url::Url::parse(uri).ok())
                .and_then(|url| url.host_str().map(str::to_owned));
            host.unwrap_or_else(|| "Unnamed app".to_owned())
        })
    }

    /// What runs it, and how it authenticates.
    pub(super) fn kind(&self) -> (Kind, AuthMethod) {
        let native = self.application_type == Some(ApplicationType::Native);
        let by_default = if native {
            AuthMethod::None
        } else {
            AuthMethod::ClientSecretBasic
        };
        let method = self.token_endpoint_auth_method.unwrap_or(by_default);
        let kind = match (native, method) {
            (true, _) => Kind::Native,
            (false, AuthMethod::None) => Kind::Spa,
            (false, _) => Kind::Web,
        };
        (kind, method)
    }

    /// Puts it in place of what the app said before, and leaves what staff decide as it is.
    pub(super) fn apply(&self, fields: &mut Editable) {
        fields.name = self.name();
        fields.auth_method = self.kind().1;
        fields.redirect_uris.clone_from(&self.redirect_uris);
        let settings = &mut fields.settings;
        let held = std::mem::take(&mut settings.scopes);
        self.apply_settings(settings);
        // An app may give scopes up; more than it has, staff give.
        settings.scopes.retain(|scope| held.contains(scope));
    }

    /// Its settings, when it registers.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        self.apply_settings(&mut settings);
        settings
    }

    fn apply_settings(&self, settings: &mut Settings) {
        settings.scopes = self.scopes();
        settings.jwks.clone_from(&self.jwks);
        settings.jwks_uri.clone_from(&self.jwks_uri);
        settings.subject_type = self.subject_type.unwrap_or_default();
        settings.id_token_alg = self.id_token_signed_response_alg.unwrap_or_default();
        settings.userinfo_alg = self.userinfo_signed_response_alg;
        settings.request_object_alg = self.request_object_signing_alg;
        settings.authorization_response_alg =
            self.authorization_signed_response_alg.unwrap_or_default();
        settings.introspection_alg = self.introspection_signed_response_alg.unwrap_or_default();
        settings.auth_signing_alg = self.token_endpoint_auth_signing_alg;
        settings.require_signed_request_object = self.require_signed_request_object == Some(true);
        settings.require_pushed = self.require_pushed_authorization_requests == Some(true);
        settings.dpop_bound_access_tokens = self.dpop_bound_access_tokens == Some(true);
        settings.certificate_bound_access_tokens =
            self.tls_client_certificate_bound_access_tokens == Some(true);
        settings.tls_client_auth = self.certificate_subject();
        settings.default_max_age = self.default_max_age;
        settings.default_acr_values = self.default_acr_values.clone().unwrap_or_default();
        settings
            .initiate_login_uri
            .clone_from(&self.initiate_login_uri);
        settings.post_logout_redirect_uris =
            self.post_logout_redirect_uris.clone().unwrap_or_default();
        settings
            .backchannel_logout_uri
            .clone_from(&self.backchannel_logout_uri);
        settings.backchannel_logout_session_required =
            self.backchannel_logout_session_required == Some(true);
        settings
            .frontchannel_logout_uri
            .clone_from(&self.frontchannel_logout_uri);
        settings.frontchannel_logout_session_required =
            self.frontchannel_logout_session_required == Some(true);
        settings.client_uri.clone_from(&self.client_uri);
        settings.logo_uri.clone_from(&self.logo_uri);
        settings.policy_uri.clone_from(&self.policy_uri);
        settings.tos_uri.clone_from(&self.tos_uri);
        settings.contacts = self.contacts.clone().unwrap_or_default();
        // A profile is the staff's to give, and what it demands stays.
        settings.adopt(settings.profile);
    }

    fn certificate_subject(&self) -> Option<CertificateSubject> {
        let own = Option::<String>::clone;
        None.or_else(|| own(&self.tls_client_auth_subject_dn).map(CertificateSubject::SubjectDn))
            .or_else(|| own(&self.tls_client_auth_san_dns).map(CertificateSubject::SanDns))
            .or_else(|| own(&self.tls_client_auth_san_uri).map(CertificateSubject::SanUri))
            .or_else(|| own(&self.tls_client_auth_san_ip).map(CertificateSubject::SanIp))
            .or_else(|| own(&self.tls_client_auth_san_email).map(CertificateSubject::SanEmail))
    }

    /// The scopes asked for that there are; without any, those of every app, and `offline_access` for
    /// one that wants refresh tokens.
    fn scopes(&self) -> Vec<String> {
        let mut scopes = match &self.scope {
            Some(text) => Scope::ALL
                .map(Scope::as_str)
                .into_iter()
                .filter(|known| *known == "openid" || text.split(' ').any(|word| word == *known))
                .map(str::to_owned)
                .collect(),
            None => Settings::default().scopes,
        };
        let refreshes = self
            .grant_types
            .as_ref()
            .is_some_and(|grants| grants.iter().any(|grant| grant == "refresh_token"));
        if refreshes && !scopes.iter().any(|scope| scope == OFFLINE) {
            scopes.push(OFFLINE.to_owned());
        }
        scopes
    }
}

const OFFLINE: &str = "offline_access";

/// Everything a client may know about its registration.
pub(super) fn describe(client: &Client) -> Map<String, Value> {
    let settings = &client.settings;
    let refreshes = settings.scopes.iter().any(|scope| scope == OFFLINE);
    let mut grants = vec!["authorization_code"];
    grants.extend(refreshes.then_some("refresh_token"));
    let all = json!({
        "client_id": client.client_id,
        "client_id_issued_at": client.created_at.timestamp(),
        "client_name": client.name,
        "application_type": if client.kind == Kind::Native { "native" } else { "web" },
        "redirect_uris": client.redirect_uris,
        "token_endpoint_auth_method": client.auth_method.as_str(),
        "grant_types": grants,
        "response_types": ["code"],
        "scope": settings.scopes.join(" "),
        "jwks": settings.jwks,
        "jwks_uri": settings.jwks_uri,
        "sector_identifier_uri": settings.sector_identifier_uri,
        "subject_type": settings.subject_type,
        "id_token_signed_response_alg": settings.id_token_alg,
        "userinfo_signed_response_alg": settings.userinfo_alg,
        "request_object_signing_alg": settings.request_object_alg,
        "authorization_signed_response_alg": settings.authorization_response_alg,
        "introspection_signed_response_alg": settings.introspection_alg,
        "token_endpoint_auth_signing_alg": settings.auth_signing_alg,
        "require_signed_request_object": settings.require_signed_request_object,
        "require_pushed_authorization_requests": settings.require_pushed,
        "dpop_bound_access_tokens": settings.dpop_bound_access_tokens,
        "tls_client_certificate_bound_access_tokens": settings.certificate_bound_access_tokens,
        "default_max_age": settings.default_max_age,
        "require_auth_time": true,
        "default_acr_values": settings.default_acr_values,
        "initiate_login_uri": settings.initiate_login_uri,
        "post_logout_redirect_uris": settings.post_logout_redirect_uris,
        "backchannel_logout_uri": settings.backchannel_logout_uri,
        "backchannel_logout_session_required": settings.backchannel_logout_session_required,
        "frontchannel_logout_uri": settings.frontchannel_logout_uri,
        "frontchannel_logout_session_required": settings.frontchannel_logout_session_required,
        "client_uri": settings.client_uri,
        "logo_uri": settings.logo_uri,
        "policy_uri": settings.policy_uri,
        "tos_uri": settings.tos_uri,
        "contacts": settings.contacts,
    });
    let Value::Object(mut members) = all else {
        return Map::new();
    };
    if let Some(subject) = &settings.tls_client_auth {
        let (name, value) = match subject {
            CertificateSubject::SubjectDn(name) => ("tls_client_auth_subject_dn", name),
            CertificateSubject::SanDns(name) => ("tls_client_auth_san_dns", name),
            CertificateSubject::SanUri(name) => ("tls_client_auth_san_uri", name),
            CertificateSubject::SanIp(name) => ("tls_client_auth_san_ip", name),
            CertificateSubject::SanEmail(name) => ("tls_client_auth_san_email", name),
        };
        members.insert(name.to_owned(), value.as_str().into());
    }
    members.retain(|_, value| !value.is_null());
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: Value) -> Result<Metadata, String> {
        Metadata::parse(json.as_object().unwrap().clone())
    }

    #[test]
    fn unknown_members_are_ignored_and_known_ones_have_their_type() {
        let read = parse(json!({
            "redirect_uris": ["https://a.example/cb"], "client_name": "A", "test": true,
            "confirm": "never", "operators": ["x"], "jwks_uri": null, "client_name#de": "Ä"
        }))
        .unwrap();
        let settings = read.settings();
        assert_eq!(settings.confirm, Settings::default().confirm);
        assert!(settings.operators.is_empty());
        for wrong in [
            json!({"redirect_uris": "https://a.example/cb"}),
            json!({"default_max_age": "5"}),
            json!({"token_endpoint_auth_method": "client_secret_jwt"}),
            json!({"id_token_signed_response_alg": "none"}),
            json!({"response_types": ["code", "id_token"]}),
            json!({"grant_types": ["implicit"]}),
            json!({"grant_types": ["authorization_code", "password"]}),
        ] {
            assert!(parse(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_runs_it_follows_from_its_type_and_method() {
        for (json, kind, method) in [
            (json!({}), Kind::Web, AuthMethod::ClientSecretBasic),
            (
                json!({"token_endpoint_auth_method": "none"}),
                Kind::Spa,
                AuthMethod::None,
            ),
            (
                json!({"application_type": "native"}),
                Kind::Native,
                AuthMethod::None,
            ),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt"}),
                Kind::Web,
                AuthMethod::PrivateKeyJwt,
            ),
        ] {
            assert_eq!(
                parse(json.clone()).unwrap().kind(),
                (kind, method),
                "{json}"
            );
        }
    }

    #[test]
    fn scopes_are_those_there_are_and_an_app_cannot_take_back_what_staff_took() {
        let scopes = |json: Value| parse(json).unwrap().settings().scopes.join(" ");
        assert_eq!(scopes(json!({})), "openid number_verified phone");
        assert_eq!(scopes(json!({"scope": "phone email"})), "openid phone");
        let refreshing =
            json!({"grant_types": ["authorization_code", "refresh_token"], "scope": "openid"});
        assert_eq!(scopes(refreshing.clone()), "openid offline_access");
        let mut fields = Editable {
            name: "A".to_owned(),
            auth_method: AuthMethod::ClientSecretBasic,
            redirect_uris: Vec::new(),
            test: false,
            settings: Settings {
                scopes: vec!["openid".to_owned()],
                ..Settings::default()
            },
            managed_by: None,
        };
        parse(refreshing).unwrap().apply(&mut fields);
        assert_eq!(fields.settings.scopes, ["openid"]);
    }
}
