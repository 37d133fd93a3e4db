//! The state every handler shares: configuration, database, keys, and what is cached of the records
//! staff edit. Caches are refreshed by `NOTIFY` from the database, with a short time limit behind it
//! for the case that the notification is lost.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::newest::Newest;
use crate::operator::ranges::Ranges;
use crate::operator::{LiveFinder, Operators};
use crate::outbound::Outbound;
use crate::secret::{Vault, b64, random};
use crate::store::clients::{self, Client};
use crate::store::db::{Db, StoreError};
use crate::store::finder;
use crate::store::network_ranges;
use crate::store::operators::{self, Credentials, Mode, Operator};
use crate::store::ranges;
use crate::token::keyring::LiveKeyring;
use crate::token::subject::SubjectKey;
use crate::token::{KeyError, lifecycle};
use crate::web::brand::Logos;
use crate::web::client_authorities::ClientAuthorities;
use crate::web::client_keys::ClientKeys;
use crate::web::cookies::Cookies;
use crate::web::inward::Inward;
use crate::web::known_clients::KnownClients;
use crate::web::limits::Throttles;
use crate::web::secret_uses::SecretUses;
use crate::web::unfinished::Unfinished;

/// How long a cached client or operator may be out of date if a notification was lost.
const STALE_FOR: Duration = Duration::from_secs(5);

/// The server's state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What [`App`] shares.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// Seals, opens, makes MACs.
    pub vault: Vault,
    /// The time.
    pub clock: Clock,
    /// The token signing keys.
    pub keyring: LiveKeyring,
    /// Makes subjects.
    pub subject_key: SubjectKey,
    /// Asks operators.
    pub operators: Operators,
    /// Calls what clients registered.
    pub outbound: Outbound,
    /// The clients' own keys.
    pub client_keys: ClientKeys,
    /// The authorities that vouch for certificates of clients.
    pub client_authorities: Option<ClientAuthorities>,
    /// When client secrets were used.
    pub secret_uses: SecretUses,
    /// When tokens of the admin API were used.
    pub api_token_uses: SecretUses,
    /// Names cookies.
    pub cookies: Cookies,
    /// Counts what callers cost.
    pub throttles: Throttles,
    /// Our own endpoints for programs.
    pub inward: Inward,
    /// What goes on without a request.
    pub unfinished: Unfinished,
    /// This server's name in records, new with every start.
    pub replica: String,
    /// Apps' pictures.
    pub logos: Logos,
    /// What the admin API's document says, for the console to show.
    pub api_document: OnceLock<serde_json::Value>,
    clients: KnownClients,
    registry: Newest<Registry>,
}

/// Everybody else, as this server reaches and knows them.
pub struct Others {
    /// Asks operators.
    pub operators: Operators,
    /// Calls what clients registered.
    pub outbound: Outbound,
    /// The authorities that vouch for certificates of clients.
    pub client_authorities: Option<ClientAuthorities>,
}

/// An operator with its credentials opened.
#[derive(Debug)]
pub struct LiveOperator {
    /// The record.
    pub operator: Arc<Operator>,
    /// What we prove ourselves with.
    pub credentials: Credentials,
}

/// All operators, by alias.
#[derive(Debug, Default)]
pub struct Registry {
    by_alias: BTreeMap<String, Arc<LiveOperator>>,
    all: Vec<Arc<Operator>>,
    ranges: Arc<Ranges>,
    range_revisions: BTreeMap<Uuid, i32>,
    finder: Option<Arc<LiveFinder>>,
    read_at: Option<Time>,
}

impl Registry {
    /// The operator with this alias.
    #[must_use]
    pub fn get(&self, alias: &str) -> Option<&Arc<LiveOperator>> {
        self.by_alias.get(alias)
    }

    /// Every operator.
    #[must_use]
    pub fn all(&self) -> &[Arc<Operator>] {
        &self.all
    }

