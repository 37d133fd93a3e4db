//! What is measured: the release server, a simulated operator and a Postgres of their own, each a
//! process of its own. All of it ends with the [`Stack`].

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use numbercloak::admin::Desk;
use numbercloak::admin::clients::{self, NewClient};
use numbercloak::admin::operators::{self, NewOperator};
use numbercloak::clock::Clock;
use numbercloak::embedded_postgres::{self, APP_ROLE, Cluster, OWNER_ROLE, SUPERUSER};
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::secret::{Redacted, RootKey, Token, Vault};
use numbercloak::store::clients::{Kind, Settings as ClientSettings};
use numbercloak::store::operators::{
    Credentials, HintForm, IdTokenRule, Mode, Settings as OperatorSettings,
};
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::http::Connection;
use crate::id_token::Verifier;
use crate::person::{REDIRECT_URI, Target};

const DATABASE: &str = "numbercloak";
const OPERATOR: &str = "simulator";
const PATIENCE: Duration = Duration::from_secs(60);

/// Commits reach the disk as in production: these win over a temporary cluster's own.
const DURABLE: [(&str, &str); 3] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
];
const COUNTED: [(&str, &str); 2] = [
    ("shared_preload_libraries", "pg_stat_statements"),
    ("pg_stat_statements.track_utility", "on"),
];

/// Everything that runs.
pub struct Stack {
    /// For questions about statistics, as superuser.
    pub statistics: PgConnection,
    /// Whether pg_stat_statements is there.
    pub statements_counted: bool,
    /// The server's process.
    pub server_pid: u32,
    /// The simulator's process.
    pub simulator_pid: u32,
    /// The postmaster's process.
    pub postmaster_pid: u32,
    /// Where the server listens.
    pub server: SocketAddr,
    /// To register and to look.
    pub desk: Desk,
    simulator: SocketAddr,
    issuer: String,
    // Dropped in this order: the server first, its database last.
    _processes: (Killed, Killed),
    cluster: Cluster,
}

/// A child process that ends with its handle.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Stack {
    /// Starts everything and registers the operator. Settings to try are `key=value`.
    pub async fn start(postgres: &[String], options: &[String]) -> anyhow::Result<Self> {
        let postgres = postgres.to_vec();
        let (cluster, statements_counted) =
            tokio::task::spawn_blocking(move || start_postgres(&postgres)).await??;
        embedded_postgres::prepare(&cluster.url(SUPERUSER, "postgres"), DATABASE).await?;
        let mut statistics = PgConnection::connect(&cluster.url(SUPERUSER, DATABASE)).await?;
        if statements_counted {
            sqlx::query("create extension if not exists pg_stat_statements")
                .execute(&mut statistics)
                .await?;
        }
        let folder: String = sqlx::query_scalar("show data_directory")
            .fetch_one(&mut statistics)
            .await?;
        let pid_file = std::fs::read_to_string(PathBuf::from(folder).join("postmaster.pid"))?;
        let postmaster_pid = pid_file.lines().next().unwrap_or_default().parse()?;

        let server = free_address()?;
        let issuer = format!("http://localhost:{}", server.port());
        let secret = Token::random().reveal();
        let callback = format!("{issuer}/broker/{OPERATOR}/endpoint");
        let (simulator_process, simulator) = start_simulator(&secret, &callback)?;
        let root_key = RootKey::generate(Clock::system().now());
        let server_process = start_server(server, &issuer, &cluster, &root_key, options).await?;
        let desk = Desk {
            db: PgPool::connect(&cluster.url(APP_ROLE, DATABASE)).await?,
            vault: Vault::new(&[root_key]),
            now: Clock::system().now(),
            actor: "bench".to_owned(),
        };
        register_operator(&desk, simulator, secret).await?;
        Ok(Self {
            statistics,
            statements_counted,
            server_pid: server_process.0.id(),
            simulator_pid: simulator_process.0.id(),
            postmaster_pid,
            server,
            simulator,
            issuer,
            desk,
            _processes: (server_process, simulator_process),
            cluster,
        })
    }

    /// Registers an app whose ID tokens are signed with this algorithm. Unless sessions may answer it,
    /// every login asks the operator.
    pub async fn target(&self, alg: SigningAlg, sessions: bool) -> anyhow::Result<Target> {
        let registered = clients::create(
            &self.desk,
            NewClient {
                name: format!("Load {}", alg.as_str()),
                kind: Kind::Web,
                auth_method: None,
                sector: None,
                redirect_uris: vec![REDIRECT_URI.to_owned()],
                test: true,
                client_id: None,
                settings: ClientSettings {
                    id_token_alg: alg,
                    fresh_for_s: if sessions { 3600 } else { 0 },
                    ..ClientSettings::default()
                },
            },
        )
        .await?;
        let secret = registered.secret.context("the client keeps no secret")?;
        let client_id = registered.client.client_id;
        let request = format!(
            "GET /jwks HTTP/1.1\r\nhost: localhost:{}\r\n\r\n",
            self.server.port()
        );
        let jwks = Connection::new(self.server).exchange(request.as_bytes())?;
        let algorithm = match alg {
            SigningAlg::RS256 => Algorithm::RS256,
            SigningAlg::ES256 => Algorithm::ES256,
            SigningAlg::PS256 => Algorithm::PS256,
            SigningAlg::EdDSA => Algorithm::EdDSA,
        };
        Ok(Target {
            server: self.server,
            simulator: self.simulator,
            issuer: self.issuer.clone(),
            basic: STANDARD.encode(format!("{client_id}:{}", secret.reveal())),
            verifier: Verifier::new(&jwks.body, &self.issuer, &client_id, algorithm)?,
            client_id,
            alg,
        })
    }

    /// Lets Postgres look at its tables, as autovacuum does within a minute or so: plans made while
    /// they were empty would read them from end to end.
    pub async fn analyze(&mut self) -> anyhow::Result<()> {
        sqlx::query("analyze").execute(&mut self.statistics).await?;
        Ok(())
    }

    /// The database, as the server's role.
    pub fn app_url(&self) -> String {
        self.cluster.url(APP_ROLE, DATABASE)
    }

    /// Makes the operator take this long for every answer.
    pub fn slow_operator(&self, milliseconds: u64) -> anyhow::Result<()> {
        let body = format!("{{\"milliseconds\":\"{milliseconds}\"}}");
        let request = format!(
            "POST /sim/admin/latency HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.simulator,
            body.len()
        );
        let answer = Connection::new(self.simulator).exchange(request.as_bytes())?;
        anyhow::ensure!(answer.status == 204, "the simulator refused the latency");
        Ok(())
    }
}

