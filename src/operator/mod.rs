//! We as client of an operator. A dialect is one file with two functions: `depart` makes the
//! authorization URL, `conclude` turns the callback into a verdict. Nothing is held meanwhile, and
//! nothing here touches the database: rows come in, a verdict goes out (DESIGN.md section 4, P7).
//!
//! The login's journey calls [`Operators::depart`] and [`Operators::conclude`] (the latter in its
//! own task, after it claimed the leg) and [`routing::choose`]; staff's `operator test` calls
//! [`test::walk`].

pub mod amr;
mod ask;
mod back_channel;
mod breaker;
mod budget;
mod busy;
mod by_hand;
mod camara;
mod checks;
pub mod company;
mod errors;
mod fetched;
mod finder;
pub mod found;
mod gate;
mod leg;
mod mobile_connect;
mod number_verification;
mod oidc;
pub mod ranges;
pub mod routing;
mod sign;
mod strict;
mod telefonica;
pub mod test;
mod token_answer;
mod vonage;
mod words;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use moka::future::Cache;

pub use ask::{Ask, Callback, Departure, Kept, Phone};
pub use checks::Extras;
pub use finder::LiveFinder;
pub use gate::BreakerChange;

use crate::clock::{Clock, Time};
use crate::outbound::{Limits, Outbound};
use crate::phone::PhoneNumber;
use crate::secret::Redacted;
use crate::store::operators::{
    Dialect, IdTokenRule, Operator, Settings, TokenAuth, TokenParameters,
};
use crate::verdict::checks::CheckedAll;
use crate::verdict::{Outcome, Refusal, Verdict};
use busy::Busy;
use errors::Failure;
use fetched::{Fetched, Key};
use gate::Gates;
use leg::{Leg, not_departed};
use oidc::{Endpoints, IdTokenFault, Keys, Tokens};
use sign::Signer;

/// How long a discovery document is used.
const METADATA_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How long a key set is used.
const KEYS_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// More operators than anybody has.
const CAPACITY: u64 = 1_000;

/// All operators as we speak to them: the HTTP client, and what was fetched and parsed for them.
/// Clones share everything.
#[derive(Clone)]
pub struct Operators {
    outbound: Outbound,
    metadata: Fetched<Endpoints>,
    keys: Fetched<Keys>,
    signers: Cache<Key, Arc<Signer>>,
    busy: Busy,
    finder: finder::Memory,
    gates: Gates,
}

impl fmt::Debug for Operators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operators")
    }
}

impl Operators {
    /// With nothing fetched yet. At most `in_flight` departures and conclusions of one operator are
    /// in work at once.
    #[must_use]
    pub fn new(outbound: Outbound, in_flight: usize) -> Self {
        Self {
            busy: Busy::new(in_flight),
            outbound,
            metadata: Fetched::new(METADATA_LIFETIME),
            keys: Fetched::new(KEYS_LIFETIME),
            signers: Cache::new(CAPACITY),
            finder: finder::Memory::default(),
            gates: Gates::default(),
        }
    }

    /// Whether a login of this app may depart to the operator now; counts it if so. To be asked
    /// before [`Operators::depart`].
    ///
    /// # Errors
    /// Why it may not, and when it may.
    pub fn admit(
        &self,
        operator: &Operator,
        client_id: &str,
        client_per_minute: u32,
        now: Time,
    ) -> Result<(), Refusal> {
        self.gates
            .admit(operator, client_id, client_per_minute, now)
    }

    /// Seconds until the operator is asked again, while it is left alone.
    #[must_use]
    pub fn wait(&self, operator: &Operator, now: Time) -> Option<u64> {
        self.gates.wait(operator.id, now)
    }

    /// The changes of breakers that nobody recorded yet: whoever takes them records them, or gives
    /// them back.
    #[must_use]
    pub fn take_breaker_changes(&self) -> Vec<BreakerChange> {
        self.gates.take_changes()
    }

    /// Gives changes back that could not be recorded.
    pub fn give_back_breaker_changes(&self, changes: Vec<BreakerChange>) {
        self.gates.give_back(changes);
    }

