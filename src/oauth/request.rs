//! The authorization request: raw parameters and what is registered in, a checked request out, as
//! one ordered list of small checks (OIDC Core section 3.1.2, RFC 6749 section 4.1.1).

use serde::{Deserialize, Serialize};

use crate::oauth::acr::Acr;
use crate::oauth::claims_request::ClaimsRequest;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::pkce::Challenge;
use crate::oauth::prompt::{Prompt, PromptSet};
use crate::oauth::redirect::VerifiedRedirect;
use crate::oauth::response_mode::ResponseMode;
use crate::oauth::scope::{Scope, ScopeSet};
use crate::phone::PhoneNumber;
use crate::secret::Redacted;

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
    /// The resources it may ask tokens for (RFC 8707).
    pub resources: &'a [String],
    /// The `max_age` of requests that name none.
    pub default_max_age: Option<u32>,
    /// The `acr_values` of requests that name none.
    pub default_acr_values: &'a [String],
    /// Whether its answers are signed whatever the request says (JARM).
    pub signed_answers: bool,
}

/// A request that passed every check. Stored with its login; what is personal in it, the hinted number
/// and the hinted ID token, is not stored with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// The way back, and in which mode.
    pub redirect: VerifiedRedirect,
    /// What may be released.
    pub scopes: ScopeSet,
    /// The single claims asked for, cut to what the client may have.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// To be repeated in the ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// PKCE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// How much the person may be asked.
    #[serde(default, skip_serializing_if = "PromptSet::is_empty")]
    pub prompt: PromptSet,
    /// Seconds a real check may be old: the request's, or the client's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// The authentication contexts wanted, best first: the request's, or the client's default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The only subject that may be answered for: `claims.id_token.sub`'s value; whoever verifies
    /// [`Self::id_token_hint`] puts its `sub` here as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How pages are shown; ours fit everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    /// The languages wanted on pages, best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    /// The languages wanted in claims, best first; none of ours has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims_locales: Option<String>,
    /// The operator wanted, by alias or by its network's code (`idp_hint`, Keycloak's `kc_idp_hint`, or
    /// `idp:…` in `acr_values`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_hint: Option<String>,
    /// The thumbprint of the DPoP key that the code is bound to (RFC 9449 section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// The resources a token is wanted for (RFC 8707), each of them registered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Whether the client pushed it (RFC 9126): no browser could alter it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pushed: bool,
    /// Whether the client signed it (RFC 9101): nobody could.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// The number the app named, as `login_hint`.
    #[serde(skip)]
    pub number: Option<PhoneNumber>,
    /// The ID token in `id_token_hint`, as it came: it is not verified here.
    #[serde(skip)]
    pub id_token_hint: Option<Redacted>,
}

impl AuthorizeRequest {
    /// What a go-ahead is asked for and remembered for: scopes and claims together, as scope words.
    #[must_use]
    pub fn release(&self) -> Vec<String> {
        let mut words = self.scopes.words();
        words.extend(self.claims.scope_words().map(|w| w.as_str().to_owned()));
        words.sort_unstable();
        words.dedup();
        words
    }

    /// Whether the number it names cannot have been edited in an address bar.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pushed || self.signed
    }
}

/// The values of `display` (OIDC Core section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// A whole page.
    Page,
    /// A small window.
    Popup,
    /// A device with a touch screen.
    Touch,
    /// A feature phone.
    Wap,
}

impl Display {
    /// Every value, for discovery.
    pub const ALL: [Self; 4] = [Self::Page, Self::Popup, Self::Touch, Self::Wap];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == word)
    }
}

/// A refused request: told on a page of ours, or at a redirect URI that is registered.
#[derive(Clone, Debug)]
pub enum AuthorizeError {
    /// There is no safe place to return to.
    Page(OAuthError),
    /// Tell the app.
    Redirect(VerifiedRedirect, OAuthError),
}

