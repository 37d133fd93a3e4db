//! The radio network: what lies between the pretend phone and everybody else. A browser that uses it as
//! its proxy is a phone. Whatever the phone sends leaves from a loopback address of the network it is
//! on, so that our server's own classifier of addresses and the pretend operators' tables decide, as in
//! the field; and on hops over plain http a mobile network adds its header with the SIM's number.
//!
//! | network | addresses |
//! |---|---|
//! | Wi-Fi | `127.0.B.1` |
//! | the first operator's | `127.0.(B+1).1` and up, one per SIM, or one for all |
//! | the second operator's | `127.0.(B+2).1` and up |
//!
//! `B` is [`Settings::block`]. For development and tests: it reaches this machine only.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::handle::{Handle, Whose};
use super::network::Device;
use super::proxy;
use crate::phone::PhoneNumber;

/// The header that the mobile networks add, with the number's digits. Operators believe it only from
/// their own gateways.
pub const HEADER: &str = "x-msisdn";

/// How many of the last connections are remembered.
const KEPT: usize = 500;

/// A radio network and where it is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the phone's browser finds its proxy; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The mobile networks: a name for each, and the operator behind it.
    pub operators: Vec<(String, Handle)>,
    /// The third number of the Wi-Fi's address; the operators' follow it.
    pub block: u8,
    /// Whether all SIMs of an operator leave from one address, as behind a carrier's NAT: then only the
    /// header tells them apart.
    pub shared_addresses: bool,
}

impl Settings {
    /// A radio in front of these operators.
    #[must_use]
    pub fn new(listen: SocketAddr, operators: Vec<(String, Handle)>) -> Self {
        Self {
            listen,
            operators,
            block: 64,
            shared_addresses: false,
        }
    }
}

/// What the phone is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// No network at all: connections fail.
    Nothing,
    /// Somebody's Wi-Fi.
    Wifi,
    /// Mobile data of this operator, with this SIM.
    Mobile(String, PhoneNumber),
}

/// One connection that went through.
#[derive(Clone, Debug, Serialize)]
pub struct Passed {
    /// `CONNECT` for a tunnel, else the request's method.
    pub method: String,
    /// Host and port.
    pub to: String,
    /// The address it left from.
    pub from: IpAddr,
    /// Whether the header was added.
    pub header_added: bool,
}

/// A running radio network. Dropping it stops it.
#[derive(Debug)]
pub struct Radio {
    handle: RadioHandle,
    task: JoinHandle<()>,
}

/// What tests and pages steer the radio with.
#[derive(Clone)]
pub struct RadioHandle(pub(super) Arc<State>);

pub(super) struct State {
    listen: SocketAddr,
    operators: Vec<(String, Handle)>,
    block: u8,
    shared_addresses: bool,
    inside: Mutex<Inside>,
    /// Counts the changes of network, so that what is under way is cut.
    moves: watch::Sender<u64>,
}

struct Inside {
    attachment: Attachment,
    /// The last part of each SIM's address, by operator and number.
    places: HashMap<(usize, String), u8>,
    latency: Duration,
    lost: u32,
    passed: Vec<Passed>,
}

/// How a connection leaves.
pub(super) struct Way {
    pub(super) from: Ipv4Addr,
    /// The value of [`HEADER`] on plain-http hops.
    pub(super) header: Option<String>,
    pub(super) latency: Duration,
}

