//! OpenID Connect towards an operator. Only this file and those below it use the `openidconnect` crate;
//! none of its types leave. The crate makes the authorization URL and the token request, and checks the ID
//! token. What it does not check (`azp`, `iat`, `amr`, leeway, per-operator algorithms) is added
//! here, and token answers are straightened before it reads them.

mod discovery;
mod id_token;
mod published_key;

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet};
use openidconnect::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    HttpRequest, HttpResponse, IssuerUrl, LoginHint, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenUrl,
};
use serde_json::Map;
use url::Url;

pub(super) use discovery::{
    ANOTHER_ISSUER, Endpoints, Keys, discover, endpoints_of, fetch_document, fetch_keys,
};
pub(super) use id_token::{IdTokenFault, check_id_token, check_signed};

use crate::clock::Time;
use crate::operator::ask::{Ask, Departure, Kept};
use crate::operator::errors::Failure;
use crate::operator::sign::Signer;
use crate::operator::{limits, token_answer};
use crate::outbound::{Limits, Outbound};
use crate::secret::{Redacted, b64, random};
use crate::store::operators::{HintForm, Settings, TokenAuth};
use crate::verdict::Method;

/// What the request itself sets; `authorize_params` may not.
const OURS: [&str; 14] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "login_hint",
    "request",
    "request_uri",
    "response_mode",
    "client_secret",
];
/// What stands beside a request object, too (ICM security profile).
const BESIDE_REQUEST_OBJECT: [&str; 4] = ["response_type", "client_id", "redirect_uri", "scope"];

/// What the code was exchanged for. A refresh token, if one came, is not even kept.
pub(super) struct Tokens {
    pub(super) access: Redacted,
    pub(super) scope: Option<String>,
    pub(super) id: Option<Redacted>,
}

/// A failure on its way through the crate.
#[derive(Debug, thiserror::Error)]
#[error("the call failed")]
struct Broke(Failure);

/// Carries the crate's token request over our client, and keeps the ID token aside: the crate would
/// refuse the whole answer for a bad one, and the evidence could not tell which of the two it was.
struct Caller<'a> {
    outbound: &'a Outbound,
    limits: Limits,
    id_token: Mutex<Option<Redacted>>,
}

impl<'c> AsyncHttpClient<'c> for Caller<'_> {
    type Error = Broke;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Broke>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let sent = self.outbound.send(request, self.limits).await;
            let answer = sent.map_err(|err| Broke(err.into()))?;
            let (answer, id_token) = token_answer::straighten(&answer).map_err(Broke)?;
            *self.id_token.lock().unwrap_or_else(PoisonError::into_inner) = id_token;
            Ok(answer)
        })
    }
}

/// Makes the URL the phone's browser goes to.
pub(super) fn depart(
    ask: &Ask<'_>,
    endpoint: &str,
    signer: Option<&Signer>,
) -> Result<Departure, Failure> {
    let settings = &ask.operator.settings;
    let endpoint = browser_url(endpoint)?;
    let nonce = b64(&random::<32>());
    let verifier = settings.pkce.then(|| b64(&random::<32>()));
    let auth_url = AuthUrl::from_url(endpoint.clone());
    let client = client(ask, true)?.set_auth_uri(auth_url);
    let (sent_state, sent_nonce) = (ask.state.to_owned(), nonce.clone());
    let mut request = client
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new(sent_state),
            || Nonce::new(sent_nonce),
        )
        .add_scope(Scope::new(scope(settings, ask.method)?.to_owned()));
    if settings.prompt_none && ask.silent {
        request = request.add_prompt(CoreAuthPrompt::None);
    }
    if let Some(verifier) = &verifier {
        let verifier = PkceCodeVerifier::new(verifier.clone());
        request =
            request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
    }
    if let Some(hint) = login_hint(ask) {
        request = request.set_login_hint(LoginHint::new(hint));
    }
    for (name, value) in &settings.authorize_params {
        if OURS.contains(&name.as_str()) {
            return Err(Failure::misconfigured(format!(
                "authorize_params may not set {name}"
            )));
        }
        request = request.add_extra_param(name, value);
    }
    let (url, _, _) = request.url();
    let url = match signer {
        Some(signer) => signed(ask, &endpoint, &url, signer),
        None => url,
    };
    Ok(Departure {
        url,
        nonce,
        verifier,
    })
}

/// The same request with its parameters in a signed object (RFC 9101), so that the number is not
/// in the URL and nobody else can ask the operator in our name.
fn signed(ask: &Ask<'_>, endpoint: &Url, plain: &Url, signer: &Signer) -> Url {
    let settings = &ask.operator.settings;
    let before = endpoint.query_pairs().count();
    let mut url = endpoint.clone();
    let mut parameters = Map::new();
    for (name, value) in plain.query_pairs().skip(before) {
        if BESIDE_REQUEST_OBJECT.contains(&name.as_ref()) {
            url.query_pairs_mut().append_pair(&name, &value);
        }
        parameters.insert(name.into_owned(), value.into_owned().into());
    }
    let audience = endpoint.as_str();
    let object = signer.request_object(parameters, &settings.client_id, audience, ask.now);
    url.query_pairs_mut().append_pair("request", &object);
    url
}

