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
    /// Counts the loads; 0: never.
    pub revision: i32,
    /// When they were loaded; absent: never.
    pub loaded_at: Option<Time>,
}

/// Reads a table: one network in a line (`192.0.2.0/24`, or first and last address, with a dash between
/// them or in two columns), and behind it the number of its autonomous system if it has one (`3352`,
/// `AS3352`); further columns are ignored, as are empty lines, comments and a heading. With `asns`, only
/// their networks are taken.
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
        let Line {
            networks: found,
            asn,
            ..
        } = match read_line(line) {
            Some(read) => read,
            None if rows == 1 && is_heading(line) => continue,
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
            let wrong = |what| Refused::invalid("file", format!("line {}: {what}", at + 1));
            check_network(network).map_err(wrong)?;
            networks.push(network);
        }
    }
    bounded("file", IpNet::aggregate(&networks))
}

/// Reads a list, each entry of which is one network, or first and last address.
///
/// # Errors
/// [`Refused::Invalid`] of `networks`, naming the entry.
pub fn read_list(entries: &[String]) -> Result<Vec<IpNet>, Refused> {
    let mut networks = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let wrong = |what| Refused::invalid("networks", format!("entry {}: {what}", at + 1));
        let read = read_line(entry).filter(|read| !read.has_more);
        let Some(Line {
            networks: found, ..
        }) = read
        else {
            return Err(wrong("is no network and no pair of addresses".to_owned()));
        };
        for network in found {
            check_network(network).map_err(wrong)?;
            networks.push(network);
        }
    }
    bounded("networks", IpNet::aggregate(&networks))
}

/// These, if they are some and not too many.
fn bounded(field: &'static str, networks: Vec<IpNet>) -> Result<Vec<IpNet>, Refused> {
    if networks.is_empty() {
        return Err(Refused::invalid(field, "holds no network to load"));
    }
    if networks.len() > MOST {
        let message = format!("holds {} networks, more than {MOST}", networks.len());
        return Err(Refused::invalid(field, message));
    }
    Ok(networks)
}

/// An address begins with a digit, or it has colons.
fn is_heading(line: &str) -> bool {
    let first = line.trim_start_matches('"');
    !first.starts_with(|first: char| first.is_ascii_digit()) && !line.contains(':')
}

/// A line of a table.
struct Line {
    networks: Vec<IpNet>,
    /// The number of their autonomous system.
    asn: Option<u32>,
    /// Whether anything stands behind the networks.
    has_more: bool,
}

fn read_line(line: &str) -> Option<Line> {
    let mut fields = line
        .split([',', ';', '\t', ' '])
        .map(|field| field.trim().trim_matches('"'))
        .filter(|field| !field.is_empty())
        .peekable();
    let first = fields.next()?;
    let (first, dash) = match first.split_once('-') {
        Some((first, rest)) => (first, Some(rest)),
        None => (
            first,
            fields
                .next_if(|field| field.starts_with('-'))
                .map(|field| &field[1..]),
        ),
    };
    let networks = match (dash, first.parse::<IpNet>()) {
        (None, Ok(network)) => vec![network.trunc()],
        (Some(_), Ok(_)) => return None,
        (dash, Err(_)) => {
            let start: IpAddr = first.parse().ok()?;
            let end = match dash {
                // What has a dash is no single address, whatever stands behind it.
                Some("") => Some(fields.next()?.parse().ok()?),
                Some(end) => Some(end.parse().ok()?),
                None => {
                    let end = fields.next_if(|field| field.parse::<IpAddr>().is_ok());
                    end.and_then(|end| end.parse().ok())
                }
            };
            between(start, end)?
        }
    };
    let next = fields.next();
    let asn = next.and_then(|field| {
        let digits = field
            .strip_prefix("AS")
            .or_else(|| field.strip_prefix("as"));
        digits.unwrap_or(field).parse().ok()
    });
    Some(Line {
        networks,
        asn,
        has_more: next.is_some(),
    })
}

