//! What holds of the parsers for any input at all: whoever talks to us chooses it.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::oauth::distinguished_name::DistinguishedName;
use crate::oauth::dpop;
use crate::oauth::error::OAuthError;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::Jws;
use crate::oauth::logout::{LogoutRequest, PostLogoutRedirect};
use crate::oauth::params::Params;
use crate::oauth::pkce;
use crate::oauth::prompt::{Prompt, PromptSet};
use crate::oauth::redirect::{VerifiedRedirect, reason_to_refuse_registration};
use crate::oauth::request_object;
use crate::oauth::response_mode::ResponseMode;
use crate::oauth::scope::{Scope, ScopeSet};
use crate::secret::b64;

/// Any JSON, and often what a key, a header or a claim looks like.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "(EC|RSA|OKP|oct|P-256|Ed25519|ES256|none|HS256|AQAB|sig|enc|[A-Za-z0-9_-]{43})"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let name = "(kty|crv|x|y|n|e|d|k|kid|use|alg|key_ops|keys|x5c|typ|crit|jwk|iss|aud|exp|nbf|jti|\\PC{0,6})";
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name, inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("\\PC{1,8}", "\\PC{1,12}"), 0..8)
}

fn encoded(pairs: &[(String, String)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs);
    text.finish()
}

/// URIs that could be registered, many of them close to one another.
fn uri() -> impl Strategy<Value = String> {
    prop_oneof![
        "https://(a|b|A)[.]example(:443|:8443)?(/|/cb|/cb/|/%63b|/cb[?]x=1|/cb[?]x=1&y)?",
        "http://(127[.]0[.]0[.]1|localhost|\\[::1\\])(:[0-9]{1,5})?/cb",
        "[a-z]{1,6}([.][a-z]{1,6}){0,2}:/{0,2}cb",
        "\\PC{0,30}",
    ]
}

