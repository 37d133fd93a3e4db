//! What may be set for a client, field by field. A field is named as in metadata and in flags.

use std::net::IpAddr;

use url::Url;

use crate::admin::Refused;
use crate::admin::clients::Editable;
use crate::admin::endpoint::{check_endpoint, check_page};
use crate::admin::extras::check_wanted;
use crate::admin::refused::{check_alias, check_name};
use crate::oauth::acr::Acr;
use crate::oauth::distinguished_name::DistinguishedName;
use crate::oauth::jwk::KeySet;
use crate::oauth::redirect::reason_to_refuse_registration;
use crate::oauth::scope::Scope;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{AuthMethod, CertificateSubject, Kind, Settings};

const MOST_REDIRECT_URIS: usize = 50;
/// Entries in any other list.
const MOST_ENTRIES: usize = 20;
/// Longest text, bytes.
const LONGEST: usize = 2000;

/// Refuses what cannot be, or cannot be together.
pub(super) fn check(client: &Editable, kind: Kind) -> Result<(), Refused> {
    check_name(&client.name)?;
    check_auth_method(kind, client.auth_method)?;
    check_redirect_uris("redirect_uris", &client.redirect_uris, kind)?;
    if client.redirect_uris.is_empty() {
        return Err(Refused::invalid("redirect_uris", "give at least one"));
    }
    let settings = &client.settings;
    check_policy(settings)?;
    check_lists(settings, kind)?;
    check_links(client)?;
    check_keys(settings, client.auth_method)?;
    check_certificate(settings, client.auth_method)?;
    check_profile(settings, client.auth_method)
}

fn check_auth_method(kind: Kind, method: AuthMethod) -> Result<(), Refused> {
    let message = match (kind, method) {
        (Kind::Web, AuthMethod::None) => "a web app proves itself; register it as spa otherwise",
        (Kind::Spa | Kind::Native, _) if method != AuthMethod::None => {
            "whatever runs on people's devices cannot keep a secret; use none"
        }
        _ => return Ok(()),
    };
    Err(Refused::invalid("token_endpoint_auth_method", message))
}

fn check_redirect_uris(field: &'static str, uris: &[String], kind: Kind) -> Result<(), Refused> {
    let refuse = |message: String| Err(Refused::invalid(field, message));
    if uris.len() > MOST_REDIRECT_URIS {
        return refuse(format!("give at most {MOST_REDIRECT_URIS} URIs"));
    }
    for (i, uri) in uris.iter().enumerate() {
        if let Some(reason) = reason_to_refuse_registration(uri, kind == Kind::Native) {
            return refuse(reason);
        }
        if uris[..i].contains(uri) {
            return refuse(format!("{uri} is given twice; remove one"));
        }
    }
    Ok(())
}

