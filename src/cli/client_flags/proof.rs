//! How an app proves itself, and what its requests must be.

use clap::Args;

use crate::cli::client_flags::values::{
    OrNone, seconds_or_none, set, set_list, set_or_none, text_or_none, word_or_none,
};
use crate::cli::input::{jwk_set, word};
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{AuthMethod, CertificateSubject, Profile, Settings};

/// How the app proves itself.
#[derive(Args, Debug)]
#[command(next_help_heading = "How the app proves itself")]
pub struct Proof {
    /// client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth,
    /// self_signed_tls_client_auth or none. By default basic for web, none for spa and native.
    #[arg(long, alias = "auth-method", value_name = "METHOD", value_parser = word::<AuthMethod>)]
    token_endpoint_auth_method: Option<AuthMethod>,
    /// Its public keys, a file with a JWK set; none takes them away.
    #[arg(long, value_name = "FILE", value_parser = jwk_set, conflicts_with = "jwks_uri")]
    jwks_file: Option<JwkSet>,
    /// Where its public keys are fetched from; none takes it away.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    jwks_uri: Option<OrNone<String>>,
    /// The one algorithm of its assertions: RS256, PS256, ES256 or EdDSA; none for any.
    #[arg(long, value_name = "ALG", value_parser = word_or_none::<SigningAlg>)]
    auth_signing_alg: Option<OrNone<SigningAlg>>,
    #[command(flatten)]
    certificate: Certificate,
}

/// A JWK set, or none.
pub type JwkSet = Option<serde_json::Value>;

#[derive(Args, Debug)]
#[group(required = false, multiple = false)]
struct Certificate {
    /// The subject of its certificate for tls_client_auth, as RFC 4514 writes it: CN=shop,O=Shop,C=GB.
    #[arg(long, value_name = "DN")]
    tls_client_auth_subject_dn: Option<String>,
    /// Instead, a DNS name in its certificate.
    #[arg(long, value_name = "NAME")]
    tls_client_auth_san_dns: Option<String>,
    /// Instead, a URI in its certificate.
    #[arg(long, value_name = "URI")]
    tls_client_auth_san_uri: Option<String>,
    /// Instead, an IP address in its certificate.
    #[arg(long, value_name = "ADDRESS")]
    tls_client_auth_san_ip: Option<String>,
    /// Instead, a mail address in its certificate.
    #[arg(long, value_name = "ADDRESS")]
    tls_client_auth_san_email: Option<String>,
}

impl Proof {
    /// How it authenticates, if that is named.
    pub fn auth_method(&self) -> Option<AuthMethod> {
        self.token_endpoint_auth_method
    }

    /// Changes what is named.
    pub fn apply(self, settings: &mut Settings) {
        if let Some(set) = self.jwks_file {
            settings.jwks_uri = None;
            settings.jwks = set;
        }
        if let Some(OrNone(uri)) = self.jwks_uri {
            settings.jwks = None;
            settings.jwks_uri = uri;
        }
        set_or_none(&mut settings.auth_signing_alg, self.auth_signing_alg);
        let named = self.certificate;
        let subject = None
            .or(named
                .tls_client_auth_subject_dn
                .map(CertificateSubject::SubjectDn))
            .or(named
                .tls_client_auth_san_dns
                .map(CertificateSubject::SanDns))
            .or(named
                .tls_client_auth_san_uri
                .map(CertificateSubject::SanUri))
            .or(named.tls_client_auth_san_ip.map(CertificateSubject::SanIp))
            .or(named
                .tls_client_auth_san_email
                .map(CertificateSubject::SanEmail));
        settings.tls_client_auth = subject.or(settings.tls_client_auth.take());
    }
}

/// Its profile, and what its requests must be.
#[derive(Args, Debug)]
#[command(next_help_heading = "Profile and requests")]
pub struct Requests {
    /// The rules it lives by: oidc, fapi2 or fapi2_message_signing. The fapi2 ones set what they leave
    /// no choice about.
    #[arg(long, value_parser = word::<Profile>)]
    profile: Option<Profile>,
    /// Whether every request needs PKCE: true or false. Public apps always do.
    #[arg(long, value_name = "BOOL")]
    require_pkce: Option<bool>,
    /// Whether every request must be pushed: true or false.
    #[arg(long, value_name = "BOOL")]
    require_pushed: Option<bool>,
    /// Whether every request must be signed: true or false.
    #[arg(long, value_name = "BOOL")]
    require_signed_request_object: Option<bool>,
    /// The one algorithm of its signed requests; none for any.
    #[arg(long, value_name = "ALG", value_parser = word_or_none::<SigningAlg>)]
    request_object_alg: Option<OrNone<SigningAlg>>,
    /// How signed answers to its requests (JARM) are signed.
    #[arg(long, value_name = "ALG", value_parser = word::<SigningAlg>)]
    authorization_response_alg: Option<SigningAlg>,
    /// The max_age of requests that name none; none for no such limit.
    #[arg(long, value_name = "DURATION", value_parser = seconds_or_none)]
    default_max_age: Option<OrNone<u32>>,
    /// An acr that requests without acr_values ask for. Repeat for more; replaces all.
    #[arg(long = "default-acr-value", value_name = "ACR")]
    default_acr_values: Vec<String>,
    /// Where a login that starts at a third party is sent; none takes it away.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    initiate_login_uri: Option<OrNone<String>>,
}

impl Requests {
    /// The rules it lives by, if they are named.
    pub fn profile(&self) -> Option<Profile> {
        self.profile
    }

    /// Changes what is named.
    pub fn apply(self, settings: &mut Settings) {
        set(&mut settings.require_pkce, self.require_pkce);
        set(&mut settings.require_pushed, self.require_pushed);
        set(
            &mut settings.require_signed_request_object,
            self.require_signed_request_object,
        );
        set_or_none(&mut settings.request_object_alg, self.request_object_alg);
        set(
            &mut settings.authorization_response_alg,
            self.authorization_response_alg,
        );
        set_or_none(&mut settings.default_max_age, self.default_max_age);
        set_list(&mut settings.default_acr_values, self.default_acr_values);
        set_or_none(&mut settings.initiate_login_uri, self.initiate_login_uri);
    }
}
