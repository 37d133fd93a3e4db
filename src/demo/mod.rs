//! A small relying party of ours: the demo app. It knows Numbercloak only as any app would, by its
//! issuer address and a client registration, so that what works here works for everybody.
//!
//! `dev` and docker-compose start it beside the server, tests drive it as an outside party. In `dev`
//! it lives on `127.0.0.1` while the issuer lives on `localhost`: two sites for a browser, as in the
//! field.

mod failure;
mod http_client;
mod pages;
mod pending;
mod relying_party;
#[cfg(test)]
mod test_provider;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::secret::Redacted;
use relying_party::RelyingParty;

/// How the demo app is registered and with whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer, exactly as its discovery document says it.
    pub issuer: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret, sent by `client_secret_basic`; without one the client is public.
    pub client_secret: Option<Redacted>,
    /// Where the time comes from when tokens are checked.
    pub clock: Clock,
    /// A page that lists the simulator's numbers, if a simulator runs: linked from the start page.
    pub simulator_url: Option<String>,
}

/// A demo app that has its address but answers nothing yet: so that the redirect URI can be
/// registered before anybody can start a sign-in, also when the system chooses the port.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    url: String,
}

/// Takes the address. `public_url` is what browsers call it (no slash at the end), if that is not
/// the address itself.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn bind(listen: SocketAddr, public_url: Option<String>) -> std::io::Result<Bound> {
    let listener = TcpListener::bind(listen).await?;
    let url = match public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let address = listener.local_addr()?;
            if address.ip().is_unspecified() {
                // Nobody can browse to 0.0.0.0.
                format!("http://127.0.0.1:{}", address.port())
            } else {
                format!("http://{address}")
            }
        }
    };
    Ok(Bound { listener, url })
}

impl Bound {
    /// Where browsers find it, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The redirect URI to register.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        redirect_uri(&self.url)
    }

    /// Starts to answer. The issuer is asked for its metadata only when somebody signs in, so it may
    /// start later than the demo.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn serve(self, settings: Settings) -> std::io::Result<Demo> {
        let Self { listener, url } = self;
        let relying_party = RelyingParty::new(&settings, redirect_uri(&url))?;
        let router = pages::router(relying_party, &settings, &url);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender means the same as a sent word: nobody holds the demo any more.
                let _ = stopped.await;
            });
            if let Err(error) = served.await {
                tracing::error!(%error, "the demo app stopped");
            }
        });
        Ok(Demo { url, stop, task })
    }
}

/// A running demo app. It ends with [`Demo::stop`] or when it is dropped.
#[derive(Debug)]
pub struct Demo {
    url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Demo {
    /// Where browsers find it, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its redirect URI.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        redirect_uri(&self.url)
    }

    /// Lets open requests end, at most five seconds long.
    pub async fn stop(self) {
        let Self { stop, mut task, .. } = self;
        let _ = stop.send(());
        if tokio::time::timeout(Duration::from_secs(5), &mut task)
            .await
            .is_err()
        {
            task.abort();
        }
    }
}

fn redirect_uri(url: &str) -> String {
    format!("{url}/callback")
}