proptest! {
    #[test]
    fn a_form_is_read_as_it_was_written(pairs in pairs()) {
        let read = Params::parse(encoded(&pairs).as_bytes(), 8).unwrap();
        prop_assert_eq!(read.into_pairs(), pairs);
    }

    #[test]
    fn any_bytes_are_a_form_or_too_many_parameters(bytes in vec(any::<u8>(), 0..200), most in 0_usize..20) {
        if let Ok(read) = Params::parse(&bytes, most) {
            prop_assert!(read.into_pairs().len() <= most);
        }
    }

    #[test]
    fn a_description_is_always_legal(text in "\\PC{0,600}|[\\x00-\\x1f\"\\\\]{0,20}") {
        let error = OAuthError::invalid_request(&text);
        prop_assert!(error.description.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
        prop_assert!(error.description.len() <= 500);
    }

    /// P: a redirect that was not matched exactly cannot come about.
    #[test]
    fn only_what_is_registered_to_the_letter_is_a_way_back(registered in vec(uri(), 0..4), asked in uri()) {
        let found = VerifiedRedirect::matching(&registered, &asked, false);
        prop_assert_eq!(found.is_some(), registered.contains(&asked));
        let goodbye = PostLogoutRedirect::matching(&registered, &asked, None);
        prop_assert!(goodbye.is_none() || registered.contains(&asked));
        if let Some(native) = VerifiedRedirect::matching(&registered, &asked, true) {
            prop_assert_eq!(native.uri(), &asked);
            let without_port = |uri: &str| url::Url::parse(uri).ok().map(|mut url| {
                let _ = url.set_port(None);
                url
            });
            prop_assert!(registered.contains(&asked)
                || registered.iter().any(|uri| without_port(uri) == without_port(&asked)));
        }
    }

    #[test]
    fn an_answer_is_read_back_as_it_was_and_what_is_registered_stays(
        uri in "https://a[.]example/cb([?][a-z]=[a-z%0-9]{0,3})?",
        answer in pairs(),
        mode in "(query|fragment|form_post)",
    ) {
        prop_assume!(reason_to_refuse_registration(&uri, false).is_none());
        let registered = [uri.clone()];
        let mode = ResponseMode::parse(&mode).unwrap();
        let redirect = VerifiedRedirect::matching(&registered, &uri, false).unwrap().answered_by(mode);
        let given: Vec<_> = answer.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let whole = redirect.with(&given);
        let added = whole.strip_prefix(&uri).unwrap();
        let read: Vec<_> = url::form_urlencoded::parse(&added.as_bytes()[added.len().min(1)..]).into_owned().collect();
        prop_assert_eq!(read, answer);
        prop_assert!(added.bytes().all(|b| b.is_ascii_graphic()), "fit for a header");
    }

    #[test]
    fn scopes_are_some_of_those_allowed_and_read_as_written(
        text in "((openid|phone|number_verified|offline_access|email|\\PC{0,5}) {0,2}){0,6}",
        allowed in vec("(openid|phone|number_verified|offline_access)", 0..4),
    ) {
        let scopes = ScopeSet::parse(&text, &allowed);
        for scope in Scope::ALL {
            prop_assert!(!scopes.has(scope) || allowed.iter().any(|a| a == scope.as_str()));
        }
        prop_assert_eq!(ScopeSet::parse(&scopes.text(), &allowed), scopes);
    }

    #[test]
    fn prompts_are_read_as_written(text in "((none|login|consent|select_account|\\PC{0,5}) {0,2}){0,6}") {
        let prompt = PromptSet::parse(&text);
        for word in Prompt::ALL {
            prop_assert_eq!(prompt.has(word), text.split_ascii_whitespace().any(|w| w == word.as_str()));
        }
        prop_assert_eq!(PromptSet::parse(&prompt.text()), prompt);
    }

    #[test]
    fn a_challenge_is_met_by_its_verifier_alone(verifier in "[A-Za-z0-9._~-]{43,128}", other in "\\PC{0,140}") {
        let challenge = pkce::of_verifier(&verifier).unwrap();
        prop_assert!(challenge.is_met_by(&verifier));
        prop_assert_eq!(challenge.is_met_by(&other), other == verifier);
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        prop_assert_eq!(
            pkce::of_verifier(&other).is_some(),
            (43..=128).contains(&other.len()) && other.bytes().all(legal)
        );
    }

    /// Whatever is read is signed with something that can be checked, over exactly what was sent.
    #[test]
    fn a_token_is_read_as_it_stands_or_refused(header in json(), claims in json(), rest in "[A-Za-z0-9_-]{0,90}|\\PC{0,9}") {
        let text = format!("{}.{}.{rest}", b64(header.to_string().as_bytes()), b64(claims.to_string().as_bytes()));
        if let Ok(read) = Jws::parse(&text) {
            prop_assert_eq!(&Value::from(read.header.clone()), &header);
            prop_assert_eq!(&Value::from(read.claims.clone()), &claims);
            prop_assert_eq!(header["alg"].as_str(), Some(read.alg.as_str()));
            prop_assert!(header.get("crit").is_none());
            prop_assert_eq!(format!("{}.{rest}", read.signed), text);
            let expected = request_object::Expected {
                issuer: "https://id.example", client_id: "c", fapi: true, now: Clock::system().now(),
            };
            let _ = request_object::parameters(&read, &expected);
        }
    }

    #[test]
    fn nothing_at_random_is_a_token_or_a_proof(text in "\\PC{0,200}|([A-Za-z0-9_-]{0,60}[.]){2}[A-Za-z0-9_-]{0,86}") {
        prop_assert!(Jws::parse(&text).is_err() || text.matches('.').count() == 2);
        let urls = ["https://id.example/token".to_owned()];
        let expected = dpop::Expected {
            method: "POST", urls: &urls, access_token: None, nonces: &[], now: Clock::system().now(),
        };
        prop_assert!(dpop::check(&text, &expected).is_err());
    }

    /// No set with a private or a symmetric key is taken, and what is taken can check something.
    #[test]
    fn any_key_set_is_read_or_refused(set in json(), keys in vec(json(), 0..4)) {
        let _ = KeySet::parse(&set);
        let set = serde_json::json!({ "keys": keys });
        if KeySet::parse(&set).is_ok() {
            for key in &keys {
                prop_assert!(key.get("d").is_none() && key["kty"] != "oct", "{}", key);
            }
        }
    }

    #[test]
    fn a_name_is_itself_and_never_panics(text in "\\PC{0,80}|((CN|O|C|OU|2[.]5[.]4[.]3)=[a-z\\\\,+\"# ]{0,8},?){0,4}") {
        if let Ok(name) = DistinguishedName::parse(&text) {
            prop_assert!(DistinguishedName::parse(&text) == Ok(name));
        }
    }

    #[test]
    fn a_logout_request_comes_back_from_our_form_as_it_was(pairs in vec(
        ("(id_token_hint|client_id|state|post_logout_redirect_uri|ui_locales|logout_hint|x)", "\\PC{0,20}"), 0..6,
    )) {
        let params = Params::of(pairs);
        if let Ok(read) = LogoutRequest::read(&params) {
            let fields = read.fields();
            let again = LogoutRequest::read(&Params::of(fields.clone())).unwrap();
            prop_assert_eq!(again.fields(), fields);
        }
    }
}
