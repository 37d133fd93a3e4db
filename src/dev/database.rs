//! The stack's database: the one given, or a private cluster in the data folder.

use std::path::Path;

use crate::dev::{Options, files};
use crate::embedded_postgres::{self, APP_ROLE, Cluster, Durability, OWNER_ROLE, SUPERUSER};

/// The database's name.
const NAME: &str = "numbercloak";

pub(super) struct Database {
    pub(super) url: String,
    pub(super) migrator_url: String,
    pub(super) cluster: Option<Cluster>,
}

impl Database {
    /// Starts the cluster, or takes the database that was given; after `--reset` an empty one.
    pub(super) async fn open(options: &Options, data: &Path) -> anyhow::Result<Self> {
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
        embedded_postgres::prepare(&cluster.url(SUPERUSER, "postgres"), NAME).await?;
        Ok(Self {
            url: cluster.url(APP_ROLE, NAME),
            migrator_url: cluster.url(OWNER_ROLE, NAME),
            cluster: Some(cluster),
        })
    }
}
