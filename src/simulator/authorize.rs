//! The authorization endpoint: the request is checked, the SIM behind the connection is found, and
//! the browser goes back with a code, or meets what its SIM's scenario has in store.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::callback;
use super::expiring::key_of;
use super::journal::Entry;
use super::listener::Connection;
use super::network::{Device, Grant, Network, Pending};
use super::pages;
use super::parameters::Parameters;
use super::request::{Refusal, Request, check};
use super::scenario::{AtAuthorize, AtDiscovery, Effect};

/// How long an answer hangs.
const HANG: Duration = Duration::from_secs(60);
/// Where a channel partner sends the browser.
pub(super) const OPERATOR: &str = "/operator/authorize";

/// `GET /authorize`.
pub(super) async fn by_query(
    State(network): State<Arc<Network>>,
    Extension(connection): Extension<Connection>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
    answer(&network, &connection, entry, &headers, parameters).await
}

/// `POST /authorize` with the parameters as a form (OpenID Connect Core 3.1.2.1).
pub(super) async fn by_form(
    State(network): State<Arc<Network>>,
    Extension(connection): Extension<Connection>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(
        &network,
        &connection,
        entry,
        &headers,
        Parameters::parse(&body),
    )
    .await
}

/// `GET /operator/authorize`: the browser was sent on by the channel partner.
pub(super) async fn at_operator(
    State(network): State<Arc<Network>>,
    Extension(connection): Extension<Connection>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Parameters::parse(query.unwrap_or_default().as_bytes());
    let now = network.clock.now();
    let parameters = query
        .get("ticket")
        .and_then(|ticket| network.hops.take(now, &key_of(ticket)));
    match parameters {
        Some(parameters) => serve(&network, &connection, entry, &headers, parameters).await,
        None => pages::refuse("This way was gone already, or its time is over."),
    }
}

async fn answer(
    network: &Network,
    connection: &Connection,
    entry: Entry,
    headers: &HeaderMap,
    parameters: Parameters,
) -> Response {
    if network.contract().second_hop && check(network, &parameters).is_ok() {
        let ticket = network.hops.issue(network.clock.now(), parameters);
        return callback::redirect(&network.url(&format!("{OPERATOR}?ticket={ticket}")));
    }
    serve(network, connection, entry, headers, parameters).await
}

async fn serve(
    network: &Network,
    connection: &Connection,
    entry: Entry,
    headers: &HeaderMap,
    parameters: Parameters,
) -> Response {
    let request = match check(network, &parameters) {
        Ok(request) => request,
        Err(Refusal::Page(text)) => return pages::refuse(text),
        Err(Refusal::Redirect {
            redirect_uri,
            state,
            error,
            description,
        }) => {
            return callback::refuse(network, &redirect_uri, state.as_deref(), error, description);
        }
    };
    let address: IpAddr = connection.peer.ip();
    let cookie = pages::cookie(headers);
    let number = match network.device(address, cookie, request.hint.as_deref()) {
        Some(Device::Sim(number)) => number,
        Some(Device::Wifi) => {
            let text = "the phone is not on mobile data";
            return callback::refuse(
                network,
                &request.redirect_uri,
                request.state.as_deref(),
                "access_denied",
                text,
            );
        }
        // The picker stands for the radio, not for a page of the operator: prompt=none has no say.
        None => return pages::pick_first(&parameters.encode()),
    };
    let scenario = network.scenario_for(&number);
    let Request {
        client,
        redirect_uri,
        state,
        nonce,
        challenge,
        correlation,
        scope,
        silent,
        ..
    } = request;
    let grant = Grant {
        client,
        redirect_uri,
        challenge,
        nonce,
        correlation,
        scope,
        number,
        scenario,
    };
    let effect = match scenario {
        Some(scenario) => match scenario.effect {
            Effect::Authorize(effect) => {
                network.acted(entry, scenario);
                Some(effect)
            }
            Effect::Callback(_) => {
                network.acted(entry, scenario);
                None
            }
            Effect::Discovery(at) => {
                network.acted(entry, scenario);
                network.arm((at != AtDiscovery::KeyRotated).then_some(at));
                None
            }
            Effect::Token(_)
            | Effect::IdToken(_)
            | Effect::Verify(_)
            | Effect::Share(_)
            | Effect::Api(_)
            | Effect::Check(_)
            | Effect::BackChannel(_) => None,
        },
        None => None,
    };
    let state = state.as_deref();
    match effect {
        None => callback::deliver(network, grant, state),
        Some(AtAuthorize::Error(error)) => callback::refuse(
            network,
            &grant.redirect_uri,
            state,
            error,
            "asked for by the number",
        ),
        Some(AtAuthorize::Consent) if silent => {
            let text = "the operator needs the person's consent";
            callback::refuse(
                network,
                &grant.redirect_uri,
                state,
                "consent_required",
                text,
            )
        }
        Some(AtAuthorize::Consent) => {
            let client = grant.client.id.clone();
            let pending = Pending {
                grant,
                state: state.map(str::to_owned),
            };
            let ticket = network.consents.issue(network.clock.now(), pending);
            pages::consent(&client, &ticket)
        }
        Some(AtAuthorize::NotCovered) => {
            let text = "Unknown user";
            callback::refuse(network, &grant.redirect_uri, state, "access_denied", text)
        }
        Some(AtAuthorize::BadRequestPage) => {
            pages::refuse("The operator cannot serve this request.")
        }
        Some(AtAuthorize::ForbiddenPage) => pages::message(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "The channel partner ends here.",
        ),
        Some(AtAuthorize::Hang) => {
            // Ends with the connection if the browser does not wait that long.
            tokio::time::sleep(HANG).await;
            pages::message(
                StatusCode::GATEWAY_TIMEOUT,
                "Too late",
                "The operator took too long.",
            )
        }
        Some(AtAuthorize::Reset) => connection.reset().await,
        Some(AtAuthorize::Loop) => callback::redirect("/sim/hop/loop/0"),
        Some(AtAuthorize::Chain) => callback::deliver_by_chain(network, grant, state),
        Some(AtAuthorize::RawSpace) => callback::deliver_by_raw_space(network, grant, state),
        Some(AtAuthorize::Relative) => callback::deliver_by_relative(network, grant, state),
    }
}

/// `POST /sim/consent`: the answer to the consent page.
pub(super) async fn consent(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if pages::is_cross_site(&headers) {
        return pages::message(
            StatusCode::FORBIDDEN,
            "Not from here",
            "This form belongs to another page.",
        );
    }
    let form = Parameters::parse(&body);
    let now = network.clock.now();
    let pending = form
        .get("ticket")
        .and_then(|ticket| network.consents.take(now, &key_of(ticket)));
    let Some(Pending { grant, state }) = pending else {
        return pages::refuse("This page was answered already, or its time is over.");
    };
    if form.get("answer") == Some("accept") {
        callback::deliver(&network, grant, state.as_deref())
    } else {
        // Behind a channel partner it has a word that is in no specification.
        let error = if network.contract().second_hop {
            "consent_denied"
        } else {
            "access_denied"
        };
        let text = "the person declined";
        callback::refuse(&network, &grant.redirect_uri, state.as_deref(), error, text)
    }
}
