//! Which operator an address belongs to: the networks that staff loaded, hundreds of thousands of them,
//! found in a few look-ups.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use uuid::Uuid;

/// Networks by their operators.
#[derive(Debug, Default)]
pub struct Ranges {
    owners: HashMap<IpNet, Vec<Uuid>>,
    /// The prefix lengths there are, so that an address is looked up once for each.
    lengths: BTreeSet<u8>,
    known: HashSet<Uuid>,
}

impl Ranges {
    /// Puts the networks in order.
    #[must_use]
    pub fn new<'a>(loaded: impl IntoIterator<Item = (Uuid, &'a [IpNet])>) -> Self {
        let mut ranges = Self::default();
        for (operator, networks) in loaded {
            for network in networks {
                let network = network.trunc();
                ranges.lengths.insert(network.prefix_len());
                ranges.known.insert(operator);
                let owners = ranges.owners.entry(network).or_default();
                if !owners.contains(&operator) {
                    owners.push(operator);
                }
            }
        }
        ranges
    }

    /// Whether any network of this operator is known.
    #[must_use]
    pub fn has(&self, operator: Uuid) -> bool {
        self.known.contains(&operator)
    }

    /// The length of the narrowest network of this operator that holds the address.
    #[must_use]
    pub fn narrowest(&self, operator: Uuid, address: IpAddr) -> Option<u8> {
        let holds = |length: u8| {
            let network = IpNet::new(address, length).ok()?.trunc();
            let owners = self.owners.get(&network)?;
            owners.contains(&operator).then_some(length)
        };
        self.lengths.iter().rev().find_map(|length| holds(*length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_network_of_the_operator_itself_counts() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let nets = |texts: &[&str]| -> Vec<IpNet> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let of_a = nets(&["10.0.0.0/8", "10.1.2.3/24", "2001:db8::/32"]);
        let of_b = nets(&["10.1.2.0/28", "10.0.0.0/8"]);
        let ranges = Ranges::new([(a, of_a.as_slice()), (b, of_b.as_slice())]);
        let narrowest =
            |operator, address: &str| ranges.narrowest(operator, address.parse().unwrap());
        assert_eq!(narrowest(a, "10.1.2.7"), Some(24));
        assert_eq!(narrowest(b, "10.1.2.7"), Some(28));
        assert_eq!(narrowest(b, "10.1.2.17"), Some(8));
        assert_eq!(narrowest(a, "2001:db8:1::1"), Some(32));
        assert_eq!(narrowest(b, "2001:db8:1::1"), None);
        assert_eq!(narrowest(a, "11.0.0.1"), None);
        assert_eq!(narrowest(Uuid::from_u128(3), "10.1.2.7"), None);
    }
}
