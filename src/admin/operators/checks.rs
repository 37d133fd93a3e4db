//! Whether a contract can work at all, and stays inside what an operator may be believed: said by field,
//! so that staff know what to mend.

use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

use crate::admin::endpoint::check_endpoint;
use crate::admin::extras::{check_offered, check_restraint, need_a_key};
use crate::admin::{Refused, dialects};
use crate::oauth::signing_alg::SigningAlg;
use crate::operator::amr::shows_other_means;
use crate::store::operators::{Credentials, IdTokenRule, Mode, Settings, TokenAuth};
use crate::token::signing_key::SigningKey;

/// What +990 numbers start with; only test operators vouch for those, and only for those (P5).
const TEST_PREFIX: &str = "990";

/// Parameters of the authorization request that are ours to make.
const OWN_PARAMETERS: [&str; 14] = [
    "correlation_id",
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "login_hint",
    "prompt",
    "request",
    "request_uri",
];

/// The URLs of a contract, by field.
pub(super) fn endpoints(settings: &Settings) -> Vec<(&'static str, &str)> {
    [
        ("issuer", settings.issuer.as_deref()),
        (
            "authorization_endpoint",
            settings.authorization_endpoint.as_deref(),
        ),
        ("token_endpoint", settings.token_endpoint.as_deref()),
        ("jwks_uri", settings.jwks_uri.as_deref()),
        ("api_root", Some(settings.api_root.as_str())),
        (
            "enablement_endpoint",
            settings.enablement_endpoint.as_deref(),
        ),
    ]
    .into_iter()
    .filter_map(|(field, url)| Some((field, url?)))
    .collect()
}

pub(super) fn check_settings(settings: &Settings, mode: Mode) -> Result<(), Refused> {
    let refuse = |field, message: &str| Err(Refused::invalid(field, message));
    if settings.client_id.is_empty() {
        return refuse("client_id", "write the client_id the operator gave you");
    }
    if settings.api_root.is_empty() {
        let path = settings.release.path();
        let message = format!("write the URL that stands before /{path}");
        return refuse("api_root", &message);
    }
    if settings.issuer.is_none()
        && (settings.discovery || settings.id_token == IdTokenRule::Required)
    {
        let message =
            "is needed for discovery and for ID tokens; write it, or set discovery = false";
        return refuse("issuer", message);
    }
    if !settings.discovery {
        for (field, given) in [
            (
                "authorization_endpoint",
                settings.authorization_endpoint.is_some(),
            ),
            ("token_endpoint", settings.token_endpoint.is_some()),
            (
                "jwks_uri",
                settings.jwks_uri.is_some() || settings.id_token == IdTokenRule::Ignored,
            ),
        ] {
            if !given {
                return refuse(field, "is not set and discovery is off; set one of the two");
            }
        }
    }
    for (field, url) in endpoints(settings) {
        check_endpoint(field, url)?;
    }
    check_prefixes(&settings.prefixes, mode)?;
    check_offered(&settings.checks)?;
    check_restraint(&settings.restraint)?;
    let openid = settings
        .scope_verify
        .split(' ')
        .any(|word| word == "openid");
    if settings.scope_verify.trim().is_empty() {
        return refuse("scope_verify", "write the scope text the operator wants");
    }
    if settings.id_token == IdTokenRule::Required && !openid {
        return refuse(
            "scope_verify",
            "has no `openid`, but an ID token is required",
        );
    }
    if settings.id_token != IdTokenRule::Ignored && settings.id_token_algs.is_empty() {
        return refuse("id_token_algs", "name at least one algorithm");
    }
    if let Some(own) = settings
        .authorize_params
        .keys()
        .find(|name| OWN_PARAMETERS.contains(&name.as_str()))
    {
        let message = format!("`{own}` is made for every request and cannot be set here");
        return refuse("authorize_params", &message);
    }
    if let Some(amr) = settings
        .accepted_amr
        .iter()
        .find(|amr| shows_other_means(amr))
    {
        let message = format!("`{}` is no network authentication", amr.escape_debug());
        return refuse("accepted_amr", &message);
    }
    dialects::check(settings)?;
    let connect = settings.connect_timeout_ms;
    if !(100..=30_000).contains(&connect) || connect > settings.total_timeout_ms {
        let message = "is 100 to 30000 and not longer than total_timeout_ms";
        return refuse("connect_timeout_ms", message);
    }
    if !(500..=60_000).contains(&settings.total_timeout_ms) {
        return refuse("total_timeout_ms", "is 500 to 60000");
    }
    Ok(())
}

