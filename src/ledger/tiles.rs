//! The tree as it is stored: tiles of 256 hashes at levels 0, 8, 16, … (C2SP tlog-tiles). A tile is
//! written once it has a hash and only grows until it is full. Pure.

use std::collections::BTreeMap;

use crate::ledger::tree::{self, Frontier, Hash, Node, node_hash};

/// Hashes in a full tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree in one tile.
const HEIGHT: u32 = 8;

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// The level of tiles: its hashes are of the tree's level 8 × this.
    pub level: u32,
    /// Counted from the left.
    pub index: u64,
}

/// Tiles read, by what they are.
pub type Tiles = BTreeMap<TileId, Vec<Hash>>;

/// The stored tiles are not those of a tree of the size that is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tile {}/{} is not as the tree's size demands", .0.level, .0.index)]
pub struct Broken(pub TileId);

/// The tile that a node is read from.
#[must_use]
pub fn tile_of(node: Node) -> TileId {
    let within = node.level % HEIGHT;
    TileId {
        level: node.level / HEIGHT,
        index: (node.index << within) / WIDTH,
    }
}

/// A node's hash, out of the tiles read.
///
/// # Errors
/// [`Broken`] if its tile is not among them or too short.
pub fn node(tiles: &Tiles, node: Node) -> Result<Hash, Broken> {
    let id = tile_of(node);
    let within = node.level % HEIGHT;
    let first = usize::try_from((node.index << within) % WIDTH).map_err(|_| Broken(id))?;
    let hashes = tiles
        .get(&id)
        .and_then(|tile| tile.get(first..first + (1 << within)))
        .ok_or(Broken(id))?;
    Ok(complete(hashes))
}

/// The root over a power of two of hashes.
fn complete(hashes: &[Hash]) -> Hash {
    match hashes {
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&complete(left), &complete(right))
        }
    }
}

/// The tiles that [`node`] needs for these ranges of leaves.
#[must_use]
pub fn needed_for<'a>(ranges: impl IntoIterator<Item = &'a std::ops::Range<u64>>) -> Vec<TileId> {
    let mut ids: Vec<TileId> = ranges
        .into_iter()
        .flat_map(|range| tree::cover(range.clone()))
        .map(tile_of)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The tree's right edge: its tiles that are not full.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    size: u64,
    /// By level.
    partial: Vec<Vec<Hash>>,
    /// Full ones since it was opened.
    filled: Vec<(TileId, Vec<Hash>)>,
    /// Levels whose partial tile has grown.
    grown: Vec<bool>,
}

impl Edge {
    /// The tiles to read before a tree of this size can grow.
    #[must_use]
    pub fn needed(size: u64) -> Vec<TileId> {
        let mut ids = Vec::new();
        let (mut level, mut count) = (0, size);
        while count > 0 {
            if !count.is_multiple_of(WIDTH) {
                let index = count / WIDTH;
                ids.push(TileId { level, index });
            }
            level += 1;
            count /= WIDTH;
        }
        ids
    }

    /// Opens the edge of a tree of this size.
    ///
    /// # Errors
    /// [`Broken`] if a tile is missing or of the wrong length.
    pub fn open(size: u64, tiles: &Tiles) -> Result<Self, Broken> {
        let mut edge = Self {
            size,
            ..Self::default()
        };
        for id in Self::needed(size) {
            let count = size >> (HEIGHT * id.level);
            let tile = tiles.get(&id).ok_or(Broken(id))?;
            if tile.len() as u64 != count % WIDTH {
                return Err(Broken(id));
            }
            edge.partial(id.level).clone_from(tile);
        }
        Ok(edge)
    }

