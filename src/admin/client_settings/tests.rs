use serde_json::json;

use super::*;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::clients::{CertificateSubject, Profile};

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
