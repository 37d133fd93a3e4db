//! The Merkle tree of RFC 6962 section 2.1, pure: hashes, roots, proofs and their verification. Nothing
//! here reads or stores anything; a caller brings the hashes of the complete subtrees asked for.

use std::ops::Range;

use crate::secret::sha256;

/// A node's hash.
pub type Hash = [u8; 32];

/// The hash of a leaf's data. The prefix keeps a leaf from passing for a node.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    let mut bytes = Vec::with_capacity(data.len() + 1);
    bytes.push(0);
    bytes.extend_from_slice(data);
    sha256(&bytes)
}

/// The hash of a node with two children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes)
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(b"")
}

/// A complete subtree: the leaves from `index << level`, `1 << level` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u32,
    /// Counted from the left among the nodes of its level.
    pub index: u64,
}

/// The complete subtrees that cover these leaves, left to right, each as large as its place and the
/// range allow. From 0 that is RFC 6962's own cut of a tree, largest first.
#[must_use]
pub fn cover(leaves: Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = leaves.start;
    while at < leaves.end {
        let aligned = if at == 0 { 63 } else { at.trailing_zeros() };
        let fitting = 63 - (leaves.end - at).leading_zeros();
        let level = aligned.min(fitting);
        nodes.push(Node {
            level,
            index: at >> level,
        });
        at += 1 << level;
    }
    nodes
}

/// A tree that grows to the right, known by the complete subtrees on its edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Each with its level, largest first.
    subtrees: Vec<(u32, Hash)>,
}

/// A subtree does not stand where it would have to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subtree does not fit where the tree ends")]
pub struct Misplaced;

impl Frontier {
    /// How many leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.grow(0, leaf);
    }

    /// Adds a complete subtree of `1 << level` leaves.
    ///
    /// # Errors
    /// [`Misplaced`] if the tree does not end where one of that level may begin.
    pub fn push_subtree(&mut self, level: u32, hash: Hash) -> Result<(), Misplaced> {
        let width = 1_u64.checked_shl(level).ok_or(Misplaced)?;
        if !self.size.is_multiple_of(width) || self.size.checked_add(width).is_none() {
            return Err(Misplaced);
        }
        self.grow(level, hash);
        Ok(())
    }

    fn grow(&mut self, mut level: u32, mut hash: Hash) {
        self.size += 1 << level;
        while let Some((_, left)) = self.subtrees.pop_if(|(l, _)| *l == level) {
            hash = node_hash(&left, &hash);
            level += 1;
        }
        self.subtrees.push((level, hash));
    }

    /// The tree's root.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(self.subtrees.iter().map(|(_, hash)| *hash))
    }
}

/// The root over complete subtrees from left to right, as [`cover`] cuts a range that begins where a
/// tree's right part may begin.
fn fold(subtrees: impl DoubleEndedIterator<Item = Hash>) -> Hash {
    subtrees
        .rev()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(empty_root)
}

/// The hash over the leaves of a range, from the hashes of its cover.
///
/// # Errors
/// What `read` says.
pub fn range_hash<E>(
    leaves: Range<u64>,
    read: &mut impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let hashes: Result<Vec<Hash>, E> = cover(leaves).into_iter().map(read).collect();
    Ok(fold(hashes?.into_iter()))
}

/// The largest power of two smaller than `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The ranges whose hashes prove that a leaf is in a tree of this size (RFC 6962 section 2.1.1), the
/// nearest first.
#[must_use]
pub fn inclusion(leaf: u64, size: u64) -> Vec<Range<u64>> {
    let (mut from, mut until) = (0, size);
    let mut path = Vec::new();
    while until - from > 1 {
        let middle = from + split(until - from);
        if leaf < middle {
            path.push(middle..until);
            until = middle;
        } else {
            path.push(from..middle);
            from = middle;
        }
    }
    path.reverse();
    path
}

/// The ranges whose hashes prove that the tree of size `old` is a prefix of that of size `new`
/// (RFC 6962 section 2.1.2). None if nothing is to prove: the same size, or none before.
#[must_use]
pub fn consistency(old: u64, new: u64) -> Vec<Range<u64>> {
    if old == 0 || old >= new {
        return Vec::new();
    }
    let (mut from, mut until) = (0, new);
    let mut path = Vec::new();
    loop {
        if until == old {
            // The old root itself is known to whoever asks.
            if from != 0 {
                path.push(from..until);
            }
            break;
        }
        let middle = from + split(until - from);
        if old <= middle {
            path.push(middle..until);
            until = middle;
        } else {
            path.push(from..middle);
            from = middle;
        }
    }
    path.reverse();
    path
}

