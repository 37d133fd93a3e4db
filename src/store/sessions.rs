//! Sessions and go-aheads: what is known of a browser before anything is asked, and what staff see and
//! end. A verdict opens and renews a session, and a session answers, in [`crate::store::path`].

use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::secret::{Place, Unsealable, Vault};
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::pushed::{Bringing, Pushed};

/// The session a returning browser has.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Its key.
    pub id: Uuid,
    /// The keyed hash of its number.
    pub number_hash: Vec<u8>,
    /// The number's epoch.
    pub epoch: i32,
    /// When it ends.
    pub expires_at: Time,
}

/// A live session with everything that may answer a request.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its key.
    pub id: Uuid,
    /// The keyed hash of its number.
    pub number_hash: Vec<u8>,
    /// The number's epoch at the verdict.
    pub epoch: i32,
    /// What was verified.
    pub verdict: serde_json::Value,
    /// The number, sealed; read it with [`Session::number`].
    pub sealed: Vec<u8>,
    /// When it ends.
    pub expires_at: Time,
}

impl Session {
    /// The number.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn number(&self, vault: &Vault) -> Result<PhoneNumber, Unsealable> {
        open_number(vault, &self.id, &self.sealed)
    }

    /// What a verdict needs to renew it.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        Remembered {
            id: self.id,
            number_hash: self.number_hash.clone(),
            epoch: self.epoch,
            expires_at: self.expires_at,
        }
    }
}

/// Where a session's number is sealed for.
#[must_use]
pub fn number_place(session: &Uuid) -> Place<'_> {
    Place::new("sessions", "sealed", session)
}

fn open_number(vault: &Vault, session: &Uuid, sealed: &[u8]) -> Result<PhoneNumber, Unsealable> {
    let plain = vault.open(number_place(session), sealed)?;
    let text = std::str::from_utf8(&plain).map_err(|_| Unsealable)?;
    PhoneNumber::from_e164(text).map_err(|_| Unsealable)
}

/// A remembered go-ahead.
#[derive(Clone, Debug, Deserialize)]
pub struct GoAhead {
    /// The subject it is for.
    pub subject: String,
    /// What may be released.
    pub release: Vec<String>,
}

/// What is known when a request comes in.
#[derive(Debug, Default)]
pub struct Known {
    /// The browser's go-aheads for the client.
    pub go_aheads: Vec<GoAhead>,
    /// The epoch of the number asked about.
    pub epoch: i32,
    /// The browser's session.
    pub session: Option<Session>,
    /// The pushed request that the browser brought, if it is this client's, and in time or used.
    pub pushed: Option<Pushed>,
}

/// The cookies of a browser that something may be remembered under, hashed.
#[derive(Clone, Debug, Default)]
pub struct Carried {
    /// The browser's own.
    pub browser: Option<Vec<u8>>,
    /// Its session's.
    pub session: Option<Vec<u8>>,
}

/// Looks up what is known of a browser and a number, in one statement. `number_hashes` are those of
/// the number asked about under every live root key; a pushed request has its own. A session is found
/// only beside the browser's own cookie, and not once its number's epoch has moved. Who brings a pushed
/// request uses it up: over all replicas, it opens one login.
pub async fn look_up(
    lane: &Lane,
    carried: &Carried,
    client_id: &str,
    number_hashes: &[Vec<u8>],
    bringing: Option<&Bringing<'_>>,
    now: Time,
) -> Result<Known, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with pushed as (
            update pushed_requests
            set login_id = coalesce(login_id, $7)
            where id = $5 and hash = $6 and client_id = $2
                and (expires_at > $4 or login_id is not null)
            returning sealed, number_hashes, login_id
        )
        select
            coalesce(
                (select max(epoch)
                from subject_epochs
                where number_hash = any($3 || (select number_hashes from pushed))), 0)
                as "epoch!",
            (select sealed from pushed) as pushed,
            (select login_id from pushed) as pushed_login,
            (select coalesce(json_agg(json_build_object('subject', subject, 'release', release)), '[]')
            from go_aheads
            where browser_hash = $1 and client_id = $2 and expires_at > $4)
                as "go_aheads!: Json<Vec<GoAhead>>",
            s.id as "id?", s.number_hash as "number_hash?", s.epoch as "session_epoch?",
            s.verdict as "verdict?", s.sealed as "sealed?", s.expires_at as "expires_at?"
        from (values (1)) as one (row)
        left join sessions s
            on s.cookie_hash = $8 and s.browser_hash = $1 and s.ended_at is null
                and s.expires_at > $4 and s.idle_expires_at > $4
                and s.epoch = coalesce(
                    (select max(e.epoch) from subject_epochs e where e.number_hash = s.number_hash), 0)
        "#,
        carried.browser,
        client_id,
        number_hashes,
        now,
        bringing.map(|bringing| bringing.handle.id),
        bringing.map(|bringing| bringing.handle.hash()),
        bringing.and_then(|bringing| bringing.login),
        carried.session,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    let session = match (
        row.id,
        row.number_hash,
        row.session_epoch,
        row.verdict,
        row.sealed,
        row.expires_at,
    ) {
        (
            Some(id),
            Some(number_hash),
            Some(epoch),
            Some(verdict),
            Some(sealed),
            Some(expires_at),
        ) => Some(Session {
            id,
            number_hash,
            epoch,
            verdict,
            sealed,
            expires_at,
        }),
        _ => None,
    };
    Ok(Known {
        go_aheads: row.go_aheads.0,
        epoch: row.epoch,
        session,
        pushed: row.pushed.map(|sealed| Pushed {
            sealed,
            login: row.pushed_login,
        }),
    })
}

