//! Networks that hide a phone's own address, iCloud Private Relay's and those of VPNs: read like an
//! operator's, and loaded whole.

use ipnet::IpNet;
use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::store::network_ranges::{self, Loaded, NetworkKind};

/// Replaces the networks of a kind; an empty list forgets them.
///
/// # Errors
/// [`Refused::Database`].
pub async fn load(desk: &Desk, kind: NetworkKind, networks: &[IpNet]) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    network_ranges::replace(&mut tx, kind, networks, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "network_ranges",
        id: kind.as_str(),
        details: json!({ "action": "load_ranges", "networks": networks.len() }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// What is loaded.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<Loaded>, Refused> {
    let mut tx = desk.begin().await?;
    Ok(network_ranges::list(&mut tx).await?)
}
