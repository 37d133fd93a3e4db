//! The authorization request: raw parameters and what is registered in, a checked request out, as
//! one ordered list of small checks (OIDC Core section 3.1.2, RFC 6749 section 4.1.1).

use serde::{Deserialize, Serialize};

use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::pkce::Challenge;
use crate::oauth::redirect::VerifiedRedirect;
use crate::oauth::scope::{Scope, ScopeSet};
use crate::phone::PhoneNumber;

/// What the checks need to know of the client.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'a> {
    /// Its redirect URIs.
    pub redirect_uris: &'a [String],
    /// Whether it is a native app, whose loopback port is free.
    pub native: bool,
    /// Whether PKCE is required of it.
    pub must_use_pkce: bool,
    /// The scopes it may ask for.
    pub scopes: &'a [String],
}

/// A request that passed every check. Stored with its login; the hinted number is personal and is
/// sealed apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// The way back.
    pub redirect: VerifiedRedirect,
    /// What may be released.
    pub scopes: ScopeSet,
    /// To be repeated in the ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// PKCE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// How much the person may be asked.
    #[serde(default, skip_serializing_if = "Prompt::is_default")]
    pub prompt: Prompt,
    /// Seconds a real check may be old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// The languages wanted, best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    /// The operator wanted, by alias or by its network's code (`idp_hint`, Keycloak's `kc_idp_hint`, or
    /// `idp:…` in `acr_values`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_hint: Option<String>,
    /// The number the app named, as `login_hint`.
    #[serde(skip)]
    pub number: Option<PhoneNumber>,
}

/// The values of `prompt` (OIDC Core section 3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Ask what is missing.
    #[default]
    Default,
    /// Show no page.
    None,
    /// Check again, and show our page.
    Login,
    /// Show the go-ahead page.
    Consent,
}

impl Prompt {
    fn is_default(&self) -> bool {
        *self == Self::Default
    }
}

/// A refused request: told on a page of ours, or at a redirect URI that is registered.
#[derive(Clone, Debug)]
pub enum AuthorizeError {
    /// There is no safe place to return to.
    Page(String),
    /// Tell the app.
    Redirect(VerifiedRedirect, OAuthError),
}

const KNOWN: &[&str] = &[
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "acr_values",
    "ui_locales",
    "idp_hint",
    "kc_idp_hint",
    "claims",
    "request",
    "request_uri",
];

/// The `client_id` of a request: needed before anything else.
///
/// # Errors
/// What to put on the page.
pub fn client_id(params: &Params) -> Result<&str, AuthorizeError> {
    if params.repeated(&["client_id"]).is_some() {
        return Err(AuthorizeError::Page(
            "client_id was sent more than once".to_owned(),
        ));
    }
    params
        .get("client_id")
        .filter(|id| id.len() <= 200 && !id.contains('\0'))
        .ok_or_else(|| AuthorizeError::Page("client_id is missing".to_owned()))
}

/// Checks a request: the redirect URI first, then everything else in order. The first fault is told.
///
/// # Errors
/// Where and what to tell.
pub fn check(
    params: &Params,
    registered: &Registered<'_>,
) -> Result<AuthorizeRequest, AuthorizeError> {
    let redirect = redirect(params, registered)?;
    let checked = rest(params, registered, &redirect);
    checked.map_err(|error| AuthorizeError::Redirect(redirect, error))
}

fn rest(
    params: &Params,
    registered: &Registered<'_>,
    redirect: &VerifiedRedirect,
) -> Result<AuthorizeRequest, OAuthError> {
    nothing_is_repeated(params)?;
    nothing_holds_a_nul(params)?;
    no_request_object(params)?;
    response_type_is_code(params)?;
    response_mode_is_query(params)?;
    let scopes = scopes(params, registered)?;
    let nonce = bounded(params, "nonce", 512)?;
    let challenge = challenge(params, registered)?;
    let prompt = prompt(params)?;
    let max_age = max_age(params)?;
    let number = number(params)?;
    Ok(AuthorizeRequest {
        redirect: redirect.clone(),
        scopes,
        nonce,
        challenge,
        prompt,
        max_age,
        ui_locales: params
            .get("ui_locales")
            .map(|l| l.chars().take(100).collect()),
        operator_hint: operator_hint(params),
        number,
    })
}

fn redirect(
    params: &Params,
    registered: &Registered<'_>,
) -> Result<VerifiedRedirect, AuthorizeError> {
    if params.repeated(&["redirect_uri", "state"]).is_some() {
        return Err(AuthorizeError::Page(
            "redirect_uri or state was sent more than once".to_owned(),
        ));
    }
    let Some(requested) = params.get("redirect_uri") else {
        return Err(AuthorizeError::Page("redirect_uri is missing".to_owned()));
    };
    let state = params.get("state");
    let redirect =
        VerifiedRedirect::matching(registered.redirect_uris, requested, registered.native, None)
            .ok_or_else(|| {
                AuthorizeError::Page("redirect_uri is not registered for this app".to_owned())
            })?;
    match state {
        Some(state) if state.len() > 2048 => Err(AuthorizeError::Redirect(
            redirect,
            OAuthError::invalid_request("state is longer than 2048 bytes"),
        )),
        Some(state) if state.contains('\0') => Err(AuthorizeError::Redirect(
            redirect,
            OAuthError::invalid_request("state holds a NUL"),
        )),
        state => Ok(VerifiedRedirect::matching(
            registered.redirect_uris,
            requested,
            registered.native,
            state,
        )
        .unwrap_or(redirect)),
    }
}

