//! The pretend outside world: every persona as an operator at an address of its own, and the radio network
//! that lies between them and the pretend phone.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use ipnet::IpNet;

use crate::clock::Clock;
use crate::dev::addresses::{has_many_loopbacks, neighbour};
use crate::dev::personas;
use crate::simulator::radio::{self, Radio};
use crate::simulator::{self, Persona, Simulator};

/// The alias of the operator that is asked if nobody names another.
pub(super) const OPERATOR: &str = "simulator";
/// Another site than ours for a browser.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The operators and the radio, running.
pub(super) struct Networks {
    /// The one that is asked if nobody names another.
    pub(super) usual: Simulator,
    /// The other personas.
    pub(super) others: Vec<Simulator>,
    /// None where the system gives loopback one address only.
    radio: Option<Radio>,
}

impl Networks {
    /// Starts them beside the server.
    pub(super) async fn start(server: SocketAddr, clock: &Clock) -> anyhow::Result<Self> {
        let settings = |persona, address| simulator::Settings {
            persona,
            clock: clock.clone(),
            ..simulator::Settings::new(address)
        };
        let at = neighbour(server, ADDRESS, 2).await;
        let usual = simulator::start(settings(Persona::default(), at))
            .await
            .context("the simulated operator cannot listen")?;
        let mut all = Vec::new();
        for (persona, distance) in Persona::ALL.into_iter().skip(1).zip(10..) {
            all.push(settings(
                persona,
                neighbour(server, ADDRESS, distance).await,
            ));
        }
        let others = simulator::start_all(all).await;
        let others = others.context("a simulated operator cannot listen")?;
        let mut networks = Self {
            usual,
            others,
            radio: None,
        };
        if has_many_loopbacks().await {
            let listen = neighbour(server, Ipv4Addr::LOCALHOST, 3).await;
            let settings = radio::Settings::new(listen, networks.named());
            let radio = radio::start(settings).await;
            networks.radio = Some(radio.context("the simulated radio network cannot listen")?);
        }
        Ok(networks)
    }

    /// Every operator with its alias.
    fn named(&self) -> Vec<(String, simulator::Handle)> {
        let others = self.others.iter();
        let others = others.map(|one| (personas::alias(one.persona()), one.handle()));
        std::iter::once((OPERATOR.to_owned(), self.usual.handle()))
            .chain(others)
            .collect()
    }

    /// Where an operator's subscribers come from: what an admin would load for it.
    pub(super) fn addresses_of(&self, alias: &str) -> Vec<IpNet> {
        let radio = self.radio.as_ref();
        let network = radio.and_then(|radio| radio.handle().network_of(alias));
        network.into_iter().collect()
    }

    /// The phone's proxy.
    pub(super) fn proxy(&self) -> Option<String> {
        let radio = self.radio.as_ref()?;
        Some(format!("http://{}", radio.handle().proxy()))
    }

    /// Stops everything.
    pub(super) async fn stop(self) {
        if let Some(radio) = self.radio {
            radio.stop().await;
        }
        self.usual.stop().await;
        for other in self.others {
            other.stop().await;
        }
    }
}
