//! The server: routes put together, middleware order, listeners, background tasks, graceful stop.

mod background;
mod bounds;
mod checkpoint;
mod client_certificates;
mod listener;
mod log;
mod management;
mod proxy_protocol;
mod routes;
mod timed_start;
mod tls;

pub use log::log_to_stdout;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::places::Place;
use crate::ledger::streams::Stream;
use crate::ledger::{Ledger, Parts};
use crate::operator::Operators;
use crate::outbound::{Outbound, Rules};
use crate::secret::Vault;
use crate::server::listener::Front;
use crate::store::db::{self, Access, Db};
use crate::store::operators::{self, Mode};
use crate::token::keyring::LiveKeyring;
use crate::token::{lifecycle, root};
use crate::web::app::{App, Others};
use crate::web::client_authorities::ClientAuthorities;

/// What a server starts from.
pub struct Start {
    /// The configuration.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Whether the schema is brought up to date first.
    pub migrate: bool,
    /// The bound public listener; by default the configured address is bound.
    pub listener: Option<TcpListener>,
    /// The bound listener for mutual TLS; by default the configured address is bound, if there is one.
    pub mtls: Option<TcpListener>,
    /// The bound management listener; by default the configured address is bound.
    pub management: Option<TcpListener>,
}

impl Start {
    /// From a configuration alone.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            clock: Clock::system(),
            migrate: true,
            listener: None,
            mtls: None,
            management: None,
        }
    }
}

/// A running server.
pub struct Server {
    /// Its state.
    pub app: App,
    /// Its hand in the audit log.
    pub ledger: Arc<Ledger>,
    /// Where browsers and apps reach it.
    pub address: SocketAddr,
    /// Where apps with certificates reach it, if mutual TLS is on.
    pub mtls: Option<SocketAddr>,
    /// Where `/healthz`, `/readyz` and `/metrics` are.
    pub management: SocketAddr,
    tls: Option<Arc<tls::Reloaded>>,
    stopping: watch::Sender<bool>,
    tasks: JoinSet<()>,
    grace: Duration,
}

/// Brings a server up: schema, root key, signing keys, listeners, background tasks.
///
/// # Errors
/// In one sentence, what keeps it from starting.
pub async fn start(start: Start) -> anyhow::Result<Server> {
    let Start {
        config,
        clock,
        migrate,
        listener,
        mtls,
        management,
    } = start;
    let database = &config.database;
    if migrate {
        let url = database.migrator_url.as_ref().unwrap_or(&database.url);
        db::migrate(url.reveal())
            .await
            .context("the database could not be migrated")?;
    }
    let db = open_database(&config, &clock)?;
    let roots = tokio::task::spawn_blocking({
        let keys = config.keys.clone();
        move || keys.read()
    })
    .await??;
    let vault = Vault::new(&roots);
    let now = clock.now();
    root::check_root(&db, &vault, now).await?;
    lifecycle::ensure(&db, &vault, now).await?;
    let keyring = lifecycle::load(&db, &vault).await?;
    let subject_key = root::subject_key(&db, &vault, now).await?;
    refuse_test_operators(&config, &db).await?;
    let outbound = Outbound::new(&Rules::of(&config.operators)?)?;
    let operators = Operators::new(outbound.clone(), config.limits.operator_calls_in_flight);
    let tls = match &config.tls {
        Some(files) => Some(Arc::new(tls::Reloaded::read(files, false)?)),
        None => None,
    };
    let mtls = match config.mtls.as_ref().and_then(|mtls| mtls.listen.as_ref()) {
        Some((address, files)) => Some((
            bound(mtls, *address).await?,
            Arc::new(tls::Reloaded::read(files, true)?),
        )),
        None => None,
    };
    let client_ca_file = config
        .mtls
        .as_ref()
        .and_then(|mtls| mtls.client_ca_file.as_ref());
    let client_authorities = match client_ca_file {
        Some(file) => Some(ClientAuthorities::read(file)?),
        None => None,
    };
    let listener = bound(listener, config.listen.public).await?;
    let management = bound(management, config.listen.management).await?;
    let app = App::new(
        config,
        db,
        vault,
        clock,
        LiveKeyring::new(keyring),
        subject_key,
        Others {
            operators,
            outbound,
            client_authorities,
        },
    );
    let ledger = Arc::new(open_ledger(&app).await?);
    let (stopping, stop) = watch::channel(false);
    let mut server = Server {
        ledger: ledger.clone(),
        address: listener.local_addr()?,
        mtls: match &mtls {
            Some((listener, _)) => Some(listener.local_addr()?),
            None => None,
        },
        management: management.local_addr()?,
        grace: app.config.listen.shutdown_grace,
        app: app.clone(),
        tls: tls.clone(),
        stopping,
        tasks: JoinSet::new(),
    };
    let proxies = &app.config.proxies;
    let front = |tls| Front {
        tls,
        proxies: proxies.protocol.then(|| proxies.trusted.as_slice().into()),
    };
    server.tasks.spawn(listener::serve(
        listener,
        front(tls.clone()),
        routes::router(&app, &ledger),
        app.config.clone(),
        stop.clone(),
    ));
    let mut certificates: Vec<_> = tls.into_iter().collect();
    if let Some((listener, tls)) = mtls {
        certificates.push(tls.clone());
        server.tasks.spawn(listener::serve(
            listener,
            front(Some(tls)),
            routes::for_programs(&app),
            app.config.clone(),
            stop.clone(),
        ));
    }
    server.tasks.spawn(management::serve(
        management,
        app.clone(),
        app.config.clone(),
        stop.clone(),
    ));
    let streams = Stream::all(&app.config.streams, &app.replica);
    Stream::announce(&streams, app.db.durable()).await?;
    background::spawn(
        &mut server.tasks,
        &app,
        &ledger,
        certificates,
        streams,
        &stop,
    );
    Ok(server)
}

