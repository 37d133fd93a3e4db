//! Somebody else's app, through the `openidconnect` crate: discovery, the authorization URL, the
//! answer, the code exchange with every check of the ID token, userinfo.

use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use numbercloak::clock::Clock;
use numbercloak::secret::{Token, from_b64};
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, LoginHint,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    TokenResponse as _, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::outside_client;

type Discovered = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// An app registered at our server.
#[derive(Clone)]
pub struct Rp {
    /// The issuer it trusts.
    pub issuer: String,
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret, if it keeps one.
    pub secret: Option<String>,
    /// Where its users come back to.
    pub redirect_uri: String,
    /// The algorithm it expects.
    pub alg: CoreJwsSigningAlgorithm,
    http: reqwest::Client,
    clock: Clock,
}

/// What it asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Scopes besides `openid`.
    pub scopes: Vec<&'static str>,
    /// The `login_hint`.
    pub hint: Option<String>,
    /// The `prompt`.
    pub prompt: Option<&'static str>,
    /// Further parameters.
    pub extra: Vec<(&'static str, String)>,
}

impl Wish {
    /// `number_verified`, and nothing said about the number.
    pub fn new() -> Self {
        Self {
            scopes: vec!["number_verified"],
            hint: None,
            prompt: None,
            extra: Vec::new(),
        }
    }

    /// The same about this number.
    pub fn of(number: &str) -> Self {
        Self {
            hint: Some(number.to_owned()),
            ..Self::new()
        }
    }

    /// With these scopes besides `openid`.
    pub fn scopes(mut self, scopes: &[&'static str]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    /// With a `prompt`.
    pub fn prompt(mut self, prompt: &'static str) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// With one more parameter.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }
}

/// An authorization request on its way.
#[derive(Clone, Debug)]
pub struct Departure {
    /// Where the browser is sent.
    pub url: Url,
    /// The `state` sent.
    pub state: String,
    /// The `nonce` sent.
    pub nonce: String,
    /// The PKCE verifier kept.
    pub verifier: String,
}

impl Departure {
    /// The request's parameters.
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.url.query_pairs().into_owned().collect()
    }

    /// The same with these parameters in the address bar instead.
    pub fn with(&self, parameters: &[(String, String)]) -> Self {
        let mut url = self.url.clone();
        url.query_pairs_mut().clear().extend_pairs(parameters);
        Self {
            url,
            ..self.clone()
        }
    }
}

/// What came back with the browser, `state` and `iss` checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A code.
    Code(String),
    /// An error: its code, and the first word of its description.
    Error(String, String),
}

impl Answer {
    /// The code.
    pub fn code(&self) -> &str {
        match self {
            Self::Code(code) => code,
            Self::Error(error, word) => panic!("{error} {word} instead of a code"),
        }
    }

