//! The OpenID Connect client, through the `openidconnect` crate as an app would use it: discovery,
//! authorization code with PKCE and nonce, ID-token checks, userinfo.

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreGenderClaim, CoreIdToken,
    CoreIdTokenVerifier, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    LoginHint, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, TokenResponse as _, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::Settings;
use super::failure::Failure;
use super::http_client::{HttpFailure, outside_client, send};
use super::pending::Expected;
use crate::clock::{Clock, Time};
use crate::secret::{Redacted, Token, from_b64};

/// Tokens may come from a clock that runs a little ahead of ours.
const CLOCK_SKEW: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

type DiscoveredClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// We as a client of one issuer.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    http: reqwest::Client,
    issuer: String,
    client_id: String,
    client_secret: Option<Redacted>,
    redirect_uri: String,
    clock: Clock,
}

/// Where to send the browser, and what to expect when it comes back.
#[derive(Debug)]
pub struct Departure {
    /// The authorization request.
    pub url: Url,
    /// Its `state`.
    pub state: Token,
    /// What the callback must match.
    pub expected: Expected,
}

/// A sign-in that passed every check.
#[derive(Debug)]
pub struct SignedIn {
    /// The ID token's header.
    pub header: Value,
    /// The ID token's claims.
    pub claims: Value,
    /// The userinfo answer.
    pub userinfo: Value,
    /// The number the person had typed, in E.164.
    pub asked: Option<String>,
}

impl SignedIn {
    /// The verified number in E.164; `None` unless the ID token says both the number and that it is
    /// verified.
    pub fn number(&self) -> Option<&str> {
        (self.claims["phone_number_verified"] == Value::Bool(true))
            .then(|| self.claims["phone_number"].as_str())
            .flatten()
    }
}

/// All claims that are not OpenID Connect's own, as they came.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OtherClaims {
    #[serde(flatten)]
    claims: serde_json::Map<String, Value>,
}
impl AdditionalClaims for OtherClaims {}

impl RelyingParty {
    /// A client as `settings` say. Asks nobody yet.
    pub fn new(settings: &Settings, redirect_uri: String) -> std::io::Result<Self> {
        Ok(Self {
            http: outside_client()?,
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            redirect_uri,
            clock: settings.clock.clone(),
        })
    }

    /// The issuer we trust.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The time by this client's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Makes an authorization request, with the number as `login_hint` if there is one.
    pub async fn depart(&self, number: Option<String>) -> Result<Departure, Failure> {
        let client = self.discover().await?;
        let (state, nonce, verifier) = (Token::random(), Token::random(), Token::random());
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.reveal()));
        let sent = (CsrfToken::new(state.reveal()), Nonce::new(nonce.reveal()));
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || sent.0,
                || sent.1,
            )
            .add_scope(Scope::new("phone".to_owned()))
            .add_scope(Scope::new("number_verified".to_owned()))
            .set_pkce_challenge(challenge);
        if let Some(number) = &number {
            request = request.set_login_hint(LoginHint::new(number.clone()));
        }
        let (url, _, _) = request.url();
        Ok(Departure {
            url,
            state,
            expected: Expected {
                nonce,
                verifier,
                number,
            },
        })
    }

    /// Redeems the code, checks the ID token and fetches userinfo.
    pub async fn conclude(&self, code: String, expected: Expected) -> Result<SignedIn, Failure> {
        let client = self.discover().await?;
        let http = |request| send(self.http.clone(), request);
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| Failure::upstream("bad_answer", "The issuer names no token endpoint."))?
            .set_pkce_verifier(PkceCodeVerifier::new(expected.verifier.reveal()))
            .request_async(&http)
            .await
            .map_err(|error| token_failure(&error))?;
        let id_token = tokens
            .id_token()
            .ok_or_else(|| Failure::upstream("bad_answer", "There is no ID token."))?;

        let now = self.clock.now();
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs([
                CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
                CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            ])
            .set_time_fn(move || now)
            .set_issue_time_verifier_fn(move |issued| {
                if issued > now + CLOCK_SKEW {
                    return Err("issued in the future".to_owned());
                }
                Ok(())
            });
        let claims = id_token
            .claims(&verifier, &Nonce::new(expected.nonce.reveal()))
            .map_err(|error| id_token_failure(&error))?;
        check_access_token_hash(&tokens, id_token, &verifier, claims.access_token_hash())?;

        let userinfo: UserInfoClaims<OtherClaims, CoreGenderClaim> = client
            .user_info(
                tokens.access_token().clone(),
                // An answer about another subject must not be used (OIDC Core section 5.3.2).
                Some(claims.subject().clone()),
            )
            .map_err(|_| {
                Failure::upstream("userinfo_failed", "The issuer names no userinfo endpoint.")
            })?
            .request_async(&http)
            .await
            .map_err(|error| {
                tracing::debug!(%error, "userinfo failed");
                Failure::upstream("userinfo_failed", "Userinfo could not be used.")
            })?;
        let userinfo = serde_json::to_value(&userinfo)
            .map_err(|_| Failure::upstream("userinfo_failed", "Userinfo could not be read."))?;

        let (header, claims) = decode_verified(id_token)?;
        Ok(SignedIn {
            header,
            claims,
            userinfo,
            asked: expected.number,
        })
    }

    /// Fetches metadata and keys, anew for each sign-in: the issuer may start after us, and its keys
    /// may have been rotated. A busy app would keep them for a while.
    async fn discover(&self) -> Result<DiscoveredClient, Failure> {
        let unreachable = |description: &str| Failure::upstream("issuer_unreachable", description);
        let issuer = IssuerUrl::new(self.issuer.clone())
            .map_err(|_| unreachable("The issuer is no URL."))?;
        let redirect_uri = RedirectUrl::new(self.redirect_uri.clone())
            .map_err(|_| unreachable("Our redirect URI is no URL."))?;
        let http = |request| send(self.http.clone(), request);
        let metadata = CoreProviderMetadata::discover_async(issuer, &http)
            .await
            .map_err(|error| {
                tracing::debug!(%error, "discovery failed");
                unreachable("Its metadata could not be fetched.")
            })?;
        let secret = self
            .client_secret
            .as_ref()
            .map(|secret| ClientSecret::new(secret.reveal().to_owned()));
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.client_id.clone()),
            secret,
        );
        Ok(client
            .set_auth_type(AuthType::BasicAuth)
            .set_redirect_uri(redirect_uri))
    }
}

