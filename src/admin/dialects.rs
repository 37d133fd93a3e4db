//! What each dialect can do: settings that it has no use for are refused on a record, so that nobody
//! believes in a protection that is not there.

use http::{HeaderName, HeaderValue};

use crate::admin::Refused;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::operators::{
    Dialect, HintForm, IdTokenRule, Settings, TokenAuth, TokenParameters,
};

/// Whether a contract is one of its dialect.
///
/// # Errors
/// [`Refused::Invalid`] naming the field.
pub(super) fn check(settings: &Settings) -> Result<(), Refused> {
    check_call(settings)?;
    check_dialect(settings)
}

/// The path and the headers of the call are added to an address and a credential of ours.
fn check_call(settings: &Settings) -> Result<(), Refused> {
    let refuse = |field, message: &str| Err(Refused::invalid(field, message));
    if settings.api_path.as_ref().is_some_and(|path| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        path.trim_matches('/').is_empty() || !path.chars().all(plain) || path.contains("..")
    }) {
        return refuse(
            "api_path",
            "is a path such as number-verification/v031/verify",
        );
    }
    let of_phone = [
        ("device_ip_header", &settings.device_ip_header),
        ("device_port_header", &settings.device_port_header),
    ];
    let of_phone = of_phone
        .into_iter()
        .filter_map(|(field, name)| Some((field, name.as_ref()?)));
    let fixed = settings
        .api_headers
        .keys()
        .map(|name| ("api_headers", name));
    for (field, name) in fixed.chain(of_phone) {
        let name = name.to_ascii_lowercase();
        let ours = matches!(
            name.as_str(),
            "authorization"
                | "accept"
                | "content-type"
                | "content-length"
                | "host"
                | "cookie"
                | "connection"
                | "transfer-encoding"
                | "x-correlator"
        );
        if ours || HeaderName::try_from(&name).is_err() {
            let message = format!("`{}` cannot be set here", name.escape_debug());
            return refuse(field, &message);
        }
    }
    let fits = |value: &String| HeaderValue::try_from(value).is_ok();
    if !settings.api_headers.values().all(fits) {
        return refuse("api_headers", "holds a value that fits no header");
    }
    Ok(())
}

/// What only one dialect can do stands only there.
fn check_dialect(settings: &Settings) -> Result<(), Refused> {
    let refuse = |field, message: &str| Err(Refused::invalid(field, message));
    let Settings {
        dialect,
        token_auth,
        number_form,
        ..
    } = settings;
    if (*dialect == Dialect::Vonage) != (*token_auth == TokenAuth::ApplicationJwt) {
        let message = "application_jwt and the dialect vonage go together";
        return refuse("token_auth", message);
    }
    if *dialect != Dialect::Vonage && settings.enablement_endpoint.is_some() {
        return refuse("enablement_endpoint", "is of the dialect vonage");
    }
    if *dialect != Dialect::MobileConnect {
        if settings.token_parameters != TokenParameters::Body {
            let message = "only the dialect mobile_connect puts them in the query string";
            return refuse("token_parameters", message);
        }
        if settings.correlation_in_call {
            return refuse("correlation_in_call", "is of the dialect mobile_connect");
        }
    }
    if *dialect != Dialect::Camara && settings.signed_request {
        return refuse("signed_request", "is of the dialect camara");
    }
    match dialect {
        Dialect::Camara => {}
        Dialect::Telefonica => {
            if *token_auth == TokenAuth::PrivateKeyJwt {
                return refuse("token_auth", "Telefónica takes a client secret");
            }
        }
        Dialect::Vonage => {
            if settings.assertion_alg != SigningAlg::RS256 {
                return refuse("assertion_alg", "an application's JWT is signed with RS256");
            }
            if settings.login_hint == HintForm::None {
                return refuse("login_hint", "is required by Vonage; write tel");
            }
            if settings.id_token == IdTokenRule::Required {
                return refuse("id_token", "Vonage sends none; write ignored");
            }
        }
        Dialect::MobileConnect => {
            if *token_auth != TokenAuth::ClientSecretBasic {
                return refuse("token_auth", "Mobile Connect takes client_secret_basic");
            }
            for name in ["acr_values", "version"] {
                if !settings.authorize_params.contains_key(name) {
                    let message = format!("Mobile Connect needs `{name}`");
                    return refuse("authorize_params", &message);
                }
            }
            let scope = &settings.scope_verify;
            let by_hash = scope.split(' ').any(|word| word == "mc_vm_match_hash");
            let plain = scope.split(' ').any(|word| word == "mc_vm_match");
            if (by_hash && !number_form.is_hash()) || (plain && number_form.is_hash()) {
                let message = "mc_vm_match_hash wants a hash, mc_vm_match a plain number";
                return refuse("number_form", message);
            }
            if settings.scope_device_phone_number.is_some() {
                let message = "Mobile Connect tells no numbers";
                return refuse("scope_device_phone_number", message);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::presets;
    use crate::store::operators::{Mode, NumberForm};

    #[test]
    fn a_dialect_is_refused_what_it_cannot_do() {
        let preset = |name: &str| -> Settings {
            let preset = presets::find(name).unwrap();
            let given = preset
                .settings(Some("https://op.example"), Mode::Live)
                .unwrap();
            Settings {
                client_id: "us".to_owned(),
                prefixes: vec!["34".to_owned()],
                ..serde_json::from_value(given.into()).unwrap()
            }
        };
        for name in presets::all().keys() {
            assert!(check(&preset(name)).is_ok(), "{name}");
        }
        type Edit = fn(&mut Settings);
        let edits: [(&str, &str, Edit); 15] = [
            ("camara", "token_auth", |s| {
                s.token_auth = TokenAuth::ApplicationJwt
            }),
            ("camara", "token_parameters", |s| {
                s.token_parameters = TokenParameters::Query
            }),
            ("camara", "enablement_endpoint", |s| {
                s.enablement_endpoint = Some("https://op.example/e".to_owned());
            }),
            ("camara", "correlation_in_call", |s| {
                s.correlation_in_call = true
            }),
            ("camara", "api_path", |s| {
                s.api_path = Some("a?b".to_owned())
            }),
            ("camara", "api_path", |s| {
                s.api_path = Some("../a".to_owned())
            }),
            ("camara", "api_headers", |s| {
                s.api_headers
                    .insert("Authorization".to_owned(), "x".to_owned());
            }),
            ("camara", "api_headers", |s| {
                s.api_headers.insert("x".to_owned(), "a\r\nb: c".to_owned());
            }),
            ("telefonica", "signed_request", |s| s.signed_request = true),
            ("telefonica", "token_auth", |s| {
                s.token_auth = TokenAuth::PrivateKeyJwt
            }),
            ("vonage", "login_hint", |s| s.login_hint = HintForm::None),
            ("vonage", "assertion_alg", |s| {
                s.assertion_alg = SigningAlg::ES256
            }),
            ("vodafone", "authorize_params", |s| {
                s.authorize_params.clear()
            }),
            ("vodafone", "number_form", |s| {
                s.number_form = NumberForm::Plain
            }),
            ("vodafone", "token_auth", |s| {
                s.token_auth = TokenAuth::ClientSecretPost
            }),
        ];
        for (name, wanted, edit) in edits {
            let mut settings = preset(name);
            edit(&mut settings);
            match check(&settings) {
                Err(Refused::Invalid { field, .. }) => assert_eq!(field, wanted, "{name}"),
                other => panic!("{name} {wanted}: {other:?}"),
            }
        }
    }
}