impl AuthorizeError {
    fn page(reason: &str) -> Self {
        Self::Page(OAuthError::invalid_request(reason))
    }
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
    "display",
    "ui_locales",
    "claims_locales",
    "dpop_jkt",
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
        return Err(AuthorizeError::page("client_id was sent more than once"));
    }
    params
        .get("client_id")
        .filter(|id| id.len() <= 200 && !id.contains('\0'))
        .ok_or_else(|| AuthorizeError::page("client_id is missing"))
}

/// Checks a request: the redirect URI first, then everything else in order. The first fault is told.
///
/// # Errors
/// Where and what to tell.
pub fn check(
    params: &Params,
    registered: &Registered<'_>,
) -> Result<AuthorizeRequest, AuthorizeError> {
    let redirect = way_back(params, registered)?;
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
    response_mode_is_known(params)?;
    let prompt = prompt(params)?;
    let scopes = scopes(params, registered, &prompt)?;
    let nonce = bounded(params, "nonce", 512)?;
    let challenge = challenge(params, registered)?;
    let max_age = max_age(params)?;
    let number = number(params)?;
    let claims = claims(params, registered, number.as_ref())?;
    Ok(AuthorizeRequest {
        redirect: redirect.clone(),
        scopes,
        nonce,
        challenge,
        prompt,
        max_age: max_age.or(registered.default_max_age),
        acr_values: acr_values(params, registered)?,
        subject: claims.subject()?,
        claims,
        display: params.get("display").and_then(Display::parse),
        ui_locales: locales(params, "ui_locales"),
        claims_locales: locales(params, "claims_locales"),
        operator_hint: operator_hint(params),
        dpop_jkt: dpop_jkt(params)?,
        resources: resources(params, registered)?,
        pushed: false,
        signed: false,
        number,
        id_token_hint: bounded(params, "id_token_hint", 8192)?.map(Redacted::new),
    })
}

