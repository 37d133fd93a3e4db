//! A client's public keys, and JWTs checked with them: assertions, request objects. By value from
//! its registration, or fetched from its `jwks_uri` through the guarded HTTP client.
//!
//! Whoever knows a `client_id` can make us fetch, so fetches are few: one at a time per address, one
//! for a doubt (a key nobody knows) in [`DOUBT`], and none shortly after a failure.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use http::{Request, StatusCode, header};
use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use serde_json::Value;

use crate::clock::Time;
use crate::oauth::jwk::{KeySet, PublicKey};
use crate::oauth::jws::Jws;
use crate::oauth::signing_alg::SigningAlg;
use crate::outbound::{Limits, Outbound};
use crate::store::clients::Client;
use crate::web::app::App;

/// How long a fetched set is used without asking again.
const FRESH: TimeDelta = TimeDelta::minutes(5);
/// How long it is used while its address does not answer.
const STALE: TimeDelta = TimeDelta::hours(1);
/// The shortest time between two fetches for keys that are not in the set.
const DOUBT: TimeDelta = TimeDelta::seconds(30);
/// How long a failed fetch answers for the next ones.
const FAILURE: TimeDelta = TimeDelta::seconds(10);
/// Sets kept.
const CAPACITY: u64 = 10_000;
/// What one fetch may cost.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    total: Duration::from_secs(5),
    max_bytes: 64 * 1024,
};

