//! What every command shares: the options in front of it, and the way to a desk.

use std::path::PathBuf;

use clap::Args;

use crate::admin::Desk;
use crate::cli::failure::{FINDING, Failure};
use crate::cli::input::pair;
use crate::clock::Clock;
use crate::config::{self, Config, Needs, Tools};
use crate::dev;
use crate::secret::Vault;
use crate::store::db::{Access, Db};
use crate::token::root;

/// Who the command line is in audit records.
const ACTOR: &str = "cli";
/// One for the transaction, one to spare.
const CONNECTIONS: u32 = 2;

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Globals {
    /// The configuration file (TOML); the environment is stronger.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub config: Option<PathBuf>,
    /// One configuration key, stronger than file and environment: server.listen=0.0.0.0:8443.
    #[arg(short = 'o', long = "option", global = true, value_name = "KEY=VALUE", value_parser = pair, help_heading = "Global options")]
    pub options: Vec<(String, String)>,
    /// Print JSON.
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
}

/// An open database with the keys to it.
pub struct Office {
    /// Where the command line works.
    pub desk: Desk,
    /// Both pools.
    pub db: Db,
    /// The configuration.
    pub tools: Tools,
}

impl Globals {
    /// The whole configuration, as the server needs it.
    pub fn config(&self) -> Result<Config, Failure> {
        Ok(config::from_process(
            self.config.as_deref(),
            self.options.clone(),
        )?)
    }

    /// What a command with these needs works with.
    pub fn tools(&self, needs: Needs) -> Result<Tools, Failure> {
        let read = |options| config::tools_from_process(self.config.as_deref(), options, needs);
        let faults = match read(self.options.clone()) {
            Ok(tools) => return Ok(tools),
            Err(faults) => faults,
        };
        // With nothing but the DATABASE_URL of a dev stack, its own root key is meant.
        let of_dev = config::database_url().and_then(|url| dev::root_key_of(url.reveal()));
        let with_key = of_dev.and_then(|path| {
            let mut options = self.options.clone();
            let key = "keys.root_key_file".to_owned();
            options.push((key, path.display().to_string()));
            read(options).ok()
        });
        with_key.ok_or_else(|| faults.into())
    }

    /// Opens database and keys, and makes sure that they belong together: a secret sealed under a
    /// stranger's root key would be lost.
    pub async fn office(&self) -> Result<Office, Failure> {
        self.office_with(Needs {
            issuer: false,
            root_keys: true,
        })
        .await
    }

    /// The same, and the issuer must be configured.
    pub async fn office_with_issuer(&self) -> Result<Office, Failure> {
        self.office_with(Needs {
            issuer: true,
            root_keys: true,
        })
        .await
    }

    async fn office_with(&self, needs: Needs) -> Result<Office, Failure> {
        let tools = self.tools(needs)?;
        let vault = read_vault(&tools).await?;
        let db = open(&tools)?;
        let now = Clock::system().now();
        root::check_root(&db, &vault, now).await?;
        Ok(Office {
            desk: Desk {
                db: db.durable().clone(),
                vault,
                now,
                actor: ACTOR.to_owned(),
            },
            db,
            tools,
        })
    }
}

/// Prepares the pools of a command.
pub fn open(tools: &Tools) -> Result<Db, Failure> {
    let database = &tools.database;
    Ok(Db::open(&Access {
        url: database.url.reveal().to_owned(),
        max_connections: CONNECTIONS,
        acquire_timeout: database.acquire_timeout,
        statement_timeout: database.statement_timeout,
        clock: Clock::system(),
    })?)
}

/// Reads the root keys; a KMS command may take its time.
pub async fn read_vault(tools: &Tools) -> Result<Vault, Failure> {
    let keys = tools.keys.clone();
    let roots = tokio::task::spawn_blocking(move || keys.read())
        .await
        .map_err(|_| Failure::new(FINDING, "reading the root keys broke off", "Try again."))??;
    Ok(Vault::new(&roots))
}
