//! Our server under test, with its database, its operator and its registered apps.

use std::net::SocketAddr;

use numbercloak::admin::audit::{self, Entry, Query};
use numbercloak::admin::clients::{self, NewClient};
use numbercloak::admin::operators::{self, NewOperator};
use numbercloak::admin::{Desk, clients::Editable as EditableClient, record_index};
use numbercloak::clock::{Clock, Time};
use numbercloak::config;
use numbercloak::dev::personas::{self, OurKeys, Registration};
use numbercloak::login::sweep;
use numbercloak::secret::{Redacted, RootKey, Vault};
use numbercloak::server::{self, Server, Start};
use numbercloak::simulator::{self, Handle, Persona, SimulatedClient, Simulator};
use numbercloak::store::clients::Kind;
use numbercloak::store::operators::{Credentials, HintForm, IdTokenRule, Mode, Settings};
use numbercloak::web::app::App as State;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::browser::Browser;
use super::database::Database;
use super::rp::{Answer, Departure, Rp, SignedIn, Wish};
use super::statements::Statements;
use super::tls::Files;

/// The operator's alias.
pub const OPERATOR: &str = "simulator";
/// An ordinary SIM's number.
pub const NUMBER: &str = "+990700000";
/// Another one.
pub const OTHER_NUMBER: &str = "+990709999";
/// Where the app's users come back to.
pub const REDIRECT_URI: &str = "https://shop.example/callback";

type Change<T> = Box<dyn FnOnce(&mut T) + Send>;

/// What to start.
#[derive(Default)]
pub struct Builder {
    client: Option<Change<NewClient>>,
    operator: Option<Change<Settings>>,
    config: Vec<(String, String)>,
    counts_statements: bool,
    over_tls: bool,
    persona: Option<Persona>,
    alone: bool,
}

/// A running server and the world around it.
pub struct App {
    /// Its database.
    pub database: Database,
    /// The server.
    pub server: Server,
    /// The time, for the server and the operator.
    pub clock: Clock,
    /// Steers the operator.
    pub operator: Handle,
    /// Our issuer.
    pub issuer: String,
    /// The app `shop`: confidential, test.
    pub shop: Rp,
    /// The statements sent, if the builder was told to count them.
    pub statements: Option<Statements>,
    config: Vec<(String, String)>,
    /// Where the server listens: nobody else gets the port while it is restarted.
    door: std::net::TcpListener,
    _simulator: Simulator,
    _certificate: Option<Files>,
}

impl Builder {
    /// Changes the app before it is registered.
    pub fn client(mut self, change: impl FnOnce(&mut NewClient) + Send + 'static) -> Self {
        self.client = Some(Box::new(change));
        self
    }

    /// Changes the operator's contract before it is added.
    pub fn operator(mut self, change: impl FnOnce(&mut Settings) + Send + 'static) -> Self {
        self.operator = Some(Box::new(change));
        self
    }

    /// Has the operator be another persona, registered by its preset.
    pub fn persona(mut self, persona: Persona) -> Self {
        self.persona = Some(persona);
        self
    }

    /// Sets a key of the configuration (`lifetimes.login`, `2m`).
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Has every statement counted.
    pub fn counting(mut self) -> Self {
        self.counts_statements = true;
        self
    }

    /// Has a database cluster of its own, which can crash.
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Has the server end TLS itself.
    pub fn over_tls(mut self) -> Self {
        self.over_tls = true;
        self
    }

