//! Work that goes on when the request that began it is gone. A server that stops waits for it: an answer
//! of an operator was paid for, and a person waits for what came of it.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts what is not done yet; clones count together.
#[derive(Clone, Debug)]
pub struct Unfinished(Arc<watch::Sender<usize>>);

/// One piece of work, done when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Piece(Arc<watch::Sender<usize>>);

impl Default for Unfinished {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Unfinished {
    /// Begins a piece of work.
    pub fn begin(&self) -> Piece {
        self.0.send_modify(|count| *count += 1);
        Piece(self.0.clone())
    }

    /// Waits until all of it is done.
    pub async fn all_done(&self) {
        // The sender lives as long as we do, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_is_done_when_the_last_piece_is_whatever_became_of_it() {
        let unfinished = Unfinished::default();
        unfinished.all_done().await;
        let (one, other) = (unfinished.begin(), unfinished.begin());
        drop(one);
        tokio::select! {
            biased;
            () = unfinished.all_done() => panic!("one piece is not done"),
            () = std::future::ready(()) => {}
        }
        let panicked = tokio::spawn(async move {
            let _other = other;
            panic!("of the test's own");
        });
        assert!(panicked.await.is_err());
        unfinished.all_done().await;
    }
}
