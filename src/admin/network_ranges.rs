//! Networks that hide a phone's own address, iCloud Private Relay's and those of VPNs: read like an
//! operator's, and loaded whole.

use ipnet::IpNet;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::store::network_ranges::{self, Loaded, NetworkKind};

/// Replaces the networks of a kind, whatever they are; an empty list forgets them.
///
/// # Errors
/// [`Refused::Database`].
pub async fn load(desk: &Desk, kind: NetworkKind, networks: &[IpNet]) -> Result<(), Refused> {
    put(desk, kind, networks, (None, None)).await.map(drop)
}

/// The same of the revision that was seen (0 for none ever), if one is named; a new keeper takes them over.
/// Returns the new revision.
///
/// # Errors
/// [`Refused::Stale`] if somebody else loaded them meanwhile.
pub async fn put(
    desk: &Desk,
    kind: NetworkKind,
    networks: &[IpNet],
    (seen, keeper): (Option<i32>, Option<&str>),
) -> Result<i32, Refused> {
    let mut tx = desk.begin().await?;
    let revision =
        network_ranges::replace(&mut tx, kind, networks, (seen, keeper), desk.now).await?;
    let mut details = json!({ "action": "load_ranges", "networks": networks.len() });
    if keeper.is_some() {
        details["managed_by"] = json!(keeper);
    }
    record(desk, &mut tx, kind, details).await?;
    commit(tx).await?;
    Ok(revision)
}

async fn record(
    desk: &Desk,
    tx: &mut PgConnection,
    kind: NetworkKind,
    details: Value,
) -> Result<(), Refused> {
    let act = Act {
        operation: "ACTION",
        resource: "network_ranges",
        id: kind.as_str(),
        details,
    };
    desk.record(tx, act).await
}

/// Forgets the networks of a kind that a file kept, and who kept them.
///
/// # Errors
/// [`Refused::Stale`] if somebody else loaded them meanwhile.
pub async fn end(desk: &Desk, known: &Loaded) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let seen = (Some(known.revision), None);
    network_ranges::replace(&mut tx, known.kind, &[], seen, desk.now).await?;
    network_ranges::free(&mut tx, known.kind).await?;
    let details = json!({
        "action": "load_ranges",
        "networks": 0,
        "managed_by": null,
    });
    record(desk, &mut tx, known.kind, details).await?;
    commit(tx).await
}

/// Those of a kind; absent if none were ever loaded.
///
/// # Errors
/// [`Refused::Database`].
pub async fn show(desk: &Desk, kind: NetworkKind) -> Result<Option<Loaded>, Refused> {
    let all = list(desk).await?;
    Ok(all.into_iter().find(|loaded| loaded.kind == kind))
}

/// What is loaded.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<Loaded>, Refused> {
    let mut tx = desk.begin().await?;
    Ok(network_ranges::list(&mut tx).await?)
}