/// Exchanges the code. Sent once; whatever becomes of it, the code is not used again.
pub(super) async fn exchange(
    outbound: &Outbound,
    ask: &Ask<'_>,
    kept: &Kept,
    code: &str,
    endpoint: &str,
    signer: Option<&Signer>,
    now: Time,
) -> Result<Tokens, Failure> {
    let settings = &ask.operator.settings;
    let token_url = TokenUrl::new(endpoint.to_owned())
        .map_err(|_| Failure::misconfigured("the token endpoint is no URL"))?;
    let mut client = client(ask, settings.token_redirect_uri)?.set_token_uri(token_url);
    client = match settings.token_auth {
        TokenAuth::ClientSecretBasic => client
            .set_auth_type(AuthType::BasicAuth)
            .set_client_secret(client_secret(ask)?),
        TokenAuth::ClientSecretPost => client
            .set_auth_type(AuthType::RequestBody)
            .set_client_secret(client_secret(ask)?),
        TokenAuth::PrivateKeyJwt => client.set_auth_type(AuthType::RequestBody),
        TokenAuth::ApplicationJwt => {
            return Err(Failure::misconfigured(
                "application_jwt is of the dialect vonage only",
            ));
        }
    };
    let mut request = client.exchange_code(AuthorizationCode::new(code.to_owned()));
    if settings.token_auth == TokenAuth::PrivateKeyJwt {
        let signer =
            signer.ok_or_else(|| Failure::misconfigured("the record has no private key"))?;
        let audience = settings.assertion_audience.as_deref().unwrap_or(endpoint);
        let assertion = signer.client_assertion(&settings.client_id, audience, now);
        request = request
            .add_extra_param(
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            )
            .add_extra_param("client_assertion", assertion);
    }
    if let Some(verifier) = &kept.verifier {
        request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.clone()));
    }
    let caller = Caller {
        outbound,
        limits: limits(settings),
        id_token: Mutex::new(None),
    };
    let answer = request
        .request_async(&caller)
        .await
        .map_err(|err| match err {
            RequestTokenError::Request(Broke(failure)) => failure,
            _ => token_answer::unreadable(),
        })?;
    let id = caller
        .id_token
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Tokens {
        access: Redacted::new(answer.access_token().secret().as_str()),
        scope: answer.scopes().map(|scopes| {
            let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
            scopes.join(" ")
        }),
        id,
    })
}

fn client(ask: &Ask<'_>, names_redirect: bool) -> Result<CoreClient, Failure> {
    let settings = &ask.operator.settings;
    // The crate wants an issuer even where none of its checks will be asked for.
    let issuer = settings
        .issuer
        .as_deref()
        .unwrap_or("https://issuer.invalid");
    let issuer = IssuerUrl::new(issuer.to_owned())
        .map_err(|_| Failure::misconfigured("the issuer is no URL"))?;
    let redirect = RedirectUrl::new(ask.redirect_uri.to_owned())
        .map_err(|_| Failure::misconfigured("our callback is no URL"))?;
    let client_id = ClientId::new(settings.client_id.clone());
    let client = CoreClient::new(client_id, issuer, CoreJsonWebKeySet::default())
        // The scope text is the operator's, to the letter.
        .disable_openid_scope();
    Ok(if names_redirect {
        client.set_redirect_uri(redirect)
    } else {
        client
    })
}

fn client_secret(ask: &Ask<'_>) -> Result<ClientSecret, Failure> {
    let secret = ask.credentials.client_secret.as_ref();
    secret
        .map(|secret| ClientSecret::new(secret.reveal().to_owned()))
        .ok_or_else(|| Failure::misconfigured("the record has no client secret"))
}

/// The scope text for a method, as the operator wants it.
pub(super) fn scope(settings: &Settings, method: Method) -> Result<&str, Failure> {
    match method {
        Method::Verify => Ok(&settings.scope_verify),
        Method::DevicePhoneNumber => {
            settings
                .scope_device_phone_number
                .as_deref()
                .ok_or_else(|| {
                    Failure::misconfigured("the operator does not offer device-phone-number")
                })
        }
    }
}

pub(super) fn login_hint(ask: &Ask<'_>) -> Option<String> {
    let number = ask.number?;
    match ask.operator.settings.login_hint {
        HintForm::None => None,
        HintForm::Tel => Some(format!("tel:{}", number.e164())),
        HintForm::E164 => Some(number.e164().to_owned()),
    }
}

/// A URL that a browser may be sent to.
pub(super) fn browser_url(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text)
        .map_err(|_| Failure::misconfigured("the authorization endpoint is no URL"))?;
    let local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let safe = url.scheme() == "https" || (url.scheme() == "http" && local);
    if safe && url.fragment().is_none() && url.username().is_empty() {
        Ok(url)
    } else {
        Err(Failure::misconfigured(
            "the authorization endpoint is not https",
        ))
    }
}