    fn partial(&mut self, level: u32) -> &mut Vec<Hash> {
        let at = level as usize;
        if self.partial.len() <= at {
            self.partial.resize(at + 1, Vec::new());
            self.grown.resize(at + 1, false);
        }
        &mut self.partial[at]
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.size += 1;
        let (mut level, mut hash) = (0, leaf);
        loop {
            let partial = self.partial(level);
            partial.push(hash);
            if (partial.len() as u64) < WIDTH {
                self.grown[level as usize] = true;
                return;
            }
            let full = std::mem::take(partial);
            self.grown[level as usize] = false;
            hash = complete(&full);
            let index = (self.size >> (HEIGHT * level)) / WIDTH - 1;
            self.filled.push((TileId { level, index }, full));
            level += 1;
        }
    }

    /// How many leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut tree = Frontier::default();
        for (level, hashes) in self.partial.iter().enumerate().rev() {
            let level = HEIGHT * u32::try_from(level).expect("a tree has few levels");
            for hash in hashes {
                tree.push_subtree(level, *hash)
                    .expect("higher levels come first and fill whole subtrees");
            }
        }
        tree.root()
    }

    /// What is to be written.
    #[must_use]
    pub fn changed(&self) -> Vec<(TileId, &[Hash])> {
        let filled = self.filled.iter().map(|(id, hashes)| (*id, &hashes[..]));
        let grown = self.partial.iter().enumerate().filter_map(|(at, hashes)| {
            let level = u32::try_from(at).ok()?;
            let index = (self.size >> (HEIGHT * level)) / WIDTH;
            self.grown[at].then_some((TileId { level, index }, &hashes[..]))
        });
        filled.chain(grown).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::tree::{leaf_hash, range_hash};

    fn leaf(i: u64) -> Hash {
        leaf_hash(&i.to_be_bytes())
    }

    /// Appends in batches of these sizes, through storage each time.
    fn build(batches: &[u64]) -> (Tiles, Frontier) {
        let (mut tiles, mut tree) = (Tiles::new(), Frontier::default());
        for batch in batches {
            let mut edge = Edge::open(tree.size(), &tiles).unwrap();
            assert_eq!(edge.root(), tree.root());
            for _ in 0..*batch {
                let leaf = leaf(tree.size());
                edge.push(leaf);
                tree.push(leaf);
            }
            assert_eq!((edge.size(), edge.root()), (tree.size(), tree.root()));
            for (id, hashes) in edge.changed() {
                let stored = tiles.entry(id).or_default();
                assert!(hashes.starts_with(stored), "a tile only grows");
                *stored = hashes.to_vec();
            }
        }
        (tiles, tree)
    }

    #[test]
    fn three_levels_of_tiles_give_the_same_root() {
        let (tiles, tree) = build(&[1, 254, 1, 1, 65_278, 1, 1, 400]);
        assert_eq!(tree.size(), 65_937);
        let mut read = |at| node(&tiles, at);
        assert_eq!(range_hash(0..65_937, &mut read), Ok(tree.root()));
        assert_eq!(tiles.keys().map(|id| id.level).max(), Some(2));
    }

    proptest! {
        #[test]
        fn however_it_is_batched_every_node_is_found(batches in proptest::collection::vec(0_u64..700, 1..6)) {
            let (tiles, tree) = build(&batches);
            let size = tree.size();
            for end in [size, size / 2, size / 3] {
                let range = 0..end;
                for id in needed_for([&range]) {
                    prop_assert!(tiles.contains_key(&id));
                }
                let mut expected = Frontier::default();
                (0..end).for_each(|i| expected.push(leaf(i)));
                let mut read = |at| node(&tiles, at);
                prop_assert_eq!(range_hash(range, &mut read), Ok(expected.root()));
            }
        }
    }

    #[test]
    fn a_missing_or_shortened_tile_is_noticed() {
        let (tiles, _) = build(&[300]);
        for id in Edge::needed(300) {
            let mut without = tiles.clone();
            without.remove(&id);
            assert_eq!(Edge::open(300, &without).unwrap_err(), Broken(id));
            let mut shorter = tiles.clone();
            shorter.get_mut(&id).unwrap().pop();
            assert_eq!(Edge::open(300, &shorter).unwrap_err(), Broken(id));
        }
    }
}
