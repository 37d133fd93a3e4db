//! How much of this server one operator may occupy. One that hangs fills its own places, and the others
//! never notice.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::verdict::{Evidence, Outcome, Refusal};

/// How long a full operator is waited for: long enough for a burst, not for a dead one.
const PATIENCE: Duration = Duration::from_millis(500);
/// More operators than anybody has.
const CAPACITY: u64 = 1_000;

/// The places of all operators.
#[derive(Clone)]
pub(super) struct Busy {
    places: Cache<Uuid, Arc<Semaphore>>,
    most: usize,
    patience: Duration,
}

impl Busy {
    pub(super) fn new(most: usize) -> Self {
        Self {
            places: Cache::new(CAPACITY),
            most: most.clamp(1, Semaphore::MAX_PERMITS),
            patience: PATIENCE,
        }
    }

    /// A place at an operator, given back when dropped.
    pub(super) async fn enter(
        &self,
        operator: Uuid,
        stage: &str,
    ) -> Result<OwnedSemaphorePermit, Refusal> {
        let made = async { Arc::new(Semaphore::new(self.most)) };
        let places = self.places.get_with(operator, made).await;
        match tokio::time::timeout(self.patience, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(full(stage)),
        }
    }
}

fn full(stage: &str) -> Refusal {
    Refusal {
        outcome: Outcome::OperatorUnavailable,
        evidence: Evidence {
            stage: stage.to_owned(),
            detail: Some("too many calls to this operator are in work".to_owned()),
            ..Evidence::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_operator_is_unavailable_and_the_others_are_not() {
        let busy = Busy {
            patience: Duration::ZERO,
            ..Busy::new(2)
        };
        let (hanging, well) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = busy.enter(hanging, "callback").await.unwrap();
        let _second = busy.enter(hanging, "callback").await.unwrap();
        let refused = busy.enter(hanging, "callback").await.unwrap_err();
        assert_eq!(refused.outcome, Outcome::OperatorUnavailable);
        assert_eq!(refused.evidence.stage, "callback");
        assert!(refused.evidence.detail.is_some());
        assert!(busy.enter(well, "callback").await.is_ok());
        drop(first);
        assert!(busy.enter(hanging, "callback").await.is_ok());
    }
}
