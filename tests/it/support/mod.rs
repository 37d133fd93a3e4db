//! The world around the server under test: a database, an operator, a browser, an app.

pub mod app;
pub mod authenticator;
pub mod browser;
pub mod client_key;
pub mod command;
pub mod company;
pub mod console;
pub mod database;
pub mod dpop;
pub mod html;
pub mod keys;
pub mod listener;
pub mod process;
pub mod radio;
pub mod rp;
pub mod served;
pub mod statements;
pub mod tls;
pub mod wire;

/// Reads what a test needs from the outside with an HTTP client of its own: the tests are everybody
/// but the server. `localhost` is where the server listens, whatever the resolver prefers.
pub fn outside_client(patience: std::time::Duration) -> reqwest::Client {
    builder(patience).no_proxy().build().unwrap()
}

/// The same through a proxy: a phone on the pretend radio network. Nothing is kept open, as a phone
/// that changes networks keeps nothing.
pub fn client_through(proxy: std::net::SocketAddr) -> reqwest::Client {
    let proxy = reqwest::Proxy::all(format!("http://{proxy}")).unwrap();
    builder(std::time::Duration::from_secs(30))
        .proxy(proxy)
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests are outside parties: browsers and apps with HTTP clients of their own"
)]
fn builder(patience: std::time::Duration) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([tls::trusted()])
        .resolve("localhost", "127.0.0.1:0".parse().unwrap())
        .timeout(patience)
}
