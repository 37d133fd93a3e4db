//! Dev mode: the whole stack on one machine with nothing configured. A private Postgres, the server,
//! simulated operators with a radio network, and two demo apps, each a site of its own as in the field:
//! the issuer on `localhost`, the demos on `127.0.0.1`, the operators on another loopback address.

mod addresses;
mod database;
mod files;
mod networks;
pub mod personas;
mod seed;

pub use files::root_key_of;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use tokio::net::TcpListener;

use addresses::neighbour;
use database::Database;
use networks::Networks;

use crate::admin::Desk;
use crate::clock::Clock;
use crate::config;
use crate::demo;
use crate::embedded_postgres::{self, Cluster};
use crate::secret::Redacted;
use crate::server::{self, Server, Start};

/// What `numbercloak dev` is told.
#[derive(Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data folder; absent: the usual one.
    pub data: Option<PathBuf>,
    /// Where to write what scripts need, when everything is up.
    pub ready_file: Option<PathBuf>,
    /// A file with more of the configuration.
    pub settings: Option<PathBuf>,
    /// Whether to start over.
    pub reset: bool,
    /// A database to use instead of a private one.
    pub database_url: Option<Redacted>,
}

/// Runs the stack until SIGTERM or Ctrl-C.
///
/// # Errors
/// In one sentence, what keeps it from starting.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let stack = Stack::start(&options).await?;
    if let Some(path) = &options.ready_file {
        stack.write_ready_file(path)?;
    }
    stack.announce();
    server::stop_signal().await?;
    stack.stop().await;
    if let Some(path) = &options.ready_file {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

struct Stack {
    server: Server,
    networks: Networks,
    demo: demo::Demo,
    /// The same app under a registration that requires both extra checks.
    strict: demo::Demo,
    cluster: Option<Cluster>,
    database_url: String,
    config_file: PathBuf,
    client: seed::DemoClient,
    setup_link: Option<String>,
}

impl Stack {
    async fn start(options: &Options) -> anyhow::Result<Self> {
        let data = options
            .data
            .clone()
            .unwrap_or_else(embedded_postgres::default_data_dir);
        let database = Database::open(options, &data).await?;
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let root_key = files::root_key(&data)?;
        let mut settings = settings(address, &database, &root_key);
        if let Some(more) = &options.settings {
            let more = std::fs::read_to_string(more)
                .with_context(|| format!("cannot read {}", more.display()))?;
            settings.push_str(&format!("\n{more}"));
        }
        let config_file = files::write_config(&data, &settings)?;
        // The magic numbers are there to be tried, one after the other.
        let unlimited = "limits.numbers_per_browser_per_hour";
        let flags = vec![(unlimited.to_owned(), "0".to_owned())];
        let config = config::load(Some(&config_file), std::iter::empty(), flags)?;
        let clock = Clock::system();
        let server = server::start(Start {
            clock: clock.clone(),
            listener: Some(listener),
            management: Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?),
            ..Start::new(config)
        })
        .await?;
        let networks = Networks::start(address, &clock).await?;
        let demo = bind(address, 1).await?;
        let strict = bind(address, 4).await?;
        let desk = Desk {
            db: server.app.db.durable().clone(),
            vault: server.app.vault.clone(),
            now: clock.now(),
            actor: "dev".to_owned(),
        };
        let issuer = &server.app.config.issuer;
        seed::operator(&desk, issuer, &networks).await?;
        seed::others(&desk, issuer, &networks).await?;
        let client = seed::client(&desk, &data, &seed::DEMO, &demo.redirect_uri()).await?;
        let wary = seed::client(&desk, &data, &seed::STRICT, &strict.redirect_uri()).await?;
        let setup_link = seed::setup_link(&desk, issuer).await?;
        let serve = |bound: demo::Bound, client: &seed::DemoClient| {
            bound.serve(demo::Settings {
                issuer: issuer.as_str().to_owned(),
                client_id: client.client_id.clone(),
                client_secret: Some(client.secret.clone()),
                clock: clock.clone(),
                simulator_url: Some(networks.usual.issuer().to_owned()),
            })
        };
        let demo = serve(demo, &client)?;
        let strict = serve(strict, &wary)?;
        Ok(Self {
            server,
            networks,
            demo,
            strict,
            cluster: database.cluster,
            database_url: database.url,
            config_file,
            client,
            setup_link,
        })
    }

    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    fn announce(&self) {
        println!("\n  Numbercloak is up.\n");
        println!(
            "  Demo app    {}   <- open this and press the button",
            self.demo.url()
        );
        println!(
            "  Strict app  {}   requires the SIM swap and recycling checks",
            self.strict.url()
        );
        println!("  Issuer      {}", self.server.app.config.issuer);
        let operator = self.networks.usual.issuer();
        println!("  Operator    {operator}/sim   the simulated network and its SIMs");
        for other in &self.networks.others {
            let alias = personas::alias(other.persona());
            println!("              {}   idp_hint={alias}", other.issuer());
        }
        if let Some(proxy) = self.networks.proxy() {
            println!("  Phone       a browser with the proxy {proxy}");
            println!("              {operator}/sim/phone   puts it on Wi-Fi or mobile data");
        }
        if let Some(link) = &self.setup_link {
            println!("  Admin       {link}   (once, within 60 minutes)");
        }
        println!("  Metrics     http://{}/metrics\n", self.server.management);
        println!(
            "  Your own app:\n  numbercloak --config {} client create --test --name N --type web \
             --redirect-uri URL\n",
            self.config_file.display()
        );
        println!("  Stop with Ctrl-C.");
    }

    fn write_ready_file(&self, path: &Path) -> anyhow::Result<()> {
        let ready = json!({
            "issuer": self.server.app.config.issuer.as_str(),
            "database_url": self.database_url,
            "demo_app": self.demo.url(),
            "strict_app": self.strict.url(),
            "console": self.server.app.config.issuer.url("/admin"),
            "setup_link": self.setup_link,
            "simulator": self.networks.usual.issuer(),
            "radio": self.networks.proxy(),
            "management": format!("http://{}", self.server.management),
            "pid": std::process::id(),
            "client": {
                "client_id": self.client.client_id,
                "client_secret": self.client.secret.reveal(),
                "redirect_uris": [self.demo.redirect_uri()],
            },
        });
        // It holds a secret; and whoever waits for it must never read half of it.
        files::write_private(path, &serde_json::to_string_pretty(&ready)?)
    }

    async fn stop(self) {
        self.demo.stop().await;
        self.strict.stop().await;
        self.server.stop().await;
        self.networks.stop().await;
        if let Some(cluster) = self.cluster {
            let stopped = tokio::task::spawn_blocking(move || cluster.stop()).await;
            if let Ok(Err(error)) = stopped {
                tracing::warn!(%error, "the private Postgres did not stop");
            }
        }
    }
}

/// A demo app's address, so many ports after the server's.
async fn bind(server: SocketAddr, distance: u16) -> anyhow::Result<demo::Bound> {
    let beside = neighbour(server, Ipv4Addr::LOCALHOST, distance).await;
    let bound = demo::bind(beside, None).await;
    bound.context("a demo app cannot listen")
}

/// The configuration, as a file: the command line works on the same stack with it.
fn settings(address: SocketAddr, database: &Database, root_key: &Path) -> String {
    // A string in JSON is one in TOML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "# Written by `numbercloak dev` at every start.\n\
         issuer = \"http://localhost:{port}\"\n\n\
         [server]\nlisten = \"127.0.0.1:{port}\"\nmanagement_listen = \"127.0.0.1:0\"\n\n\
         [database]\nurl = {url}\nmigrator_url = {migrator}\n\n\
         [keys]\nroot_key_file = {key}\n\n\
         [operators]\nallow_test = true\nallow_private_addresses = [\"127.0.0.0/8\"]\n\n\
         [log]\nformat = \"text\"\n",
        port = address.port(),
        url = quoted(&database.url),
        migrator = quoted(&database.migrator_url),
        key = quoted(&root_key.display().to_string()),
    )
}
