//! `/networks`: source addresses that hide a phone's own. Tables larger than a request may be are loaded
//! by the command line.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::moment::Moment;
use crate::admin::{network_ranges, ranges};
use crate::api::body::{Body, Name};
use crate::api::conditions::{Seen, tagged};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::store::network_ranges::NetworkKind;
use crate::web::app::App;

/// Networks of one kind.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HidingNetworks {
    /// `relay` or `vpn`.
    kind: String,
    /// How many there are.
    networks: usize,
    /// Whose file they are kept as by `numbercloak apply`.
    managed_by: Option<String>,
    /// Counts the loads.
    revision: i32,
    /// When they were loaded.
    #[schemars(with = "Moment")]
    loaded_at: Time,
}

/// The networks of one kind.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HidingNetworksOfKind {
    /// `relay` or `vpn`.
    kind: &'static str,
    /// The networks, neighbours joined.
    networks: Vec<String>,
    /// Whose file they are kept as by `numbercloak apply`.
    managed_by: Option<String>,
    /// Counts the loads; its ETag.
    revision: i32,
    /// When they were loaded; null: never.
    #[schemars(with = "Option<Moment>")]
    loaded_at: Option<Time>,
}

/// Networks to load instead of all earlier ones of the kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHidingNetworks {
    /// Networks (`192.0.2.0/24`) or single addresses.
    #[schemars(length(min = 1))]
    networks: Vec<String>,
}

/// Lists the kinds that are loaded: relays such as iCloud Private Relay, and VPNs.
#[utoipa::path(get, path = "/networks", operation_id = "list_networks", tag = "operators",
    responses((status = 200, description = "The kinds that are loaded.", body = schemas::HidingNetworksList)))]
pub async fn list(caller: Caller) -> Result<Json<All<HidingNetworks>>, No> {
    let loaded = network_ranges::list(&caller.desk).await?;
    let items = loaded
        .into_iter()
        .map(|one| HidingNetworks {
            kind: one.kind.as_str().to_owned(),
            networks: one.networks.len(),
            managed_by: one.managed_by,
            revision: one.revision,
            loaded_at: one.loaded_at,
        })
        .collect();
    Ok(Json(All { items }))
}

/// Shows the networks of a kind.
#[utoipa::path(get, path = "/networks/{kind}", operation_id = "show_networks", tag = "operators",
    params(("kind" = String, Path, description = "relay or vpn.")),
    responses((status = 200, description = "The networks.", body = schemas::HidingNetworksOfKind,
        headers(("ETag" = String, description = "Their state, for If-Match.")))))]
pub async fn show(caller: Caller, Name(kind): Name) -> Result<Response, No> {
    let kind = known(&kind)?;
    let loaded = network_ranges::show(&caller.desk, kind).await?;
    let view = match loaded {
        Some(loaded) => HidingNetworksOfKind {
            kind: kind.as_str(),
            networks: loaded.networks.iter().map(ToString::to_string).collect(),
            managed_by: loaded.managed_by,
            revision: loaded.revision,
            loaded_at: Some(loaded.loaded_at),
        },
        None => HidingNetworksOfKind {
            kind: kind.as_str(),
            networks: Vec::new(),
            managed_by: None,
            revision: 0,
            loaded_at: None,
        },
    };
    Ok(tagged(view.revision, Json(view)))
}

/// Replaces the networks of a kind. They choose the words of the page for phones without mobile data, and
/// nothing else.
#[utoipa::path(put, path = "/networks/{kind}", operation_id = "load_networks", tag = "operators",
    params(("kind" = String, Path, description = "relay or vpn."), schemas::IfMatch),
    request_body = schemas::NewHidingNetworks,
    responses((status = 204, description = "They are loaded.",
        headers(("ETag" = String, description = "Their new state.")))))]
pub async fn load(
    State(app): State<App>,
    caller: Caller,
    Name(kind): Name,
    Seen(seen): Seen,
    Body { value, .. }: Body<NewHidingNetworks>,
) -> Result<Response, No> {
    let kind = known(&kind)?;
    let networks = ranges::read_list(&value.networks)?;
    let revision = network_ranges::put(&caller.desk, kind, &networks, (seen, None)).await?;
    app.forget("operators").await;
    Ok(tagged(revision, StatusCode::NO_CONTENT))
}

/// Forgets the networks of a kind.
#[utoipa::path(delete, path = "/networks/{kind}", operation_id = "clear_networks", tag = "operators",
    params(("kind" = String, Path, description = "relay or vpn."), schemas::IfMatch),
    responses((status = 204, description = "There are none.")))]
pub async fn clear(
    State(app): State<App>,
    caller: Caller,
    Name(kind): Name,
    Seen(seen): Seen,
) -> Result<StatusCode, No> {
    network_ranges::put(&caller.desk, known(&kind)?, &[], (seen, None)).await?;
    app.forget("operators").await;
    Ok(StatusCode::NO_CONTENT)
}

fn known(word: &str) -> Result<NetworkKind, No> {
    let found = NetworkKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word);
    found.ok_or_else(|| {
        let why = "there are the kinds relay and vpn";
        No::new(StatusCode::NOT_FOUND, "not_found", why)
    })
}