/// Why a JWT is not the client's. The texts are for its developer and hold nothing of the JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// It cannot be read, or is signed with an algorithm that does not count here.
    #[error("{0}")]
    Malformed(&'static str),
    /// No usable keys of the client are known.
    #[error("{0}")]
    NoKeys(&'static str),
    /// None of the client's keys signed it.
    #[error("is not signed with a key of the client")]
    Signature,
}

/// The JWT, if one of the client's own keys signed it with one of the `allowed` algorithms. What it
/// says is still to be judged.
///
/// # Errors
/// [`NotVerified`].
pub async fn verify(
    app: &App,
    client: &Client,
    jwt: &str,
    allowed: &[SigningAlg],
    now: Time,
) -> Result<Jws, NotVerified> {
    let jws = Jws::parse(jwt).map_err(NotVerified::Malformed)?;
    if !allowed.contains(&jws.alg) {
        let reason = "is not signed with an algorithm that the client may use here";
        return Err(NotVerified::Malformed(reason));
    }
    let signed_by = |keys: &[PublicKey]| {
        keys.iter()
            .any(|key| key.verifies(jws.alg, jws.signed.as_bytes(), &jws.signature))
    };
    if signed_by(&keys(app, client, jws.kid(), jws.alg, now).await?) {
        return Ok(jws);
    }
    // A client may have replaced a key without giving the new one another name, or any name.
    if let Some(uri) = &client.settings.jwks_uri {
        let set = app.client_keys.again(uri, now).await?;
        let keys: Vec<_> = set.candidates(jws.kid(), jws.alg).cloned().collect();
        if signed_by(&keys) {
            return Ok(jws);
        }
    }
    Err(NotVerified::Signature)
}

/// The client's keys that may have signed with `alg` under the name `kid`; none is an empty list. A
/// name that is not in a fetched set has it fetched again.
///
/// # Errors
/// [`NotVerified::NoKeys`] if there is no set.
pub async fn keys(
    app: &App,
    client: &Client,
    kid: Option<&str>,
    alg: SigningAlg,
    now: Time,
) -> Result<Vec<PublicKey>, NotVerified> {
    let set = all(app, client, now).await?;
    let found: Vec<PublicKey> = set.candidates(kid, alg).cloned().collect();
    match &client.settings.jwks_uri {
        Some(uri) if found.is_empty() => {
            let set = app.client_keys.again(uri, now).await?;
            Ok(set.candidates(kid, alg).cloned().collect())
        }
        _ => Ok(found),
    }
}

/// The client's whole set.
///
/// # Errors
/// [`NotVerified::NoKeys`] if there is none.
pub async fn all(app: &App, client: &Client, now: Time) -> Result<Arc<KeySet>, NotVerified> {
    match (&client.settings.jwks, &client.settings.jwks_uri) {
        (Some(set), _) => KeySet::parse(set)
            .map(Arc::new)
            .map_err(|_| NotVerified::NoKeys("the client's registered jwks cannot be read")),
        (None, Some(uri)) => app.client_keys.get(uri, now).await,
        (None, None) => Err(NotVerified::NoKeys("the client has no keys registered")),
    }
}

/// The sets fetched; cheap to clone.
#[derive(Clone)]
pub struct ClientKeys {
    outbound: Outbound,
    shelf: Cache<String, Arc<Entry>>,
}

struct Entry {
    set: Option<(Arc<KeySet>, Time)>,
    /// When it was last tried, and whether that failed.
    tried_at: Time,
    failed: bool,
    /// When it was last tried for a doubt.
    doubted_at: Option<Time>,
}

impl ClientKeys {
    /// With nothing fetched yet.
    #[must_use]
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            shelf: Cache::new(CAPACITY),
        }
    }

    /// The kept set, or a fetched one.
    ///
    /// # Errors
    /// [`NotVerified::NoKeys`] if there is neither.
    pub async fn get(&self, uri: &str, now: Time) -> Result<Arc<KeySet>, NotVerified> {
        self.fetch_unless(uri, now, false, |entry| {
            let fresh = entry
                .set
                .as_ref()
                .is_some_and(|set| within(FRESH, set.1, now));
            fresh || (entry.failed && within(FAILURE, entry.tried_at, now))
        })
        .await
    }

    /// A set fetched for a doubt about the kept one, if the last doubt is long enough ago.
    async fn again(&self, uri: &str, now: Time) -> Result<Arc<KeySet>, NotVerified> {
        self.fetch_unless(uri, now, true, |entry| {
            entry.doubted_at.is_some_and(|at| within(DOUBT, at, now))
                || (entry.failed && within(FAILURE, entry.tried_at, now))
        })
        .await
    }

    async fn fetch_unless(
        &self,
        uri: &str,
        now: Time,
        doubt: bool,
        suffices: impl Fn(&Entry) -> bool,
    ) -> Result<Arc<KeySet>, NotVerified> {
        if let Some(entry) = self.shelf.get(uri).await
            && suffices(&entry)
        {
            return entry.usable(now);
        }
        let computed = self
            .shelf
            .entry_by_ref(uri)
            .and_compute_with(|kept| async {
                let kept = kept.map(|entry| entry.into_value());
                // Somebody else may have fetched it while we waited for our turn.
                if kept.as_ref().is_some_and(|entry| suffices(entry)) {
                    return Op::Nop;
                }
                let fetched = self.fetch(uri).await;
                let failed = fetched.is_none();
                let (set, doubted_at) = match kept {
                    Some(kept) => (kept.set.clone(), kept.doubted_at),
                    None => (None, None),
                };
                Op::Put(Arc::new(Entry {
                    set: fetched.map(|set| (Arc::new(set), now)).or(set),
                    tried_at: now,
                    failed,
                    doubted_at: if doubt { Some(now) } else { doubted_at },
                }))
            })
            .await;
        match computed {
            CompResult::Unchanged(entry)
            | CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Removed(entry) => entry.into_value().usable(now),
            CompResult::StillNone(_) => Err(UNREACHABLE),
        }
    }

    async fn fetch(&self, uri: &str) -> Option<KeySet> {
        let request = Request::get(uri)
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .body(Vec::new())
            .ok()?;
        let answer = self.outbound.send(request, LIMITS).await.ok()?;
        if answer.status() != StatusCode::OK {
            tracing::info!(
                status = answer.status().as_u16(),
                "a jwks_uri has no keys for us"
            );
            return None;
        }
        let set: Value = serde_json::from_slice(answer.body()).ok()?;
        KeySet::parse(&set)
            .inspect_err(|error| tracing::info!(%error, "a fetched JWK set is of no use"))
            .ok()
    }
}

const UNREACHABLE: NotVerified =
    NotVerified::NoKeys("the client's jwks_uri did not answer with a JWK set that can be used");

impl Entry {
    fn usable(&self, now: Time) -> Result<Arc<KeySet>, NotVerified> {
        match &self.set {
            Some((set, fetched_at)) if within(STALE, *fetched_at, now) => Ok(set.clone()),
            _ => Err(UNREACHABLE),
        }
    }
}

fn within(span: TimeDelta, since: Time, now: Time) -> bool {
    // Requests of one moment do not arrive in its order.
    let age = now - since;
    -TimeDelta::seconds(60) <= age && age < span
}