    /// Starts everything.
    pub async fn start(mut self) -> App {
        let database = match self.alone {
            true => Database::alone().await,
            false => Database::keyed().await,
        };
        // After the database: its keys were made before anything happens here.
        let clock = Clock::by_hand();
        let statements = if self.counts_statements {
            Some(database.log_statements().await)
        } else {
            None
        };
        let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = open_door(&door);
        let scheme = if self.over_tls { "https" } else { "http" };
        let port = listener.local_addr().unwrap().port();
        let issuer = format!("{scheme}://localhost:{port}");
        let certificate = self.over_tls.then(Files::write);
        if let Some(files) = &certificate {
            self = self
                .config(
                    "server.tls.certificate_file",
                    &files.path("certificate.pem"),
                )
                .config("server.tls.key_file", &files.path("key.pem"));
        }
        let persona = self.persona.unwrap_or_default();
        let simulator = start_simulator(&issuer, &clock, OPERATOR, persona).await;

        let db = database.open();
        let desk = Desk {
            db: db.durable().clone(),
            vault: Vault::new(std::slice::from_ref(database.root())),
            now: clock.now(),
            actor: "test".to_owned(),
        };
        let mut new = match self.persona {
            None => operator(OPERATOR, "Simulator", simulator.issuer()),
            Some(persona) => {
                let registered = registration(persona, simulator.issuer(), &issuer).await;
                simulator.handle().register(registered.client);
                NewOperator {
                    alias: OPERATOR.to_owned(),
                    name: "Simulator".to_owned(),
                    ..registered.operator
                }
            }
        };
        if let Some(change) = self.operator {
            change(&mut new.settings);
        }
        operators::add(&desk, new).await.unwrap();
        let mut new = new_client("shop");
        if let Some(change) = self.client {
            change(&mut new);
        }
        let shop = register(&desk, new, &issuer, &clock).await;
        db.close().await;

        let (url, root) = (database.app_url(), database.root());
        let server = start_server(&url, root, &issuer, &clock, &self.config, listener).await;
        let server = server.unwrap();
        App {
            operator: simulator.handle(),
            database,
            server,
            clock,
            issuer,
            shop,
            statements,
            config: self.config,
            door,
            _simulator: simulator,
            _certificate: certificate,
        }
    }
}

/// On another loopback address than ours, so that it is another site to browsers.
async fn start_simulator(issuer: &str, clock: &Clock, alias: &str, persona: Persona) -> Simulator {
    let settings = |address: &str| simulator::Settings {
        persona,
        clients: vec![SimulatedClient {
            client_id: "numbercloak".to_owned(),
            client_secret: Some("a secret between operator and us".to_owned()),
            jwks: None,
            redirect_uris: vec![format!("{issuer}/broker/{alias}/endpoint")],
        }],
        clock: clock.clone(),
        ..simulator::Settings::new(address.parse().unwrap())
    };
    match simulator::start(settings("127.0.0.2:0")).await {
        Ok(simulator) => simulator,
        // Systems that give loopback one address only.
        Err(_) => simulator::start(settings("127.0.0.1:0")).await.unwrap(),
    }
}

/// A persona by its preset, as dev mode has it, under the alias of the tests' operator.
async fn registration(persona: Persona, at: &str, issuer: &str) -> Registration {
    static KEYS: OnceCell<OurKeys> = OnceCell::const_new();
    let keys = KEYS
        .get_or_init(|| async {
            let made = tokio::task::spawn_blocking(OurKeys::generate).await;
            made.unwrap().unwrap()
        })
        .await;
    let callback = |_: &str| format!("{issuer}/broker/{OPERATOR}/endpoint");
    personas::register(persona, at, callback, keys).unwrap()
}

fn operator(alias: &str, name: &str, issuer: &str) -> NewOperator {
    NewOperator {
        alias: alias.to_owned(),
        name: name.to_owned(),
        mode: Mode::Test,
        settings: Settings {
            issuer: Some(issuer.to_owned()),
            api_root: issuer.to_owned(),
            client_id: "numbercloak".to_owned(),
            login_hint: HintForm::Tel,
            id_token: IdTokenRule::Required,
            require_iss: true,
            prefixes: vec!["990".to_owned()],
            ..Settings::default()
        },
        credentials: Credentials {
            client_secret: Some(Redacted::new("a secret between operator and us")),
            ..Credentials::default()
        },
    }
}

/// A confidential test client of this name, with a host of its own. Every login of it asks the
/// operator: most tests are about that. Those of sessions set `fresh_for_s`.
pub fn new_client(name: &str) -> NewClient {
    NewClient {
        name: name.to_owned(),
        kind: Kind::Web,
        auth_method: None,
        sector: None,
        redirect_uris: vec![format!("https://{name}.example/callback")],
        test: true,
        client_id: Some(name.to_owned()),
        settings: numbercloak::store::clients::Settings {
            fresh_for_s: 0,
            ..numbercloak::store::clients::Settings::default()
        },
    }
}