/// P5: authority is always bounded, and test numbers stay apart from real ones.
fn check_prefixes(prefixes: &[String], mode: Mode) -> Result<(), Refused> {
    let refuse = |message: String| Err(Refused::invalid("prefixes", message));
    if prefixes.is_empty() {
        return refuse(
            "write the country codes and prefixes of its numbers, such as 34".to_owned(),
        );
    }
    for prefix in prefixes {
        let shown = prefix.escape_debug();
        if prefix.is_empty()
            || prefix.len() > 15
            || prefix.starts_with('0')
            || !prefix.chars().all(|c| c.is_ascii_digit())
        {
            return refuse(format!(
                "`{shown}` is not the start of a number; write digits, country code first, no +"
            ));
        }
        match (mode, prefix.starts_with(TEST_PREFIX)) {
            (Mode::Test, false) => {
                return refuse(format!(
                    "a test operator vouches for +990 numbers only; write 990, not {shown}"
                ));
            }
            (Mode::Live, true) => {
                return refuse(format!(
                    "{shown} is a test prefix; a live operator never vouches for +990 numbers"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn check_credentials(
    settings: &Settings,
    credentials: &Credentials,
) -> Result<(), Refused> {
    let refuse = |field, message: &str| Err(Refused::invalid(field, message));
    let by_key = matches!(
        settings.token_auth,
        TokenAuth::PrivateKeyJwt | TokenAuth::ApplicationJwt
    );
    let needs_key = settings.signed_request || by_key || need_a_key(&settings.checks);
    if !by_key && credentials.client_secret.is_none() {
        let message = "token_auth needs the secret the operator gave you (--client-secret-file)";
        return refuse("client_secret", message);
    }
    match &credentials.private_key_pem {
        None if needs_key => {
            let message = "private_key_jwt, application_jwt and signed requests need our key (--private-key-file)";
            refuse("private_key_pem", message)
        }
        Some(pem) if !can_sign(settings.assertion_alg, pem.reveal()) => {
            let message = format!(
                "is not a PKCS#8 PEM key for {:?}; convert it with `openssl pkcs8 -topk8 -nocrypt`, \
                 or set assertion_alg",
                settings.assertion_alg
            );
            refuse("private_key_pem", &message)
        }
        _ => Ok(()),
    }
}

fn can_sign(alg: SigningAlg, pem: &str) -> bool {
    PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .is_ok_and(|der| SigningKey::parse(alg, der.secret_pkcs8_der()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::operators::unguarded_endpoints;
    use crate::secret::Redacted;

    fn good() -> Settings {
        Settings {
            issuer: Some("https://op.example".to_owned()),
            api_root: "https://api.op.example".to_owned(),
            client_id: "numbercloak".to_owned(),
            prefixes: vec!["34".to_owned()],
            ..Settings::default()
        }
    }

    #[test]
    fn a_contract_with_a_gap_is_refused_by_field() {
        assert!(check_settings(&good(), Mode::Live).is_ok());
        type Edit = fn(&mut Settings);
        let edits: [(&str, Edit); 14] = [
            ("accepted_amr", |s| s.accepted_amr.push("sms".to_owned())),
            ("client_id", |s| s.client_id.clear()),
            ("api_root", |s| s.api_root.clear()),
            ("api_root", |s| {
                s.api_root = "http://api.op.example".to_owned()
            }),
            ("issuer", |s| s.issuer = None),
            ("authorization_endpoint", |s| s.discovery = false),
            ("token_endpoint", |s| {
                s.token_endpoint = Some("http://op.example/token".to_owned());
            }),
            ("prefixes", |s| s.prefixes.clear()),
            ("prefixes", |s| s.prefixes = vec![String::new()]),
            ("prefixes", |s| s.prefixes = vec!["+34".to_owned()]),
            ("prefixes", |s| s.prefixes = vec!["990".to_owned()]),
            ("scope_verify", |s| s.scope_verify.clear()),
            ("authorize_params", |s| {
                s.authorize_params
                    .insert("state".to_owned(), "x".to_owned());
            }),
            ("connect_timeout_ms", |s| s.connect_timeout_ms = 9_000),
        ];
        for (wanted, edit) in edits {
            let mut settings = good();
            edit(&mut settings);
            match check_settings(&settings, Mode::Live) {
                Err(Refused::Invalid { field, .. }) => assert_eq!(field, wanted),
                other => panic!("{wanted}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_preset_is_a_whole_contract_with_a_client_id_and_an_area() {
        for (name, preset) in crate::admin::presets::all() {
            let given = preset.settings(Some("https://op.example"), Mode::Live);
            let mut settings: Settings = serde_json::from_value(given.unwrap().into()).unwrap();
            settings.client_id = "us".to_owned();
            if settings.prefixes.is_empty() {
                settings.prefixes.push("34".to_owned());
            }
            let checked = check_settings(&settings, Mode::Live);
            assert!(checked.is_ok(), "{name}: {checked:?}");
        }
    }

    #[test]
    fn a_test_operator_has_authority_over_test_numbers_only() {
        let prefixes = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        assert!(check_prefixes(&prefixes(&["990"]), Mode::Test).is_ok());
        assert!(check_prefixes(&prefixes(&["99070"]), Mode::Test).is_ok());
        assert!(check_prefixes(&prefixes(&["990", "34"]), Mode::Test).is_err());
        assert!(check_prefixes(&prefixes(&["99"]), Mode::Test).is_err());
    }

    #[test]
    fn credentials_fit_the_way_we_authenticate() {
        let secret = Credentials {
            client_secret: Some(Redacted::new("s")),
            ..Credentials::default()
        };
        assert!(check_credentials(&good(), &secret).is_ok());
        assert!(check_credentials(&good(), &Credentials::default()).is_err());
        let mut by_key = good();
        by_key.token_auth = TokenAuth::PrivateKeyJwt;
        assert!(check_credentials(&by_key, &secret).is_err());
        let pem = |alg: &'static rcgen::SignatureAlgorithm| Credentials {
            private_key_pem: Some(Redacted::new(
                rcgen::KeyPair::generate_for(alg).unwrap().serialize_pem(),
            )),
            ..Credentials::default()
        };
        assert!(check_credentials(&by_key, &pem(&rcgen::PKCS_ECDSA_P256_SHA256)).is_ok());
        assert!(check_credentials(&by_key, &pem(&rcgen::PKCS_ECDSA_P384_SHA384)).is_err());
        assert!(check_credentials(&by_key, &pem(&rcgen::PKCS_ED25519)).is_err());
    }

    #[test]
    fn endpoints_that_others_could_answer_for_are_found() {
        let mut settings = good();
        assert!(unguarded_endpoints(&settings).is_empty());
        settings.jwks_uri = Some("http://op.example/jwks".to_owned());
        assert_eq!(unguarded_endpoints(&settings), ["http://op.example/jwks"]);
    }
}
