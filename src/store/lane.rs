//! Connections for the steps of a login.
//!
//! sqlx's own pool pings a connection whenever it comes back, which is a second round trip for every
//! statement. A lane does not: a statement that ended well gives its connection back as it is
//! ([`Lent::give_back`]), and one that erred or was dropped half-way closes it.
//!
//! A connection may die while it waits: the database was restarted, a firewall forgot it. No statement
//! is sent twice to find that out, because nobody knows what became of the first one. Instead a
//! connection is asked, before it gets a statement, if it waited long, or if another one broke since it
//! was last good.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::{Clock, Time};
use crate::store::audit::Appended;
use crate::store::committed::Committed;
use crate::store::db::StoreError;

/// A connection that was good so short a time ago gets a statement unasked. Under load that is every
/// one; an idle server pays a tenth of a millisecond.
const TRUSTED: TimeDelta = TimeDelta::seconds(1);

/// A bounded number of connections, opened when first needed; cheap to clone.
#[derive(Clone, Debug)]
pub struct Lane(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: PgConnectOptions,
    most: usize,
    wait: Duration,
    permits: Arc<Semaphore>,
    clock: Clock,
    committed: Committed,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// Each with the time when it was last good.
    connections: Vec<(PgConnection, Time)>,
    /// When a connection last broke, or was dropped half-way: what was good before may be dead too.
    broke_at: Option<Time>,
}

/// A connection on loan.
#[derive(Debug)]
pub struct Lent {
    // Absent once given back.
    connection: Option<PgConnection>,
    lane: Lane,
    _permit: OwnedSemaphorePermit,
}

impl Lane {
    pub(super) fn new(
        options: PgConnectOptions,
        most: u32,
        wait: Duration,
        clock: Clock,
        committed: Committed,
    ) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        Self(Arc::new(Shared {
            options,
            most,
            wait,
            permits: Arc::new(Semaphore::new(most)),
            clock,
            committed,
            idle: Mutex::default(),
        }))
    }

    /// A connection: an idle one, the last one used first, or a new one.
    ///
    /// # Errors
    /// If none is free, or none can be opened, within the time to wait.
    pub(super) async fn get(&self) -> Result<Lent, sqlx::Error> {
        if let Some(lent) = self.get_trusted() {
            return Ok(lent);
        }
        // Boxed, for opening a connection is large and rare, and every step carries this with it.
        tokio::time::timeout(self.0.wait, Box::pin(self.open()))
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// An idle connection that may be trusted unasked, if nobody else waits for one.
    fn get_trusted(&self) -> Option<Lent> {
        let permit = self.0.permits.clone().try_acquire_owned().ok()?;
        let connection = self.idle().take_trusted(self.0.clock.now())?;
        Some(self.lend(connection, permit))
    }

    async fn open(&self) -> Result<Lent, sqlx::Error> {
        let permit = self.0.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let connection = match self.take_idle().await {
            Some(connection) => connection,
            None => self.0.options.connect().await?,
        };
        Ok(self.lend(connection, permit))
    }

    fn lend(&self, connection: PgConnection, permit: OwnedSemaphorePermit) -> Lent {
        Lent {
            connection: Some(connection),
            lane: self.clone(),
            _permit: permit,
        }
    }

    /// An idle connection that is alive; dead ones are dropped on the way.
    async fn take_idle(&self) -> Option<PgConnection> {
        loop {
            let (mut connection, trusted) = self.idle().take(self.0.clock.now())?;
            if trusted || connection.ping().await.is_ok() {
                return Some(connection);
            }
            tracing::debug!("a connection to the database had died");
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that wait, and connections on loan.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let lent = self.0.most - self.0.permits.available_permits();
        (self.idle().connections.len(), lent)
    }

    /// Closes every idle connection and lends no more.
    pub(super) async fn close(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for (connection, _) in idle.connections {
            let _ = connection.close().await;
        }
    }
}

impl Idle {
    /// The one last used, and whether it may be trusted unasked.
    fn take(&mut self, now: Time) -> Option<(PgConnection, bool)> {
        let (connection, good_at) = self.connections.pop()?;
        Some((connection, self.trusts(good_at, now)))
    }

    /// The one last used, if it may be trusted unasked; otherwise it stays.
    fn take_trusted(&mut self, now: Time) -> Option<PgConnection> {
        let (_, good_at) = self.connections.last()?;
        let trusted = self.trusts(*good_at, now);
        trusted
            .then(|| self.connections.pop())?
            .map(|(connection, _)| connection)
    }

    fn trusts(&self, good_at: Time, now: Time) -> bool {
        now - good_at < TRUSTED && self.broke_at.is_none_or(|at| at < good_at)
    }
}

impl Lent {
    /// What a statement runs on.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.connection
            .as_mut()
            .expect("only giving it back takes it away")
    }

    /// Gives it back after the guarded statement of a step, which says how many rows it moved: one, or
    /// none because the step was not due.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if it moved none.
    pub(super) fn settle(self, records: &Appended, moved: i64) -> Result<(), StoreError> {
        self.give_back_after(records, moved == 1);
        if moved == 1 {
            Ok(())
        } else {
            Err(StoreError::Stale)
        }
    }

    /// Gives it back after a statement that ended well and may have appended records.
    pub(super) fn give_back_after(self, records: &Appended, appended: bool) {
        if appended {
            self.lane.0.committed.note(records);
        }
        self.give_back();
    }

    /// Gives it back after a statement that ended well.
    pub(super) fn give_back(mut self) {
        let now = self.lane.0.clock.now();
        if let Some(connection) = self.connection.take() {
            self.lane.idle().connections.push((connection, now));
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.connection.is_some() {
            let now = self.lane.0.clock.now();
            self.lane.idle().broke_at = Some(now);
        }
    }
}
