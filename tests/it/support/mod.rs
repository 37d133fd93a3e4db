//! The world around the server under test: a database, an operator, a browser, an app.

pub mod app;
pub mod browser;
pub mod client_key;
pub mod database;
pub mod html;
pub mod keys;
pub mod listener;
pub mod rp;
pub mod served;
pub mod statements;
pub mod wire;

/// Reads what a test needs from the outside with an HTTP client of its own: the tests are everybody
/// but the server. `localhost` is where the server listens, whatever the resolver prefers.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests are outside parties: browsers and apps with HTTP clients of their own"
)]
pub fn outside_client(patience: std::time::Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .resolve("localhost", "127.0.0.1:0".parse().unwrap())
        .timeout(patience)
        .build()
        .unwrap()
}
