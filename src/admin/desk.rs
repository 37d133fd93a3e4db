//! Where a member of staff works: the database, the keys, the time and who they are.

use serde_json::Value;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::admin::Refused;
use crate::audit::event::{Event, Subject};
use crate::audit::record::Recorder;
use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::secret::Vault;
use crate::store;
use crate::store::db::StoreError;

/// One member of staff at work, for one request.
#[derive(Clone, Debug)]
pub struct Desk {
    /// The pool whose commits wait for the disk ([`crate::store::db::Db::durable`]).
    pub db: PgPool,
    /// Seals credentials and makes the records' MACs.
    pub vault: Vault,
    /// The request's time.
    pub now: Time,
    /// Who it is: a staff member's email, or `cli`.
    pub actor: String,
}

/// What is done to a thing, and to which.
pub(super) struct Act<'a> {
    /// `CREATE`, `UPDATE`, `DELETE` or `ACTION`.
    pub(super) operation: &'a str,
    /// The kind of thing.
    pub(super) resource: &'a str,
    /// Which one: a client's `client_id`, an operator's alias, an account's email.
    pub(super) id: &'a str,
    /// What changed, without secrets.
    pub(super) details: Value,
}

impl Desk {
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Postgres>, Refused> {
        Ok(self.db.begin().await.map_err(StoreError::from)?)
    }

    /// Records the act in its transaction.
    pub(super) async fn record(&self, tx: &mut PgConnection, act: Act<'_>) -> Result<(), Refused> {
        self.record_about(tx, act, None).await
    }

    /// The same about a number.
    pub(super) async fn record_about(
        &self,
        tx: &mut PgConnection,
        act: Act<'_>,
        number: Option<&PhoneNumber>,
    ) -> Result<(), Refused> {
        let name = |resource| (act.resource == resource).then(|| act.id.to_owned());
        let subject = Subject {
            client_id: name("client"),
            operator: name("operator"),
            actor: Some(self.actor.clone()),
            ..Subject::default()
        };
        let event = Event::AdminEvent {
            operation: act.operation.to_owned(),
            resource: act.resource.to_owned(),
            id: act.id.to_owned(),
            details: act.details,
        };
        let recorder = self.recorder();
        let record = match number {
            Some(number) => recorder.record_of(number, subject, &event),
            None => recorder.record(subject, &event),
        };
        store::audit::append(tx, [record]).await?;
        Ok(())
    }

    /// Makes records of events that are more than an act.
    pub(super) fn recorder(&self) -> Recorder<'_> {
        Recorder::system(&self.vault, self.now)
    }
}

/// Commits; nothing has happened if this fails.
pub(super) async fn commit(tx: Transaction<'static, Postgres>) -> Result<(), Refused> {
    Ok(tx.commit().await.map_err(StoreError::from)?)
}
