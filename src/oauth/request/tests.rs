use super::*;
use crate::oauth::error::ErrorCode;
use crate::oauth::params::Params;

const GOOD: &str = "client_id=c&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code\
    &scope=openid+phone&state=s1";

fn run(query: &str, must_use_pkce: bool) -> Result<AuthorizeRequest, AuthorizeError> {
    let scopes = ["openid", "phone", "number_verified"].map(str::to_owned);
    check(
        &Params::parse(query.as_bytes(), 100).unwrap(),
        &Registered {
            redirect_uris: &["https://app.example/cb".to_owned()],
            native: false,
            must_use_pkce,
            scopes: &scopes,
            resources: &["https://api.example/".to_owned()],
            default_max_age: None,
            default_acr_values: &[],
            signed_answers: false,
        },
    )
}

fn code(query: &str) -> &'static str {
    match run(query, false) {
        Err(AuthorizeError::Redirect(_, error)) => error.code.as_str(),
        Err(AuthorizeError::Page(_)) => "page",
        Ok(_) => "ok",
    }
}

#[test]
fn the_first_fault_is_told_in_the_right_place() {
    for (extra, expected) in [
        ("", "ok"),
        (
            "&unknown=x&display=page&claims_locales=se&acr_values=1+2",
            "ok",
        ),
        ("&response_type=code", "invalid_request"),
        ("&state=again", "page"),
        ("&redirect_uri=https%3A%2F%2Fevil.example", "page"),
        ("&response_mode=form_post", "ok"),
        ("&response_mode=fragment.jwt", "ok"),
        ("&response_mode=web_message", "invalid_request"),
        (
            "&response_mode=query&response_mode=query",
            "invalid_request",
        ),
        ("&claims=%7B%7D", "ok"),
        ("&claims=%7B", "invalid_request"),
        (
            "&claims=%7B%22id_token%22:%7B%22acr%22:%7B%22essential%22:true,%22value%22:%22x%22%7D%7D%7D",
            "unmet_authentication_requirements",
        ),
        ("&resource=https://api.example/", "ok"),
        (
            "&resource=https://api.example/&resource=https://api.example/",
            "ok",
        ),
        ("&resource=https://other.example/", "invalid_target"),
        ("&dpop_jkt=short", "invalid_request"),
        ("&display=hologram", "ok"),
        ("&display=page&display=page", "invalid_request"),
        ("&response_mode=query", "ok"),
        ("&request=x", "request_not_supported"),
        ("&request_uri=x", "request_uri_not_supported"),
        ("&prompt=none", "ok"),
        ("&prompt=none+login", "invalid_request"),
        ("&prompt=unheard", "ok"),
        ("&max_age=10", "ok"),
        ("&max_age=-1", "invalid_request"),
        ("&max_age=%2B1", "invalid_request"),
        ("&max_age=abc", "invalid_request"),
        (
            "&code_challenge=short&code_challenge_method=S256",
            "invalid_request",
        ),
        ("&code_challenge_method=S256", "invalid_request"),
        (
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=plain",
            "invalid_request",
        ),
        (
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "invalid_request",
        ),
        (
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
            "ok",
        ),
        ("&login_hint=buffy%40example.org", "ok"),
        ("&login_hint=%2B34666111334", "ok"),
        ("&login_hint=+34666111334", "ok"),
        ("&login_hint=666111334", "invalid_request"),
        ("&login_hint=tel:%2B34", "invalid_request"),
    ] {
        assert_eq!(code(&format!("{GOOD}{extra}")), expected, "{extra}");
    }
    assert_eq!(
        code("redirect_uri=https%3A%2F%2Fapp.example%2Fcb"),
        "invalid_request"
    );
    assert_eq!(
        code(&GOOD.replace("response_type=code", "response_type=token")),
        "unsupported_response_type"
    );
    assert_eq!(code(&GOOD.replace("openid+", "")), "invalid_scope");
    assert_eq!(code(&GOOD.replace("%2Fcb", "%2Fcb%2F")), "page");
    assert_eq!(code(&GOOD.replace("redirect_uri", "redirect")), "page");
}

#[test]
fn public_clients_need_pkce() {
    assert!(matches!(
        run(GOOD, true),
        Err(AuthorizeError::Redirect(_, error)) if error.code == ErrorCode::InvalidRequest
    ));
}

#[test]
fn the_number_is_not_stored_with_the_request() {
    let request = run(&format!("{GOOD}&login_hint=%2B34666111334"), false).unwrap();
    assert_eq!(request.number.as_ref().unwrap().e164(), "+34666111334");
    let json = serde_json::to_string(&request).unwrap();
    assert!(!json.contains("666111"), "{json}");
    let again: AuthorizeRequest = serde_json::from_str(&json).unwrap();
    assert_eq!(again.redirect, request.redirect);
    assert_eq!(again.number, None);
}

#[test]
fn an_oversized_state_is_told_without_it() {
    let long = format!("{}{}", GOOD, "x".repeat(2100));
    let Err(AuthorizeError::Redirect(redirect, error)) = run(&long, false) else {
        panic!("not redirected");
    };
    let answer = crate::oauth::redirect::Answer::from(&error);
    let told = redirect.with(&redirect.parameters(&answer, "https://id"));
    assert!(told.contains("error=invalid_request") && !told.contains("xxxx"));
}

proptest::proptest! {
    #[test]
    fn checking_never_panics(query in "\\PC{0,200}") {
        let _ = run(&query, true);
    }
}

#[test]
fn every_parameter_is_in_the_documentation() {
    let documented = include_str!("../../../docs/protocol.md");
    for name in checks::KNOWN.iter().chain(&["resource"]) {
        assert!(documented.contains(&format!("`{name}`")), "{name}");
    }
}