fn check_policy(settings: &Settings) -> Result<(), Refused> {
    let known = Scope::ALL.map(Scope::as_str);
    if !settings.scopes.iter().any(|scope| scope == "openid") {
        return Err(Refused::invalid("scopes", "openid is always one of them"));
    }
    if let Some(unknown) = settings
        .scopes
        .iter()
        .find(|s| !known.contains(&s.as_str()))
    {
        let message = format!(
            "`{}` is none of {}",
            unknown.escape_debug(),
            known.join(", ")
        );
        return Err(Refused::invalid("scopes", message));
    }
    if settings.fresh_for_s > 3600 {
        let message = "a verdict answers for at most 3600 seconds";
        return Err(Refused::invalid("fresh_for_s", message));
    }
    let lives = settings.access_token_s;
    if lives.is_some_and(|seconds| !(60..=86_400).contains(&seconds)) {
        let message = "an access token lives 60 to 86400 seconds";
        return Err(Refused::invalid("access_token_s", message));
    }
    check_wanted(&settings.checks)?;
    for alias in &settings.operators {
        check_alias("operators", alias)?;
    }
    // Which ones we speak, the pages know; one that we do not speak is passed over there.
    let is_tag = |tag: &str| {
        let part = |part: &str| {
            (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
        };
        tag.len() <= 35 && tag.split('-').all(part)
    };
    if let Some(tag) = settings.default_locale.as_ref().filter(|tag| !is_tag(tag)) {
        let message = format!(
            "`{}` is no language tag, such as de or pt-BR",
            tag.escape_debug()
        );
        return Err(Refused::invalid("default_locale", message));
    }
    let levels = [Acr::Network, Acr::NetworkHandoff].map(Acr::as_str);
    if let Some(unknown) = settings
        .default_acr_values
        .iter()
        .find(|acr| !levels.contains(&acr.as_str()))
    {
        let message = format!(
            "`{}` is none of {}",
            unknown.escape_debug(),
            levels.join(", ")
        );
        return Err(Refused::invalid("default_acr_values", message));
    }
    Ok(())
}

fn check_lists(settings: &Settings, kind: Kind) -> Result<(), Refused> {
    let goodbyes = &settings.post_logout_redirect_uris;
    check_redirect_uris("post_logout_redirect_uris", goodbyes, kind)?;
    for (field, list) in [
        ("contacts", &settings.contacts),
        ("resources", &settings.resources),
        ("default_acr_values", &settings.default_acr_values),
        ("scopes", &settings.scopes),
    ] {
        if list.len() > MOST_ENTRIES {
            return Err(Refused::invalid(
                field,
                format!("give at most {MOST_ENTRIES}"),
            ));
        }
    }
    for contact in &settings.contacts {
        if contact.is_empty() || contact.len() > 320 || contact.chars().any(char::is_control) {
            let message = "a contact is a mail address or something else people can use";
            return Err(Refused::invalid("contacts", message));
        }
    }
    for resource in &settings.resources {
        // RFC 8707 section 2.
        let good = resource.len() <= LONGEST
            && Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
        if !good {
            let message = "a resource is an absolute URI without a fragment";
            return Err(Refused::invalid("resources", message));
        }
    }
    Ok(())
}

fn check_links(client: &Editable) -> Result<(), Refused> {
    let settings = &client.settings;
    let links = [
        ("client_uri", &settings.client_uri),
        ("logo_uri", &settings.logo_uri),
        ("policy_uri", &settings.policy_uri),
        ("tos_uri", &settings.tos_uri),
    ];
    let called = [
        ("jwks_uri", &settings.jwks_uri),
        ("backchannel_logout_uri", &settings.backchannel_logout_uri),
        ("frontchannel_logout_uri", &settings.frontchannel_logout_uri),
        ("initiate_login_uri", &settings.initiate_login_uri),
        ("sector_identifier_uri", &settings.sector_identifier_uri),
    ];
    for (field, uri) in links.into_iter().chain(called) {
        if uri.as_ref().is_some_and(|uri| uri.len() > LONGEST) {
            return Err(Refused::invalid(field, "is longer than 2000 bytes"));
        }
    }
    for (field, page) in links {
        if let Some(page) = page {
            check_page(field, page)?;
        }
    }
    for (field, uri) in called {
        if let Some(uri) = uri {
            check_endpoint(field, uri)?;
        }
    }
    let is_https = |uri: &String| uri.starts_with("https://");
    if settings
        .initiate_login_uri
        .as_ref()
        .is_some_and(|uri| !is_https(uri))
    {
        // OIDC Dynamic Client Registration section 2 makes no exception.
        return Err(Refused::invalid("initiate_login_uri", "must be https"));
    }
    // OIDC Front-Channel Logout section 2.
    let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
    if let Some(uri) = &settings.frontchannel_logout_uri
        && !client
            .redirect_uris
            .iter()
            .any(|known| origin(known) == origin(uri))
    {
        let message = "must have the scheme, host and port of a redirect URI";
        return Err(Refused::invalid("frontchannel_logout_uri", message));
    }
    Ok(())
}

fn check_keys(settings: &Settings, method: AuthMethod) -> Result<(), Refused> {
    if settings.jwks.is_some() && settings.jwks_uri.is_some() {
        let message = "give the keys by value (jwks) or by address (jwks_uri), not both";
        return Err(Refused::invalid("jwks_uri", message));
    }
    let needed_for = match method {
        AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth => Some(method.as_str()),
        _ if settings.require_signed_request_object => Some("require_signed_request_object"),
        _ => None,
    };
    let Some(jwks) = &settings.jwks else {
        return match (needed_for, &settings.jwks_uri) {
            (Some(what), None) => {
                let message =
                    format!("{what} needs the app's public keys; give --jwks-file or --jwks-uri");
                Err(Refused::invalid("jwks", message))
            }
            _ => Ok(()),
        };
    };
    let set = KeySet::parse(jwks).map_err(|error| Refused::invalid("jwks", error.to_string()))?;
    let fits = |key: &crate::oauth::jwk::PublicKey| {
        SigningAlg::ALL
            .into_iter()
            .filter(|alg| !settings.profile.is_fapi() || SigningAlg::FAPI.contains(alg))
            .filter(|alg| settings.auth_signing_alg.is_none_or(|only| only == *alg))
            .any(|alg| key.can_sign(alg))
    };
    let usable = match method {
        AuthMethod::SelfSignedTlsClientAuth => !set.keys().is_empty(),
        AuthMethod::PrivateKeyJwt => set.keys().iter().any(fits),
        _ => true,
    };
    if usable {
        Ok(())
    } else {
        let message = "has no key that the app could prove itself with";
        Err(Refused::invalid("jwks", message))
    }
}

fn check_certificate(settings: &Settings, method: AuthMethod) -> Result<(), Refused> {
    let refuse = |message: String| Err(Refused::invalid("tls_client_auth", message));
    let subject = match (&settings.tls_client_auth, method) {
        (None, AuthMethod::TlsClientAuth) => {
            return refuse(
                "tells no subject; give --tls-client-auth-subject-dn or one of the san variants"
                    .to_owned(),
            );
        }
        (None, _) => return Ok(()),
        (Some(subject), _) => subject,
    };
    match subject {
        CertificateSubject::SubjectDn(name) => match DistinguishedName::parse(name) {
            Ok(_) => Ok(()),
            Err(reason) => refuse(format!("the subject {reason}")),
        },
        CertificateSubject::SanIp(address) if address.parse::<IpAddr>().is_err() => {
            refuse(format!("`{}` is no IP address", address.escape_debug()))
        }
        CertificateSubject::SanDns(text)
        | CertificateSubject::SanUri(text)
        | CertificateSubject::SanIp(text)
        | CertificateSubject::SanEmail(text) => {
            if text.is_empty() || text.len() > LONGEST {
                return refuse("the name is empty or longer than 2000 bytes".to_owned());
            }
            Ok(())
        }
    }
}

/// What the FAPI 2.0 security profile leaves no choice about (section 5.3.2.1).
fn check_profile(settings: &Settings, method: AuthMethod) -> Result<(), Refused> {
    if !settings.profile.is_fapi() {
        return Ok(());
    }
    if method.is_secret() || method == AuthMethod::None {
        let message = "the fapi2 profiles know keys, no secrets; use --token-endpoint-auth-method \
            private_key_jwt, tls_client_auth or self_signed_tls_client_auth";
        return Err(Refused::invalid("token_endpoint_auth_method", message));
    }
    for (field, alg, flag) in [
        (
            "id_token_alg",
            Some(settings.id_token_alg),
            "--id-token-alg",
        ),
        ("userinfo_alg", settings.userinfo_alg, "--userinfo-alg"),
        (
            "authorization_response_alg",
            Some(settings.authorization_response_alg),
            "--authorization-response-alg",
        ),
        (
            "introspection_alg",
            Some(settings.introspection_alg),
            "--introspection-alg",
        ),
        (
            "request_object_alg",
            settings.request_object_alg,
            "--request-object-alg",
        ),
        (
            "auth_signing_alg",
            settings.auth_signing_alg,
            "--auth-signing-alg",
        ),
    ] {
        if alg.is_some_and(|alg| !SigningAlg::FAPI.contains(&alg)) {
            let message =
                format!("the fapi2 profiles sign with PS256, ES256 or EdDSA; change {flag}");
            return Err(Refused::invalid(field, message));
        }
    }
    if !settings.dpop_bound_access_tokens && !settings.certificate_bound_access_tokens {
        let message = "the fapi2 profiles bind access tokens to a key; set --dpop-bound-access-tokens \
            true or --certificate-bound-access-tokens true";
        return Err(Refused::invalid("dpop_bound_access_tokens", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::clients::Profile;

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn client() -> Editable {
        Editable {
            name: "Shop".to_owned(),
            auth_method: AuthMethod::ClientSecretBasic,
            redirect_uris: own(&["https://a.example/cb"]),
            test: false,
            settings: Settings::default(),
            managed_by: None,
        }
    }

    fn key() -> serde_json::Value {
        let coordinate = crate::secret::b64(&[1; 32]);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate}]})
    }

    fn refused(edit: impl FnOnce(&mut Editable)) -> Option<(&'static str, String)> {
        let mut client = client();
        edit(&mut client);
        match check(&client, Kind::Web) {
            Ok(()) => None,
            Err(Refused::Invalid { field, message }) => Some((field, message)),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn redirect_uris_are_checked_and_given_once() {
        for bad in [
            own(&[]),
            own(&["https://a.example/cb", "https://a.example/cb"]),
            own(&["http://a.example/cb"]),
            own(&["com.example.app:/cb"]),
        ] {
            let shown = format!("{bad:?}");
            let (field, _) = refused(|c| c.redirect_uris = bad).expect(&shown);
            assert_eq!(field, "redirect_uris", "{shown}");
        }
        let native = own(&["com.example.app:/cb"]);
        assert!(check_redirect_uris("redirect_uris", &native, Kind::Native).is_ok());
    }

    #[test]
    fn only_a_web_app_keeps_a_secret() {
        assert!(check_auth_method(Kind::Web, AuthMethod::ClientSecretPost).is_ok());
        assert!(check_auth_method(Kind::Web, AuthMethod::None).is_err());
        assert!(check_auth_method(Kind::Spa, AuthMethod::ClientSecretBasic).is_err());
        assert!(check_auth_method(Kind::Native, AuthMethod::None).is_ok());
    }

    #[test]
    fn a_setting_out_of_bounds_is_refused_by_its_name() {
        assert_eq!(refused(|_| {}), None);
        type Edit = fn(&mut Settings);
        let edits: [(&str, Edit); 22] = [
            ("scopes", |s| s.scopes = own(&["phone"])),
            ("scopes", |s| s.scopes.push("email".to_owned())),
            ("fresh_for_s", |s| s.fresh_for_s = 3601),
            ("access_token_s", |s| s.access_token_s = Some(59)),
            ("operators", |s| s.operators = own(&["O2 DE"])),
            ("tos_uri", |s| s.tos_uri = Some("javascript:1".to_owned())),
            ("logo_uri", |s| {
                s.logo_uri = Some("data:image/png,x".to_owned())
            }),
            ("jwks", |s| {
                s.jwks = Some(json!({"keys": [{"kty": "oct", "k": "AA"}]}))
            }),
            ("jwks_uri", |s| {
                s.jwks_uri = Some("http://a.example/keys".to_owned())
            }),
            ("jwks_uri", |s| {
                s.jwks_uri = Some("https://a.example/keys".to_owned());
                s.jwks = Some(key());
            }),
            ("jwks", |s| s.require_signed_request_object = true),
            ("post_logout_redirect_uris", |s| {
                s.post_logout_redirect_uris = own(&["https://a.example/#x"]);
            }),
            ("backchannel_logout_uri", |s| {
                s.backchannel_logout_uri = Some("http://10.0.0.1/".to_owned());
            }),
            ("backchannel_logout_uri", |s| {
                s.backchannel_logout_uri = Some("https://a.example/#x".to_owned());
            }),
            ("frontchannel_logout_uri", |s| {
                s.frontchannel_logout_uri = Some("https://b.example/".to_owned());
            }),
            ("initiate_login_uri", |s| {
                s.initiate_login_uri = Some("http://localhost/login".to_owned());
            }),
            ("resources", |s| s.resources = own(&["/api"])),
            ("resources", |s| {
                s.resources = own(&["https://api.example/#x"])
            }),
            ("default_acr_values", |s| {
                s.default_acr_values = own(&["urn:high"])
            }),
            ("contacts", |s| s.contacts = own(&["a\nb"])),
            ("tls_client_auth", |s| {
                s.tls_client_auth = Some(CertificateSubject::SubjectDn("shop".to_owned()));
            }),
            ("tls_client_auth", |s| {
                s.tls_client_auth = Some(CertificateSubject::SanIp("shop".to_owned()));
            }),
        ];
        for (i, (wanted, edit)) in edits.into_iter().enumerate() {
            let (field, _) =
                refused(|c| edit(&mut c.settings)).unwrap_or_else(|| panic!("{i} {wanted}"));
            assert_eq!(field, wanted, "{i}");
        }
    }

    #[test]
    fn a_method_needs_what_it_proves_itself_with() {
        for (method, field) in [
            (AuthMethod::PrivateKeyJwt, "jwks"),
            (AuthMethod::SelfSignedTlsClientAuth, "jwks"),
            (AuthMethod::TlsClientAuth, "tls_client_auth"),
        ] {
            let (refused, _) = refused(|c| c.auth_method = method).unwrap();
            assert_eq!(refused, field);
        }
        let unusable = refused(|c| {
            c.auth_method = AuthMethod::PrivateKeyJwt;
            c.settings.jwks = Some(key());
            c.settings.auth_signing_alg = Some(SigningAlg::RS256);
        });
        assert_eq!(unusable.unwrap().0, "jwks");
    }

    #[test]
    fn a_fapi_client_has_no_choice_and_is_told_which_flag_to_change() {
        let fapi = |edit: fn(&mut Editable)| {
            refused(|c| {
                c.auth_method = AuthMethod::PrivateKeyJwt;
                c.settings.jwks = Some(key());
                c.settings.adopt(Profile::Fapi2);
                edit(c);
            })
        };
        assert_eq!(fapi(|_| {}), None);
        type Edit = fn(&mut Editable);
        let edits: [(&str, Edit); 6] = [
            ("--token-endpoint-auth-method", |c| {
                c.auth_method = AuthMethod::ClientSecretPost
            }),
            ("--id-token-alg", |c| {
                c.settings.id_token_alg = SigningAlg::RS256
            }),
            ("--userinfo-alg", |c| {
                c.settings.userinfo_alg = Some(SigningAlg::RS256)
            }),
            ("--request-object-alg", |c| {
                c.settings.request_object_alg = Some(SigningAlg::RS256)
            }),
            ("--authorization-response-alg", |c| {
                c.settings.authorization_response_alg = SigningAlg::RS256;
            }),
            ("--dpop-bound-access-tokens", |c| {
                c.settings.dpop_bound_access_tokens = false
            }),
        ];
        for (flag, edit) in edits {
            let (_, message) = fapi(edit).expect(flag);
            assert!(message.contains(flag), "{message}");
        }
    }
}