/// All from the first address to the last; the first alone without a last.
fn between(start: IpAddr, end: Option<IpAddr>) -> Option<Vec<IpNet>> {
    match (start, end) {
        (start, None) => Some(vec![IpNet::from(start)]),
        (IpAddr::V4(start), Some(IpAddr::V4(end))) if start <= end => {
            Some(Ipv4Subnets::new(start, end, 0).map(IpNet::V4).collect())
        }
        (IpAddr::V6(start), Some(IpAddr::V6(end))) if start <= end => {
            Some(Ipv6Subnets::new(start, end, 0).map(IpNet::V6).collect())
        }
        (_, Some(_)) => None,
    }
}

/// What is wrong with it, if anything is.
fn check_network(network: IpNet) -> Result<(), String> {
    let widest = match network {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    if network.prefix_len() < widest {
        return Err(format!(
            "{network} is wider than /{widest}; no operator has so many addresses"
        ));
    }
    if network.addr().is_multicast() || network.addr().is_unspecified() {
        return Err(format!("nobody comes from {network}"));
    }
    Ok(())
}

/// Replaces an operator's ranges, whatever they are; an empty list forgets them.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Database`].
pub async fn load(
    desk: &Desk,
    alias: &str,
    networks: &[IpNet],
    asns: &[u32],
) -> Result<(), Refused> {
    put(desk, alias, networks, asns, None).await
}

/// The same of the revision that was seen (0 for none ever), if one is named.
///
/// # Errors
/// As [`load`], and [`Refused::Stale`] if somebody else loaded them meanwhile.
pub async fn put(
    desk: &Desk,
    alias: &str,
    networks: &[IpNet],
    asns: &[u32],
    seen: Option<i32>,
) -> Result<(), Refused> {
    let asns: BTreeSet<i64> = asns.iter().map(|asn| i64::from(*asn)).collect();
    let asns: Vec<i64> = asns.into_iter().collect();
    let operator = operators::show(desk, alias).await?;
    let mut tx = desk.begin().await?;
    ranges::replace(&mut tx, operator.id, networks, &asns, seen, desk.now).await?;
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
            revision: 0,
            loaded_at: None,
        },
        Some(own) => Ranges {
            networks: own.networks,
            asns: own.asns,
            revision: own.revision,
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
    fn a_list_holds_nothing_but_networks() {
        let list = |entries: &[&str]| {
            let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
            match read_list(&entries) {
                Ok(networks) => format!("{networks:?}"),
                Err(refused) => refused.to_string(),
            }
        };
        assert_eq!(
            list(&["192.0.2.0/25", " 192.0.2.128 - 192.0.2.255"]),
            "[192.0.2.0/24]"
        );
        let nothing = "is no network and no pair of addresses";
        for (entries, entry) in [
            (&["network", "192.0.2.0/24"][..], 1),
            (&["192.0.2.0/24", "# ours"], 2),
            (&["192.0.2.0/24", ""], 2),
            (&["192.0.2.0/24\n198.51.100.0/24"], 1),
            (&["192.0.2.0/24, 198.51.100.0/24"], 1),
            (&["192.0.2.0/24 3352"], 1),
        ] {
            assert_eq!(list(entries), format!("networks: entry {entry}: {nothing}"));
        }
        assert_eq!(list(&[]), "networks: holds no network to load");
        assert!(list(&["192.0.2.1", "0.0.0.0/0"]).starts_with("networks: entry 2: 0.0.0.0/0 is"));
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
                "192.0.2.0-192.0.2.127\n192.0.2.128 - 192.0.2.255",
                &[],
                "192.0.2.0/24",
            ),
            (
                "192.0.2.0 -192.0.2.63;AS1\n192.0.2.64- 192.0.2.127 1\n192.0.2.128,192.0.2.255,2",
                &[1],
                "192.0.2.0/25",
            ),
            (
                "192.0.2.0/24\n192.0.3.0-",
                &[],
                "file: line 2 is no network and no pair of addresses",
            ),
            (
                "192.0.2.0/24\n192.0.3.0 - 192.0.3",
                &[],
                "file: line 2 is no network and no pair of addresses",
            ),
            (
                "from,to\n192.0.2.0/24\nwhat",
                &[],
                "file: line 3 is no network and no pair of addresses",
            ),
            (
                "192.0.2.9,192.0.2.0",
                &[],
                "file: line 1 is no network and no pair of addresses",
            ),
            (
                "192.0.2.0/33",
                &[],
                "file: line 1 is no network and no pair of addresses",
            ),
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