    /// Makes the URL that the phone's browser goes to. Calls the operator only for its discovery
    /// document, if that is not known, and to ask whether the number is covered, if the record says so.
    ///
    /// # Errors
    /// Why the operator cannot be asked.
    pub async fn depart(&self, ask: &Ask<'_>) -> Result<Departure, Refusal> {
        let _place = self.busy.enter(ask.operator.id, "departure").await?;
        let departed = match ask.operator.settings.dialect {
            Dialect::Camara => camara::depart(self, ask).await,
            Dialect::Telefonica => telefonica::depart(self, ask).await,
            Dialect::Vonage => vonage::depart(self, ask).await,
            Dialect::MobileConnect => mobile_connect::depart(self, ask).await,
        };
        departed
            .map_err(not_departed)
            .inspect_err(|refusal| self.gates.learn_refused(ask.operator, refusal, ask.now))
    }

    /// Turns a callback into a verdict: exchanges the code, checks the ID token, makes the one
    /// call. To be called once per leg, after the leg was claimed, with the same `ask` as at the
    /// departure.
    pub async fn conclude(
        &self,
        ask: &Ask<'_>,
        kept: &Kept,
        callback: &Callback,
        clock: &Clock,
    ) -> Verdict {
        let _place = match self.busy.enter(ask.operator.id, "callback").await {
            Ok(place) => place,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        let mut leg = Leg::new(self, ask, kept, callback, clock);
        let concluded = match ask.operator.settings.dialect {
            Dialect::Camara => camara::conclude(&mut leg).await,
            Dialect::Telefonica => telefonica::conclude(&mut leg).await,
            Dialect::Vonage => vonage::conclude(&mut leg).await,
            Dialect::MobileConnect => mobile_connect::conclude(&mut leg).await,
        };
        let verdict = leg.into_verdict(concluded);
        self.gates.learn(ask.operator, &verdict, clock.now());
        charged(verdict, ask)
    }

    /// Makes the extra checks about a number that this operator has just confirmed. Brings a result
    /// for each that is wanted, within the time on the operator's record.
    pub async fn check(&self, ask: &Ask<'_>, extras: &Extras<'_>, clock: &Clock) -> CheckedAll {
        match self.busy.enter(ask.operator.id, "checks").await {
            Ok(_place) => checks::make(self, ask, extras, clock).await,
            Err(refusal) => checks::unavailable(extras, &refusal.evidence, clock.now()),
        }
    }

    /// Asks a telco finder which operator a number, or the phone's address, is with. `None` if it does
    /// not know or does not answer: then this rule does not decide.
    pub async fn find(
        &self,
        finder: &LiveFinder,
        number: Option<&PhoneNumber>,
        address: Option<IpAddr>,
        now: Time,
    ) -> Option<String> {
        finder::search(&self.outbound, &self.finder, finder, number, address, now).await
    }

    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// The operator's endpoints: those on its record, the others from its discovery document.
    async fn endpoints(&self, operator: &Operator, now: Time) -> Result<Endpoints, Failure> {
        let settings = &operator.settings;
        let by_hand = Endpoints::by_hand(settings);
        if by_hand.suffice(settings) || !settings.discovery {
            return Ok(by_hand);
        }
        let discover = || oidc::discover(&self.outbound, settings);
        let found = self.metadata.get(key(operator), now, discover).await?;
        Ok(by_hand.or(&found))
    }

    /// Where the phone's browser goes.
    async fn authorization_endpoint(&self, ask: &Ask<'_>) -> Result<String, Failure> {
        let endpoints = self.endpoints(ask.operator, ask.now).await?;
        endpoints
            .authorization
            .ok_or_else(|| Failure::misconfigured("the authorization endpoint is not known"))
    }

    /// Exchanges the code, as the record says. Sent once; whatever becomes of it, the code is not
    /// used again.
    async fn exchange(
        &self,
        ask: &Ask<'_>,
        kept: &Kept,
        code: &str,
        endpoints: &Endpoints,
        now: Time,
    ) -> Result<Tokens, Failure> {
        let endpoint = endpoints.token()?;
        let settings = &ask.operator.settings;
        let credential = match (settings.token_auth, settings.token_parameters) {
            (TokenAuth::ApplicationJwt, _) => self.application_bearer(ask, now).await?,
            (TokenAuth::ClientSecretBasic, TokenParameters::Query) => by_hand::basic(ask)?,
            (TokenAuth::PrivateKeyJwt, _) => {
                let signer = self.signer(ask).await?;
                let signer = Some(&*signer);
                return oidc::exchange(&self.outbound, ask, kept, code, endpoint, signer, now)
                    .await;
            }
            (TokenAuth::ClientSecretBasic | TokenAuth::ClientSecretPost, _) => {
                return oidc::exchange(&self.outbound, ask, kept, code, endpoint, None, now).await;
            }
        };
        let request = by_hand::token_request(ask, endpoint, code, &credential)?;
        let answer = self.outbound.send(request, limits(settings)).await?;
        token_answer::read(&answer)
    }

    /// Vonage: a fresh JWT of the application, as a bearer token.
    async fn application_bearer(&self, ask: &Ask<'_>, now: Time) -> Result<Redacted, Failure> {
        let signer = self.signer(ask).await?;
        let jwt = signer.application_jwt(&ask.operator.settings.client_id, now);
        Ok(Redacted::new(format!("Bearer {jwt}")))
    }

    /// Checks the ID token if there is one, or if there must be one. An unknown key is looked for
    /// once more at the operator, which may have changed its keys meanwhile.
    async fn check_id_token(
        &self,
        operator: &Operator,
        tokens: &Tokens,
        endpoints: &Endpoints,
        nonce: &str,
        now: Time,
    ) -> Result<(), Failure> {
        let settings = &operator.settings;
        let id_token = match (settings.id_token, &tokens.id) {
            (IdTokenRule::Ignored, Some(id_token)) => return amr::check_unsigned(id_token),
            (IdTokenRule::Ignored | IdTokenRule::IfPresent, None) => return Ok(()),
            (IdTokenRule::Required, None) => {
                return Err(Failure::violation("the operator sent no ID token"));
            }
            (IdTokenRule::Required | IdTokenRule::IfPresent, Some(id_token)) => id_token,
        };
        let jwks_uri = endpoints.jwks.as_deref().ok_or_else(|| {
            Failure::misconfigured("an ID token came, and the record has no jwks_uri to check it")
        })?;
        self.with_keys(operator, jwks_uri, now, |keys| {
            oidc::check_id_token(settings, keys, id_token, nonce, now)
        })
        .await
    }

    /// Checks a signature with an issuer's keys. An unknown key is looked for once more.
    async fn with_keys<T>(
        &self,
        operator: &Operator,
        jwks_uri: &str,
        now: Time,
        check: impl Fn(&Keys) -> Result<T, IdTokenFault>,
    ) -> Result<T, Failure> {
        let settings = &operator.settings;
        let fetch = || oidc::fetch_keys(&self.outbound, settings, jwks_uri);
        let keys = self.keys.get(key(operator), now, fetch).await?;
        let mut checked = check(&keys);
        if matches!(checked, Err(IdTokenFault::UnknownKey)) {
            let newer = self.keys.refresh(key(operator), now, fetch).await?;
            checked = check(&newer);
        }
        checked.map_err(|fault| match fault {
            IdTokenFault::UnknownKey => Failure::violation(
                "the ID token is signed with a key the operator does not publish",
            ),
            IdTokenFault::Failure(failure) => failure,
        })
    }

    /// Our key at this operator, parsed once per revision of its record.
    async fn signer(&self, ask: &Ask<'_>) -> Result<Arc<Signer>, Failure> {
        let parse = async { Signer::new(&ask.operator.settings, ask.credentials).map(Arc::new) };
        self.signers
            .try_get_with(key(ask.operator), parse)
            .await
            .map_err(|fault| Failure::misconfigured(*fault))
    }
}

/// Writes into the evidence what the operator charges for: an answer about the number, and perhaps
/// one that was lost.
fn charged(mut verdict: Verdict, ask: &Ask<'_>) -> Verdict {
    let call = ask.method.into();
    match &mut verdict {
        Verdict::Verified(proof) => proof.evidence.billable.push(call),
        Verdict::Refused(refusal) => match refusal.outcome {
            Outcome::Mismatch => refusal.evidence.billable.push(call),
            Outcome::OperatorTimeout if refusal.evidence.stage == ask.method.as_str() => {
                refusal.evidence.unsure.push(call);
            }
            _ => {}
        },
    }
    verdict
}

fn key(operator: &Operator) -> Key {
    (operator.id, operator.revision)
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        connect: settings.connect_timeout(),
        total: settings.total_timeout(),
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests;
