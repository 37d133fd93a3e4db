//! The flags of `client create` and `client update`: one for every setting. What is not named stays
//! as it is; `none` takes away what can be absent.

use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;

use crate::cli::check_flags::CheckFlags;
use crate::cli::input::{duration, jwk_set, word};
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{
    AccessTokenFormat, AuthMethod, CertificateSubject, Confirm, Handoff, Hint, Profile, Settings,
    SubjectType,
};

/// A value, or the wish to have none.
#[derive(Clone, Debug)]
pub struct OrNone<T>(Option<T>);

fn text_or_none(text: &str) -> Result<OrNone<String>, String> {
    Ok(OrNone((text != "none").then(|| text.to_owned())))
}

fn word_or_none<T: DeserializeOwned>(text: &str) -> Result<OrNone<T>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => word(text).map(Some).map(OrNone),
    }
}

fn seconds_or_none(text: &str) -> Result<OrNone<u32>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => duration(text).map(seconds).map(Some).map(OrNone),
    }
}

fn count_or_none(text: &str) -> Result<OrNone<u32>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        text => {
            let count = text
                .parse()
                .map_err(|_| "write a number, or none".to_owned());
            count.map(Some).map(OrNone)
        }
    }
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn set_or_none<T>(field: &mut Option<T>, value: Option<OrNone<T>>) {
    if let Some(OrNone(value)) = value {
        *field = value;
    }
}

/// The flag was given once for each entry; `none` alone empties the list.
fn set_list(field: &mut Vec<String>, values: Vec<String>) {
    match &values[..] {
        [] => {}
        [one] if one == "none" => field.clear(),
        _ => *field = values,
    }
}

/// All of them, in groups.
#[derive(Args, Debug)]
pub struct Flags {
    #[command(flatten)]
    proof: Proof,
    #[command(flatten)]
    requests: Requests,
    #[command(flatten)]
    tokens: Tokens,
    #[command(flatten)]
    logout: Logout,
    #[command(flatten)]
    policy: Policy,
    #[command(flatten, next_help_heading = "Extra checks")]
    checks: CheckFlags,
    #[command(flatten)]
    links: Links,
}

impl Flags {
    /// How the app authenticates, if it is named.
    pub fn auth_method(&self) -> Option<AuthMethod> {
        self.proof.token_endpoint_auth_method
    }

