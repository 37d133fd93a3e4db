//! Our pretend operator: real HTTP, real signatures, no database.
//!
//! It enforces its contract rather than only answering: redirect URIs match exactly, codes and
//! tokens work once, client assertions and request objects are checked. Which SIM the phone has is
//! decided by the radio network it comes through ([`radio`]), by what the browser picked at `/sim`, or
//! by the hinted number; numbers
//! `+99070NNNN` make things go wrong on purpose ([`scenario`]). For development, tests and load:
//! nothing here vouches for a real number.

mod admin;
mod api;
mod authorize;
mod back_channel;
mod callback;
mod check_api;
mod client;
mod client_auth;
mod contract;
mod contracts;
mod discovery;
mod enablement;
mod expiring;
mod handle;
mod id_token;
mod journal;
mod keys;
mod listener;
mod match_call;
mod network;
mod pages;
mod parameters;
mod persona;
mod phone;
mod proxy;
pub mod radio;
mod request;
mod request_object;
pub mod scenario;
mod scope;
mod signing_key;
mod sims;
#[cfg(test)]
mod tests;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use client::SimulatedClient;
pub use handle::{Handle, Whose};
pub use journal::Received;
pub use network::Device;
pub use persona::Persona;
pub use signing_key::IdTokenAlg;
pub use sims::Trouble;

use crate::clock::Clock;
use journal::Journal;
use keys::Keys;
use network::Network;

/// What to pretend, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Which operator to be.
    pub persona: Persona,
    /// Clients that are known from the start.
    pub clients: Vec<SimulatedClient>,
    /// What time it is.
    pub clock: Clock,
    /// The issuer, without a slash at its end, if browsers reach us under another name;
    /// `http://<listen>` otherwise.
    pub public_url: Option<String>,
    /// The algorithm of its ID tokens.
    pub id_token_alg: IdTokenAlg,
    /// Whether requests are remembered for [`Handle::received`]; off for load tests.
    pub journal: bool,
}

impl Settings {
    /// A CAMARA operator without clients at this address.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            persona: Persona::default(),
            clients: Vec::new(),
            clock: Clock::system(),
            public_url: None,
            id_token_alg: IdTokenAlg::default(),
            journal: true,
        }
    }
}

/// A running operator. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    handle: Handle,
    task: JoinHandle<()>,
}

/// Makes a signing key, binds the listener and serves on the current runtime.
///
/// # Errors
/// If the address cannot be bound or no key can be made.
pub async fn start(settings: Settings) -> std::io::Result<Simulator> {
    let keys = make_keys(settings.id_token_alg).await?;
    start_with(settings, keys).await
}

/// Every persona, each at an address of its own, with one signing key between them, made for the
/// algorithm of the first.
///
/// # Errors
/// If an address cannot be bound or no key can be made.
pub async fn start_all(all: Vec<Settings>) -> std::io::Result<Vec<Simulator>> {
    let keys = make_keys(
        all.first()
            .map(|first| first.id_token_alg)
            .unwrap_or_default(),
    )
    .await?;
    let mut started = Vec::with_capacity(all.len());
    for settings in all {
        started.push(start_with(settings, Arc::clone(&keys)).await?);
    }
    Ok(started)
}

async fn make_keys(alg: IdTokenAlg) -> std::io::Result<Arc<Keys>> {
    tokio::task::spawn_blocking(move || Keys::generate(alg))
        .await
        .map_err(std::io::Error::other)?
        .map(Arc::new)
        .map_err(std::io::Error::other)
}

async fn start_with(settings: Settings, keys: Arc<Keys>) -> std::io::Result<Simulator> {
    let listener = TcpListener::bind(settings.listen).await?;
    let address = listener.local_addr()?;
    let issuer = settings.public_url.map_or_else(
        || format!("http://{address}"),
        |url| url.trim_end_matches('/').to_owned(),
    );
    let network = Arc::new(Network::new(
        settings.persona,
        issuer,
        address,
        settings.clock,
        keys,
        Journal::new(settings.journal),
    ));
    for client in settings.clients {
        network.register(client);
    }
    let task = tokio::spawn(listener::serve(listener, routes(&network)));
    Ok(Simulator {
        handle: Handle::new(network),
        task,
    })
}

impl Simulator {
    /// The issuer identifier, without a slash at its end.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.handle.issuer()
    }

    /// Which operator it is.
    #[must_use]
    pub fn persona(&self) -> Persona {
        self.handle.persona()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    /// What tests and the dev stack steer it with.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops listening and cuts every connection, also those that hang on purpose.
    pub async fn stop(mut self) {
        self.task.abort();
        // Aborted on purpose: the error says only that.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn routes(network: &Arc<Network>) -> Router {
    let contract = network.contract();
    let mut protocol = Router::new()
        .route("/jwks", get(discovery::jwks))
        .route(
            contract.authorize,
            get(authorize::by_query).post(authorize::by_form),
        )
        .route("/sim/consent", post(authorize::consent))
        .route("/sim/hop/{ticket}/{hop}", get(callback::hop))
        .route(contract.token, post(token::token));
    if contract.discovery {
        let path = "/.well-known/openid-configuration";
        protocol = protocol
            .route(path, get(discovery::metadata))
            .route("/bc-authorize", post(back_channel::authorize))
            .route("/sim-swap/v2/check", post(check_api::swap_check))
            .route("/sim-swap/v2/retrieve-date", post(check_api::swap_date))
            .route("/number-recycling/v0.2/check", post(check_api::recycling));
    }
    if contract.second_hop {
        protocol = protocol.route(authorize::OPERATOR, get(authorize::at_operator));
    }
    if let Some(path) = contract.enablement {
        protocol = protocol.route(path, post(enablement::post));
    }
    match contract.call {
        contract::Call::Camara { verify, share, .. } => {
            for path in verify {
                protocol = protocol.route(path, post(api::verify));
            }
            for path in share {
                protocol = protocol.route(path, get(api::share));
            }
        }
        contract::Call::Match { path, .. } => {
            protocol = protocol.route(path, post(match_call::post));
        }
    }
    let protocol = protocol.layer(axum::middleware::from_fn_with_state(
        Arc::clone(network),
        listener::watch,
    ));
    Router::new()
        .route("/sim", get(pages::picker).post(pages::pick))
        .route("/sim/style.css", get(pages::style))
        .route("/sim/numbers", get(pages::numbers))
        .route("/sim/admin", get(admin::page))
        .route("/sim/admin/state", get(admin::state))
        .route("/sim/admin/journal", get(admin::journal))
        .route("/sim/admin/addresses", post(admin::set_address))
        .route("/sim/admin/override", post(admin::set_override))
        .route("/sim/admin/latency", post(admin::set_latency))
        .route("/sim/admin/sims", post(admin::set_sim))
        .route("/sim/admin/phone", get(phone::state).post(phone::attach))
        .route("/sim/phone", get(phone::page).post(phone::attach))
        .route("/sim/admin/reset", post(admin::reset))
        .merge(protocol)
        .fallback(api::not_found)
        .with_state(Arc::clone(network))
}
