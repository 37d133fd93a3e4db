//! What the operator knows while it runs: clients, SIMs behind connections, codes and tokens. All in
//! memory; locks are short and never held across an await.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::back_channel::BackChannel;
use super::check_api::History;
use super::client::{Client, SimulatedClient};
use super::contract::Contract;
use super::expiring::{Expiring, Key, key_of};
use super::journal::{Entry, Journal};
use super::keys::Keys;
use super::parameters::Parameters;
use super::persona::Persona;
use super::scenario::{AtDiscovery, Effect, Scenario};
use super::scope::Scope;
use crate::clock::Clock;
use crate::phone::PhoneNumber;

/// Life of an authorization code (10.4).
const CODE_LIFE: Duration = Duration::from_secs(60);
/// Life of an ID token, and of a token from the back channel.
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(300);
/// Life of a page's ticket: consent, redirect chains.
const TICKET_LIFE: Duration = Duration::from_secs(300);
/// How long an assertion's `jti` is remembered: longer than the assertion lives.
const JTI_LIFE: Duration = Duration::from_secs(910);
/// How long a browser's pick is remembered.
pub(super) const PICK_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

const NO_OVERRIDE: u32 = u32::MAX;

/// What stands behind a connection or a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// A phone on mobile data with this SIM.
    Sim(PhoneNumber),
    /// Wi-Fi, a LAN or a VPN: the operator sees no SIM.
    Wifi,
}

impl Device {
    /// Reads `wifi` or a number as a person types it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("wifi") {
            return Some(Self::Wifi);
        }
        PhoneNumber::parse(text, None).ok().map(Self::Sim)
    }

    /// For pages and JSON: `wifi`, a test number as it is, any other masked.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Wifi => "wifi".to_owned(),
            Self::Sim(number) if number.is_test() => number.e164().to_owned(),
            Self::Sim(number) => number.masked(),
        }
    }
}

impl Serialize for Device {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

/// What a finished authorization grants; the code stands for it.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) client: Arc<Client>,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) correlation: Option<String>,
    pub(super) scope: Scope,
    pub(super) number: PhoneNumber,
    pub(super) scenario: Option<&'static Scenario>,
}

/// What is known of a code that was given out.
pub(super) enum Code {
    /// Nobody redeemed it yet.
    Fresh(Box<Grant>),
    /// It was redeemed, or burnt; the token it made, if any.
    Spent(Option<Key>),
}

/// An access token: good for one API call, or for as many as its contract says.
#[derive(Clone)]
pub(super) struct AccessToken {
    pub(super) scope: Scope,
    pub(super) number: PhoneNumber,
    pub(super) scenario: Option<&'static Scenario>,
    pub(super) correlation: Option<String>,
    pub(super) until: crate::clock::Time,
}

/// A consent page that waits for an answer.
pub(super) struct Pending {
    pub(super) grant: Grant,
    pub(super) state: Option<String>,
}

/// Everything a request handler needs.
pub(super) struct Network {
    pub(super) persona: Persona,
    pub(super) issuer: String,
    pub(super) address: SocketAddr,
    pub(super) clock: Clock,
    pub(super) keys: Arc<Keys>,
    pub(super) codes: Expiring<Code>,
    pub(super) tokens: Expiring<AccessToken>,
    pub(super) jtis: Expiring<()>,
    pub(super) consents: Expiring<Pending>,
    /// Requests on their way from the channel partner to the operator.
    pub(super) hops: Expiring<Parameters>,
    /// Numbers that Network Enablement was asked about.
    pub(super) enabled: Expiring<PhoneNumber>,
    /// Where a chain of redirects ends.
    pub(super) chains: Expiring<String>,
    pub(super) picks: Expiring<Device>,
    pub(super) journal: Journal,
    pub(super) back_channel: BackChannel,
    pub(super) history: History,
    clients: RwLock<HashMap<String, Arc<Client>>>,
    addresses: RwLock<HashMap<IpAddr, Device>>,
    /// Picks set by tests under a cookie value of their own.
    fixed_picks: Mutex<HashMap<String, Device>>,
    next: AtomicU32,
    /// What the next request for metadata or keys meets.
    armed: Mutex<Option<AtDiscovery>>,
    latency_micros: AtomicU64,
}

impl Network {
    pub(super) fn new(
        persona: Persona,
        issuer: String,
        address: SocketAddr,
        clock: Clock,
        keys: Arc<Keys>,
        journal: Journal,
    ) -> Self {
        Self {
            persona,
            issuer,
            address,
            clock,
            keys,
            codes: Expiring::new(CODE_LIFE),
            tokens: Expiring::new(Duration::from_secs(persona.contract().token_life)),
            jtis: Expiring::new(JTI_LIFE),
            consents: Expiring::new(TICKET_LIFE),
            hops: Expiring::new(TICKET_LIFE),
            enabled: Expiring::new(TICKET_LIFE),
            chains: Expiring::new(TICKET_LIFE),
            picks: Expiring::new(PICK_LIFE),
            journal,
            back_channel: BackChannel::new(),
            history: History::default(),
            clients: RwLock::default(),
            addresses: RwLock::default(),
            fixed_picks: Mutex::default(),
            next: AtomicU32::new(NO_OVERRIDE),
            armed: Mutex::default(),
            latency_micros: AtomicU64::new(0),
        }
    }