/// A durable cluster that is deleted with this process; with statement counts where the server has
/// the library for it.
fn start_postgres(settings: &[String]) -> anyhow::Result<(Cluster, bool)> {
    let tried = settings
        .iter()
        .filter_map(|setting| setting.split_once('='));
    let durable: Vec<_> = DURABLE.into_iter().chain(tried).collect();
    let counted: Vec<_> = durable.iter().copied().chain(COUNTED).collect();
    match Cluster::temporary(&counted) {
        Ok(cluster) => Ok((cluster, true)),
        Err(_) => Ok((Cluster::temporary(&durable)?, false)),
    }
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn numbercloak() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numbercloak"));
    command
        // Nothing of the caller's configuration may leak in.
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn start_simulator(secret: &str, callback: &str) -> anyhow::Result<(Killed, SocketAddr)> {
    let mut child = numbercloak()
        .args(["simulator", "--no-journal", "--listen", "127.0.0.2:0"])
        // Its own work is none of ours, and shares our processors.
        .args(["--id-token-alg", "ES256"])
        .args(["--clients-file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map(Killed)
        .context("the simulator does not start")?;
    let clients = serde_json::json!([{
        "client_id": "numbercloak",
        "client_secret": secret,
        "redirect_uris": [callback],
    }]);
    let mut stdin = child.0.stdin.take().context("no pipe to the simulator")?;
    stdin.write_all(clients.to_string().as_bytes())?;
    drop(stdin);
    let stdout = child
        .0
        .stdout
        .take()
        .context("no pipe from the simulator")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line
        .trim()
        .strip_prefix("http://")
        .context("the simulator did not say where it listens")?
        .parse()?;
    Ok((child, address))
}

async fn start_server(
    address: SocketAddr,
    issuer: &str,
    cluster: &Cluster,
    root_key: &RootKey,
    options: &[String],
) -> anyhow::Result<Killed> {
    let management = free_address()?;
    let child = numbercloak()
        .arg("serve")
        .env(
            "NUMBERCLOAK__DATABASE__URL",
            cluster.url(APP_ROLE, DATABASE),
        )
        .env(
            "NUMBERCLOAK__DATABASE__MIGRATOR_URL",
            cluster.url(OWNER_ROLE, DATABASE),
        )
        .env("NUMBERCLOAK__KEYS__ROOT_KEY", root_key.reveal())
        .env("NUMBERCLOAK__ISSUER", issuer)
        .args(["-o", &format!("server.listen={address}")])
        .args(["-o", &format!("server.management_listen={management}")])
        .args(["-o", "operators.allow_test=true"])
        .args(["-o", "operators.allow_private_addresses=[\"127.0.0.0/8\"]"])
        // All people here come from one address and sign in all the time.
        .args(["-o", "limits.logins_per_address_per_minute=1000000"])
        .args(["-o", "limits.tries_per_number_per_hour=0"])
        .args(options.iter().flat_map(|option| ["-o", option]))
        .spawn()
        .map(Killed)
        .context("the server does not start")?;
    let deadline = Instant::now() + PATIENCE;
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {management}\r\n\r\n");
    loop {
        let answer = Connection::new(management).exchange(request.as_bytes());
        if answer.is_ok_and(|answer| answer.status == 200) {
            return Ok(child);
        }
        anyhow::ensure!(Instant::now() < deadline, "the server did not get ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn register_operator(
    desk: &Desk,
    simulator: SocketAddr,
    secret: String,
) -> anyhow::Result<()> {
    let new = NewOperator {
        alias: OPERATOR.to_owned(),
        name: "Simulated Network".to_owned(),
        mode: Mode::Test,
        settings: OperatorSettings {
            issuer: Some(format!("http://{simulator}")),
            api_root: format!("http://{simulator}"),
            client_id: "numbercloak".to_owned(),
            login_hint: HintForm::Tel,
            id_token: IdTokenRule::Required,
            id_token_algs: vec![SigningAlg::ES256],
            require_iss: true,
            prefixes: vec!["990".to_owned()],
            ..OperatorSettings::default()
        },
        credentials: Credentials {
            client_secret: Some(Redacted::new(secret)),
            ..Credentials::default()
        },
    };
    operators::add(desk, new).await?;
    Ok(())
}
