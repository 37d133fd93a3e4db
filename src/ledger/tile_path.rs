//! How C2SP's tlog-tiles names tiles in URLs: `tile/<level>/<index>[.p/<width>]`, the index in groups of
//! three digits, all but the last behind an `x`. Pure.

use crate::ledger::tiles::{TileId, WIDTH};

/// A tile as a URL names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// Which.
    pub id: TileId,
    /// How many of its hashes: [`WIDTH`], or fewer of one that was not full yet.
    pub width: u64,
}

impl TilePath {
    /// Reads what follows `tile/`: the level, and the rest. Each tile has one name only.
    #[must_use]
    pub fn parse(level: &str, rest: &str) -> Option<Self> {
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, WIDTH),
            Some((index, width)) => (index, number(width, 3).filter(|w| (1..WIDTH).contains(w))?),
        };
        let level = u32::try_from(number(level, 2)?).ok()?;
        Some(Self {
            id: TileId {
                level,
                index: groups(index)?,
            },
            width,
        })
    }
}

/// A number of at most so many digits, without leading zeros.
fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() <= digits && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| plain && canonical)
}

fn groups(index: &str) -> Option<u64> {
    let groups: Vec<&str> = index.split('/').collect();
    // Six groups are more leaves than there are milliseconds in a million years.
    let (last, before) = groups.split_last().filter(|(_, before)| before.len() < 6)?;
    if before.first() == Some(&"x000") {
        return None;
    }
    let three = |text: &str| {
        let plain = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| plain)
    };
    let mut value = 0;
    for group in before {
        value = value * 1000 + three(group.strip_prefix('x')?)?;
    }
    Some(value * 1000 + three(last)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<(u32, u64, u64)> {
        let (level, rest) = path.split_once('/')?;
        let read = TilePath::parse(level, rest)?;
        Some((read.id.level, read.id.index, read.width))
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        assert_eq!(read("0/x001/x234/067"), Some((0, 1_234_067, 256)));
        assert_eq!(read("0/x001/x234/067.p/5"), Some((0, 1_234_067, 5)));
        assert_eq!(read("1/000.p/255"), Some((1, 0, 255)));
        assert_eq!(read("3/999"), Some((3, 999, 256)));
    }

    #[test]
    fn a_tile_has_no_second_name() {
        for path in [
            "00/000",
            "0/0",
            "0/x000/001",
            "0/001/002",
            "0/x001",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/05",
            "0/000.p/",
            "0/+01",
            "entries/000",
            "0/",
            "0/000/",
            "0/x1/000",
            "0/ 01",
            "-1/000",
            "0/x001/x001/x001/x001/x001/x001/000",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
