//! Which addresses a request of ours may reach. Operators' and clients' URLs are configured by
//! people with less power than the server has: a URL that points into the machine's own network
//! would turn us into their proxy (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A host had no address that the rules allow.
#[derive(Debug, thiserror::Error)]
#[error("the host's address is private or reserved")]
pub(super) struct AddressRefused;

/// The addresses that may be reached though they are not public.
#[derive(Clone, Debug)]
pub(super) struct Gate(pub(super) Arc<[IpNet]>);

impl Gate {
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|net| net.contains(&address))
    }

    /// Plain http never leaves the machine.
    pub(super) fn allows_plain_http(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback() && self.allows(address)
    }

    pub(super) async fn look_up(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        let allowed: Vec<IpAddr> = found
            .map(|socket| socket.ip())
            .filter(|address| self.allows(*address))
            .collect();
        if allowed.is_empty() {
            return Err(std::io::Error::other(AddressRefused));
        }
        Ok(allowed)
    }
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        Box::pin(async move {
            let allowed = gate.look_up(name.as_str()).await?;
            let addrs: Addrs = Box::new(allowed.into_iter().map(|address| (address, 0).into()));
            Ok(addrs)
        })
    }
}

/// Whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local() // also the metadata service of most clouds
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64) // carrier-grade NAT, RFC 6598
        || (a == 192 && b == 0 && c == 0) // IETF protocol assignments
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && b & 0xfe == 18) // benchmarks
        || [a, b, c, d] == [168, 63, 129, 16]; // Azure's host
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    // Addresses that carry an IPv4 address reach what that one reaches.
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return embedded(s[6], s[7]); // NAT64
    }
    if s[0] == 0x2002 {
        return embedded(s[1], s[2]); // 6to4
    }
    // Everything outside 2000::/3 is unspecified, loopback, local, multicast or unassigned.
    s[0] & 0xe000 == 0x2000
        && !(s[0] == 0x2001 && s[1] < 0x200) // Teredo and protocol assignments
        && !(s[0] == 0x2001 && s[1] == 0xdb8) // documentation
        && !(s[0] == 0x3fff && s[1] < 0x1000) // documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_reached() {
        for refused in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:1::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            let address: IpAddr = refused.parse().unwrap();
            assert!(!Gate(Arc::new([])).allows(address), "{refused}");
        }
        for allowed in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            let address: IpAddr = allowed.parse().unwrap();
            assert!(Gate(Arc::new([])).allows(address), "{allowed}");
        }
    }

    #[test]
    fn a_private_network_is_reached_only_where_it_is_listed() {
        let gate = Gate(Arc::new(["127.0.0.2/32".parse().unwrap()]));
        assert!(gate.allows("127.0.0.2".parse().unwrap()));
        assert!(gate.allows("::ffff:127.0.0.2".parse().unwrap()));
        assert!(!gate.allows("127.0.0.1".parse().unwrap()));
        let office = Gate(Arc::new(["10.0.0.0/8".parse().unwrap()]));
        assert!(office.allows("10.1.2.3".parse().unwrap()));
        assert!(!office.allows_plain_http("10.1.2.3".parse().unwrap()));
        assert!(!office.allows_plain_http("1.1.1.1".parse().unwrap()));
    }
}
