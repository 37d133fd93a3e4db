//! Tables of networks as a file keeps them: those of operators' subscribers, and those that hide a phone's
//! own address. They are compared as sets, whatever wrote them out.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{Applying, Change, check_owner};
use crate::admin::apply_file::{File, NetworksEntry, OperatorEntry, TableEntry};
use crate::admin::{Desk, Refused, change, network_ranges, ranges};
use crate::store::network_ranges::NetworkKind;

/// Networks of a difference that are told at most.
const TOLD: usize = 20;

/// Loads an operator's ranges as its entry says; the operator's owner keeps them.
pub(super) async fn ranges<S>(
    desk: &Desk,
    entry: &OperatorEntry,
    how: &Applying<'_, S>,
) -> Result<Option<Change>, Refused> {
    let Some(table) = &entry.ranges else {
        return Ok(None);
    };
    let networks = read(table, how)?;
    let (before, seen) = match ranges::show(desk, &entry.alias).await {
        Ok(loaded) => (loaded.networks, loaded.revision),
        // Told only: the operator would be made just now.
        Err(Refused::NotFound { .. }) => (Vec::new(), 0),
        Err(refused) => return Err(refused),
    };
    let changes = between(&before, &networks);
    if change::is_none(&changes) {
        return Ok(None);
    }
    if !how.dry_run {
        ranges::put(desk, &entry.alias, &networks, &table.asns, Some(seen)).await?;
    }
    let change = Change::new("update", "operator_ranges", &entry.alias, changes);
    Ok(Some(change))
}

/// Loads the networks that the file names.
pub(super) async fn apply<S>(
    desk: &Desk,
    file: &File,
    how: &Applying<'_, S>,
) -> Result<Vec<Change>, Refused> {
    let mut done = Vec::new();
    for kind in NetworkKind::ALL {
        let Some(table) = file.networks.of(kind) else {
            continue;
        };
        let networks = read(table, how)?;
        let known = network_ranges::show(desk, kind).await?;
        let kept_by = known.as_ref().and_then(|known| known.managed_by.as_ref());
        check_owner(
            "networks",
            kind.as_str(),
            kept_by,
            &file.owner,
            how.take_over,
        )?;
        let before = known.as_ref().map_or(&[][..], |known| &known.networks);
        let mut changes = between(before, &networks);
        if kept_by != Some(&file.owner) {
            changes["managed_by"] = json!({ "before": kept_by, "after": file.owner });
        }
        if change::is_none(&changes) {
            continue;
        }
        if !how.dry_run {
            let seen = known.as_ref().map_or(0, |known| known.revision);
            let kept = (Some(seen), Some(file.owner.as_str()));
            network_ranges::put(desk, kind, &networks, kept).await?;
        }
        done.push(Change::new("update", "networks", kind.as_str(), changes));
    }
    Ok(done)
}

/// Forgets networks that the file's owner kept and the file does not name any more.
pub(super) async fn prune(desk: &Desk, file: &File, dry_run: bool) -> Result<Vec<Change>, Refused> {
    let mut ended = Vec::new();
    for known in network_ranges::list(desk).await? {
        let is_named = file.networks.of(known.kind).is_some();
        if is_named || known.managed_by.as_ref() != Some(&file.owner) {
            continue;
        }
        if !dry_run {
            network_ranges::end(desk, &known).await?;
        }
        ended.push(Change::new(
            "end",
            "networks",
            known.kind.as_str(),
            json!({}),
        ));
    }
    Ok(ended)
}

/// How the file says an operator's ranges, if it has any.
pub(super) async fn export_ranges(desk: &Desk, alias: &str) -> Result<Option<TableEntry>, Refused> {
    Ok(written(&ranges::show(desk, alias).await?.networks))
}

/// How the file says the networks that are wanted.
pub(super) async fn export(
    desk: &Desk,
    wanted: &impl Fn(&Option<String>) -> bool,
) -> Result<NetworksEntry, Refused> {
    let mut entry = NetworksEntry::default();
    for known in network_ranges::list(desk).await? {
        if wanted(&known.managed_by) {
            *entry.slot(known.kind) = written(&known.networks);
        }
    }
    Ok(entry)
}

fn written(networks: &[IpNet]) -> Option<TableEntry> {
    (!networks.is_empty()).then(|| TableEntry {
        networks: networks.iter().map(ToString::to_string).collect(),
        ..TableEntry::default()
    })
}

fn read<S>(table: &TableEntry, how: &Applying<'_, S>) -> Result<Vec<IpNet>, Refused> {
    let refuse = |message: &str| Err(Refused::invalid("networks", message));
    match &table.file {
        Some(_) if !table.networks.is_empty() => refuse("write them out or name a file, not both"),
        Some(file) => {
            let text = String::from_utf8((how.bytes)(file)?);
            let text = text.map_err(|_| {
                Refused::invalid("networks", format!("{} is no text", file.display()))
            })?;
            ranges::read(&text, &table.asns)
        }
        None if !table.asns.is_empty() => refuse("asns choose from a file; name it"),
        None if table.networks.is_empty() => Ok(Vec::new()),
        None => ranges::read_list(&table.networks),
    }
}

/// What comes and what goes; nothing if they are the same.
fn between(before: &[IpNet], after: &[IpNet]) -> Value {
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    let told = |all: Vec<&&IpNet>| {
        let first: Vec<String> = all.iter().take(TOLD).map(ToString::to_string).collect();
        json!({ "count": all.len(), "first": first })
    };
    if was == is {
        return json!({});
    }
    json!({
        "added": told(is.difference(&was).collect()),
        "removed": told(was.difference(&is).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_comes_and_goes_is_told_and_the_order_is_no_difference() {
        let before = nets(&["192.0.2.0/24", "198.51.100.0/24"]);
        let turned = nets(&["198.51.100.0/24", "192.0.2.0/24"]);
        assert_eq!(between(&before, &turned), json!({}));
        let after = nets(&["192.0.2.0/24", "203.0.113.0/24"]);
        let expected = json!({
            "added": { "count": 1, "first": ["203.0.113.0/24"] },
            "removed": { "count": 1, "first": ["198.51.100.0/24"] },
        });
        assert_eq!(between(&before, &after), expected);
    }
}
