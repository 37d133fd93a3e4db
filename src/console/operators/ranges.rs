//! `/admin/operators/{alias}/ranges`: the source addresses of an operator's subscribers, for choosing it.

use axum::response::Response;

use crate::admin::{Refused, operators, ranges};
use crate::console::operators::addresses::{self, Table, given, not_sure, seen};
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Shows them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, None).await
}

/// Replaces them.
pub async fn load(visit: Visit) -> Result<Response, Trouble> {
    let alias = visit.path("alias");
    let done = async {
        let given = given(&visit)?;
        let seen = Some(given.seen);
        ranges::put(&visit.desk(), alias, &given.networks, &given.asns, seen).await
    };
    answer(&visit, done.await, "saved").await
}

/// Forgets them, if the person ticked that they know what that means.
pub async fn clear(visit: Visit) -> Result<Response, Trouble> {
    let done = match visit.field("sure") {
        "yes" => {
            let seen = Some(seen(&visit)?);
            ranges::put(&visit.desk(), visit.path("alias"), &[], &[], seen).await
        }
        _ => Err(not_sure()),
    };
    answer(&visit, done, "forgotten").await
}

async fn answer(visit: &Visit, done: Result<(), Refused>, word: &str) -> Result<Response, Trouble> {
    match done {
        Ok(()) => {
            visit.app.forget("operators").await;
            Ok(to(&path(visit), word))
        }
        Err(refused) => page(visit, Some(refused)).await,
    }
}

fn path(visit: &Visit) -> String {
    format!("/admin/operators/{}/ranges", visit.path("alias"))
}

async fn page(visit: &Visit, refused: Option<Refused>) -> Result<Response, Trouble> {
    let alias = visit.path("alias");
    let loaded = ranges::show(&visit.desk(), alias).await?;
    let frame = visit.frame("");
    let table = Table {
        title: "Its subscribers' addresses".to_owned(),
        above: (format!("/admin/operators/{alias}"), alias.to_owned()),
        says: "A phone that comes from one of these networks is with this operator: nobody asks which one it is. \
            They choose, and prove nothing.",
        path: path(visit),
        may_change: frame.may_post("/admin/operators/{alias}/ranges"),
        command: format!("operator ranges load {alias}"),
        networks: loaded.networks,
        asns: loaded.asns,
        loaded_at: loaded.loaded_at,
        revision: loaded.revision,
        kept_by: operators::show(&visit.desk(), alias).await?.managed_by,
    };
    addresses::page(visit, table, refused)
}
