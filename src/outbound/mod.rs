//! The one HTTP client for everything that leaves us: to operators, and to URLs that clients
//! registered (DESIGN.md section 4). It holds for every call: a time limit to connect and one for
//! the whole, a cap on the answer, no redirects, no proxy from the environment, no cookies, no
//! repeated requests, no private addresses unless listed, https unless it stays on this machine.
//! Its log lines name method, origin, path, status and time; never a query, a header or a body.

mod addresses;
mod connect;

use std::error::Error as StdError;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, header};
use ipnet::IpNet;
use url::{Host, Url};

use addresses::{AddressRefused, Gate};
use connect::{ConnectTimedOut, LIMIT, LimitConnecting};

use crate::config::Operators;

/// How long an idle connection is kept. Short, so that a request seldom meets one that the other
/// side is just closing: such a request may not be repeated.
const IDLE: Duration = Duration::from_secs(15);

/// How long a look-up for diagnosis may take.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What the client may reach beyond the public internet.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Networks that may be reached though they are private: loopback for simulators, the office.
    pub allow_private: Vec<IpNet>,
    /// Certificates (PEM, one or more in each) trusted beside the system's.
    pub extra_roots: Vec<Vec<u8>>,
    /// What no call exceeds, whatever its own limits say.
    pub at_most: Option<Limits>,
}

/// The limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To look up the name, connect and finish the TLS handshake.
    pub connect: Duration,
    /// For everything, to the last byte of the answer.
    pub total: Duration,
    /// The longest body accepted, in bytes.
    pub max_bytes: usize,
}

impl Rules {
    /// What the configuration says.
    ///
    /// # Errors
    /// If the file with extra authorities cannot be read.
    pub fn of(config: &Operators) -> Result<Self, SetUpError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| SetUpError(format!("{}: {error}", path.display())))
        };
        let extra_roots = config.extra_ca_file.as_ref().map(read).transpose()?;
        Ok(Self {
            allow_private: config.allow_private_addresses.clone(),
            extra_roots: extra_roots.into_iter().collect(),
            at_most: Some(Limits {
                connect: config.connect_timeout,
                total: config.total_timeout,
                max_bytes: config.max_answer_bytes,
            }),
        })
    }
}

impl Limits {
    fn within(self, most: Option<Self>) -> Self {
        let Some(most) = most else { return self };
        Self {
            connect: self.connect.min(most.connect),
            total: self.total.min(most.total),
            max_bytes: self.max_bytes.min(most.max_bytes),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            total: Duration::from_secs(8),
            max_bytes: 64 * 1024,
        }
    }
}

/// Why a call brought no answer. The texts hold no URL, so that they may be logged and shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The rules forbid the address; nothing was sent.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// No connection came about; nothing was sent.
    #[error("no connection: {reason}")]
    Connect {
        /// What the system said.
        reason: String,
        /// Whether it was the time limit.
        timed_out: bool,
    },
    /// No complete answer in time; the request may have been carried out.
    #[error("no complete answer in time")]
    Timeout,
    /// The answer's body is longer than allowed; the request was carried out.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// The exchange broke off; the request may have been carried out.
    #[error("the exchange broke off: {0}")]
    Other(String),
}

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct SetUpError(String);

/// The client. Clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    gate: Gate,
    at_most: Option<Limits>,
}

impl Outbound {
    /// Sets the client up.
    ///
    /// # Errors
    /// If a certificate in `rules` cannot be read, or the system's trust store cannot.
    pub fn new(rules: &Rules) -> Result<Self, SetUpError> {
        let gate = Gate(Arc::from(rules.allow_private.as_slice()));
        let mut roots = Vec::new();
        for pem in &rules.extra_roots {
            let bundle = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|err| SetUpError(err.to_string()))?;
            if bundle.is_empty() {
                return Err(SetUpError("a file of authorities holds none".to_owned()));
            }
            roots.extend(bundle);
        }
        let client = builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .dns_resolver(gate.clone())
            .connector_layer(LimitConnecting)
            .pool_idle_timeout(IDLE)
            .tls_certs_merge(roots)
            .user_agent(concat!("numbercloak/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|err| SetUpError(deepest(&err)))?;
        Ok(Self {
            client,
            gate,
            at_most: rules.at_most,
        })
    }

    /// Sends one request once and brings the whole answer, whatever its status.
    ///
    /// # Errors
    /// Why there is none; [`OutboundError`] says whether anything was sent.
    pub async fn send(
        &self,
        request: Request<Vec<u8>>,
        limits: Limits,
    ) -> Result<Response<Vec<u8>>, OutboundError> {
        let limits = limits.within(self.at_most);
        let started = Instant::now();
        let method = request.method().clone();
        let url = Url::parse(&request.uri().to_string())
            .map_err(|_| OutboundError::Refused("the URL cannot be read"))?;
        let shown = format!("{}{}", url.origin().ascii_serialization(), url.path());
        let result = match self.may_call(&url) {
            Ok(()) => {
                // Boxed, for the client's own state is large, and whoever calls carries it with it.
                let exchange = Box::pin(self.exchange(request, limits));
                let exchange = LIMIT.scope(limits.connect, exchange);
                tokio::time::timeout(limits.total, exchange)
                    .await
                    .unwrap_or(Err(OutboundError::Timeout))
            }
            Err(refused) => Err(refused),
        };
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &result {
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::debug!(%method, url = %shown, status, ms, "called");
            }
            Err(error) => tracing::info!(%method, url = %shown, %error, ms, "call failed"),
        }
        result
    }

