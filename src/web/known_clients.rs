//! The clients that were looked up lately, and the ids that nobody has.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use moka::future::Cache;

use crate::store::clients::Client;
use crate::store::db::StoreError;

/// At most so many; who is asked for least goes first.
const MOST: u64 = 50_000;

type Known = Cache<String, Option<Arc<Client>>>;

/// Clients by `client_id`. An unknown one is remembered too, so that guessing does not reach the
/// database. Forgetting exchanges the whole cache: a reading that began before ends in the old one, where
/// nobody finds what it read of the row as it was.
pub struct KnownClients {
    stale_for: Duration,
    known: ArcSwap<Known>,
}

impl KnownClients {
    /// Knows none; what it knows later it believes for so long.
    pub fn new(stale_for: Duration) -> Self {
        Self {
            stale_for,
            known: ArcSwap::from_pointee(none(stale_for)),
        }
    }

    /// The client that is known, or that `read` finds. One reading per client, however many ask at once.
    ///
    /// # Errors
    /// What the reading says; it is not remembered.
    pub async fn find(
        &self,
        client_id: &str,
        read: impl Future<Output = Result<Option<Arc<Client>>, StoreError>> + Send,
    ) -> Result<Option<Arc<Client>>, Arc<StoreError>> {
        let known = self.known.load_full();
        if let Some(client) = known.get(client_id).await {
            return Ok(client);
        }
        // Boxed, for it is large and rare, and whoever asks carries it with it.
        Box::pin(known.try_get_with(client_id.to_owned(), read)).await
    }

    /// Knows none again.
    pub fn forget(&self) {
        self.known.store(Arc::new(none(self.stale_for)));
    }
}

fn none(stale_for: Duration) -> Known {
    let cache = Cache::builder().max_capacity(MOST);
    cache.time_to_live(stale_for).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_was_read_before_a_change_is_not_kept_after_it() {
        let clients = Arc::new(KnownClients::new(Duration::from_secs(3600)));
        let (started, has_started) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel();
        let slow = tokio::spawn({
            let clients = clients.clone();
            async move {
                let read = async {
                    started.send(()).unwrap();
                    may_go_on.await.unwrap();
                    Ok(None)
                };
                clients.find("app", read).await
            }
        });
        has_started.await.unwrap();
        clients.forget();
        go_on.send(()).unwrap();
        assert!(slow.await.unwrap().unwrap().is_none());
        let again = async { Err(StoreError::Stale) };
        assert!(
            clients.find("app", again).await.is_err(),
            "it is read again"
        );
        let found = clients.find("app", async { Ok(None) }).await;
        assert!(found.unwrap().is_none());
        let nobody = async { unreachable!("it is known that nobody has this id") };
        assert!(clients.find("app", nobody).await.unwrap().is_none());
    }
}