async fn register(desk: &Desk, new: NewClient, issuer: &str, clock: &Clock) -> Rp {
    let registered = clients::create(desk, new).await.unwrap();
    let client = registered.client;
    let secret = registered.secret.map(|secret| secret.reveal());
    Rp::new(
        issuer,
        &client.client_id,
        secret,
        &client.redirect_uris[0],
        clock,
    )
}

fn open_door(door: &std::net::TcpListener) -> TcpListener {
    let listener = door.try_clone().unwrap();
    listener.set_nonblocking(true).unwrap();
    TcpListener::from_std(listener).unwrap()
}

async fn start_server(
    database_url: &str,
    root: &RootKey,
    issuer: &str,
    clock: &Clock,
    settings: &[(String, String)],
    listener: TcpListener,
) -> anyhow::Result<Server> {
    let given = [
        ("database.url", database_url.to_owned()),
        ("keys.root_key", root.reveal()),
    ];
    // A secret is no flag: every user of a machine can read those.
    let (secrets, settings): (Vec<_>, Vec<_>) = settings
        .iter()
        .cloned()
        .partition(|(key, _)| key.contains("secret") || key.ends_with("authorization"));
    let given = given.map(|(key, value)| (key.to_owned(), value));
    let env = given.into_iter().chain(secrets).map(|(key, value)| {
        let name = key.replace('.', "__").to_uppercase();
        (format!("NUMBERCLOAK__{name}"), value)
    });
    let defaults = [
        ("issuer", issuer),
        ("database.max_connections", "8"),
        ("database.acquire_timeout", "20s"),
        ("database.statement_timeout", "20s"),
        ("operators.allow_test", "true"),
        ("operators.allow_private_addresses", "[\"127.0.0.0/8\"]"),
        ("server.shutdown_grace", "5s"),
        // Tests move the clock by months, and records count; those of the calendar set their own.
        ("keys.rotate_every", "0s"),
        // Most tests check one number often; those of the limits set their own.
        ("limits.tries_per_number_per_hour", "0"),
        ("limits.numbers_per_browser_per_hour", "0"),
    ];
    let flags = defaults
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .chain(settings)
        .collect();
    let config = config::load(None, env, flags).unwrap();
    let management = TcpListener::bind("127.0.0.1:0").await.unwrap();
    server::start(Start {
        clock: clock.clone(),
        migrate: false,
        listener: Some(listener),
        management: Some(management),
        ..Start::new(config)
    })
    .await
}

impl App {
    /// A server as most tests want it.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// One to be changed first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The server's inside.
    pub fn state(&self) -> &State {
        &self.server.app
    }