    /// The addresses of `host` that may be reached. For diagnosis.
    ///
    /// # Errors
    /// [`OutboundError::Refused`] if it has only others, [`OutboundError::Connect`] if it has none.
    pub async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, OutboundError> {
        let looking = tokio::time::timeout(LOOK_UP, self.gate.look_up(host));
        let found = looking.await.map_err(|_| OutboundError::Connect {
            reason: "no answer from the name service".to_owned(),
            timed_out: true,
        })?;
        found.map_err(|err| {
            if is_caused_by::<AddressRefused>(&err) {
                OutboundError::Refused(PRIVATE)
            } else {
                OutboundError::Connect {
                    reason: deepest(&err),
                    timed_out: false,
                }
            }
        })
    }

    /// Whether the rules let a request go to `url`, as far as the URL itself tells: names are
    /// judged when they are looked up.
    ///
    /// # Errors
    /// [`OutboundError::Refused`] with the reason.
    pub fn may_call(&self, url: &Url) -> Result<(), OutboundError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::Refused("the URL carries a user name"));
        }
        let address = match url.host() {
            None => return Err(OutboundError::Refused("the URL has no host")),
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
        };
        if address.is_some_and(|address| !self.gate.allows(address)) {
            return Err(OutboundError::Refused(PRIVATE));
        }
        let stays_here = match address {
            Some(address) => self.gate.allows_plain_http(address),
            None => url.host_str() == Some("localhost"),
        };
        match url.scheme() {
            "https" => Ok(()),
            "http" if stays_here => Ok(()),
            _ => Err(OutboundError::Refused("the URL is not https")),
        }
    }

    async fn exchange(
        &self,
        mut request: Request<Vec<u8>>,
        limits: Limits,
    ) -> Result<Response<Vec<u8>>, OutboundError> {
        // So that no library below us prints it.
        if let Some(credentials) = request.headers_mut().get_mut(header::AUTHORIZATION) {
            credentials.set_sensitive(true);
        }
        let plain = request.uri().scheme_str() == Some("http");
        let request = reqwest::Request::try_from(request)
            .map_err(|_| OutboundError::Refused("the URL cannot be read"))?;
        let mut answer = self.client.execute(request).await.map_err(classify)?;
        // The resolver has filtered already; this holds even if somebody breaks that.
        let reached = answer.remote_addr().map(|socket| socket.ip());
        let allowed = reached.is_some_and(|address| {
            self.gate.allows(address) && (!plain || self.gate.allows_plain_http(address))
        });
        if !allowed {
            return Err(OutboundError::Refused(PRIVATE));
        }
        let encoding = answer.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(OutboundError::Other("the answer is compressed".to_owned()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(classify)? {
            if body.len() + chunk.len() > limits.max_bytes {
                return Err(OutboundError::TooLarge(limits.max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

const PRIVATE: &str = "the host's address is private or reserved";

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes an HTTP client"
)]
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
}

fn classify(err: reqwest::Error) -> OutboundError {
    if is_caused_by::<AddressRefused>(&err) {
        return OutboundError::Refused(PRIVATE);
    }
    if err.is_connect() {
        return OutboundError::Connect {
            timed_out: is_caused_by::<ConnectTimedOut>(&err),
            reason: deepest(&err),
        };
    }
    if err.is_timeout() {
        return OutboundError::Timeout;
    }
    OutboundError::Other(deepest(&err))
}

fn is_caused_by<E: StdError + 'static>(err: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(err);
    while let Some(err) = next {
        if err.is::<E>() {
            return true;
        }
        // An I/O error hides what it was made of from its `source`.
        let inner = err
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if inner.is_some_and(|inner| is_caused_by::<E>(inner)) {
            return true;
        }
        next = err.source();
    }
    false
}

/// The innermost cause, which names the fault and not the URL.
fn deepest(err: &(dyn StdError + 'static)) -> String {
    let mut deepest = err;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string().chars().take(128).collect()
}

#[cfg(test)]
mod tests;