/// RFC 6749 section 3.1.
fn nothing_is_repeated(params: &Params) -> Result<(), OAuthError> {
    match params.repeated(KNOWN) {
        Some(name) => Err(OAuthError::invalid_request(format!(
            "{name} was sent more than once"
        ))),
        None => Ok(()),
    }
}

/// RFC 6749 appendix A: no parameter may hold one.
fn nothing_holds_a_nul(params: &Params) -> Result<(), OAuthError> {
    match params.with_nul() {
        Some(_) => Err(OAuthError::invalid_request("a parameter holds a NUL")),
        None => Ok(()),
    }
}

/// OIDC Core section 3.1.2.6.
fn no_request_object(params: &Params) -> Result<(), OAuthError> {
    if params.get("request").is_some() {
        return Err(OAuthError::new(
            ErrorCode::RequestNotSupported,
            "request objects are not accepted",
        ));
    }
    if params.get("request_uri").is_some() {
        return Err(OAuthError::new(
            ErrorCode::RequestUriNotSupported,
            "request_uri is not accepted",
        ));
    }
    Ok(())
}

/// RFC 6749 section 4.1.1.
fn response_type_is_code(params: &Params) -> Result<(), OAuthError> {
    match params.get("response_type") {
        Some("code") => Ok(()),
        None => Err(OAuthError::invalid_request("response_type is missing")),
        Some(_) => Err(OAuthError::new(
            ErrorCode::UnsupportedResponseType,
            "response_type must be code",
        )),
    }
}

/// OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1.
fn response_mode_is_query(params: &Params) -> Result<(), OAuthError> {
    match params.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(OAuthError::invalid_request("response_mode must be query")),
    }
}

/// OIDC Core section 3.1.2.1.
fn scopes(params: &Params, registered: &Registered<'_>) -> Result<ScopeSet, OAuthError> {
    let text = bounded(params, "scope", 1024)?.unwrap_or_default();
    let scopes = ScopeSet::parse(&text, registered.scopes);
    if scopes.has(Scope::Openid) {
        Ok(scopes)
    } else {
        Err(OAuthError::new(
            ErrorCode::InvalidScope,
            "scope must contain openid",
        ))
    }
}

/// RFC 7636 section 4.3; RFC 9700 section 2.1.1 for public clients.
fn challenge(
    params: &Params,
    registered: &Registered<'_>,
) -> Result<Option<Challenge>, OAuthError> {
    match (
        params.get("code_challenge"),
        params.get("code_challenge_method"),
    ) {
        (None, None) if registered.must_use_pkce => Err(OAuthError::invalid_request(
            "code_challenge is missing: this client must use PKCE with S256",
        )),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(OAuthError::invalid_request(
            "code_challenge_method came without code_challenge",
        )),
        (Some(challenge), Some("S256")) => Challenge::parse(challenge).map(Some).ok_or_else(|| {
            OAuthError::invalid_request("code_challenge is not 43 characters of base64url")
        }),
        (Some(_), _) => Err(OAuthError::invalid_request(
            "code_challenge_method must be S256",
        )),
    }
}

/// OIDC Core section 3.1.2.1: `none` stands alone.
fn prompt(params: &Params) -> Result<Prompt, OAuthError> {
    let words: Vec<&str> = params
        .get("prompt")
        .unwrap_or_default()
        .split_ascii_whitespace()
        .collect();
    if words.contains(&"none") {
        return if words.len() == 1 {
            Ok(Prompt::None)
        } else {
            Err(OAuthError::invalid_request("prompt=none must stand alone"))
        };
    }
    Ok(
        if words.contains(&"login") || words.contains(&"select_account") {
            Prompt::Login
        } else if words.contains(&"consent") {
            Prompt::Consent
        } else {
            Prompt::Default
        },
    )
}

/// OIDC Core section 3.1.2.1.
fn max_age(params: &Params) -> Result<Option<u32>, OAuthError> {
    let Some(text) = params.get("max_age") else {
        return Ok(None);
    };
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if digits => Ok(Some(seconds)),
        _ => Err(OAuthError::invalid_request(
            "max_age must be a number of seconds",
        )),
    }
}

/// DESIGN.md section 3, The number: what looks like a number must be one; the rest is not for us.
fn number(params: &Params) -> Result<Option<PhoneNumber>, OAuthError> {
    let Some(hint) = params.get("login_hint") else {
        return Ok(None);
    };
    PhoneNumber::from_hint(hint).map_err(|why| {
        OAuthError::invalid_request(format!(
            "login_hint looks like a phone number but is none: {why}; send +E164 or tel:+E164"
        ))
    })
}

/// `idp_hint`, Keycloak's `kc_idp_hint`, or among the `acr_values` the first `idp:` with a name, as other
/// brokers take it.
fn operator_hint(params: &Params) -> Option<String> {
    let named_in_acr = || {
        let mut values = params.get("acr_values")?.split_ascii_whitespace();
        values.find_map(|value| value.strip_prefix("idp:"))
    };
    params
        .get("idp_hint")
        .or_else(|| params.get("kc_idp_hint"))
        .or_else(named_in_acr)
        .filter(|alias| alias.len() <= 64)
        .map(str::to_owned)
}

fn bounded(params: &Params, name: &str, most: usize) -> Result<Option<String>, OAuthError> {
    match params.get(name) {
        Some(value) if value.len() > most => Err(OAuthError::invalid_request(format!(
            "{name} is longer than {most} bytes"
        ))),
        value => Ok(value.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("&response_mode=form_post", "invalid_request"),
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
        assert!(!redirect.with_error(&error, "https://id").contains("xxxx"));
    }

    proptest::proptest! {
        #[test]
        fn checking_never_panics(query in "\\PC{0,200}") {
            let _ = run(&query, true);
        }
    }
}