type TokenError = RequestTokenError<HttpFailure, StandardErrorResponse<CoreErrorResponseType>>;

fn token_failure(error: &TokenError) -> Failure {
    match error {
        RequestTokenError::ServerResponse(answer) => Failure::upstream(
            answer.error().as_ref(),
            answer.error_description().map_or("", String::as_str),
        ),
        RequestTokenError::Request(_) => {
            Failure::upstream("issuer_unreachable", "The code could not be redeemed.")
        }
        _ => Failure::upstream("bad_answer", "The token answer could not be read."),
    }
}

fn id_token_failure(error: &ClaimsVerificationError) -> Failure {
    let check = match error {
        ClaimsVerificationError::Expired(_) => "It is expired, or not valid yet.",
        ClaimsVerificationError::InvalidAudience(_) => "It is for another app (audience).",
        ClaimsVerificationError::InvalidIssuer(_) => "It is from another issuer.",
        ClaimsVerificationError::InvalidNonce(_) => "It belongs to another sign-in (nonce).",
        ClaimsVerificationError::SignatureVerification(_) => "Its signature is not valid.",
        _ => "It is not what we can check.",
    };
    Failure::upstream(
        "id_token_refused",
        format!("The ID token was refused. {check}"),
    )
}

/// Ties the access token to the ID token (OIDC Core section 3.1.3.8), if the issuer sent a hash.
fn check_access_token_hash(
    tokens: &CoreTokenResponse,
    id_token: &CoreIdToken,
    verifier: &CoreIdTokenVerifier<'_>,
    expected: Option<&AccessTokenHash>,
) -> Result<(), Failure> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let algorithm = id_token.signing_alg().ok();
    let key = id_token.signing_key(verifier).ok();
    let actual = algorithm.zip(key).and_then(|(algorithm, key)| {
        AccessTokenHash::from_token(tokens.access_token(), algorithm, key).ok()
    });
    if actual.as_ref() == Some(expected) {
        return Ok(());
    }
    Err(Failure::upstream(
        "id_token_refused",
        "The ID token was refused. The access token is not the one it belongs to.",
    ))
}

/// The parts of a token whose signature was checked just before.
fn decode_verified(id_token: &CoreIdToken) -> Result<(Value, Value), Failure> {
    let text = id_token.to_string();
    let mut parts = text
        .split('.')
        .map(|part| serde_json::from_slice(&from_b64(part)?).ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(header), Some(claims)) => Ok((header, claims)),
        _ => Err(Failure::upstream("bad_answer", "The ID token is no JSON.")),
    }
}
