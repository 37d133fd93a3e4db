//! The source addresses of an operator's subscribers: read from a file of networks, or from a table of
//! networks and their autonomous systems, and loaded whole.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused, operators};
use crate::clock::Time;
use crate::store::ranges;

/// More networks than any operator has.
const MOST: usize = 200_000;
/// The widest network that can be one operator's: anything wider is a mistake, and would send
/// everybody there.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    /// The networks, neighbours joined.
    pub networks: Vec<IpNet>,
    /// The autonomous systems that were taken from the file; none: all of it.
    pub asns: Vec<i64>,
    /// When they were loaded; absent: never.
    pub loaded_at: Option<Time>,
}

/// Reads a table: one network in a line (`192.0.2.0/24`, or first and last address), and behind it the
/// number of its autonomous system if it has one (`3352`, `AS3352`); further columns are ignored, as are
/// empty lines, comments and a heading. With `asns`, only their networks are taken.
///
/// # Errors
/// [`Refused::Invalid`] naming the line.
pub fn read(text: &str, asns: &[u32]) -> Result<Vec<IpNet>, Refused> {
    let mut networks = Vec::new();
    let mut rows = 0;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        rows += 1;
        let (found, asn) = match read_line(line) {
            Some(read) => read,
            // A heading.
            None if rows == 1 => continue,
            None => {
                let message = format!("line {} is no network and no pair of addresses", at + 1);
                return Err(Refused::invalid("file", message));
            }
        };
        if !asns.is_empty() {
            let Some(asn) = asn else {
                let message = format!("line {} has no autonomous system to choose by", at + 1);
                return Err(Refused::invalid("file", message));
            };
            if !asns.contains(&asn) {
                continue;
            }
        }
        for network in found {
            check_network(network, at + 1)?;
            networks.push(network);
        }
    }
    let networks = IpNet::aggregate(&networks);
    if networks.is_empty() {
        return Err(Refused::invalid("file", "holds no network to load"));
    }
    if networks.len() > MOST {
        let message = format!("holds {} networks, more than {MOST}", networks.len());
        return Err(Refused::invalid("file", message));
    }
    Ok(networks)
}

type Line = (Vec<IpNet>, Option<u32>);

fn read_line(line: &str) -> Option<Line> {
    let mut fields = line
        .split([',', ';', '\t', ' '])
        .map(|field| field.trim().trim_matches('"'))
        .filter(|field| !field.is_empty());
    let first = fields.next()?;
    let second = fields.next();
    let asn = |field: Option<&str>| {
        let field = field?;
        let digits = field
            .strip_prefix("AS")
            .or_else(|| field.strip_prefix("as"));
        digits.unwrap_or(field).parse().ok()
    };
    if let Ok(network) = first.parse::<IpNet>() {
        return Some((vec![network.trunc()], asn(second)));
    }
    let start: IpAddr = first.parse().ok()?;
    match (start, second.and_then(|end| end.parse::<IpAddr>().ok())) {
        (IpAddr::V4(start), Some(IpAddr::V4(end))) if start <= end => {
            let networks = Ipv4Subnets::new(start, end, 0).map(IpNet::V4);
            Some((networks.collect(), asn(fields.next())))
        }
        (IpAddr::V6(start), Some(IpAddr::V6(end))) if start <= end => {
            let networks = Ipv6Subnets::new(start, end, 0).map(IpNet::V6);
            Some((networks.collect(), asn(fields.next())))
        }
        (_, Some(_)) => None,
        (start, None) => Some((vec![IpNet::from(start)], asn(second))),
    }
}

fn check_network(network: IpNet, line: usize) -> Result<(), Refused> {
    let widest = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    if network.prefix_len() < widest {
        let message = format!(
            "line {line}: {network} is wider than /{widest}; no operator has so many addresses"
        );
        return Err(Refused::invalid("file", message));
    }
    if network.addr().is_multicast() || network.addr().is_unspecified() {
        let message = format!("line {line}: nobody comes from {network}");
        return Err(Refused::invalid("file", message));
    }
    Ok(())
}

