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
use super::client::Client;
use super::expiring::key_of;
use super::journal::Entry;
use super::listener::Connection;
use super::network::{Device, Grant, Network, Pending};
use super::pages;
use super::parameters::Parameters;
use super::persona::Scope;
use super::request_object;
use super::scenario::{AtAuthorize, Effect};

/// How long an answer hangs.
const HANG: Duration = Duration::from_secs(60);

/// A request that was found good.
struct Request {
    client: Arc<Client>,
    redirect_uri: String,
    state: Option<String>,
    nonce: Option<String>,
    challenge: Option<String>,
    scope: Scope,
    silent: bool,
    hint: Option<String>,
}

/// Why a request was refused.
enum Refusal {
    /// The client or its redirect URI is not known: a page, never a redirect.
    Page(&'static str),
    /// An error the client is told.
    Redirect {
        redirect_uri: String,
        state: Option<String>,
        error: &'static str,
        description: &'static str,
    },
}

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

async fn answer(
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
        scope,
        silent,
        ..
    } = request;
    let grant = Grant {
        client,
        redirect_uri,
        challenge,
        nonce,
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
            Effect::Token(_)
            | Effect::IdToken(_)
            | Effect::Verify(_)
            | Effect::Share(_)
            | Effect::Api(_) => None,
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
        Some(AtAuthorize::BadRequestPage) => {
            pages::refuse("The operator cannot serve this request.")
        }
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
        let text = "the person declined";
        callback::refuse(
            &network,
            &grant.redirect_uri,
            state.as_deref(),
            "access_denied",
            text,
        )
    }
}

/// Client and redirect URI first; only when both are good may an error travel by redirect.
fn check(network: &Network, outside: &Parameters) -> Result<Request, Refusal> {
    if outside.count("client_id") > 1 || outside.count("redirect_uri") > 1 {
        return Err(Refusal::Page("A parameter is repeated."));
    }
    let client = outside
        .get("client_id")
        .and_then(|id| network.client(id))
        .ok_or(Refusal::Page("This client is not known here."))?;
    let redirect_uri = outside
        .get("redirect_uri")
        .filter(|uri| client.redirect_uris.iter().any(|known| known == uri))
        .ok_or(Refusal::Page(
            "This redirect URI is not registered for the client.",
        ))?
        .to_owned();
    let refuse = |state: Option<&str>, error, description| Refusal::Redirect {
        redirect_uri: redirect_uri.clone(),
        state: state.map(str::to_owned),
        error,
        description,
    };
    let state = outside.get("state");
    if outside.repeated().is_some() {
        return Err(refuse(state, "invalid_request", "a parameter is repeated"));
    }
    if outside.get("request_uri").is_some() {
        return Err(refuse(
            state,
            "request_uri_not_supported",
            "request_uri is not supported",
        ));
    }
    let signed = match outside.get("request") {
        None => None,
        Some(jwt) => {
            let audiences = [network.url("/authorize"), network.issuer.clone()];
            let audiences = [audiences[0].as_str(), audiences[1].as_str()];
            let inside =
                request_object::open(&client, outside, jwt, &audiences, network.clock.now())
                    .map_err(|text| refuse(state, "invalid_request_object", text))?;
            Some(inside)
        }
    };
    let given = signed.as_ref().unwrap_or(outside);
    let state = given.get("state");
    match given.get("response_type") {
        Some("code") => {}
        None => return Err(refuse(state, "invalid_request", "response_type is missing")),
        Some(_) => {
            return Err(refuse(
                state,
                "unsupported_response_type",
                "only code is supported",
            ));
        }
    }
    if given
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(refuse(
            state,
            "invalid_request",
            "only the query response mode is supported",
        ));
    }
    let scope = network
        .persona
        .read_scope(given.get("scope").unwrap_or(""))
        .map_err(|text| refuse(state, "invalid_scope", text))?;
    let challenge = given.get("code_challenge");
    // Without a method it would be plain (RFC 7636, 4.3), which protects nothing.
    if (challenge.is_some() || given.get("code_challenge_method").is_some())
        && given.get("code_challenge_method") != Some("S256")
    {
        return Err(refuse(
            state,
            "invalid_request",
            "the code challenge method must be S256",
        ));
    }
    if given.get("code_challenge_method").is_some() && !challenge.is_some_and(is_s256) {
        return Err(refuse(
            state,
            "invalid_request",
            "the code challenge is malformed",
        ));
    }
    let prompts: Vec<_> = given
        .get("prompt")
        .unwrap_or("")
        .split(' ')
        .filter(|p| !p.is_empty())
        .collect();
    let silent = prompts.contains(&"none");
    if silent && prompts.len() > 1 {
        return Err(refuse(state, "invalid_request", "prompt=none stands alone"));
    }
    Ok(Request {
        state: state.map(str::to_owned),
        nonce: given.get("nonce").map(str::to_owned),
        challenge: challenge.map(str::to_owned),
        hint: given.get("login_hint").map(str::to_owned),
        client,
        redirect_uri,
        scope,
        silent,
    })
}

fn is_s256(challenge: &str) -> bool {
    challenge.len() == 43
        && challenge
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
