//! A table of source addresses as a page: how many there are and some of them, another table to load
//! instead, written or as a file, and forgetting them. An operator's ranges and the networks that hide a
//! phone are both shown so.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use ipnet::IpNet;

use crate::admin::{Refused, ranges};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::trouble::{CHANGED_MEANWHILE, Trouble};
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Networks shown.
const SHOWN: usize = 200;

/// What a form gives.
pub struct Given {
    /// The revision that was seen.
    pub seen: i32,
    /// The networks, neighbours joined.
    pub networks: Vec<IpNet>,
    /// The autonomous systems that were taken; none: all of them.
    pub asns: Vec<u32>,
}

/// Whose table a page shows, and where its forms go.
pub struct Table {
    /// The page's title.
    pub title: String,
    /// The page above: its path and what it is called.
    pub above: (String, String),
    /// What the table is for, a sentence or two.
    pub says: &'static str,
    /// The page's own path; its forms go there and to `clear` below it.
    pub path: String,
    /// Whether whoever is signed in may change it.
    pub may_change: bool,
    /// What the command line calls it.
    pub command: String,
    /// The networks.
    pub networks: Vec<IpNet>,
    /// The autonomous systems that were taken from the table, where that is kept.
    pub asns: Vec<i64>,
    /// When they were loaded; absent: never.
    pub loaded_at: Option<Time>,
    /// Counts the loads; 0: never.
    pub revision: i32,
    /// Whose file may keep them.
    pub kept_by: Option<String>,
}

#[derive(Template)]
#[template(path = "console/addresses.html")]
struct Page {
    frame: Frame,
    table: Table,
    shown: Vec<String>,
    written: String,
    asns: String,
    /// The field, and what is told.
    refused: Option<(&'static str, String)>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        let (refused, message) = self.refused.as_ref()?;
        (*refused == field).then_some(message.as_str())
    }

    fn told_by(&self, field: &str) -> String {
        match self.error(field) {
            Some(_) => format!("{field}-error {field}-hint"),
            None => format!("{field}-hint"),
        }
    }
}

/// The revision that whoever sent the form saw.
pub fn seen(visit: &Visit) -> Result<i32, Refused> {
    visit.field("revision").parse().map_err(|_| Refused::Stale)
}

/// Reads the form: what was written, or the file, but not both.
pub fn given(visit: &Visit) -> Result<Given, Refused> {
    let refuse = |field, message: &str| Refused::Invalid {
        field,
        message: message.to_owned(),
    };
    let (written, file) = (visit.field("networks").trim(), visit.file.as_deref());
    let asns = asns(visit.field("asns"))?;
    let (field, text) = match (written, file) {
        ("", None) => {
            let none =
                "write networks or choose a file; to forget all of them, there is a button below";
            return Err(refuse("networks", none));
        }
        (_, Some(_)) if !written.is_empty() => {
            return Err(refuse("file", "choose a file or write networks, not both"));
        }
        (_, Some(file)) => {
            let text = std::str::from_utf8(file);
            let text = text.map_err(|_| refuse("file", "is no text of lines"))?;
            ("file", text)
        }
        (written, None) => ("networks", written),
    };
    let networks = ranges::read(text, &asns).map_err(|refused| match refused {
        Refused::Invalid { message, .. } => Refused::Invalid { field, message },
        other => other,
    })?;
    Ok(Given {
        seen: seen(visit)?,
        networks,
        asns,
    })
}

fn asns(text: &str) -> Result<Vec<u32>, Refused> {
    let words = text.split([',', ' ', '\t', '\n', '\r']);
    let words = words.filter(|word| !word.is_empty());
    let read = words.map(|word| {
        let digits = word.strip_prefix("AS").or(word.strip_prefix("as"));
        digits.unwrap_or(word).parse()
    });
    let read: Result<Vec<u32>, _> = read.collect();
    read.map_err(|_| Refused::Invalid {
        field: "asns",
        message: "write numbers of autonomous systems, such as 3352".to_owned(),
    })
}

/// What clearing without the tick is told.
pub fn not_sure() -> Refused {
    Refused::Invalid {
        field: "sure",
        message: "tick that you know what this does".to_owned(),
    }
}

/// The page; after a refusal that is one field's fault, or another's change, with what was written.
pub fn page(
    visit: &Visit,
    mut table: Table,
    refused: Option<Refused>,
) -> Result<Response, Trouble> {
    let (status, refused) = match refused {
        None => (StatusCode::OK, None),
        Some(Refused::Invalid { field, message }) => {
            // What others loaded since the form was opened is found at the next try.
            table.revision = seen(visit)?;
            (StatusCode::UNPROCESSABLE_ENTITY, Some((field, message)))
        }
        Some(Refused::Stale) => {
            let told = ("", CHANGED_MEANWHILE.to_owned());
            (StatusCode::CONFLICT, Some(told))
        }
        Some(other) => return Err(other.into()),
    };
    let page = Page {
        frame: visit.frame(&table.title),
        shown: table
            .networks
            .iter()
            .take(SHOWN)
            .map(ToString::to_string)
            .collect(),
        written: visit.field("networks").to_owned(),
        asns: visit.field("asns").to_owned(),
        table,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autonomous_systems_are_read_however_they_are_parted() {
        assert_eq!(asns(" 3352, AS12479\nas1 ").unwrap(), [3352, 12479, 1]);
        assert_eq!(asns("").unwrap(), [0u32; 0]);
        for bad in ["x", "3352;1", "-1", "ASAS1", "99999999999"] {
            assert!(asns(bad).is_err(), "{bad}");
        }
    }
}
