//! The networks of an address that records are searched by, as the texts whose keyed hashes are stored.

use std::net::IpAddr;

use ipnet::IpNet;

/// Lengths of the prefixes that are kept, shortest last.
const V4: [u8; 3] = [32, 24, 16];
const V6: [u8; 4] = [128, 64, 48, 32];

/// The text of a network, if it is one of the kept lengths.
#[must_use]
pub fn word(network: &IpNet) -> Option<String> {
    let kept: &[u8] = match network {
        IpNet::V4(_) => &V4,
        IpNet::V6(_) => &V6,
    };
    kept.contains(&network.prefix_len())
        .then(|| format!("net/{}", network.trunc()))
}

/// The texts of every kept network that an address lies in.
#[must_use]
pub fn words(address: IpAddr) -> Vec<String> {
    let address = address.to_canonical();
    let kept: &[u8] = match address {
        IpAddr::V4(_) => &V4,
        IpAddr::V6(_) => &V6,
    };
    kept.iter()
        .filter_map(|length| IpNet::new(address, *length).ok())
        .filter_map(|network| word(&network))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_by_each_of_its_networks() {
        let words = words("192.0.2.77".parse().unwrap());
        for network in ["192.0.2.77/32", "192.0.2.9/24", "192.0.0.0/16"] {
            let network: IpNet = network.parse().unwrap();
            assert!(words.contains(&word(&network).unwrap()), "{network}");
        }
        assert_eq!(words.len(), 3);
        assert_eq!(word(&"192.0.2.0/25".parse().unwrap()), None);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_s_clothes_is_the_same_address() {
        assert_eq!(
            words("::ffff:192.0.2.77".parse().unwrap()),
            words("192.0.2.77".parse().unwrap())
        );
        assert_eq!(words("2001:db8::1".parse().unwrap()).len(), 4);
    }
}