/// Whether `proof` shows that a leaf with this hash is in the tree (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn proves_inclusion(leaf: u64, hash: Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if leaf >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (leaf, size - 1, hash);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the old tree is a prefix of the new one (RFC 9162 section 2.1.4.2).
#[must_use]
pub fn proves_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 || old_size > new_size {
        return old_size == 0 && proof.is_empty();
    }
    let mut rest = proof.iter();
    let first = if old_size.is_power_of_two() {
        old_root
    } else {
        match rest.next() {
            Some(first) => first,
            None => return false,
        }
    };
    let shift = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> shift, (new_size - 1) >> shift);
    let (mut of_old, mut of_new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            of_old = node_hash(hash, &of_old);
            of_new = node_hash(hash, &of_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            of_new = node_hash(&of_new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == *old_root && of_new == *new_root
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// The leaves and roots of the reference implementation of RFC 6962 (certificate-transparency's
    /// merkletree tests, which RFC 9162's authors use, too).
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn hex(hash: &Hash) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Section 2.1 word by word.
    fn root_of(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) =
                    leaves.split_at(usize::try_from(split(leaves.len() as u64)).unwrap());
                node_hash(&root_of(left), &root_of(right))
            }
        }
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn at(leaves: &[Hash], range: Range<u64>) -> Hash {
        let read = &mut |node: Node| {
            let first = usize::try_from(node.index << node.level).unwrap();
            Ok::<_, Infallible>(root_of(&leaves[first..first + (1 << node.level)]))
        };
        let Ok(hash) = range_hash(range, read);
        hash
    }

    #[test]
    fn the_published_roots_come_out() {
        let mut tree = Frontier::default();
        assert_eq!(hex(&tree.root()), ROOTS[0]);
        for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            tree.push(leaf_hash(leaf));
            assert_eq!(hex(&tree.root()), *root);
        }
    }

    #[test]
    fn the_published_proofs_come_out() {
        let leaves: Vec<Hash> = LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect();
        let proof = |ranges: Vec<Range<u64>>| -> Vec<String> {
            ranges.into_iter().map(|r| hex(&at(&leaves, r))).collect()
        };
        assert_eq!(
            proof(inclusion(0, 8)),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(
            proof(consistency(6, 8)),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
        let leaves = leaves(40);
        for size in 1..=40_u64 {
            let root = at(&leaves, 0..size);
            for leaf in 0..size {
                let proof: Vec<Hash> = inclusion(leaf, size)
                    .into_iter()
                    .map(|range| at(&leaves, range))
                    .collect();
                let proves =
                    |leaf, hash, proof: &[Hash]| proves_inclusion(leaf, hash, size, &root, proof);
                let own = leaves[usize::try_from(leaf).unwrap()];
                assert!(proves(leaf, own, &proof));
                assert!(!proves(leaf, leaf_hash(b"x"), &proof));
                assert!(!proves(leaf + size, own, &proof));
                for other in (0..size).filter(|other| *other != leaf) {
                    assert!(!proves(other, own, &proof), "{other} of {size}");
                }
                let mut longer = proof.clone();
                longer.push(root);
                assert!(!proves(leaf, own, &longer));
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(!proves(leaf, own, shorter));
                }
            }
        }
    }

    #[test]
    fn every_prefix_of_every_small_tree_is_proved_and_no_other() {
        let leaves = leaves(40);
        let mut other = leaves.clone();
        other[0] = leaf_hash(b"x");
        for new in 1..=40_u64 {
            for old in 1..=new {
                let proof: Vec<Hash> = consistency(old, new)
                    .into_iter()
                    .map(|range| at(&leaves, range))
                    .collect();
                let (before, after) = (at(&leaves, 0..old), at(&leaves, 0..new));
                let altered = at(&other, 0..old);
                assert!(proves_consistency((old, &before), (new, &after), &proof));
                assert!(!proves_consistency((old, &altered), (new, &after), &proof));
                assert!(!proves_consistency((old, &before), (new, &altered), &proof) || new == 0);
                if !proof.is_empty() {
                    let shorter = &proof[1..];
                    assert!(!proves_consistency((old, &before), (new, &after), shorter));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_range_with_what_stands_beside_it_gives_the_root(
            size in 1_u64..2000, a in 0_u64..2000, b in 0_u64..2000,
        ) {
            let (a, b) = (a.min(b).min(size), a.max(b).min(size));
            let leaves = leaves(size);
            let mut tree = Frontier::default();
            for node in cover(0..a) {
                let first = node.index << node.level;
                tree.push_subtree(node.level, at(&leaves, first..first + (1 << node.level))).unwrap();
            }
            prop_assert_eq!(tree.size(), a);
            for leaf in a..b {
                tree.push(leaves[usize::try_from(leaf).unwrap()]);
                prop_assert_eq!(tree.root(), at(&leaves, 0..leaf + 1));
            }
            for node in cover(b..size) {
                let first = node.index << node.level;
                tree.push_subtree(node.level, at(&leaves, first..first + (1 << node.level))).unwrap();
            }
            prop_assert_eq!(tree.size(), size);
            prop_assert_eq!(tree.root(), root_of(&leaves));
        }

        #[test]
        fn an_altered_proof_proves_nothing(
            size in 2_u64..500, leaf in 0_u64..500, old in 1_u64..500, byte in 0_usize..32, bit in 0_u8..8,
        ) {
            let (leaf, old) = (leaf % size, 1 + old % (size - 1));
            let leaves = leaves(size);
            let root = root_of(&leaves);
            let read = |ranges: Vec<Range<u64>>| -> Vec<Hash> {
                ranges.into_iter().map(|range| at(&leaves, range)).collect()
            };
            let mut proof = read(inclusion(leaf, size));
            let last = proof.len() - 1;
            proof[last][byte] ^= 1 << bit;
            let own = leaves[usize::try_from(leaf).unwrap()];
            prop_assert!(!proves_inclusion(leaf, own, size, &root, &proof));
            let before = at(&leaves, 0..old);
            let mut proof = read(consistency(old, size));
            prop_assert!(proves_consistency((old, &before), (size, &root), &proof));
            proof[0][byte] ^= 1 << bit;
            prop_assert!(!proves_consistency((old, &before), (size, &root), &proof));
        }
    }

    #[test]
    fn a_subtree_goes_only_where_it_may_stand() {
        let mut tree = Frontier::default();
        tree.push_subtree(1, empty_root()).unwrap();
        assert_eq!(tree.push_subtree(2, empty_root()), Err(Misplaced));
        assert_eq!(tree.push_subtree(64, empty_root()), Err(Misplaced));
        tree.push_subtree(1, empty_root()).unwrap();
        assert_eq!(tree.size(), 4);
    }
}
