//! Connections for the steps of a login.
//!
//! sqlx's own pool pings a connection whenever it comes back, which is a second round trip for every
//! statement. A lane does not: a statement that ended well gives its connection back as it is
//! ([`Lent::give_back`]), and one that erred or was dropped half-way closes it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bounded number of connections, opened when first needed; cheap to clone.
#[derive(Clone, Debug)]
pub struct Lane(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: PgConnectOptions,
    most: usize,
    wait: Duration,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection on loan.
#[derive(Debug)]
pub struct Lent {
    connection: PgConnection,
    lane: Lane,
    _permit: OwnedSemaphorePermit,
}

impl Lane {
    pub(super) fn new(options: PgConnectOptions, most: u32, wait: Duration) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        Self(Arc::new(Shared {
            options,
            most,
            wait,
            permits: Arc::new(Semaphore::new(most)),
            idle: Mutex::new(Vec::with_capacity(most)),
        }))
    }

    /// A connection: an idle one, the last one used first, or a new one.
    ///
    /// # Errors
    /// If none is free, or none can be opened, within the time to wait.
    pub(super) async fn get(&self) -> Result<Lent, sqlx::Error> {
        tokio::time::timeout(self.0.wait, self.open())
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn open(&self) -> Result<Lent, sqlx::Error> {
        let permit = self.0.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.options.connect().await?,
        };
        Ok(Lent {
            connection,
            lane: self.clone(),
            _permit: permit,
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<PgConnection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that wait, and connections on loan.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let lent = self.0.most - self.0.permits.available_permits();
        (self.idle().len(), lent)
    }

    /// Closes every idle connection and lends no more.
    pub(super) async fn close(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            let _ = connection.close().await;
        }
    }
}

impl Lent {
    /// What a statement runs on.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Gives it back after a statement that ended well.
    pub(super) fn give_back(self) {
        self.lane.idle().push(self.connection);
    }
}