    /// A desk of staff.
    pub fn desk(&self) -> Desk {
        Desk {
            db: self.state().db.durable().clone(),
            vault: self.state().vault.clone(),
            now: self.clock.now(),
            actor: "test".to_owned(),
        }
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.clock)
    }

    /// Registers one more app.
    pub async fn register(&self, new: NewClient) -> Rp {
        register(&self.desk(), new, &self.issuer, &self.clock).await
    }

    /// Changes an app, and has the server know at once.
    pub async fn edit_client(&self, rp: &Rp, edit: impl FnOnce(&mut EditableClient)) {
        let edited = clients::update(&self.desk(), &rp.client_id, None, edit).await;
        edited.unwrap();
        self.state().forget("clients").await;
    }

    /// Changes the operator's contract, and has the server know at once.
    pub async fn edit_operator(&self, edit: impl FnOnce(&mut Settings)) {
        self.edit_operator_at(OPERATOR, edit).await;
    }

    /// The same for one of several.
    pub async fn edit_operator_at(&self, alias: &str, edit: impl FnOnce(&mut Settings)) {
        let desk = self.desk();
        let known = operators::show(&desk, alias).await.unwrap();
        let credentials = known.credentials(&desk.vault).unwrap();
        let edited = operators::update(&desk, alias, None, |o| {
            edit(&mut o.settings);
            o.credentials = Some(credentials);
        });
        edited.await.unwrap();
        self.state().forget("operators").await;
    }

    /// Adds one more network: an operator with a simulator of its own, and has the server know at once. It ends
    /// with what is returned.
    pub async fn add_network(
        &self,
        alias: &str,
        name: &str,
        change: impl FnOnce(&mut Settings),
    ) -> Simulator {
        let simulator = start_simulator(&self.issuer, &self.clock, alias, Persona::default()).await;
        let mut new = operator(alias, name, simulator.issuer());
        change(&mut new.settings);
        operators::add(&self.desk(), new).await.unwrap();
        self.state().forget("operators").await;
        simulator
    }

    /// Adds one more operator of the same kind, a live one with these numbers.
    pub async fn add_live_network(&self, alias: &str, prefix: &str) -> Simulator {
        let simulator = start_simulator(&self.issuer, &self.clock, alias, Persona::default()).await;
        let mut new = operator(alias, alias, simulator.issuer());
        new.mode = Mode::Live;
        new.settings.prefixes = vec![prefix.to_owned()];
        operators::add(&self.desk(), new).await.unwrap();
        self.state().forget("operators").await;
        simulator
    }

    /// A login's legs, oldest first: operator, the rule that chose it, and how it ended.
    pub async fn legs(&self, login: Uuid) -> Vec<String> {
        let mut owner = self.database.owner().await;
        let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "select operator, rule, outcome from legs where login_id = $1 order by departed_at, id",
        )
        .bind(login)
        .fetch_all(&mut owner)
        .await
        .unwrap();
        let line = |(operator, rule, outcome): (String, String, Option<String>)| {
            format!("{operator} {rule} {}", outcome.as_deref().unwrap_or("open"))
        };
        rows.into_iter().map(line).collect()
    }

    /// Adds one more operator, at first the same simulator under another alias.
    pub async fn add_operator(&self, alias: &str, name: &str, change: impl FnOnce(&mut Settings)) {
        let callback = |alias: &str| format!("{}/broker/{alias}/endpoint", self.issuer);
        self.operator.register(SimulatedClient {
            client_id: "numbercloak".to_owned(),
            client_secret: Some("a secret between operator and us".to_owned()),
            jwks: None,
            redirect_uris: vec![callback(OPERATOR), callback(alias)],
        });
        let mut new = operator(alias, name, self.operator.issuer());
        change(&mut new.settings);
        operators::add(&self.desk(), new).await.unwrap();
        self.state().forget("operators").await;
    }

    /// Stops the server and starts it anew on the same database and address.
    pub async fn restart(self) -> Self {
        let (url, root) = (self.database.app_url(), self.database.root().clone());
        self.restart_on(&url, &root).await.unwrap()
    }

    /// Stops the server and starts it anew on another database, at the same address.
    pub async fn restart_on(self, url: &str, root: &RootKey) -> anyhow::Result<Self> {
        self.server.stop().await;
        let listener = open_door(&self.door);
        let (issuer, clock, config) = (&self.issuer, &self.clock, &self.config);
        let server = start_server(url, root, issuer, clock, config, listener).await?;
        Ok(Self { server, ..self })
    }

    /// One more server on the same database, for the same issuer.
    pub async fn second_replica(&self) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (url, root) = (self.database.app_url(), self.database.root());
        let (issuer, clock, config) = (&self.issuer, &self.clock, &self.config);
        let server = start_server(&url, root, issuer, clock, config, listener).await;
        server.unwrap()
    }

    /// Where the operator listens.
    pub fn operator_address(&self) -> SocketAddr {
        self.operator.address()
    }

    /// Opens a login of `shop` in a browser.
    pub async fn open(&self, browser: &mut Browser, wish: &Wish) -> Departure {
        let departure = self.shop.depart(wish).await;
        browser.open(&departure.url).await;
        departure
    }

    /// What the app was told by a browser that left for it.
    pub fn answer(&self, browser: &Browser, departure: &Departure) -> Answer {
        self.shop.answer(departure, browser.left())
    }

    /// What the app learns from a browser that left for it with a code.
    pub async fn redeem(&self, browser: &Browser, departure: &Departure) -> SignedIn {
        let answer = self.answer(browser, departure);
        self.shop.redeem(departure, answer.code()).await
    }

    /// A whole login about an ordinary number, with a press of `Continue`.
    pub async fn sign_in(&self, browser: &mut Browser, wish: &Wish) -> SignedIn {
        let departure = self.open(browser, wish).await;
        browser.press("Continue").await;
        self.redeem(browser, &departure).await
    }

    /// Ends what is overdue, as the server does by itself every few seconds.
    pub async fn sweep(&self) -> usize {
        sweep::run(self.state()).await.unwrap()
    }

    /// Names, seals and signs for until everything there is stands under a checkpoint.
    pub async fn sealed(&self) {
        let mut owner = self.database.owner().await;
        for _ in 0..1500 {
            self.server.ledger.manifest().await.unwrap();
            self.server.ledger.tick().await.unwrap();
            let covered: bool = sqlx::query_scalar(
                "select not exists (select from audit_pending) and exists (
                    select from logs l join log_checkpoints c on c.log = l.id and c.size = l.size
                    where l.ended_at is null)",
            )
            .fetch_one(&mut owner)
            .await
            .unwrap();
            if covered {
                return;
            }
            // Checkpoints are signed once a minute.
            self.clock.advance(std::time::Duration::from_secs(61));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it was never all sealed");
    }

    /// The only login there is.
    pub async fn only_login(&self) -> Uuid {
        let logins = self.logins().await;
        assert_eq!(logins.len(), 1, "one login");
        logins[0]
    }

    /// All logins, oldest first.
    pub async fn logins(&self) -> Vec<Uuid> {
        let mut owner = self.database.owner().await;
        sqlx::query_scalar("select id from logins order by opened_at, id")
            .fetch_all(&mut owner)
            .await
            .unwrap()
    }

    /// A login's audit records, oldest first; those of one moment in the order of what they mean.
    /// Every one carries a valid MAC.
    pub async fn records(&self, login: Uuid) -> Vec<Entry> {
        let query = Query {
            login_id: Some(login),
            ..Query::default()
        };
        self.audit(query).await
    }

    /// Audit records, oldest first.
    pub async fn audit(&self, query: Query) -> Vec<Entry> {
        let mut records = audit::list(&self.desk(), query, audit::MOST)
            .await
            .unwrap()
            .entries;
        assert!(records.iter().all(|record| record.authentic));
        // Records of one moment have ids in no order.
        records.sort_by_key(|record| (at(&record.body), rank(&record.body)));
        records
    }

    /// Writes what records are found by, until the job has come to now. The server runs it too, and while
    /// it does, whoever else runs it comes back at once.
    pub async fn index_records(&self) {
        let desk = self.desk();
        let now = desk.now - record_index::BEHIND;
        let mut owner = self.database.owner().await;
        loop {
            record_index::run(&desk).await.unwrap();
            let done: Option<Time> =
                sqlx::query_scalar("select done_until from record_jobs where name = 'index'")
                    .fetch_optional(&mut owner)
                    .await
                    .unwrap();
            if done.expect("there are no records to index") >= now {
                return;
            }
        }
    }

    /// A login's audit records as words: the type, and the outcome if there is one.
    pub async fn story(&self, login: Uuid) -> Vec<String> {
        let records = self.records(login).await;
        records.iter().map(|record| words(&record.body)).collect()
    }
}

/// The type of a record and its outcome.
fn words(body: &Value) -> String {
    let kind = body["type"].as_str().unwrap();
    match body["outcome"].as_str() {
        None => kind.to_owned(),
        Some(outcome) => format!("{kind} {outcome}"),
    }
}

fn at(body: &Value) -> Time {
    serde_json::from_value(body["at"].clone()).unwrap()
}

fn rank(body: &Value) -> usize {
    const ORDER: [&str; 6] = [
        "LOGIN_STARTED",
        "NUMBER_ENTERED",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED",
        "LOGIN",
        "CODE_TO_TOKEN",
    ];
    let kind = body["type"].as_str().unwrap();
    ORDER
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(ORDER.len())
}
