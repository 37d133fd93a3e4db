//! OpenID Connect towards an operator. The only file that uses the `openidconnect` crate; none of
//! its types leave. The crate makes the authorization URL and the token request, and checks the ID
//! token. What it does not check (`azp`, `iat`, `amr`, leeway, per-operator algorithms) is added
//! here, and token answers are straightened before it reads them.

mod published_key;

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use http::{Request, Response, StatusCode};
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreJsonWebKeySet,
    CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClaimsVerificationError, ClientId,
    ClientSecret, CsrfToken, HttpRequest, HttpResponse, IdTokenVerifier, IssuerUrl, JsonWebKeySet,
    JsonWebKeySetUrl, LoginHint, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenUrl,
};
use serde_json::Map;
use url::Url;

use published_key::PublishedKey;

use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::operator::ask::{Ask, Departure, Kept};
use crate::operator::errors::Failure;
use crate::operator::sign::Signer;
use crate::operator::{amr, limits, token_answer};
use crate::outbound::{Limits, Outbound, OutboundError};
use crate::secret::{Redacted, b64, random};
use crate::store::operators::{HintForm, IdTokenRule, Settings, TokenAuth};
use crate::verdict::{Method, Outcome};

/// How long an ID token is still good after its `exp`: clocks differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// How far `iat` may lie from our time.
const FRESHNESS: TimeDelta = TimeDelta::seconds(300);
/// What is wrong with a discovery document of somebody else.
pub(super) const ANOTHER_ISSUER: &str = "the discovery document names another issuer";
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

/// An operator's endpoints, from its record or its discovery document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) authorization: Option<String>,
    pub(super) token: Option<String>,
    pub(super) jwks: Option<String>,
}

impl Endpoints {
    /// Those on the record.
    pub(super) fn by_hand(settings: &Settings) -> Self {
        Self {
            authorization: settings.authorization_endpoint.clone(),
            token: settings.token_endpoint.clone(),
            jwks: settings.jwks_uri.clone(),
        }
    }

    /// Where the code is exchanged.
    pub(super) fn token(&self) -> Result<&str, Failure> {
        let unknown = || Failure::misconfigured("the token endpoint is not known");
        self.token.as_deref().ok_or_else(unknown)
    }

    pub(super) fn suffice(&self, settings: &Settings) -> bool {
        self.authorization.is_some()
            && self.token.is_some()
            && (self.jwks.is_some() || settings.id_token == IdTokenRule::Ignored)
    }

    /// These where they are set, `others` where they are not.
    pub(super) fn or(self, others: &Self) -> Self {
        Self {
            authorization: self.authorization.or_else(|| others.authorization.clone()),
            token: self.token.or_else(|| others.token.clone()),
            jwks: self.jwks.or_else(|| others.jwks.clone()),
        }
    }
}

/// An operator's public keys.
pub(super) struct Keys(JsonWebKeySet<PublishedKey>);

impl Keys {
    pub(super) fn count(&self) -> usize {
        self.0.keys().len()
    }
}

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

/// Where the operator's discovery document is. Never made from the host: an issuer may have a path
/// (Telefónica's ends in `/oauth2/authorize`).
pub(super) fn discovery_url(issuer: &str) -> Result<Url, Failure> {
    IssuerUrl::new(issuer.to_owned())
        .and_then(|issuer| issuer.join(".well-known/openid-configuration"))
        .map_err(|_| Failure::misconfigured("the issuer is no URL"))
}

/// Reads the operator's discovery document.
pub(super) async fn discover(
    outbound: &Outbound,
    settings: &Settings,
) -> Result<Endpoints, Failure> {
    let issuer = settings
        .issuer
        .as_deref()
        .ok_or_else(|| Failure::misconfigured("discovery needs the issuer"))?;
    let url = discovery_url(issuer)?;
    let request = || Request::get(url.as_str()).header("accept", "application/json");
    let answer = get(outbound, settings, || request().body(Vec::new())).await?;
    if answer.status() != StatusCode::OK {
        return Err(document_missing(&answer, "the discovery document"));
    }
    let metadata: CoreProviderMetadata = serde_json::from_slice(answer.body())
        .map_err(|_| Failure::misconfigured("the discovery document cannot be read"))?;
    // Character by character (OpenID Connect Discovery section 4.3): the mix-up defence.
    if metadata.issuer().as_str() != issuer {
        return Err(Failure::misconfigured(ANOTHER_ISSUER));
    }
    Ok(Endpoints {
        authorization: Some(metadata.authorization_endpoint().to_string()),
        token: metadata.token_endpoint().map(ToString::to_string),
        jwks: Some(metadata.jwks_uri().to_string()),
    })
}

