//! Every setting of an app that no other page of it has: what it is called and how it is written. A test
//! holds that none is missing.

use crate::console::fields::{Group, Kind, field};

/// How the app authenticates; no setting, but it belongs to the keys.
pub const METHOD: &str = "token_endpoint_auth_method";

const ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256", "EdDSA"];
const ANY_ALGORITHM: &[&str] = &["", "RS256", "PS256", "ES256", "EdDSA"];

/// All of them.
pub const ALL: [Group; 5] = [
    Group {
        title: "How it proves itself",
        fields: &[
            field(
                METHOD,
                Kind::Choice(&[
                    "client_secret_basic",
                    "client_secret_post",
                    "private_key_jwt",
                    "tls_client_auth",
                    "self_signed_tls_client_auth",
                    "none",
                ]),
                "It authenticates with",
                "",
            ),
            field(
                "jwks_uri",
                Kind::Url,
                "Where its public keys are fetched (JWKS)",
                "",
            ),
            field(
                "jwks",
                Kind::Json,
                "Or its public keys themselves (JWKS)",
                "Never private ones.",
            ),
            field(
                "auth_signing_alg",
                Kind::Choice(ANY_ALGORITHM),
                "The one algorithm of its assertions",
                "",
            ),
            field(
                "tls_client_auth",
                Kind::Pairs,
                "What its certificate must say, for tls_client_auth",
                "One line: subject_dn: CN=shop, san_dns: shop.example, san_uri, san_ip or san_email.",
            ),
        ],
    },
    Group {
        title: "Its requests",
        fields: &[
            field(
                "profile",
                Kind::Choice(&["oidc", "fapi2", "fapi2_message_signing"]),
                "Profile",
                "Choosing a FAPI one settles algorithms, pushed requests and bound tokens, too.",
            ),
            field(
                "require_signed_request_object",
                Kind::Flag,
                "Every request is a signed object (RFC 9101).",
                "",
            ),
            field(
                "request_object_alg",
                Kind::Choice(ANY_ALGORITHM),
                "The one algorithm of its request objects",
                "",
            ),
            field("scopes", Kind::Words, "Scopes it may ask for", ""),
            field(
                "resources",
                Kind::Lines,
                "Resources it may ask tokens for (RFC 8707)",
                "Absolute URIs, one a line.",
            ),
            field(
                "default_max_age",
                Kind::Number,
                "max_age where a request names none, seconds",
                "Empty: none.",
            ),
            field(
                "default_acr_values",
                Kind::Words,
                "acr_values where a request names none",
                "",
            ),
            field(
                "initiate_login_uri",
                Kind::Url,
                "Where a sign-in that starts elsewhere is sent",
                "",
            ),
        ],
    },
    Group {
        title: "What it gets",
        fields: &[
            field(
                "id_token_alg",
                Kind::Choice(ALGORITHMS),
                "Algorithm of its ID tokens",
                "",
            ),
            field(
                "userinfo_alg",
                Kind::Choice(ANY_ALGORITHM),
                "Algorithm of its userinfo",
                "–: plain JSON, not signed.",
            ),
            field(
                "authorization_response_alg",
                Kind::Choice(ALGORITHMS),
                "Algorithm of signed answers (JARM)",
                "",
            ),
            field(
                "introspection_alg",
                Kind::Choice(ALGORITHMS),
                "Algorithm of signed introspection",
                "",
            ),
            field(
                "access_token_format",
                Kind::Choice(&["opaque", "jwt"]),
                "Access tokens are",
                "",
            ),
            field(
                "dpop_bound_access_tokens",
                Kind::Flag,
                "Access tokens must be bound to a DPoP key (RFC 9449).",
                "",
            ),
            field(
                "certificate_bound_access_tokens",
                Kind::Flag,
                "Access tokens are bound to its certificate (RFC 8705).",
                "",
            ),
            field(
                "subject_type",
                Kind::Choice(&["pairwise", "public"]),
                "sub is",
                "Another one makes everybody somebody new to the app.",
            ),
        ],
    },
    Group {
        title: "Signing out",
        fields: &[
            field(
                "backchannel_logout_session_required",
                Kind::Flag,
                "What its server is told must name the session.",
                "",
            ),
            field(
                "frontchannel_logout_uri",
                Kind::Url,
                "Where the browser tells it, in a frame",
                "",
            ),
            field(
                "frontchannel_logout_session_required",
                Kind::Flag,
                "That must name the session.",
                "",
            ),
        ],
    },
    Group {
        title: "Else",
        fields: &[
            field(
                "default_locale",
                Kind::Text,
                "Language of its people",
                "For browsers that tell none: es, pt-BR.",
            ),
            field("contacts", Kind::Lines, "Who answers for it", "One a line."),
            field("logo_uri", Kind::Url, "Its picture elsewhere", ""),
            field(
                "checks.departures_per_minute",
                Kind::Number,
                "Departures to operators a minute, at most",
                "0: no limit. Counted per server.",
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::console::fields::{put, stored, written};
    use crate::oauth::params::Params;
    use crate::store::clients::{AuthMethod, CertificateSubject, Settings};

    /// What the app's settings, branding and sector have fields for.
    const ELSEWHERE: [&str; 19] = [
        "access_token_s",
        "accent",
        "backchannel_logout_uri",
        "checks",
        "claims_in_userinfo_only",
        "client_uri",
        "confirm",
        "fresh_for_s",
        "handoff",
        "hint",
        "operators",
        "policy_uri",
        "post_logout_redirect_uris",
        "quota_per_month",
        "require_pkce",
        "require_pushed",
        "sector_identifier_uri",
        "silent_check",
        "tos_uri",
    ];

    fn full() -> Settings {
        Settings {
            jwks: Some(json!({ "keys": [] })),
            jwks_uri: Some("https://shop.example/keys".to_owned()),
            tls_client_auth: Some(CertificateSubject::SanDns("shop.example".to_owned())),
            default_max_age: Some(7),
            contacts: vec![
                "Ann Lee <ann@shop.example>".to_owned(),
                "bob@shop.example, or the desk".to_owned(),
            ],
            ..Settings::default()
        }
    }

    #[test]
    fn every_setting_has_its_field_on_one_of_the_pages() {
        let settings = serde_json::to_value(Settings::default()).unwrap();
        let own = ALL.iter().flat_map(|group| group.fields);
        let own = own.map(|field| field.name).filter(|name| *name != METHOD);
        let mut fields: Vec<&str> = own.filter(|name| !name.contains('.')).collect();
        fields.extend(ELSEWHERE);
        fields.sort_unstable();
        let mut all: Vec<&str> = settings
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        all.sort_unstable();
        assert_eq!(fields, all);
    }

    #[test]
    fn a_form_that_was_not_touched_changes_nothing() {
        for settings in [Settings::default(), full()] {
            let mut before = serde_json::to_value(&settings).unwrap();
            before[METHOD] = json!("none");
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for field in ALL.iter().flat_map(|group| group.fields) {
                form.append_pair(field.name, &stored(&before, field));
            }
            let form = Params::parse(form.finish().as_bytes(), 200).unwrap();
            let mut after = written(&ALL, &form, before, &|_| true).unwrap();
            assert_eq!(
                after.as_object_mut().unwrap().remove(METHOD),
                Some(json!("none"))
            );
            assert_eq!(Settings::from_input(after).unwrap(), settings);
        }
    }

    #[test]
    fn every_word_to_choose_is_one_that_the_settings_know() {
        for field in ALL.iter().flat_map(|group| group.fields) {
            let Kind::Choice(words) = field.kind else {
                continue;
            };
            for word in words.iter().filter(|word| !word.is_empty()) {
                if field.name == METHOD {
                    let known: Result<AuthMethod, _> = serde_json::from_value(json!(word));
                    assert!(known.is_ok(), "{word}");
                    continue;
                }
                let mut settings = serde_json::to_value(full()).unwrap();
                put(&mut settings, field, Value::from(*word));
                assert!(
                    Settings::from_input(settings).is_ok(),
                    "{} {word}",
                    field.name
                );
            }
        }
    }
}
