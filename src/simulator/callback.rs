//! The way back to the client: the redirect with a code or an error, bent where a scenario says so.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

use super::authorize::OPERATOR;
use super::expiring::key_of;
use super::network::{Code, Grant, Network};
use super::pages;
use super::parameters::with_query;
use super::scenario::{AtCallback, Effect};
use crate::secret::new_id;

/// The first hop of a chain: with the redirect at the authorization endpoint and the last one to the
/// client there are eight.
const CHAIN_START: u8 = 1;
const CHAIN_END: u8 = 7;
/// The hop reached over plain http, whatever the issuer's scheme.
const PLAIN_HOP: u8 = 4;

/// Who the mix-up scenario pretends to be.
const FOREIGN_ISSUER: &str = "https://other-operator.example";

/// A 302, as the ICM profile words it. A `Location` that no header can hold is our own fault.
pub(super) fn redirect(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return pages::message(
            StatusCode::INTERNAL_SERVER_ERROR,
            "No way back",
            "The redirect URI is not ASCII.",
        );
    };
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// Back with an error.
pub(super) fn refuse(
    network: &Network,
    redirect_uri: &str,
    state: Option<&str>,
    error: &str,
    description: &str,
) -> Response {
    let mut pairs = vec![("error", error), ("error_description", description)];
    if let Some(state) = state {
        pairs.push(("state", state));
    }
    if network.contract().iss {
        pairs.push(("iss", &network.issuer));
    }
    leave(network, with_query(redirect_uri, &pairs))
}

/// Off to the client; from behind a channel partner by way of the partner.
fn leave(network: &Network, location: String) -> Response {
    if !network.contract().second_hop {
        return redirect(&location);
    }
    let ticket = network.chains.issue(network.clock.now(), location);
    redirect(&network.url(&format!("/sim/hop/{ticket}/{CHAIN_END}")))
}

/// Back with a code.
pub(super) fn deliver(network: &Network, grant: Grant, state: Option<&str>) -> Response {
    let at_callback = match grant.scenario.map(|scenario| scenario.effect) {
        Some(Effect::Callback(effect)) => Some(effect),
        _ => None,
    };
    let location = location(network, grant, state, at_callback);
    match at_callback {
        Some(AtCallback::Twice) => pages::links(
            "Delivered twice",
            "The same answer travels twice. Open both links, the first in a new tab.",
            &location,
            2,
        ),
        Some(AtCallback::Late) => pages::links(
            "Delivered late",
            "Wait until the login's time is over, then follow the link.",
            &location,
            1,
        ),
        Some(AtCallback::Printed) => pages::printed(&location),
        None
        | Some(
            AtCallback::WithoutState
            | AtCallback::AlteredState
            | AtCallback::TwoCodes
            | AtCallback::CodeAndError
            | AtCallback::UnknownError
            | AtCallback::ForeignIssuer,
        ) => leave(network, location),
    }
}

/// Back with a code, over redirects within the operator.
pub(super) fn deliver_by_chain(network: &Network, grant: Grant, state: Option<&str>) -> Response {
    redirect(&network.url(&chain(network, grant, state, CHAIN_START)))
}

/// Back with a code, over one redirect that holds a space, as some operators send it.
pub(super) fn deliver_by_raw_space(
    network: &Network,
    grant: Grant,
    state: Option<&str>,
) -> Response {
    redirect(&network.url(&format!(
        "{}?scope=openid dpv",
        chain(network, grant, state, CHAIN_END)
    )))
}

/// Back with a code, over one redirect without scheme and host.
pub(super) fn deliver_by_relative(
    network: &Network,
    grant: Grant,
    state: Option<&str>,
) -> Response {
    let contract = network.contract();
    let here = if contract.second_hop {
        OPERATOR
    } else {
        contract.authorize
    };
    let up = "../".repeat(here.matches('/').count() - 1);
    let path = chain(network, grant, state, CHAIN_END);
    redirect(&format!("{up}{}", path.trim_start_matches('/')))
}

/// `GET /sim/hop/{ticket}/{hop}`: one step of a chain, or of the loop that never ends.
pub(super) async fn hop(
    State(network): State<Arc<Network>>,
    Path((ticket, hop)): Path<(String, u8)>,
) -> Response {
    if ticket == "loop" {
        return redirect(&format!("/sim/hop/loop/{}", (hop & 1) ^ 1));
    }
    let now = network.clock.now();
    let key = key_of(&ticket);
    let next = hop.saturating_add(1);
    if next > CHAIN_END {
        return network.chains.take(now, &key).map_or_else(
            || pages::refuse("This way was gone already, or its time is over."),
            |location| redirect(&location),
        );
    }
    let path = format!("/sim/hop/{ticket}/{next}");
    if next == PLAIN_HOP {
        redirect(&format!("http://{}{path}", network.address))
    } else {
        redirect(&network.url(&path))
    }
}

fn chain(network: &Network, grant: Grant, state: Option<&str>, hop: u8) -> String {
    let end = location(network, grant, state, None);
    let ticket = network.chains.issue(network.clock.now(), end);
    format!("/sim/hop/{ticket}/{hop}")
}

/// The URL of the callback, with a fresh code unless the scenario keeps it back.
fn location(
    network: &Network,
    grant: Grant,
    state: Option<&str>,
    effect: Option<AtCallback>,
) -> String {
    let redirect_uri = grant.redirect_uri.clone();
    let correlation = network.contract().correlation.then(|| {
        let made = || new_id(network.clock.now()).to_string();
        grant.correlation.clone().unwrap_or_else(made)
    });
    let code = network
        .codes
        .issue(network.clock.now(), Code::Fresh(Box::new(grant)));
    let state = match effect {
        Some(AtCallback::WithoutState) => None,
        Some(AtCallback::AlteredState) => state.map(altered),
        _ => state.map(str::to_owned),
    };
    let iss = match effect {
        Some(AtCallback::ForeignIssuer) => Some(FOREIGN_ISSUER),
        _ => network.contract().iss.then_some(network.issuer.as_str()),
    };
    let mut pairs = match effect {
        Some(AtCallback::UnknownError) => vec![("error", "sim_not_amused")],
        Some(AtCallback::TwoCodes) => vec![("code", code.as_str()), ("code", "another")],
        Some(AtCallback::CodeAndError) => vec![("code", code.as_str()), ("error", "access_denied")],
        None
        | Some(
            AtCallback::WithoutState
            | AtCallback::AlteredState
            | AtCallback::ForeignIssuer
            | AtCallback::Twice
            | AtCallback::Late
            | AtCallback::Printed,
        ) => vec![("code", code.as_str())],
    };
    if let Some(state) = &state {
        pairs.push(("state", state));
    }
    if let Some(iss) = iss {
        pairs.push(("iss", iss));
    }
    if let Some(correlation) = &correlation {
        pairs.push(("correlation_id", correlation));
    }
    with_query(&redirect_uri, &pairs)
}

/// The same length and alphabet, another value.
fn altered(state: &str) -> String {
    let mut chars: Vec<char> = state.chars().collect();
    if let Some(last) = chars.last_mut() {
        *last = if *last == 'A' { 'B' } else { 'A' };
    }
    chars.into_iter().collect()
}
