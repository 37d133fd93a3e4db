//! What tests and the dev stack steer the operator with.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::client::SimulatedClient;
use super::journal::Received;
use super::network::{Device, Network};
use super::persona::Persona;
use super::scenario::Scenario;
use crate::clock::Time;
use crate::phone::PhoneNumber;

/// A cheap clone that reaches into the running operator.
#[derive(Clone)]
pub struct Handle(Arc<Network>);

/// Whose device is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Every connection from this address: the radio.
    Address(IpAddr),
    /// The browser that sends this value in the cookie [`Handle::COOKIE`].
    Browser(String),
}

impl Handle {
    /// The cookie that remembers what a browser picked.
    pub const COOKIE: &str = "numbercloak_sim";

    pub(super) fn new(network: Arc<Network>) -> Self {
        Self(network)
    }

    /// The issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Which operator it is.
    #[must_use]
    pub fn persona(&self) -> Persona {
        self.0.persona
    }

    /// Where the operator listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Adds a client, or replaces the one with the same id.
    pub fn register(&self, client: SimulatedClient) {
        self.0.register(client);
    }

    /// Puts a device behind an address or a browser; `None` takes it away.
    pub fn set_sim(&self, whose: Whose, device: Option<Device>) {
        match whose {
            Whose::Address(address) => self.0.set_address(address, device),
            Whose::Browser(cookie) => self.0.set_pick(&cookie, device),
        }
    }

    /// When this number moved to its SIM, for the SIM swap check; `None`: never.
    pub fn set_swapped(&self, number: &PhoneNumber, at: Option<Time>) {
        self.0.history.set_swapped(number, at);
    }

    /// When this number was given to its owner, for the recycling check; `None`: never.
    pub fn set_recycled(&self, number: &PhoneNumber, at: Option<Time>) {
        self.0.history.set_recycled(number, at);
    }

    /// Makes the next authorization play this scenario, whatever its SIM; `None` takes it back.
    pub fn set_override(&self, scenario: Option<&'static Scenario>) {
        self.0.set_override(scenario);
    }

    /// Every answer of the protocol's endpoints comes this much later.
    pub fn set_latency(&self, latency: Duration) {
        self.0.set_latency(latency);
    }

    /// The last requests to the protocol's endpoints, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.0.journal.entries()
    }

    /// Forgets everything but the clients and the signing key.
    pub fn reset(&self) {
        self.0.reset();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.0.issuer)
    }
}