    /// The error and the first word of its description.
    pub fn error(&self) -> (&str, &str) {
        match self {
            Self::Error(error, word) => (error, word),
            Self::Code(_) => panic!("a code instead of an error"),
        }
    }
}

/// A sign-in that passed every check.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The ID token.
    pub id_token: String,
    /// The ID token's header.
    pub header: Value,
    /// The ID token's claims.
    pub claims: Value,
    /// The userinfo answer.
    pub userinfo: Value,
    /// The access token.
    pub access_token: String,
    /// The scope that was granted.
    pub scope: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OtherClaims {
    #[serde(flatten)]
    claims: Map<String, Value>,
}
impl AdditionalClaims for OtherClaims {}

#[derive(Debug, thiserror::Error)]
#[error("no HTTP answer")]
struct NoAnswer;

impl Rp {
    /// An app that trusts `issuer`.
    pub fn new(
        issuer: &str,
        client_id: &str,
        secret: Option<String>,
        redirect_uri: &str,
        clock: &Clock,
    ) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            secret,
            redirect_uri: redirect_uri.to_owned(),
            alg: CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            http: outside_client(Duration::from_secs(30)),
            clock: clock.clone(),
        }
    }

    /// Fetches metadata and keys.
    pub async fn discover(&self) -> Discovered {
        let issuer = IssuerUrl::new(self.issuer.clone()).unwrap();
        let metadata = CoreProviderMetadata::discover_async(issuer, &|r| self.send(r))
            .await
            .unwrap();
        let secret = self.secret.clone().map(ClientSecret::new);
        let id = ClientId::new(self.client_id.clone());
        CoreClient::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(RedirectUrl::new(self.redirect_uri.clone()).unwrap())
    }

    /// Makes an authorization request.
    pub async fn depart(&self, wish: &Wish) -> Departure {
        let client = self.discover().await;
        let [state, nonce, verifier] = [(); 3].map(|()| Token::random().reveal());
        let challenge =
            PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        let sent = (CsrfToken::new(state.clone()), Nonce::new(nonce.clone()));
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || sent.0,
                || sent.1,
            )
            .add_scopes(
                wish.scopes
                    .iter()
                    .map(|scope| Scope::new((*scope).to_owned())),
            )
            .set_pkce_challenge(challenge);
        if let Some(hint) = &wish.hint {
            request = request.set_login_hint(LoginHint::new(hint.clone()));
        }
        if let Some(prompt) = wish.prompt {
            request = request.add_prompt(match prompt {
                "none" => CoreAuthPrompt::None,
                "login" => CoreAuthPrompt::Login,
                "consent" => CoreAuthPrompt::Consent,
                other => CoreAuthPrompt::Extension(other.to_owned()),
            });
        }
        for (name, value) in &wish.extra {
            request = request.add_extra_param(*name, value.clone());
        }
        let (url, _, _) = request.url();
        Departure {
            url,
            state,
            nonce,
            verifier,
        }
    }

    /// Reads the answer that a browser brings back; it must be for this very request (`state`) and
    /// from our issuer (`iss`, RFC 9207).
    pub fn answer(&self, departure: &Departure, left: &Url) -> Answer {
        assert!(left.as_str().starts_with(&self.redirect_uri), "{left}");
        self.answer_of(departure, left.query_pairs().into_owned())
    }

    /// The same from its parameters, however they came.
    pub fn answer_of(
        &self,
        departure: &Departure,
        parameters: impl IntoIterator<Item = (String, String)>,
    ) -> Answer {
        let mut given = HashMap::new();
        for (name, value) in parameters {
            let again = given.insert(name, value);
            assert_eq!(again, None, "a parameter stands twice");
        }
        assert_eq!(given.remove("state").as_ref(), Some(&departure.state));
        assert_eq!(given.remove("iss").as_ref(), Some(&self.issuer));
        let answer = match given.remove("code") {
            Some(code) => Answer::Code(code),
            None => {
                let error = given.remove("error").unwrap();
                let description = given.remove("error_description").unwrap_or_default();
                let word = description.split([':', ' ']).next().unwrap_or_default();
                Answer::Error(error, word.to_owned())
            }
        };
        assert!(given.is_empty(), "more in the answer: {given:?}");
        answer
    }

    /// Redeems a code, checks the ID token and fetches userinfo.
    pub async fn redeem(&self, departure: &Departure, code: &str) -> SignedIn {
        let client = self.discover().await;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .unwrap()
            .set_pkce_verifier(PkceCodeVerifier::new(departure.verifier.clone()))
            .request_async(&|r| self.send(r))
            .await
            .unwrap();
        let id_token = tokens.id_token().unwrap();
        let now = self.clock.now();
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs([self.alg.clone()])
            .set_time_fn(move || now)
            .set_issue_time_verifier_fn(move |issued| {
                let fresh = issued <= now && issued > now - chrono::TimeDelta::seconds(60);
                fresh
                    .then_some(())
                    .ok_or_else(|| "issued at another time".to_owned())
            });
        let checked = id_token
            .claims(&verifier, &Nonce::new(departure.nonce.clone()))
            .unwrap();
        let hash = AccessTokenHash::from_token(
            tokens.access_token(),
            id_token.signing_alg().unwrap(),
            id_token.signing_key(&verifier).unwrap(),
        );
        assert_eq!(checked.access_token_hash(), Some(&hash.unwrap()));
        let userinfo: UserInfoClaims<OtherClaims, CoreGenderClaim> = client
            .user_info(
                tokens.access_token().clone(),
                Some(checked.subject().clone()),
            )
            .unwrap()
            .request_async(&|r| self.send(r))
            .await
            .unwrap();
        assert_eq!(userinfo.subject(), checked.subject());
        let access_token = tokens.access_token().secret().clone();
        let token = id_token.to_string();
        let mut parts = token
            .split('.')
            .map(|part| serde_json::from_slice(&from_b64(part).unwrap_or_default()));
        let scopes = tokens.scopes().unwrap();
        SignedIn {
            id_token: token.clone(),
            header: parts.next().unwrap().unwrap(),
            claims: parts.next().unwrap().unwrap(),
            userinfo: self.userinfo(&access_token).await.1,
            access_token,
            scope: scopes
                .iter()
                .map(|s| s.as_str())
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    /// The whole userinfo answer as it is.
    pub async fn userinfo(&self, access_token: &str) -> (u16, Value) {
        let url = format!("{}/userinfo", self.issuer);
        let answer = self.http.get(url).bearer_auth(access_token).send().await;
        let answer = answer.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Our metadata as it is.
    pub async fn metadata(&self) -> Value {
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Redeems a code by hand, for what no library does: returns status and body.
    pub async fn redeem_raw(&self, departure: &Departure, code: &str) -> (u16, Value) {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &departure.verifier),
        ];
        let url = format!("{}/token", self.issuer);
        let mut request = self.http.post(url);
        match &self.secret {
            Some(secret) => request = request.basic_auth(&self.client_id, Some(secret)),
            None => form.push(("client_id", &self.client_id)),
        }
        let answer = request.form(&form).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// What a signed answer says (JARM): signed by a published key, for this app, and in time.
    pub async fn open_signed(&self, jwt: &str) -> Vec<(String, String)> {
        let jwks = self.http.get(format!("{}/jwks", self.issuer)).send().await;
        let jwks: JwkSet = jwks.unwrap().json().await.unwrap();
        let header = jsonwebtoken::decode_header(jwt).unwrap();
        let jwk = jwks.find(header.kid.as_deref().unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(header.alg);
        validation.validate_exp = false;
        validation.set_audience(&[&self.client_id]);
        validation.set_issuer(&[&self.issuer]);
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
        let mut claims = jsonwebtoken::decode::<Map<String, Value>>(jwt, &key, &validation)
            .unwrap()
            .claims;
        assert_eq!(
            claims.remove("aud"),
            Some(Value::from(self.client_id.clone()))
        );
        let lives = claims.remove("exp").unwrap().as_i64().unwrap() - self.clock.now().timestamp();
        assert!(0 < lives && lives <= 600, "{lives}");
        claims
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect()
    }

    /// Posts a form with the app's secret, if it keeps one.
    pub async fn post(&self, path: &str, form: &[(String, String)]) -> reqwest::Response {
        let mut request = self.http.post(format!("{}{path}", self.issuer));
        if let Some(secret) = &self.secret {
            request = request.basic_auth(&self.client_id, Some(secret));
        }
        request.form(form).send().await.unwrap()
    }

    /// Pushes a request: status and body.
    pub async fn push(&self, form: &[(String, String)]) -> (u16, Value) {
        let answer = self.post("/par", form).await;
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The same departure by reference: its request is pushed first.
    pub async fn push_departure(&self, departure: &Departure) -> Departure {
        let (status, pushed) = self.push(&departure.parameters()).await;
        assert_eq!(status, 201, "{pushed}");
        self.by_reference(departure, pushed["request_uri"].as_str().unwrap())
    }

    /// A departure whose request was pushed.
    pub fn by_reference(&self, departure: &Departure, request_uri: &str) -> Departure {
        departure.with(&[
            ("client_id".to_owned(), self.client_id.clone()),
            ("request_uri".to_owned(), request_uri.to_owned()),
        ])
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let request = request.try_into().map_err(|_| NoAnswer)?;
        let answer = self.http.execute(request).await.map_err(|_| NoAnswer)?;
        let mut response = http::Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = answer.headers().clone();
        let body = answer.bytes().await.map_err(|_| NoAnswer)?;
        Ok(response.body(body.to_vec()).unwrap())
    }
}