/// Binds the proxy and serves on the current runtime. The phone starts on Wi-Fi.
///
/// # Errors
/// If the address cannot be bound or is not of this machine: an open proxy is nobody's friend.
pub async fn start(settings: Settings) -> io::Result<Radio> {
    if !settings.listen.ip().is_loopback() {
        let message = "the radio listens on a loopback address only: it asks nobody who they are";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let listener = TcpListener::bind(settings.listen).await?;
    let state = Arc::new(State {
        listen: listener.local_addr()?,
        operators: settings.operators,
        block: settings.block,
        shared_addresses: settings.shared_addresses,
        inside: Mutex::new(Inside {
            attachment: Attachment::Wifi,
            places: HashMap::new(),
            latency: Duration::ZERO,
            lost: 0,
            passed: Vec::new(),
        }),
        moves: watch::Sender::new(0),
    });
    let handle = RadioHandle(state);
    handle.attach(Attachment::Wifi);
    for (_, operator) in &handle.0.operators {
        operator.set_radio(&handle);
    }
    let task = tokio::spawn(proxy::serve(listener, handle.clone()));
    Ok(Radio { handle, task })
}

impl Radio {
    /// What steers it.
    #[must_use]
    pub fn handle(&self) -> RadioHandle {
        self.handle.clone()
    }

    /// Stops it and cuts every connection.
    pub async fn stop(mut self) {
        self.task.abort();
        // Aborted on purpose: the error says only that.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RadioHandle {
    /// The proxy, for the phone's browser.
    #[must_use]
    pub fn proxy(&self) -> SocketAddr {
        self.0.listen
    }

    /// The names of the mobile networks.
    #[must_use]
    pub fn operators(&self) -> Vec<&str> {
        let names = self.0.operators.iter().map(|(name, _)| name.as_str());
        names.collect()
    }

    /// The addresses of an operator's subscribers: what an admin loads for it.
    #[must_use]
    pub fn network_of(&self, operator: &str) -> Option<IpNet> {
        let at = self.0.index(operator)?;
        let net = Ipv4Net::new(self.0.address(at + 1, 0), 24).ok()?;
        Some(IpNet::V4(net))
    }

    /// Connects the phone to a network; connections that are open are cut. Returns the address it
    /// leaves from, `None` without a network, or if there is no such operator or no address left, and
    /// then nothing changes.
    pub fn attach(&self, attachment: Attachment) -> Option<IpAddr> {
        let state = &self.0;
        let address = {
            let mut inside = state.inside();
            let address = state.place(&mut inside, &attachment);
            if address.is_none() && attachment != Attachment::Nothing {
                return None;
            }
            inside.attachment = attachment.clone();
            address.map(IpAddr::V4)
        };
        if let Some(address) = address {
            state.tell_operators(address, &attachment);
        }
        state.moves.send_modify(|moves| *moves += 1);
        address
    }

    /// What the phone is connected to.
    #[must_use]
    pub fn attachment(&self) -> Attachment {
        self.0.inside().attachment.clone()
    }

    /// Where the phone's connections leave from.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.way().map(|way| IpAddr::V4(way.from))
    }

    /// Every connection is made this much later.
    pub fn set_latency(&self, latency: Duration) {
        self.0.inside().latency = latency;
    }

    /// The next connections are lost, so many of them.
    pub fn lose(&self, connections: u32) {
        self.0.inside().lost = connections;
    }

    /// The last connections that went through, oldest first.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        self.0.inside().passed.clone()
    }

    pub(super) fn way(&self) -> Option<Way> {
        let state = &self.0;
        let mut inside = state.inside();
        let attachment = inside.attachment.clone();
        let from = state.place(&mut inside, &attachment)?;
        let header = match attachment {
            Attachment::Mobile(_, number) => Some(number.digits().to_owned()),
            Attachment::Nothing | Attachment::Wifi => None,
        };
        Some(Way {
            from,
            header,
            latency: inside.latency,
        })
    }

    /// Whether this connection is one of those to be lost.
    pub(super) fn is_lost(&self) -> bool {
        let mut inside = self.0.inside();
        let lost = inside.lost > 0;
        inside.lost = inside.lost.saturating_sub(1);
        lost
    }

    pub(super) fn remember(&self, passed: Passed) {
        let mut inside = self.0.inside();
        if inside.passed.len() == KEPT {
            inside.passed.remove(0);
        }
        inside.passed.push(passed);
    }

    /// Resolves when the phone changes networks.
    pub(super) fn moved(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut moves = self.0.moves.subscribe();
        async move {
            // The sender lives as long as the radio; without it there is no network either.
            let _ = moves.changed().await;
        }
    }
}

impl fmt::Debug for RadioHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RadioHandle({})", self.0.listen)
    }
}

impl State {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self, operator: &str) -> Option<usize> {
        self.operators.iter().position(|(name, _)| name == operator)
    }

    /// `127.0.(block + network).place`; network 0 is the Wi-Fi.
    fn address(&self, network: usize, place: u8) -> Ipv4Addr {
        let network = u8::try_from(network).unwrap_or(u8::MAX);
        Ipv4Addr::new(127, 0, self.block.saturating_add(network), place)
    }

    /// The address a phone leaves from.
    fn place(&self, inside: &mut Inside, attachment: &Attachment) -> Option<Ipv4Addr> {
        match attachment {
            Attachment::Nothing => None,
            Attachment::Wifi => Some(self.address(0, 1)),
            Attachment::Mobile(operator, number) => {
                let network = self.index(operator)?;
                if self.shared_addresses {
                    return Some(self.address(network + 1, 1));
                }
                let key = (network, number.e164().to_owned());
                let taken = inside.places.keys().filter(|(known, _)| *known == network);
                let next = u8::try_from(taken.count() + 1).ok().filter(|at| *at < 255);
                let place = match inside.places.get(&key) {
                    Some(place) => *place,
                    None => {
                        let place = next?;
                        inside.places.insert(key, place);
                        place
                    }
                };
                Some(self.address(network + 1, place))
            }
        }
    }

    /// An operator sees its own SIMs behind its own addresses, and nothing behind anybody else's.
    fn tell_operators(&self, address: IpAddr, attachment: &Attachment) {
        for (name, operator) in &self.operators {
            let own = match attachment {
                Attachment::Mobile(network, number) if network == name => Some(number),
                _ => None,
            };
            let device = match own {
                Some(number) if !self.shared_addresses => Device::Sim(number.clone()),
                _ => Device::Wifi,
            };
            operator.set_gateway(address, own.is_some());
            operator.set_sim(Whose::Address(address), Some(device));
        }
    }
}