/// The way back: the redirect URI, if it is registered, with mode and state.
///
/// # Errors
/// What to put on the page; or what to tell there.
pub fn way_back(
    params: &Params,
    registered: &Registered<'_>,
) -> Result<VerifiedRedirect, AuthorizeError> {
    if params.repeated(&["redirect_uri", "state"]).is_some() {
        return Err(AuthorizeError::page(
            "redirect_uri or state was sent more than once",
        ));
    }
    let Some(requested) = params.get("redirect_uri") else {
        return Err(AuthorizeError::page("redirect_uri is missing"));
    };
    let redirect =
        VerifiedRedirect::matching(registered.redirect_uris, requested, registered.native)
            .ok_or_else(|| AuthorizeError::page("redirect_uri is not registered for this app"))?;
    // A mode that cannot be read cannot be answered in: the default one is.
    let mode = match params.repeated(&["response_mode"]) {
        Some(_) => ResponseMode::default(),
        None => params
            .get("response_mode")
            .and_then(ResponseMode::parse)
            .unwrap_or_default(),
    };
    let redirect = redirect.answered_by(if registered.signed_answers {
        mode.signed()
    } else {
        mode
    });
    match params.get("state") {
        Some(state) if state.len() > 2048 => Err(AuthorizeError::Redirect(
            redirect,
            OAuthError::invalid_request("state is longer than 2048 bytes"),
        )),
        Some(state) if state.contains('\0') => Err(AuthorizeError::Redirect(
            redirect,
            OAuthError::invalid_request("state holds a NUL"),
        )),
        Some(state) => Ok(redirect.giving_back(state)),
        None => Ok(redirect),
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

/// Request objects were unpacked before; no address is ever fetched for one (OIDC Core section
/// 3.1.2.6).
fn no_request_object(params: &Params) -> Result<(), OAuthError> {
    if params.get("request").is_some() {
        return Err(OAuthError::new(
            ErrorCode::RequestNotSupported,
            "a request object is not accepted here",
        ));
    }
    if params.get("request_uri").is_some() {
        return Err(OAuthError::new(
            ErrorCode::RequestUriNotSupported,
            "request_uri must be one of ours, from the pushed authorization request endpoint",
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

/// OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1; JARM section 2.3.
fn response_mode_is_known(params: &Params) -> Result<(), OAuthError> {
    match params.get("response_mode").map(ResponseMode::parse) {
        None | Some(Some(_)) => Ok(()),
        Some(None) => Err(OAuthError::invalid_request(
            "response_mode must be query, fragment, form_post, or one of them with .jwt",
        )),
    }
}

/// OIDC Core section 3.1.2.1, and section 11 for `offline_access`.
fn scopes(
    params: &Params,
    registered: &Registered<'_>,
    prompt: &PromptSet,
) -> Result<ScopeSet, OAuthError> {
    let text = bounded(params, "scope", 1024)?.unwrap_or_default();
    let mut scopes = ScopeSet::parse(&text, registered.scopes);
    if !prompt.has(Prompt::Consent) {
        scopes = scopes.without(Scope::OfflineAccess);
    }
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

/// OIDC Core section 3.1.2.1: `none` stands alone; unknown words are ignored.
fn prompt(params: &Params) -> Result<PromptSet, OAuthError> {
    let words = params.get("prompt").unwrap_or_default();
    let several = words.split_ascii_whitespace().count() > 1;
    let prompt = PromptSet::parse(words);
    if prompt.has(Prompt::None) && several {
        return Err(OAuthError::invalid_request("prompt=none must stand alone"));
    }
    Ok(prompt)
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

/// OIDC Core section 5.5; an essential `acr` is met or refused (section 5.5.1.1).
fn claims(
    params: &Params,
    registered: &Registered<'_>,
    number: Option<&PhoneNumber>,
) -> Result<ClaimsRequest, OAuthError> {
    let Some(text) = bounded(params, "claims", 8192)? else {
        return Ok(ClaimsRequest::default());
    };
    let claims = ClaimsRequest::parse(&text, number)
        .map_err(|why| OAuthError::invalid_request(format!("claims: {why}")))?;
    // A hand-off is the person's choice, so nobody can count on it.
    if !claims.acr_can_be(&[Acr::Network.as_str()]) {
        return Err(OAuthError::new(
            ErrorCode::UnmetAuthenticationRequirements,
            "none of the acr values that claims calls essential is offered",
        ));
    }
    Ok(claims.cut_to(registered.scopes))
}

/// OIDC Core section 3.1.2.1: voluntary, so what we do not know is no fault.
fn acr_values(params: &Params, registered: &Registered<'_>) -> Result<Vec<String>, OAuthError> {
    Ok(match bounded(params, "acr_values", 1024)? {
        Some(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        None => registered.default_acr_values.to_vec(),
    })
}

fn locales(params: &Params, name: &str) -> Option<String> {
    params.get(name).map(|l| l.chars().take(100).collect())
}

/// RFC 9449 section 10: the base64url SHA-256 thumbprint of a key.
fn dpop_jkt(params: &Params) -> Result<Option<String>, OAuthError> {
    match params.get("dpop_jkt") {
        Some(jkt) if !is_thumbprint(jkt) => Err(OAuthError::invalid_request(
            "dpop_jkt is not 43 characters of base64url",
        )),
        jkt => Ok(jkt.map(str::to_owned)),
    }
}

fn is_thumbprint(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// RFC 8707 section 2: the one parameter that may come several times.
fn resources(params: &Params, registered: &Registered<'_>) -> Result<Vec<String>, OAuthError> {
    let mut resources: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        if !registered.resources.iter().any(|r| r == resource) {
            return Err(OAuthError::new(
                ErrorCode::InvalidTarget,
                "a resource is not registered for this app",
            ));
        }
        if !resources.iter().any(|r| r == resource) {
            resources.push(resource.to_owned());
        }
    }
    Ok(resources)
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
}
