//! Every setting of an operator's contract: what it is called and how it is written. A test holds that none is
//! missing.

use serde_json::Value;

use crate::admin::Refused;
use crate::console::fields::{self, Group, Kind, field};
use crate::oauth::params::Params;
use crate::store::operators::Settings;

const ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256", "EdDSA"];
const FLOWS: &[&str] = &["client_credentials", "jwt_bearer", "ciba"];

/// All of them.
pub const ALL: [Group; 7] = [
    Group {
        title: "Where it is",
        fields: &[
            field(
                "dialect",
                Kind::Choice(&["camara", "telefonica", "vonage", "mobile_connect"]),
                "Dialect",
                "How to speak to it.",
            ),
            field(
                "issuer",
                Kind::Url,
                "Issuer",
                "To the letter as it stands in its ID tokens.",
            ),
            field(
                "discovery",
                Kind::Flag,
                "Endpoints left empty are read from its discovery document.",
                "",
            ),
            field(
                "authorization_endpoint",
                Kind::Url,
                "Authorization endpoint",
                "Where the phone's browser goes. Empty: by discovery.",
            ),
            field(
                "token_endpoint",
                Kind::Url,
                "Token endpoint",
                "Where the code is exchanged. Empty: by discovery.",
            ),
            field("jwks_uri", Kind::Url, "Keys (JWKS)", "Empty: by discovery."),
            field(
                "api_root",
                Kind::Url,
                "API root",
                "The URL that stands before /number-verification/v2.",
            ),
            field(
                "api_path",
                Kind::Text,
                "API path",
                "Only if it is not the release's own.",
            ),
            field(
                "release",
                Kind::Choice(&["0.3", "1.0", "2.0", "2.1"]),
                "Release of CAMARA Number Verification",
                "",
            ),
            field(
                "enablement_endpoint",
                Kind::Url,
                "Coverage endpoint",
                "Vonage only: asked before anybody departs.",
            ),
        ],
    },
    Group {
        title: "Who we are to it",
        fields: &[
            field("client_id", Kind::Text, "Our client ID there", ""),
            field(
                "token_auth",
                Kind::Choice(&[
                    "client_secret_basic",
                    "client_secret_post",
                    "private_key_jwt",
                    "application_jwt",
                ]),
                "How we authenticate",
                "",
            ),
            field(
                "token_parameters",
                Kind::Choice(&["body", "query"]),
                "Parameters of the token request stand in the",
                "",
            ),
            field(
                "token_redirect_uri",
                Kind::Flag,
                "The token request repeats the redirect URI.",
                "",
            ),
            field(
                "assertion_alg",
                Kind::Choice(ALGORITHMS),
                "Algorithm of our assertions and signed requests",
                "",
            ),
            field(
                "assertion_audience",
                Kind::Text,
                "Audience of our assertions",
                "Empty: the token endpoint.",
            ),
        ],
    },
    Group {
        title: "Whose numbers",
        fields: &[
            field(
                "prefixes",
                Kind::Words,
                "Prefixes of its numbers",
                "With country code, without +. It can confirm no others.",
            ),
            field(
                "ip_ranges",
                Kind::Words,
                "Addresses of its subscribers",
                "Networks such as 192.0.2.0/24.",
            ),
            field(
                "network_ids",
                Kind::Words,
                "Names of its network",
                "MCC and MNC (21407), operator ids (movistar-es).",
            ),
            field(
                "aggregator",
                Kind::Flag,
                "It finds the subscriber's network itself and is asked first.",
                "",
            ),
            field(
                "notice",
                Kind::Text,
                "Notice on our page",
                "What the operator's law demands.",
            ),
        ],
    },
    Group {
        title: "What is asked",
        fields: &[
            field(
                "scope_verify",
                Kind::Text,
                "Scope for verify",
                "To the letter.",
            ),
            field(
                "scope_device_phone_number",
                Kind::Text,
                "Scope for device-phone-number",
                "Empty: not offered.",
            ),
            field(
                "login_hint",
                Kind::Choice(&["none", "tel", "e164"]),
                "The number is hinted as",
                "",
            ),
            field(
                "number_form",
                Kind::Choice(&["plain", "digits", "sha256", "sha256_digits"]),
                "The number is sent as",
                "",
            ),
            field("pkce", Kind::Flag, "PKCE with S256.", ""),
            field("prompt_none", Kind::Flag, "prompt=none is sent.", ""),
            field(
                "guarantees_silence",
                Kind::Flag,
                "It never shows people a page, whatever comes of it.",
                "",
            ),
            field(
                "retry_with_page",
                Kind::Flag,
                "If it asks for consent, once more with its page.",
                "",
            ),
            field(
                "signed_request",
                Kind::Flag,
                "The request goes as a signed object (RFC 9101).",
                "",
            ),
            field(
                "authorize_params",
                Kind::Pairs,
                "Further parameters",
                "One a line: acr_values: 2",
            ),
            field(
                "api_headers",
                Kind::Pairs,
                "Further headers of the call",
                "One a line: x-name: value",
            ),
            field(
                "device_ip_header",
                Kind::Text,
                "Header that tells the phone's address",
                "",
            ),
            field(
                "device_port_header",
                Kind::Text,
                "Header that tells the phone's port",
                "",
            ),
            field(
                "correlation_in_call",
                Kind::Flag,
                "The call repeats the correlation id (Mobile Connect).",
                "",
            ),
        ],
    },
    Group {
        title: "What counts",
        fields: &[
            field(
                "id_token",
                Kind::Choice(&["required", "if_present", "ignored"]),
                "ID token",
                "",
            ),
            field(
                "id_token_algs",
                Kind::Words,
                "Algorithms of its ID tokens",
                "Of RS256, PS256, ES256, EdDSA.",
            ),
            field(
                "accepted_amr",
                Kind::Words,
                "amr values that are network authentication",
                "",
            ),
            field(
                "require_iss",
                Kind::Flag,
                "The callback must carry iss (RFC 9207).",
                "",
            ),
        ],
    },
    Group {
        title: "Extra checks it offers",
        fields: &[
            field("checks.sim_swap", Kind::Part, "SIM swap is offered.", ""),
            field(
                "checks.sim_swap.flow",
                Kind::Choice(FLOWS),
                "SIM swap: its token is got by",
                "",
            ),
            field(
                "checks.sim_swap.url",
                Kind::Url,
                "SIM swap: URL",
                "Empty: CAMARA's path below the API root.",
            ),
            field(
                "checks.sim_swap.scope",
                Kind::Text,
                "SIM swap: scope",
                "Empty: CAMARA's.",
            ),
            field(
                "checks.number_recycling",
                Kind::Part,
                "Number recycling is offered.",
                "",
            ),
            field(
                "checks.number_recycling.flow",
                Kind::Choice(FLOWS),
                "Number recycling: its token is got by",
                "",
            ),
            field(
                "checks.number_recycling.url",
                Kind::Url,
                "Number recycling: URL",
                "Empty: CAMARA's path below the API root.",
            ),
            field(
                "checks.number_recycling.scope",
                Kind::Text,
                "Number recycling: scope",
                "Empty: CAMARA's.",
            ),
            field(
                "checks.backchannel_endpoint",
                Kind::Url,
                "Back-channel endpoint",
                "For ciba.",
            ),
            field(
                "checks.timeout_ms",
                Kind::Number,
                "Time for one check, milliseconds",
                "Its token included.",
            ),
        ],
    },
    Group {
        title: "Limits",
        fields: &[
            field(
                "connect_timeout_ms",
                Kind::Number,
                "Time to connect, milliseconds",
                "",
            ),
            field(
                "total_timeout_ms",
                Kind::Number,
                "Time for one call, milliseconds",
                "",
            ),
            field(
                "restraint.breaker_failures",
                Kind::Number,
                "Failed calls before it is left alone",
                "0: never.",
            ),
            field(
                "restraint.breaker_window_s",
                Kind::Number,
                "counted within, seconds",
                "",
            ),
            field(
                "restraint.breaker_pause_s",
                Kind::Number,
                "and then left alone for, seconds",
                "",
            ),
            field(
                "restraint.departures_per_minute",
                Kind::Number,
                "Departures a minute, at most",
                "0: no limit.",
            ),
            field(
                "restraint.departures_per_day",
                Kind::Number,
                "Departures a day, at most",
                "0: no limit.",
            ),
            field(
                "quota_per_month",
                Kind::Number,
                "Billable calls a month after which staff are alerted",
                "Empty: never.",
            ),
        ],
    },
];

/// The contract that a form describes, over one that is there, in the fields that `wanted` names.
///
/// # Errors
/// [`Refused::Invalid`] naming the field.
pub fn written(
    form: &Params,
    before: &Settings,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Settings, Refused> {
    let before: Value = serde_json::to_value(before).expect("settings serialise");
    let settings = fields::written(&ALL, form, before, wanted)?;
    serde_json::from_value(settings).map_err(|error| Refused::Invalid {
        field: "settings",
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
