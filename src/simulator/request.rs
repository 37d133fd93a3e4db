//! What an authorization request must be: one ordered list of checks.

use std::sync::Arc;

use super::client::Client;
use super::contract::{Pkce, RequestObject};
use super::network::Network;
use super::parameters::Parameters;
use super::request_object;
use super::scope::{self, Scope};

/// A request that was found good.
pub(super) struct Request {
    pub(super) client: Arc<Client>,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<String>,
    pub(super) correlation: Option<String>,
    pub(super) scope: Scope,
    pub(super) silent: bool,
    pub(super) hint: Option<String>,
}

/// Why a request was refused.
pub(super) enum Refusal {
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

/// Client and redirect URI first; only when both are good may an error travel by redirect.
pub(super) fn check(network: &Network, outside: &Parameters) -> Result<Request, Refusal> {
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
    let contract = network.contract();
    let signed = match (outside.get("request"), contract.request_object) {
        (None, RequestObject::Required) => {
            let text = "a signed request object is needed";
            return Err(refuse(state, "invalid_request_object", text));
        }
        (Some(_), RequestObject::Refused) => {
            let text = "request objects are not supported";
            return Err(refuse(state, "request_not_supported", text));
        }
        (None, RequestObject::Taken | RequestObject::Refused) => None,
        (Some(jwt), RequestObject::Required | RequestObject::Taken) => {
            let audiences = [network.url(contract.authorize), network.issuer.clone()];
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
    let scope =
        scope::read(contract, given).map_err(|text| refuse(state, "invalid_scope", text))?;
    for (name, need) in contract.needs {
        if !need.is_met(given.get(name)) {
            let text = "a parameter that this operator needs is missing or wrong";
            return Err(refuse(state, "invalid_request", text));
        }
    }
    let challenge = match contract.pkce {
        Pkce::Unknown => None,
        Pkce::Required | Pkce::Checked => given.get("code_challenge"),
    };
    if contract.pkce == Pkce::Required && challenge.is_none() {
        return Err(refuse(state, "invalid_request", "PKCE is needed"));
    }
    // Without a method it would be plain (RFC 7636, 4.3), which protects nothing.
    let method = given
        .get("code_challenge_method")
        .filter(|_| contract.pkce != Pkce::Unknown);
    if (challenge.is_some() || method.is_some())
        && given.get("code_challenge_method") != Some("S256")
    {
        return Err(refuse(
            state,
            "invalid_request",
            "the code challenge method must be S256",
        ));
    }
    if method.is_some() && !challenge.is_some_and(is_s256) {
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
        correlation: given.get("correlation_id").map(str::to_owned),
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