/// Replaces an operator's ranges; an empty list forgets them.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Database`].
pub async fn load(
    desk: &Desk,
    alias: &str,
    networks: &[IpNet],
    asns: &[u32],
) -> Result<(), Refused> {
    let asns: BTreeSet<i64> = asns.iter().map(|asn| i64::from(*asn)).collect();
    let asns: Vec<i64> = asns.into_iter().collect();
    let operator = operators::show(desk, alias).await?;
    let mut tx = desk.begin().await?;
    ranges::replace(&mut tx, operator.id, networks, &asns, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "operator",
        id: alias,
        details: json!({ "action": "load_ranges", "networks": networks.len(), "asns": asns }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// An operator's ranges.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Database`].
pub async fn show(desk: &Desk, alias: &str) -> Result<Ranges, Refused> {
    let operator = operators::show(desk, alias).await?;
    let mut tx = desk.begin().await?;
    let mut loaded = ranges::list(&mut tx).await?.into_iter();
    let own = loaded.find(|one| one.operator_id == operator.id);
    Ok(match own {
        None => Ranges {
            networks: Vec::new(),
            asns: Vec::new(),
            loaded_at: None,
        },
        Some(own) => Ranges {
            networks: own.networks,
            asns: own.asns,
            loaded_at: Some(own.loaded_at),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as_text(text: &str, asns: &[u32]) -> String {
        match read(text, asns) {
            Ok(networks) => {
                let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
                networks.join(" ")
            }
            Err(refused) => refused.to_string(),
        }
    }

    #[test]
    fn tables_of_every_usual_shape_are_read() {
        for (text, asns, expected) in [
            ("192.0.2.0/24\n", &[][..], "192.0.2.0/24"),
            (
                "\u{feff}# ours\n\nnetwork,asn\n192.0.2.0/25,3352\r\n192.0.2.128/25,3352\r\n",
                &[],
                "192.0.2.0/24",
            ),
            (
                "192.0.2.7/24;AS3352;x\n198.51.100.0/24;AS12479;y",
                &[12479],
                "198.51.100.0/24",
            ),
            (
                "192.0.2.0\t192.0.2.127\t3352\tES\tA name, with a comma\n2001:db8::\t2001:db8:0:ffff:ffff:ffff:ffff:ffff\t3352\n",
                &[3352],
                "192.0.2.0/25 2001:db8::/48",
            ),
            ("\"192.0.2.1\",\"3352\"", &[], "192.0.2.1/32"),
            (
                "192.0.2.0-192.0.2.9\n192.0.2.0/24\nwhat",
                &[],
                "file: line 3 is no network and no pair of addresses",
            ),
            ("192.0.2.9,192.0.2.0", &[], "file: holds no network to load"),
            (
                "192.0.2.0/24\n2001:db8::/32,198.51.100.0\n203.0.113.9,203.0.113.1",
                &[],
                "file: line 3 is no network and no pair of addresses",
            ),
            (
                "192.0.2.0/24",
                &[3352],
                "file: line 1 has no autonomous system to choose by",
            ),
            ("192.0.2.0/24,1", &[3352], "file: holds no network to load"),
            (
                "0.0.0.0/0",
                &[],
                "file: line 1: 0.0.0.0/0 is wider than /8; no operator has so many addresses",
            ),
            (
                "0.0.0.0,255.255.255.255,3352",
                &[],
                "file: line 1: 0.0.0.0/0 is wider than /8; no operator has so many addresses",
            ),
            (
                "::/3",
                &[],
                "file: line 1: ::/3 is wider than /16; no operator has so many addresses",
            ),
            (
                "224.0.0.0/8",
                &[],
                "file: line 1: nobody comes from 224.0.0.0/8",
            ),
            ("", &[], "file: holds no network to load"),
        ] {
            assert_eq!(read_as_text(text, asns), expected, "{text:?}");
        }
    }
}