    /// Changes what is named. A profile comes first, so that what contradicts it is found.
    pub fn apply(self, settings: &mut Settings) {
        if let Some(profile) = self.requests.profile {
            if let Some(bound) = self.tokens.certificate_bound_access_tokens {
                settings.certificate_bound_access_tokens = bound;
            }
            settings.adopt(profile);
        }
        self.proof.apply(settings);
        self.requests.apply(settings);
        self.tokens.apply(settings);
        self.logout.apply(settings);
        self.policy.apply(settings);
        self.checks.apply(&mut settings.checks);
        self.links.apply(settings);
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "How the app proves itself")]
struct Proof {
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
    fn apply(self, settings: &mut Settings) {
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

#[derive(Args, Debug)]
#[command(next_help_heading = "Profile and requests")]
struct Requests {
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
    fn apply(self, settings: &mut Settings) {
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

#[derive(Args, Debug)]
#[command(next_help_heading = "Tokens and claims")]
struct Tokens {
    /// A scope it may ask for: openid, number_verified, phone, offline_access. Repeat for more;
    /// replaces all.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// How its ID tokens are signed: RS256, PS256, ES256 or EdDSA.
    #[arg(long, value_name = "ALG", value_parser = word::<SigningAlg>)]
    id_token_alg: Option<SigningAlg>,
    /// How its userinfo answers are signed; none for plain JSON.
    #[arg(long, value_name = "ALG", value_parser = word_or_none::<SigningAlg>)]
    userinfo_alg: Option<OrNone<SigningAlg>>,
    /// How signed introspection answers are signed.
    #[arg(long, value_name = "ALG", value_parser = word::<SigningAlg>)]
    introspection_alg: Option<SigningAlg>,
    /// Whether phone claims stand at userinfo only: true or false.
    #[arg(long, value_name = "BOOL")]
    userinfo_only: Option<bool>,
    /// pairwise (another sub in each sector) or public.
    #[arg(long, value_name = "TYPE", value_parser = word::<SubjectType>)]
    subject_type: Option<SubjectType>,
    /// How long its access tokens live, 60s to 24h; none for the server's default.
    #[arg(long, value_name = "DURATION", value_parser = seconds_or_none)]
    access_token: Option<OrNone<u32>>,
    /// opaque or jwt.
    #[arg(long, value_name = "FORMAT", value_parser = word::<AccessTokenFormat>)]
    access_token_format: Option<AccessTokenFormat>,
    /// A resource it may ask tokens for. Repeat for more; replaces all; none for none.
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// Whether its access tokens are bound to a DPoP key: true or false.
    #[arg(long, value_name = "BOOL")]
    dpop_bound_access_tokens: Option<bool>,
    /// Whether its access tokens are bound to its certificate: true or false.
    #[arg(long, value_name = "BOOL")]
    certificate_bound_access_tokens: Option<bool>,
}

impl Tokens {
    fn apply(self, settings: &mut Settings) {
        set_list(&mut settings.scopes, self.scopes);
        set(&mut settings.id_token_alg, self.id_token_alg);
        set_or_none(&mut settings.userinfo_alg, self.userinfo_alg);
        set(&mut settings.introspection_alg, self.introspection_alg);
        set(&mut settings.claims_in_userinfo_only, self.userinfo_only);
        set(&mut settings.subject_type, self.subject_type);
        set_or_none(&mut settings.access_token_s, self.access_token);
        set(&mut settings.access_token_format, self.access_token_format);
        set_list(&mut settings.resources, self.resources);
        set(
            &mut settings.dpop_bound_access_tokens,
            self.dpop_bound_access_tokens,
        );
        set(
            &mut settings.certificate_bound_access_tokens,
            self.certificate_bound_access_tokens,
        );
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Logout")]
struct Logout {
    /// Where browsers may go after logout. Repeat for more; replaces all; none for none.
    #[arg(long = "post-logout-redirect-uri", value_name = "URL")]
    post_logout_redirect_uris: Vec<String>,
    /// Where we tell it of a logout, server to server; none takes it away.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    backchannel_logout_uri: Option<OrNone<String>>,
    /// Whether that must name the session: true or false.
    #[arg(long, value_name = "BOOL")]
    backchannel_logout_session_required: Option<bool>,
    /// Where browsers tell it of a logout, in a frame; none takes it away.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    frontchannel_logout_uri: Option<OrNone<String>>,
    /// Whether that must name the session: true or false.
    #[arg(long, value_name = "BOOL")]
    frontchannel_logout_session_required: Option<bool>,
}

impl Logout {
    fn apply(self, settings: &mut Settings) {
        set_list(
            &mut settings.post_logout_redirect_uris,
            self.post_logout_redirect_uris,
        );
        set_or_none(
            &mut settings.backchannel_logout_uri,
            self.backchannel_logout_uri,
        );
        set(
            &mut settings.backchannel_logout_session_required,
            self.backchannel_logout_session_required,
        );
        set_or_none(
            &mut settings.frontchannel_logout_uri,
            self.frontchannel_logout_uri,
        );
        set(
            &mut settings.frontchannel_logout_session_required,
            self.frontchannel_logout_session_required,
        );
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Policy")]
struct Policy {
    /// When people are asked before their number is released: first_time, always or never.
    #[arg(long, value_name = "WHEN", value_parser = word::<Confirm>)]
    confirm: Option<Confirm>,
    /// Whether people may change a number the app named: fixed or suggestion.
    #[arg(long, value_parser = word::<Hint>)]
    hint: Option<Hint>,
    /// An operator it accepts, by alias. Repeat for more; replaces all.
    #[arg(long = "operator", value_name = "ALIAS")]
    operators: Vec<String>,
    /// It accepts every enabled operator.
    #[arg(long, conflicts_with = "operators")]
    any_operator: bool,
    /// How long a check answers for later sign-ins, at most 1h; 0 asks an operator every time.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    fresh_for: Option<Duration>,
    /// Whether prompt=none may ask an operator: true or false.
    #[arg(long, value_name = "BOOL")]
    silent_check: Option<bool>,
    /// Whether people at a desktop may move a login to their phone by a QR code: off or on. Read
    /// docs/handoff.md before.
    #[arg(long, value_parser = word::<Handoff>)]
    handoff: Option<Handoff>,
    /// Billable calls a month after which staff are alerted; nothing is refused; none for no quota.
    #[arg(long, value_name = "CALLS", value_parser = count_or_none)]
    quota_per_month: Option<OrNone<u32>>,
}

impl Policy {
    fn apply(self, settings: &mut Settings) {
        set(&mut settings.confirm, self.confirm);
        set(&mut settings.hint, self.hint);
        if self.any_operator || !self.operators.is_empty() {
            settings.operators = self.operators;
        }
        set(&mut settings.fresh_for_s, self.fresh_for.map(seconds));
        set(&mut settings.silent_check, self.silent_check);
        set(&mut settings.handoff, self.handoff);
        set_or_none(&mut settings.quota_per_month, self.quota_per_month);
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What people see")]
struct Links {
    /// The app's page; none takes it away, and so for all of these.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    client_uri: Option<OrNone<String>>,
    /// Its picture.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    logo_uri: Option<OrNone<String>>,
    /// Its privacy policy.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    policy_uri: Option<OrNone<String>>,
    /// Its terms.
    #[arg(long, value_name = "URL", value_parser = text_or_none)]
    tos_uri: Option<OrNone<String>>,
    /// The language of its people, for those whose browser does not tell theirs, such as de.
    #[arg(long, value_name = "TAG", value_parser = text_or_none)]
    default_locale: Option<OrNone<String>>,
    /// Who answers for it. Repeat for more; replaces all; none for none.
    #[arg(long = "contact", value_name = "ADDRESS")]
    contacts: Vec<String>,
}

impl Links {
    fn apply(self, settings: &mut Settings) {
        for (field, value) in [
            (&mut settings.client_uri, self.client_uri),
            (&mut settings.logo_uri, self.logo_uri),
            (&mut settings.policy_uri, self.policy_uri),
            (&mut settings.tos_uri, self.tos_uri),
            (&mut settings.default_locale, self.default_locale),
        ] {
            set_or_none(field, value);
        }
        set_list(&mut settings.contacts, self.contacts);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn applied(line: &str, to: &Settings) -> Settings {
        let line = Line::try_parse_from(["x"].into_iter().chain(line.split_whitespace())).unwrap();
        let mut settings = to.clone();
        line.flags.apply(&mut settings);
        settings
    }

    /// Every setting has its flag: this list changes each one, and a new setting fails here.
    const EVERYTHING: &str = "--jwks-uri https://a.example/keys --auth-signing-alg ES256 \
        --tls-client-auth-san-dns a.example --profile fapi2_message_signing --require-pkce true \
        --require-pushed true --require-signed-request-object true --request-object-alg ES256 \
        --authorization-response-alg ES256 --introspection-alg ES256 --default-max-age 1h \
        --default-acr-value urn:numbercloak:acr:network --initiate-login-uri https://a.example/l \
        --scope openid --id-token-alg ES256 --userinfo-alg ES256 --userinfo-only true \
        --subject-type public --access-token 5m --access-token-format jwt \
        --resource https://api.example --dpop-bound-access-tokens true \
        --certificate-bound-access-tokens true --post-logout-redirect-uri https://a.example/bye \
        --backchannel-logout-uri https://a.example/b --backchannel-logout-session-required true \
        --frontchannel-logout-uri https://a.example/f --frontchannel-logout-session-required true \
        --confirm always --hint suggestion --operator o2-de --fresh-for 0 --silent-check true --sim-swap require \
        --client-uri https://a.example --logo-uri https://a.example/i.png \
        --policy-uri https://a.example/p --tos-uri https://a.example/t --default-locale de --contact a@a.example";

    #[test]
    fn every_setting_has_its_flag() {
        let before = Settings::default();
        let after = applied(EVERYTHING, &before);
        let json = |settings: &Settings| serde_json::to_value(settings).unwrap();
        let (before, after) = (json(&before), json(&after));
        // The first needs a file, the second is fetched and has flags of its own.
        const ELSEWHERE: [&str; 2] = ["jwks", "sector_identifier_uri"];
        for (name, value) in before.as_object().unwrap() {
            let differs = after[name] != *value;
            assert_ne!(differs, ELSEWHERE.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn what_can_be_absent_is_taken_away_with_none() {
        let full = applied(EVERYTHING, &Settings::default());
        let none = "--jwks-uri none --auth-signing-alg none --request-object-alg none \
            --userinfo-alg none --default-max-age none --access-token none \
            --backchannel-logout-uri none --post-logout-redirect-uri none --contact none \
            --logo-uri none";
        let after = applied(none, &full);
        assert_eq!(after.jwks_uri, None);
        assert_eq!(after.auth_signing_alg, None);
        assert_eq!(after.request_object_alg, None);
        assert_eq!(after.userinfo_alg, None);
        assert_eq!((after.default_max_age, after.access_token_s), (None, None));
        assert_eq!(after.backchannel_logout_uri, None);
        assert!(after.post_logout_redirect_uris.is_empty() && after.contacts.is_empty());
        assert_eq!(
            (after.logo_uri, after.tos_uri),
            (None, full.tos_uri.clone())
        );
        assert_eq!(applied("", &full), full);
    }

    #[test]
    fn a_profile_sets_what_it_leaves_no_choice_about_and_a_flag_that_contradicts_it_stays_to_be_refused()
     {
        let after = applied("--profile fapi2", &Settings::default());
        assert_eq!(after.id_token_alg, SigningAlg::PS256);
        assert!(after.require_pushed && after.dpop_bound_access_tokens);
        let mtls = applied(
            "--profile fapi2 --certificate-bound-access-tokens true",
            &Settings::default(),
        );
        assert!(!mtls.dpop_bound_access_tokens);
        let contradicted = applied("--id-token-alg RS256 --profile fapi2", &Settings::default());
        assert_eq!(contradicted.id_token_alg, SigningAlg::RS256);
    }
}