    /// Whose addresses are whose, as staff loaded it.
    #[must_use]
    pub fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// The telco finder, if there is one.
    #[must_use]
    pub fn finder(&self) -> Option<&LiveFinder> {
        self.finder.as_deref()
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Puts the state together.
    #[must_use]
    pub fn new(
        config: Config,
        db: Db,
        vault: Vault,
        clock: Clock,
        keyring: LiveKeyring,
        subject_key: SubjectKey,
        others: Others,
    ) -> Self {
        let Others {
            operators,
            outbound,
            client_authorities,
        } = others;
        let cookies = Cookies::new(config.issuer.is_https());
        Self(Arc::new(Parts {
            cookies,
            throttles: Throttles::new(&config.limits),
            inward: Inward::default(),
            unfinished: Unfinished::default(),
            logos: Logos::default(),
            api_document: OnceLock::new(),
            replica: b64(&random::<6>()),
            config,
            db,
            vault,
            clock,
            keyring,
            subject_key,
            operators,
            client_authorities,
            secret_uses: SecretUses::default(),
            api_token_uses: SecretUses::default(),
            client_keys: ClientKeys::new(outbound.clone()),
            outbound,
            clients: KnownClients::new(STALE_FOR),
            registry: Newest::new(Registry::default()),
        }))
    }

    /// The enabled client with this `client_id`. One read per client and time limit, however many
    /// ask at once; an unknown one is remembered too, so that guessing does not reach the database.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn client(&self, client_id: &str) -> Result<Option<Arc<Client>>, Arc<StoreError>> {
        let read = async {
            let mut db = self.db.relaxed().acquire().await?;
            let client = clients::find(&mut db, client_id).await?;
            Ok(client.filter(|c| c.disabled_at.is_none()).map(Arc::new))
        };
        self.clients.find(client_id, read).await
    }

    /// The operators as they are now.
    ///
    /// # Errors
    /// If they were never read and the database cannot be.
    pub async fn registry(&self) -> Result<Arc<Registry>, StoreError> {
        let known = self.registry.current();
        let now = self.clock.now();
        let fresh = known.read_at.is_some_and(|at| {
            now.signed_duration_since(at)
                .to_std()
                .is_ok_and(|age| age < STALE_FOR)
        });
        if fresh {
            return Ok(known);
        }
        match self.read_registry(now).await {
            Ok(registry) => Ok(registry),
            // What was known still holds while the database is away; logins fail elsewhere then.
            Err(error) if known.read_at.is_some() => {
                tracing::warn!(%error, "the operators could not be read again");
                Ok(known)
            }
            Err(error) => Err(error),
        }
    }

    async fn read_registry(&self, now: Time) -> Result<Arc<Registry>, StoreError> {
        let begun = self.registry.begin();
        let mut db = self.db.relaxed().acquire().await?;
        let mut registry = Registry {
            read_at: Some(now),
            ..Registry::default()
        };
        for operator in operators::list(&mut db).await? {
            if operator.mode == Mode::Test && !self.config.operators.allow_test {
                continue;
            }
            let credentials = match operator.credentials(&self.vault) {
                Ok(credentials) => credentials,
                Err(error) => {
                    tracing::error!(operator = operator.alias, %error, "operator left out");
                    continue;
                }
            };
            let operator = Arc::new(operator);
            registry.all.push(operator.clone());
            registry.by_alias.insert(
                operator.alias.clone(),
                Arc::new(LiveOperator {
                    operator,
                    credentials,
                }),
            );
        }
        let known = self.registry.current();
        registry.range_revisions = ranges::revisions(&mut db).await?;
        let others = network_ranges::revisions(&mut db).await?;
        registry.range_revisions.extend(others);
        registry.ranges = if registry.range_revisions == known.range_revisions {
            known.ranges.clone()
        } else {
            // Large, and seldom changed: read only then.
            let loaded = ranges::list(&mut db).await?;
            let others = network_ranges::list(&mut db).await?;
            let of_operators = loaded
                .iter()
                .map(|one| (one.operator_id, one.networks.as_slice()));
            let of_others = others
                .iter()
                .map(|one| (one.kind.owner(), one.networks.as_slice()));
            Arc::new(Ranges::new(of_operators.chain(of_others)))
        };
        registry.finder = self.read_finder(finder::find(&mut db).await?);
        Ok(self.registry.replace(begun, registry))
    }

    fn read_finder(&self, finder: Option<finder::Finder>) -> Option<Arc<LiveFinder>> {
        let finder = finder?;
        match finder.secret(&self.vault) {
            Ok(secret) => Some(Arc::new(LiveFinder { finder, secret })),
            Err(error) => {
                tracing::error!(%error, "the telco finder is left out");
                None
            }
        }
    }

    /// Forgets what is cached of a table that a notification named. Says whether what holds now is what
    /// the table says; if it could not be read, what was known goes on to hold.
    pub async fn forget(&self, table: &str) -> bool {
        let read = match table {
            "clients" => {
                self.clients.forget();
                Ok(())
            }
            "operators" => {
                let read = self.read_registry(self.clock.now()).await;
                read.map(drop).map_err(KeyError::from)
            }
            "keys" => self.read_keys().await,
            _ => Ok(()),
        };
        if let Err(error) = &read {
            tracing::warn!(table, %error, "what changed could not be read");
        }
        read.is_ok()
    }

    async fn read_keys(&self) -> Result<(), KeyError> {
        let begun = self.keyring.begin();
        let keyring = lifecycle::load(&self.db, &self.vault).await?;
        self.keyring.replace(begun, keyring);
        Ok(())
    }
}