    pub(super) fn register(&self, client: SimulatedClient) {
        let client = Arc::new(Client::new(client));
        self.clients
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(client.id.clone(), client);
    }

    pub(super) fn client(&self, id: &str) -> Option<Arc<Client>> {
        self.clients
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    pub(super) fn client_ids(&self) -> Vec<String> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<_> = clients.keys().cloned().collect();
        ids.sort();
        ids
    }

    /// The device behind a source address, `None` to forget it.
    pub(super) fn set_address(&self, address: IpAddr, device: Option<Device>) {
        let mut table = self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match device {
            Some(device) => table.insert(address.to_canonical(), device),
            None => table.remove(&address.to_canonical()),
        };
    }

    pub(super) fn addresses(&self) -> Vec<(IpAddr, Device)> {
        let table = self
            .addresses
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> = table
            .iter()
            .map(|(ip, device)| (*ip, device.clone()))
            .collect();
        rows.sort_by_key(|(ip, _)| *ip);
        rows
    }

    /// What a test's cookie value stands for, `None` to forget it.
    pub(super) fn set_pick(&self, cookie: &str, device: Option<Device>) {
        let mut picks = self
            .fixed_picks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match device {
            Some(device) => picks.insert(cookie.to_owned(), device),
            None => picks.remove(cookie),
        };
    }

    /// What the browser with this cookie picked.
    pub(super) fn picked(&self, cookie: Option<&str>) -> Option<Device> {
        let cookie = cookie?;
        let now = self.clock.now();
        self.picks
            .with(now, &key_of(cookie), |device| device.clone())
            .or_else(|| {
                let picks = self
                    .fixed_picks
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                picks.get(cookie).cloned()
            })
    }

    /// Which SIM is the phone: the source address, else what the browser picked, else the number
    /// that was hinted (10.2).
    pub(super) fn device(
        &self,
        from: IpAddr,
        cookie: Option<&str>,
        hint: Option<&str>,
    ) -> Option<Device> {
        let listed = {
            let table = self
                .addresses
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            table.get(&from.to_canonical()).cloned()
        };
        listed.or_else(|| self.picked(cookie)).or_else(|| {
            let hint = hint?;
            if let Some(ticket) = hint.strip_prefix("enablement:") {
                // Not used up: the person may go back and on again.
                let number = self
                    .enabled
                    .with(self.clock.now(), &key_of(ticket), |number| number.clone());
                return number.map(Device::Sim);
            }
            let number = hint.strip_prefix("tel:").unwrap_or(hint);
            PhoneNumber::from_e164(number).ok().map(Device::Sim)
        })
    }

    /// What the next authorization request meets, whatever its SIM.
    pub(super) fn set_override(&self, scenario: Option<&'static Scenario>) {
        let code = scenario.map_or(NO_OVERRIDE, |scenario| u32::from(scenario.code));
        match scenario.map(|scenario| scenario.effect) {
            // No authorization comes before metadata, so this one waits for nobody.
            Some(Effect::Discovery(at)) => self.arm(Some(at)),
            _ => self.next.store(code, Ordering::SeqCst),
        }
    }

    pub(super) fn peek_override(&self) -> Option<&'static Scenario> {
        Scenario::with_code(u16::try_from(self.next.load(Ordering::SeqCst)).ok()?)
    }

    /// The override, which acts once; else the number's own scenario.
    pub(super) fn scenario_for(&self, number: &PhoneNumber) -> Option<&'static Scenario> {
        if self.next.load(Ordering::Relaxed) != NO_OVERRIDE {
            let code = self.next.swap(NO_OVERRIDE, Ordering::SeqCst);
            if let Some(scenario) = u16::try_from(code).ok().and_then(Scenario::with_code) {
                return Some(scenario);
            }
        }
        Scenario::of(number).or_else(|| self.persona.own_scenario(number))
    }

    pub(super) fn arm(&self, at: Option<AtDiscovery>) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// What a request for metadata or keys meets, if it is one of those; once.
    pub(super) fn disarm(&self, which: &[AtDiscovery]) -> Option<AtDiscovery> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.take_if(|at| which.contains(at))
    }

    pub(super) fn contract(&self) -> &'static Contract {
        self.persona.contract()
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.store(micros, Ordering::Relaxed);
    }

    pub(super) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency_micros.load(Ordering::Relaxed))
    }

    /// Forgets everything but the clients and the keys.
    pub(super) fn reset(&self) {
        self.codes.clear();
        self.tokens.clear();
        self.jtis.clear();
        self.consents.clear();
        self.hops.clear();
        self.enabled.clear();
        self.arm(None);
        self.chains.clear();
        self.picks.clear();
        self.journal.clear();
        self.back_channel.clear();
        self.history.clear();
        self.addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.fixed_picks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.set_override(None);
        self.set_latency(Duration::ZERO);
    }

    /// Writes into the journal that this scenario shaped the answer to a request.
    pub(super) fn acted(&self, entry: Entry, scenario: &'static Scenario) {
        self.journal.answered(entry.0, None, Some(scenario.code));
    }

    /// Absolute URL of a path of ours.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }
}