/// Which sessions staff mean; every field given narrows it.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// This one.
    pub id: Option<Uuid>,
    /// Of this number: its keyed hashes under every live root key.
    pub number_hashes: Option<Vec<Vec<u8>>>,
    /// In which this client takes part.
    pub client_id: Option<String>,
}

/// A live session as staff see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its key.
    pub id: Uuid,
    /// What was verified last.
    pub verdict: serde_json::Value,
    /// The number, sealed.
    sealed: Vec<u8>,
    /// When it was opened.
    pub opened_at: Time,
    /// When it ends unless used.
    pub idle_expires_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// The clients signed in to.
    pub clients: Vec<String>,
}

impl Seen {
    /// The number.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn number(&self, vault: &Vault) -> Result<PhoneNumber, Unsealable> {
        open_number(vault, &self.id, &self.sealed)
    }
}

/// A page of live sessions, newest first, before the given one.
pub async fn page(
    db: &mut PgConnection,
    which: &Which,
    before: Option<Uuid>,
    now: Time,
    limit: i64,
) -> Result<Vec<Seen>, StoreError> {
    let rows = sqlx::query_as!(
        Seen,
        r#"
        select id, verdict, sealed, opened_at, idle_expires_at, expires_at,
            array(
                select distinct client_id from grants where session_id = sessions.id order by 1
            ) as "clients!"
        from sessions
        where ended_at is null and expires_at > $3 and idle_expires_at > $3
            and ($1::bytea[] is null or number_hash = any($1))
            and ($2::text is null or exists (
                select from grants where session_id = sessions.id and client_id = $2))
            and ($5::uuid is null or id = $5)
            and ($6::uuid is null or id < $6)
        order by id desc
        limit $4
        "#,
        which.number_hashes.as_deref(),
        which.client_id,
        now,
        limit,
        which.id,
        before,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Ends live sessions with the grants given in them, and forgets their browsers' go-aheads. Returns
/// which sessions. In the caller's transaction; the sessions first, whose rows are the lock: what one of
/// them answered just before is then seen and ended.
pub async fn end(db: &mut PgConnection, which: &Which, now: Time) -> Result<Vec<Uuid>, StoreError> {
    let ended = sqlx::query_scalar!(
        r#"
        with ended as (
            update sessions
            set ended_at = $3
            where ended_at is null and expires_at > $3
                and ($1::bytea[] is null or number_hash = any($1))
                and ($2::text is null or exists (
                    select from grants where session_id = sessions.id and client_id = $2))
                and ($4::uuid is null or id = $4)
            returning id, browser_hash
        ),
        go_ahead as (
            delete from go_aheads
            where browser_hash in (select browser_hash from ended)
        )
        select id
        from ended
        "#,
        which.number_hashes.as_deref(),
        which.client_id,
        now,
        which.id,
    )
    .fetch_all(&mut *db)
    .await?;
    sqlx::query!(
        "update grants set ended_at = $2 where session_id = any($1) and ended_at is null",
        &ended[..],
        now,
    )
    .execute(db)
    .await?;
    Ok(ended)
}