async fn open_ledger(app: &App) -> anyhow::Result<Ledger> {
    let parts = Parts {
        db: app.db.clone(),
        vault: app.vault.clone(),
        clock: app.clock.clone(),
        issuer: app.config.issuer.as_str().to_owned(),
        server: app.replica.clone(),
        checkpoint_every: app.config.checkpoints.every,
        places: Place::configured(&app.config.checkpoints, &app.outbound)?,
    };
    Ok(Ledger::open(parts).await?)
}

fn open_database(config: &Config, clock: &Clock) -> anyhow::Result<Db> {
    let database = &config.database;
    Ok(Db::open(&Access {
        url: database.url.reveal().to_owned(),
        max_connections: database.max_connections,
        acquire_timeout: database.acquire_timeout,
        clock: clock.clone(),
        statement_timeout: database.statement_timeout,
    })?)
}

/// P5: a test operator vouches for numbers nobody has. A server that real apps use must not know one
/// unless somebody decided so.
async fn refuse_test_operators(config: &Config, db: &Db) -> anyhow::Result<()> {
    if config.operators.allow_test {
        return Ok(());
    }
    let mut connection = db.relaxed().acquire().await?;
    let operators = operators::list(&mut connection).await?;
    let test = operators
        .iter()
        .find(|operator| operator.mode == Mode::Test && operator.disabled_at.is_none());
    match test {
        None => Ok(()),
        Some(operator) => anyhow::bail!(
            "operator {} is a test operator and operators.allow_test is false; disable it \
             (numbercloak operator disable {}) or set operators.allow_test = true",
            operator.alias,
            operator.alias
        ),
    }
}

async fn bound(given: Option<TcpListener>, address: SocketAddr) -> anyhow::Result<TcpListener> {
    match given {
        Some(listener) => Ok(listener),
        None => TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}")),
    }
}

impl Server {
    /// Reads the certificate files again if they changed, as a background task does every minute.
    pub fn refresh_certificate(&self) {
        if let Some(tls) = &self.tls {
            tls.refresh();
        }
    }

    /// Stops: no new connections; open requests, and callbacks whose browser is gone, may end within the
    /// grace period.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let unfinished = self.app.unfinished.clone();
        let drained = async {
            while self.tasks.join_next().await.is_some() {}
            unfinished.all_done().await;
            if let Err(error) = self.ledger.finish().await {
                tracing::warn!(%error, "the last manifest could not be written");
            }
        };
        if tokio::time::timeout(self.grace, drained).await.is_err() {
            tracing::warn!("some requests did not end in time");
            self.tasks.abort_all();
        }
        self.app.db.close().await;
    }
}

/// Runs until SIGTERM or Ctrl-C, then stops gracefully; a second signal stops at once.
///
/// # Errors
/// If it could not start.
pub async fn serve(config: Config, migrate: bool) -> anyhow::Result<()> {
    let server = start(Start {
        migrate,
        ..Start::new(config)
    })
    .await?;
    tracing::info!(
        address = %server.address,
        management = %server.management,
        issuer = server.app.config.issuer.as_str(),
        "ready"
    );
    stop_signal().await?;
    tracing::info!("stopping");
    tokio::select! {
        () = server.stop() => {}
        second = stop_signal() => {
            second?;
            tracing::warn!("stopped at once");
        }
    }
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C.
///
/// # Errors
/// If the signals cannot be watched.
pub async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