/// Reads the operator's public keys.
pub(super) async fn fetch_keys(
    outbound: &Outbound,
    settings: &Settings,
    jwks_uri: &str,
) -> Result<Keys, Failure> {
    let url = JsonWebKeySetUrl::new(jwks_uri.to_owned())
        .map_err(|_| Failure::misconfigured("jwks_uri is no URL"))?;
    let request = || Request::get(url.as_str()).header("accept", "application/json");
    let answer = get(outbound, settings, || request().body(Vec::new())).await?;
    if answer.status() != StatusCode::OK {
        return Err(document_missing(&answer, "the key set"));
    }
    serde_json::from_slice(answer.body())
        .map(Keys)
        .map_err(|_| Failure::violation("the key set cannot be read"))
}

/// A GET that may be repeated once when nothing was sent: it changes nothing over there.
async fn get(
    outbound: &Outbound,
    settings: &Settings,
    request: impl Fn() -> Result<Request<Vec<u8>>, http::Error>,
) -> Result<Response<Vec<u8>>, Failure> {
    let made = || request().map_err(|_| Failure::misconfigured("an endpoint is no URL"));
    match outbound.send(made()?, limits(settings)).await {
        Err(OutboundError::Connect {
            timed_out: false, ..
        }) => Ok(outbound.send(made()?, limits(settings)).await?),
        other => Ok(other?),
    }
}

fn document_missing(answer: &Response<Vec<u8>>, what: &str) -> Failure {
    let outcome = match answer.status().as_u16() {
        429 => Outcome::OperatorRateLimited,
        500.. => Outcome::OperatorUnavailable,
        _ => Outcome::OperatorMisconfigured,
    };
    let mut failure = Failure::new(outcome, format!("{what} is not there"));
    failure.http_status = Some(answer.status().as_u16());
    failure
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

/// Why an ID token does not count.
pub(super) enum IdTokenFault {
    /// None of the keys we have is the one that signed it; there may be newer ones.
    UnknownKey,
    /// Anything else.
    Failure(Failure),
}

/// Checks an ID token (OpenID Connect Core section 3.1.3.7): by the crate its signature, `iss`,
/// `aud`, `exp` and `nonce`; by us `azp`, `iat` and `amr`.
pub(super) fn check_id_token(
    settings: &Settings,
    keys: &Keys,
    id_token: &Redacted,
    nonce: &str,
    now: Time,
) -> Result<(), IdTokenFault> {
    let fault = |failure| IdTokenFault::Failure(failure);
    let issuer = settings
        .issuer
        .clone()
        .and_then(|issuer| IssuerUrl::new(issuer).ok())
        .ok_or_else(|| {
            fault(Failure::misconfigured(
                "an ID token came, and the record has no issuer to check it against",
            ))
        })?;
    let id_token: CoreIdToken = id_token
        .reveal()
        .parse()
        .map_err(|_| fault(Failure::violation("the ID token cannot be read")))?;
    // A verifier of a public client takes no HMAC, whatever the list of algorithms says.
    let client_id = ClientId::new(settings.client_id.clone());
    let verifier = IdTokenVerifier::new_public_client(client_id, issuer, keys.0.clone())
        .set_allowed_algs(settings.id_token_algs.iter().map(|alg| match alg {
            SigningAlg::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            SigningAlg::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            SigningAlg::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            SigningAlg::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
        }))
        .set_time_fn(move || now - LEEWAY)
        .set_issue_time_verifier_fn(move |issued| {
            if (issued - now).abs() <= FRESHNESS {
                Ok(())
            } else {
                Err(String::new())
            }
        });
    let claims = id_token
        .claims(&verifier, &Nonce::new(nonce.to_owned()))
        .map_err(|err| match err {
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            ) => IdTokenFault::UnknownKey,
            other => fault(Failure::violation(id_token_fault(&other))),
        })?;
    if claims
        .authorized_party()
        .is_some_and(|azp| azp.as_str() != settings.client_id)
    {
        return Err(fault(Failure::violation("the ID token's azp is not us")));
    }
    if let Some(methods) = claims.auth_method_refs() {
        let methods: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
        amr::check(&methods, &settings.accepted_amr).map_err(fault)?;
    }
    Ok(())
}

/// The crate's own texts quote the token; ours do not.
fn id_token_fault(err: &ClaimsVerificationError) -> &'static str {
    match err {
        ClaimsVerificationError::Expired(_) => "the ID token has expired, or its iat is far off",
        ClaimsVerificationError::InvalidAudience(_) => "the ID token is for another audience",
        ClaimsVerificationError::InvalidIssuer(_) => "the ID token is from another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "the ID token has another nonce or none",
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::DisallowedAlg(_)
            | SignatureVerificationError::UnsupportedAlg(_)
            | SignatureVerificationError::NoSignature,
        ) => "the ID token's algorithm is not allowed",
        ClaimsVerificationError::SignatureVerification(_) => "the ID token's signature is wrong",
        _ => "the ID token is not acceptable",
    }
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
