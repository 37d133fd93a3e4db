//! Dev mode: the whole stack on one machine with nothing configured. A private Postgres, the server,
//! a simulated operator and a demo app, each a site of its own as in the field: the issuer on
//! `localhost`, the demo on `127.0.0.1`, the operator on another loopback address.

mod files;
pub mod personas;
mod seed;

pub use files::root_key_of;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use tokio::net::TcpListener;

use crate::admin::Desk;
use crate::clock::Clock;
use crate::config;
use crate::demo;
use crate::embedded_postgres::{self, APP_ROLE, Cluster, Durability, OWNER_ROLE, SUPERUSER};
use crate::secret::Redacted;
use crate::server::{self, Server, Start};
use crate::simulator::{self, Persona, Simulator};

/// The database's name.
const DATABASE: &str = "numbercloak";

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
    stack.announce();
    if let Some(path) = &options.ready_file {
        stack.write_ready_file(path)?;
    }
    server::stop_signal().await?;
    stack.stop().await;
    if let Some(path) = &options.ready_file {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

struct Stack {
    server: Server,
    simulator: Simulator,
    /// The other personas.
    others: Vec<Simulator>,
    demo: demo::Demo,
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
        let config = config::load(Some(&config_file), std::iter::empty(), Vec::new())?;
        let clock = Clock::system();
        let server = server::start(Start {
            clock: clock.clone(),
            listener: Some(listener),
            management: Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?),
            ..Start::new(config)
        })
        .await?;
        let simulator = simulator::start(simulator::Settings {
            clock: clock.clone(),
            ..simulator::Settings::new(neighbour(address, Ipv4Addr::new(127, 0, 0, 2), 2).await)
        })
        .await
        .context("the simulated operator cannot listen")?;
        let beside = neighbour(address, Ipv4Addr::LOCALHOST, 1).await;
        let demo = demo::bind(beside, None)
            .await
            .context("the demo app cannot listen")?;
        let desk = Desk {
            db: server.app.db.durable().clone(),
            vault: server.app.vault.clone(),
            now: clock.now(),
            actor: "dev".to_owned(),
        };
        seed::operator(&desk, &server.app.config.issuer, &simulator).await?;
        let others = start_others(address, &clock).await?;
        seed::others(&desk, &server.app.config.issuer, &others).await?;
        let client = seed::client(&desk, &data, &demo.redirect_uri()).await?;
        let setup_link = seed::setup_link(&desk, &server.app.config.issuer).await?;
        let demo = demo.serve(demo::Settings {
            issuer: server.app.config.issuer.as_str().to_owned(),
            client_id: client.client_id.clone(),
            client_secret: Some(client.secret.clone()),
            clock,
            simulator_url: Some(simulator.issuer().to_owned()),
        })?;
        Ok(Self {
            server,
            simulator,
            others,
            demo,
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
        println!("  Issuer      {}", self.server.app.config.issuer);
        println!(
            "  Operator    {}/sim   the simulated network and its SIMs",
            self.simulator.issuer()
        );
        for other in &self.others {
            let alias = personas::alias(other.persona());
            println!("              {}   idp_hint={alias}", other.issuer());
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
            "console": self.server.app.config.issuer.url("/admin"),
            "setup_link": self.setup_link,
            "simulator": self.simulator.issuer(),
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
        self.server.stop().await;
        self.simulator.stop().await;
        for other in self.others {
            other.stop().await;
        }
        if let Some(cluster) = self.cluster {
            let stopped = tokio::task::spawn_blocking(move || cluster.stop()).await;
            if let Ok(Err(error)) = stopped {
                tracing::warn!(%error, "the private Postgres did not stop");
            }
        }
    }
}

/// Every other persona, each at an address of its own beside the usual one.
async fn start_others(server: SocketAddr, clock: &Clock) -> anyhow::Result<Vec<Simulator>> {
    let mut all = Vec::new();
    for (persona, distance) in Persona::ALL.into_iter().skip(1).zip(10..) {
        let address = neighbour(server, Ipv4Addr::new(127, 0, 0, 2), distance).await;
        all.push(simulator::Settings {
            persona,
            clock: clock.clone(),
            ..simulator::Settings::new(address)
        });
    }
    let started = simulator::start_all(all).await;
    started.context("a simulated operator cannot listen")
}

/// The database: the one given, or a private cluster in the data folder.
struct Database {
    url: String,
    migrator_url: String,
    cluster: Option<Cluster>,
}

impl Database {
    async fn open(options: &Options, data: &Path) -> anyhow::Result<Self> {
        let cluster_options = embedded_postgres::Options {
            data: data.to_path_buf(),
            durability: Durability::Durable,
            settings: Vec::new(),
        };
        if options.reset {
            let reset = cluster_options.clone();
            tokio::task::spawn_blocking(move || Cluster::reset(&reset)).await??;
            files::reset(data)?;
        }
        if let Some(url) = &options.database_url {
            std::fs::create_dir_all(data)?;
            return Ok(Self {
                url: url.reveal().to_owned(),
                migrator_url: url.reveal().to_owned(),
                cluster: None,
            });
        }
        let cluster =
            tokio::task::spawn_blocking(move || Cluster::start(&cluster_options)).await??;
        embedded_postgres::prepare(&cluster.url(SUPERUSER, "postgres"), DATABASE).await?;
        Ok(Self {
            url: cluster.url(APP_ROLE, DATABASE),
            migrator_url: cluster.url(OWNER_ROLE, DATABASE),
            cluster: Some(cluster),
        })
    }
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

/// A free address beside the server's: the same ports at every start where possible, so that an open
/// tab still works; another loopback address where the system has one.
async fn neighbour(server: SocketAddr, ip: Ipv4Addr, distance: u16) -> SocketAddr {
    let wanted = server.port().checked_add(distance).unwrap_or(0);
    for ip in [ip, Ipv4Addr::LOCALHOST] {
        for port in [wanted, 0] {
            let address = SocketAddr::new(IpAddr::V4(ip), port);
            if TcpListener::bind(address).await.is_ok() {
                return address;
            }
        }
    }
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}
