//! The checks, in their order. The first fault is told.

use crate::oauth::acr::Acr;
use crate::oauth::claims_request::ClaimsRequest;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::pkce::Challenge;
use crate::oauth::prompt::{Prompt, PromptSet};
use crate::oauth::redirect::VerifiedRedirect;
use crate::oauth::request::{AuthorizeError, AuthorizeRequest, Display, Registered};
use crate::oauth::response_mode::ResponseMode;
use crate::oauth::scope::{Scope, ScopeSet};
use crate::phone::PhoneNumber;
use crate::secret::Redacted;

/// The parameters that may come once.
pub(super) const KNOWN: &[&str] = &[
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
