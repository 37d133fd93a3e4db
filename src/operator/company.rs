//! The company's own OpenID provider, where staff sign in: asked by the same means as an operator (code flow
//! with PKCE, state and nonce, the guarded client, the same checks of its ID token), and believed about who
//! somebody is, never about a number.

use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use crate::clock::Time;
use crate::config::{ClientAuth, CompanyProvider};
use crate::oauth::signing_alg::SigningAlg;
use crate::operator::ask::{Ask, Callback, Departure, Kept, Phone};
use crate::operator::errors::Failure;
use crate::operator::{Operators, oidc};
use crate::secret::from_b64;
use crate::store::operators::{Credentials, IdTokenRule, Mode, Operator, Settings, TokenAuth};
use crate::verdict::Method;

/// What is fetched of it is remembered under this id and revision, which no operator's record has.
const ID: Uuid = Uuid::nil();

/// The provider, as the means for operators take it.
#[derive(Debug)]
pub struct Company {
    as_operator: Operator,
    credentials: Credentials,
}

/// The moment of one trip to the provider.
#[derive(Clone, Copy, Debug)]
pub struct Trip<'a> {
    /// Our callback at it.
    pub redirect_uri: &'a str,
    /// Our state.
    pub state: &'a str,
    /// When.
    pub now: Time,
}

impl Company {
    /// As the configuration says.
    #[must_use]
    pub fn of(config: &CompanyProvider) -> Self {
        let settings = Settings {
            issuer: Some(config.issuer.clone()),
            client_id: config.client_id.clone(),
            token_auth: match config.client_auth {
                ClientAuth::ClientSecretBasic => TokenAuth::ClientSecretBasic,
                ClientAuth::ClientSecretPost => TokenAuth::ClientSecretPost,
            },
            scope_verify: config.scope.clone(),
            id_token: IdTokenRule::Required,
            id_token_algs: SigningAlg::ALL.to_vec(),
            prompt_none: false,
            ..Settings::default()
        };
        let never = Time::default();
        Self {
            as_operator: Operator {
                id: ID,
                alias: "company".to_owned(),
                name: String::new(),
                mode: Mode::Live,
                settings,
                sealed_credentials: None,
                managed_by: None,
                revision: 0,
                disabled_at: None,
                created_at: never,
                updated_at: never,
            },
            credentials: Credentials {
                client_secret: Some(config.client_secret.clone()),
                ..Credentials::default()
            },
        }
    }

    fn ask<'a>(&'a self, trip: &Trip<'a>) -> Ask<'a> {
        Ask {
            operator: &self.as_operator,
            credentials: &self.credentials,
            method: Method::Verify,
            number: None,
            redirect_uri: trip.redirect_uri,
            state: trip.state,
            now: trip.now,
            silent: false,
            phone: Phone::default(),
        }
    }
}

impl Operators {
    /// Makes the URL that the browser of somebody of the staff goes to. `again`: they are to prove
    /// themselves there now, whatever session they have.
    ///
    /// # Errors
    /// What is wrong, for staff.
    pub async fn depart_to_company(
        &self,
        company: &Company,
        trip: &Trip<'_>,
        again: bool,
    ) -> Result<Departure, String> {
        let ask = company.ask(trip);
        let made = async {
            let endpoint = self.authorization_endpoint(&ask).await?;
            oidc::depart(&ask, &endpoint, None)
        };
        let mut departure = made.await.map_err(|failure| failure.told())?;
        if again {
            let mut query = departure.url.query_pairs_mut();
            query
                .append_pair("prompt", "login")
                .append_pair("max_age", "0");
        }
        Ok(departure)
    }

    /// Turns the callback into what the provider's ID token says. To be called once per trip.
    ///
    /// # Errors
    /// What is wrong, for the records.
    pub async fn identify_at_company(
        &self,
        company: &Company,
        trip: &Trip<'_>,
        kept: &Kept,
        callback: &Callback,
    ) -> Result<Map<String, Value>, String> {
        let identified = self.identify(company, trip, kept, callback).await;
        identified.map_err(|failure| failure.told())
    }

    async fn identify(
        &self,
        company: &Company,
        trip: &Trip<'_>,
        kept: &Kept,
        callback: &Callback,
    ) -> Result<Map<String, Value>, Failure> {
        let (ask, operator) = (company.ask(trip), &company.as_operator);
        let settings = &operator.settings;
        if let Some(broken) = callback.broken {
            return Err(Failure::violation(broken));
        }
        // RFC 9207: another provider's answer is not this one's.
        if callback.iss.is_some() && callback.iss != settings.issuer {
            return Err(Failure::violation("the callback is of another issuer"));
        }
        if callback.error.is_some() {
            return Err(Failure::violation("the provider signed nobody in"));
        }
        let code = callback
            .code
            .as_deref()
            .ok_or_else(|| Failure::violation("the callback has no code"))?;
        let endpoints = self.endpoints(operator, trip.now).await?;
        let tokens = self
            .exchange(&ask, kept, code, &endpoints, trip.now)
            .await?;
        let id_token = tokens
            .id
            .ok_or_else(|| Failure::violation("the provider sent no ID token"))?;
        let jwks_uri = endpoints
            .jwks
            .as_deref()
            .ok_or_else(|| Failure::misconfigured("the provider publishes no keys"))?;
        let check = |keys: &oidc::Keys| {
            oidc::check_signed(settings, keys, &id_token, &kept.nonce, trip.now)
        };
        self.with_keys(operator, jwks_uri, trip.now, check).await?;
        // Its signature is good: what it says may be read.
        id_token
            .reveal()
            .split('.')
            .nth(1)
            .and_then(from_b64)
            .and_then(|payload| serde_json::from_slice(&payload).ok())
            .ok_or_else(|| Failure::violation("the ID token cannot be read"))
    }
}

/// The origin of the provider, for people.
#[must_use]
pub fn origin(config: &CompanyProvider) -> String {
    Url::parse(&config.issuer)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}
