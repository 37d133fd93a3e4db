//! `/admin/networks`: source addresses that hide a phone's own, by kind: relays such as iCloud Private
//! Relay, and VPNs.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::{Refused, network_ranges};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::operators::addresses::{self, Table, given, not_sure, seen};
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::network_ranges::{Loaded, NetworkKind};
use crate::web::headers::PageClass;
use crate::web::page::render;

struct Row {
    word: &'static str,
    title: &'static str,
    source: &'static str,
    count: usize,
    loaded_at: Option<Time>,
}

#[derive(Template)]
#[template(path = "console/networks.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
}

/// The kinds, and what is loaded of each.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    let loaded = network_ranges::list(&visit.desk()).await?;
    let row = |kind: NetworkKind| {
        let own = of(&loaded, kind);
        Row {
            word: kind.as_str(),
            title: title(kind),
            source: source(kind),
            count: own.map_or(0, |own| own.networks.len()),
            loaded_at: own.map(|own| own.loaded_at),
        }
    };
    let page = List {
        frame: visit.frame("Networks that hide a phone"),
        rows: NetworkKind::ALL.into_iter().map(row).collect(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Those of one kind.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, kind(&visit)?, None).await
}

/// Replaces them.
pub async fn load(visit: Visit) -> Result<Response, Trouble> {
    let kind = kind(&visit)?;
    let done = async {
        let given = given(&visit)?;
        let (desk, seen) = (visit.desk(), (Some(given.seen), None));
        let put = network_ranges::put(&desk, kind, &given.networks, seen);
        put.await.map(drop)
    };
    answer(&visit, kind, done.await, "saved").await
}

/// Forgets them, if the person ticked that they know what that means.
pub async fn clear(visit: Visit) -> Result<Response, Trouble> {
    let kind = kind(&visit)?;
    let done = match visit.field("sure") {
        "yes" => {
            let (desk, seen) = (visit.desk(), (Some(seen(&visit)?), None));
            network_ranges::put(&desk, kind, &[], seen).await.map(drop)
        }
        _ => Err(not_sure()),
    };
    answer(&visit, kind, done, "forgotten").await
}

async fn answer(
    visit: &Visit,
    kind: NetworkKind,
    done: Result<(), Refused>,
    word: &str,
) -> Result<Response, Trouble> {
    match done {
        Ok(()) => {
            visit.app.forget("operators").await;
            Ok(to(&path(kind), word))
        }
        Err(refused) => page(visit, kind, Some(refused)).await,
    }
}

/// The kind that the path names.
fn kind(visit: &Visit) -> Result<NetworkKind, Refused> {
    let word = visit.path("kind");
    let found = NetworkKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word);
    found.ok_or_else(|| Refused::NotFound {
        what: "kind of network",
        id: word.chars().take(40).collect(),
    })
}

fn of(loaded: &[Loaded], kind: NetworkKind) -> Option<&Loaded> {
    loaded.iter().find(|one| one.kind == kind)
}

fn path(kind: NetworkKind) -> String {
    format!("/admin/networks/{}", kind.as_str())
}

fn title(kind: NetworkKind) -> &'static str {
    match kind {
        NetworkKind::Relay => "Private relays",
        NetworkKind::Vpn => "VPNs and hosting",
    }
}

fn source(kind: NetworkKind) -> &'static str {
    match kind {
        NetworkKind::Relay => {
            "Apple publishes iCloud Private Relay's as mask-api.icloud.com/egress-ip-ranges.csv."
        }
        NetworkKind::Vpn => "A list that you trust; nobody publishes all of them.",
    }
}

async fn page(
    visit: &Visit,
    kind: NetworkKind,
    refused: Option<Refused>,
) -> Result<Response, Trouble> {
    let loaded = network_ranges::list(&visit.desk()).await?;
    let own = of(&loaded, kind);
    let frame = visit.frame("");
    let table = Table {
        title: title(kind).to_owned(),
        above: (
            "/admin/networks".to_owned(),
            "Networks that hide a phone".to_owned(),
        ),
        says: match kind {
            NetworkKind::Relay => {
                "Who comes from one of these networks is told to switch the relay off, where the operator saw no \
                SIM. They choose words, and nothing else."
            }
            NetworkKind::Vpn => {
                "Who comes from one of these networks is told to switch the VPN off, where the operator saw no \
                SIM. They choose words, and nothing else."
            }
        },
        path: path(kind),
        may_change: frame.may_post("/admin/networks/{kind}"),
        command: format!("network load {}", kind.as_str()),
        networks: own.map_or_else(Vec::new, |own| own.networks.clone()),
        asns: Vec::new(),
        loaded_at: own.map(|own| own.loaded_at),
        revision: own.map_or(0, |own| own.revision),
        kept_by: own.and_then(|own| own.managed_by.clone()),
    };
    addresses::page(visit, table, refused)
}
