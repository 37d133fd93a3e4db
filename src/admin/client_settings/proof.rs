//! What an app proves itself with, and what its profile leaves no choice about.

use std::net::IpAddr;

use super::LONGEST;
use crate::admin::Refused;
use crate::oauth::distinguished_name::DistinguishedName;
use crate::oauth::jwk::KeySet;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{AuthMethod, CertificateSubject, Settings};

/// Its keys: by value or by address, and fit for its method.
pub(super) fn check_keys(settings: &Settings, method: AuthMethod) -> Result<(), Refused> {
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

/// The name in its certificate.
pub(super) fn check_certificate(settings: &Settings, method: AuthMethod) -> Result<(), Refused> {
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
pub(super) fn check_profile(settings: &Settings, method: AuthMethod) -> Result<(), Refused> {
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
