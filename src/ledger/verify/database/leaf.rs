//! One leaf: the record's bytes, its MAC, its search copies and its personal part.

use super::Walk;
use crate::audit::record::{Personal, commitment, personal_place};
use crate::clock::Time;
use crate::ledger::tiles::{TileId, Tiles, WIDTH};
use crate::ledger::tree::{Hash, leaf_hash};
use crate::ledger::verify::{In, LogReport, What};
use crate::secret::{from_b64, same};
use crate::store::log::{Head, Leaf};

impl Walk<'_, '_> {
    /// Checks one leaf and says its hash: that of the record if it is ours, else the stored one, so that
    /// one altered record does not make every later one doubtful.
    pub(super) fn leaf(
        &mut self,
        log: &Head,
        leaf: u64,
        found: Option<Leaf>,
        stored: Option<Hash>,
        summary: &mut LogReport,
    ) -> Hash {
        let within = In(&log.origin);
        let known = found.as_ref().map(|row| row.record_id);
        let Some(row) = found.filter(|row| row.body.is_some()) else {
            self.missing.add(&log.origin, leaf, known);
            summary.hashes += 1;
            return stored.unwrap_or_default();
        };
        let body = row.body.as_deref().unwrap_or_default();
        let hash = leaf_hash(body);
        let id = Some(row.record_id);
        summary.records += 1;
        let vault = self.given.vault;
        let key = row.mac_key_id.as_deref().unwrap_or_default();
        let is_ours = vault.audit_mac_is_valid(key, body, row.mac.as_deref().unwrap_or_default());
        let is_sealed = stored == Some(hash);
        if stored.is_none() {
            let message = "the stored tree has no hash for this leaf";
            self.report
                .find(within.at(What::TreeAltered, leaf, id, message));
        }
        match (is_ours, is_sealed || stored.is_none()) {
            (true, true) => {}
            (_, false) => {
                let message = if is_ours {
                    "the record is one of ours, but not the one that stands at this leaf of the tree"
                } else {
                    "the record's bytes are not those that were sealed"
                };
                self.report
                    .find(within.at(What::Altered, leaf, id, message));
            }
            (false, true) => {
                let message = if vault.has_key(key) {
                    "the record does not carry our MAC"
                } else {
                    "the record's MAC is under a root key that is not given"
                };
                self.report.find(within.at(What::NoMac, leaf, id, message));
            }
        }
        let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(name) = differing_copy(&row, &value) {
            let message = format!("the search copy {name} is not what the record says");
            self.report
                .find(within.at(What::CopyDiffers, leaf, id, message));
        }
        self.personal(log, leaf, &row, &value);
        if is_ours {
            let losses = &self.given.known_losses;
            self.facts
                .gather(row.record_id, &value, losses, &mut self.report);
        }
        if is_ours || stored.is_none() {
            hash
        } else {
            stored.unwrap_or(hash)
        }
    }

    fn personal(&mut self, log: &Head, leaf: u64, row: &Leaf, body: &serde_json::Value) {
        let within = In(&log.origin);
        let committed = body["personal"].as_str().and_then(from_b64);
        let trouble = match (committed, row.salt.as_deref().zip(row.sealed.as_deref())) {
            (None, None) => None,
            (None, Some(_)) => Some("there is a personal part that the record knows nothing of"),
            (Some(_), None) => {
                self.missing_personal.push((log.id, leaf, row.record_id));
                None
            }
            (Some(committed), Some((salt, sealed))) => {
                let place = personal_place(&row.record_id);
                match self.given.vault.open(place, sealed) {
                    Err(_) => Some("the personal part does not open with the root keys given"),
                    Ok(plain) if !same(&commitment(salt, &plain), &committed) => {
                        Some("the personal part is not the one that the record commits to")
                    }
                    Ok(plain) if !self.is_hash_of(row.number_hash.as_deref(), &plain) => {
                        Some("the number's search hash is not that of the number")
                    }
                    Ok(_) => None,
                }
            }
        };
        if let Some(message) = trouble {
            let id = Some(row.record_id);
            self.report
                .find(within.at(What::PersonalAltered, leaf, id, message));
        }
    }

    fn is_hash_of(&self, hash: Option<&[u8]>, plain: &[u8]) -> bool {
        let personal: Personal = serde_json::from_slice(plain).unwrap_or_default();
        match (hash, personal.number) {
            (None, None) => true,
            (Some(hash), Some(number)) => {
                let mut known = self.given.vault.search_hashes(&number).into_iter();
                known.any(|(_, known)| same(&known, hash))
            }
            _ => false,
        }
    }
}

pub(super) fn stored(tiles: &Tiles, leaf: u64) -> Option<Hash> {
    let id = TileId {
        level: 0,
        index: leaf / WIDTH,
    };
    let within = usize::try_from(leaf % WIDTH).ok()?;
    tiles.get(&id)?.get(within).copied()
}

/// The first search copy that is not what the body says.
fn differing_copy(row: &Leaf, body: &serde_json::Value) -> Option<&'static str> {
    let at = body["at"].as_str().and_then(|at| at.parse::<Time>().ok());
    if row.at != at {
        return Some("at");
    }
    if body["id"].as_str() != Some(row.record_id.to_string().as_str()) {
        return Some("id");
    }
    let login = row.login_id.map(|id| id.to_string());
    let copies = [
        ("type", row.kind.as_deref()),
        ("login_id", login.as_deref()),
        ("client_id", row.client_id.as_deref()),
        ("operator", row.operator.as_deref()),
        ("outcome", row.outcome.as_deref()),
        ("actor", row.actor.as_deref()),
    ];
    copies
        .into_iter()
        .find(|(name, copy)| body[*name].as_str() != *copy)
        .map(|(name, _)| name)
}
