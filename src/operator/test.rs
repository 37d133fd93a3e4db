//! `operator test`: walks the way a leg takes to an operator as far as it goes without a phone, and
//! says at each step what is wrong and how to mend it. Nothing is cached from it and no number sent.

use chrono::{DateTime, TimeDelta};
use http::{HeaderMap, Request, header};
use serde::Serialize;
use url::Url;

use crate::clock::{Clock, Time};
use crate::operator::ask::{Ask, Kept, Phone};
use crate::operator::errors::Failure;
use crate::operator::oidc::{self, Endpoints};
use crate::operator::{Operators, back_channel, limits};
use crate::outbound::{Outbound, OutboundError};
use crate::secret::{b64, random};
use crate::store::checks::{CheckContract, CheckFlow};
use crate::store::operators::{Credentials, Dialect, IdTokenRule, Mode, Operator};
use crate::verdict::checks::Extra;
use crate::verdict::{Method, Outcome};

/// The largest difference between the clocks that no check of ours or theirs trips over.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// One step of the walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What was tried: `record`, `dns`, `connection`, `tls`, `clock`, `discovery`, `issuer`,
    /// `departure`, `keys`, `client_authentication`, `checks`.
    pub name: &'static str,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub fix: Option<&'static str>,
}

impl Step {
    fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            detail: detail.into(),
            fix: None,
        }
    }

    fn bad(name: &'static str, detail: impl Into<String>, fix: &'static str) -> Self {
        Self {
            name,
            ok: false,
            detail: detail.into(),
            fix: Some(fix),
        }
    }
}

/// Walks the whole way; a step whose ground is missing is left out.
pub async fn walk(
    outbound: &Outbound,
    operator: &Operator,
    credentials: &Credentials,
    redirect_uri: &str,
    clock: &Clock,
) -> Vec<Step> {
    // A fresh one, so that what the walk sees is what the operator says now.
    let operators = Operators::new(outbound.clone(), 1);
    let settings = &operator.settings;
    let mut steps = check_record(operator);
    let mut way = Way {
        operators: &operators,
        operator,
        clock,
        seen: Vec::new(),
    };
    let first = if settings.discovery {
        settings.issuer.as_deref()
    } else {
        settings.token_endpoint.as_deref()
    };
    if let Some(first) = first
        && !way.reach(first, &mut steps).await
    {
        return steps;
    }
    let endpoints = match find_endpoints(&operators, operator, clock.now()).await {
        Ok((endpoints, found)) => {
            steps.extend(found);
            endpoints
        }
        Err(step) => {
            steps.push(step);
            return steps;
        }
    };
    let state = b64(&random::<32>());
    let ask = Ask {
        operator,
        credentials,
        method: Method::Verify,
        number: None,
        redirect_uri,
        state: &state,
        now: clock.now(),
        silent: true,
        phone: Phone::default(),
    };
    steps.push(check_departure(&operators, &ask, &endpoints).await);
    if settings.id_token != IdTokenRule::Ignored
        && let Some(jwks) = &endpoints.jwks
        && way.reach(jwks, &mut steps).await
    {
        steps.push(check_keys(&operators, operator, &endpoints).await);
    }
    if let Some(token) = &endpoints.token {
        if !way.reach(token, &mut steps).await {
            return steps;
        }
        steps.push(check_client_authentication(&operators, &ask, &endpoints, clock.now()).await);
    }
    way.reach(&settings.api_root, &mut steps).await;
    for (extra, contract) in settings.checks.contracts() {
        let url = contract.url(extra, &settings.api_root);
        if way.reach(&url, &mut steps).await {
            steps.push(check_extra(&operators, &ask, extra, contract, clock).await);
        }
    }
    steps
}

fn check_record(operator: &Operator) -> Vec<Step> {
    const NAME: &str = "record";
    let settings = &operator.settings;
    let mut steps = Vec::new();
    if settings.client_id.is_empty() {
        steps.push(Step::bad(
            NAME,
            "client_id is empty",
            "enter the client id the operator gave",
        ));
    }
    if settings.prefixes.iter().all(String::is_empty) {
        steps.push(Step::bad(
            NAME,
            "no prefixes: the operator's word counts for no number",
            "enter the country codes or prefixes it serves, digits only",
        ));
    }
    if operator.mode == Mode::Test && !settings.prefixes.iter().any(|p| p.starts_with("990")) {
        steps.push(Step::bad(
            NAME,
            "a test operator without a prefix that starts with 990 can be asked nothing",
            "enter 990 as its prefix",
        ));
    }
    if settings.issuer.is_none() && settings.id_token != IdTokenRule::Ignored {
        steps.push(Step::bad(
            NAME,
            "ID tokens are to be checked, but there is no issuer",
            "enter the issuer, or set id_token to ignored if the operator sends none",
        ));
    }
    if steps.is_empty() {
        steps.push(Step::good(NAME, "complete"));
    }
    steps
}

async fn find_endpoints(
    operators: &Operators,
    operator: &Operator,
    now: Time,
) -> Result<(Endpoints, Vec<Step>), Step> {
    const NAME: &str = "discovery";
    let settings = &operator.settings;
    if !settings.discovery {
        let by_hand = Endpoints::by_hand(settings);
        return if by_hand.suffice(settings) {
            Ok((
                by_hand,
                vec![Step::good(NAME, "off; all endpoints are on the record")],
            ))
        } else {
            Err(Step::bad(
                NAME,
                "off, and an endpoint is missing on the record",
                "enter authorization_endpoint, token_endpoint and jwks_uri, or turn discovery on",
            ))
        };
    }
    match operators.endpoints(operator, now).await {
        Ok(endpoints) if endpoints.suffice(settings) => {
            let issuer = settings.issuer.as_deref().unwrap_or("none");
            let found = vec![
                Step::good(NAME, "the document names every endpoint"),
                Step::good("issuer", format!("{issuer}, as on the record")),
            ];
            Ok((endpoints, found))
        }
        Ok(_) => Err(Step::bad(
            NAME,
            "the document lacks an endpoint",
            "enter the missing endpoint on the record",
        )),
        Err(failure) if failure.detail.as_deref() == Some(oidc::ANOTHER_ISSUER) => Err(Step::bad(
            "issuer",
            failure.told(),
            "copy the issuer from the operator's document, to the letter (also the last slash)",
        )),
        Err(failure) => Err(Step::bad(NAME, failure.told(), discovery_fix(&failure))),
    }
}

fn discovery_fix(failure: &Failure) -> &'static str {
    match failure.http_status {
        Some(404) => {
            "the operator publishes no document: turn discovery off and enter the endpoints"
        }
        Some(_) => "ask the operator, or turn discovery off and enter the endpoints",
        None if failure.outcome == Outcome::OperatorMisconfigured => {
            "ask the operator for its document, or turn discovery off and enter the endpoints"
        }
        None => "the operator answers, but not in time or not completely: ask the operator",
    }
}

/// The request a browser would carry, without a number.
async fn check_departure(operators: &Operators, ask: &Ask<'_>, endpoints: &Endpoints) -> Step {
    const NAME: &str = "departure";
    let signer = if ask.operator.settings.signed_request {
        match operators.signer(ask).await {
            Ok(signer) => Some(signer),
            Err(failure) => {
                return Step::bad(NAME, failure.told(), "enter a PKCS#8 key of the right kind");
            }
        }
    } else {
        None
    };
    let endpoint = endpoints.authorization.as_deref().unwrap_or_default();
    // Vonage's request cannot be made without a number, and none is sent from here.
    let made = match ask.operator.settings.dialect {
        Dialect::Vonage => oidc::browser_url(endpoint),
        Dialect::Camara | Dialect::Telefonica | Dialect::MobileConnect => {
            oidc::depart(ask, endpoint, signer.as_deref()).map(|departure| departure.url)
        }
    };
    match made {
        Ok(url) => {
            let origin = url.origin().ascii_serialization();
            Step::good(NAME, format!("browsers are sent to {origin}"))
        }
        Err(failure) => Step::bad(NAME, failure.told(), "mend the setting it names"),
    }
}

/// The way to the operator's hosts, each walked once.
struct Way<'a> {
    operators: &'a Operators,
    operator: &'a Operator,
    clock: &'a Clock,
    seen: Vec<(String, bool)>,
}

impl Way<'_> {
    /// Name, connection and TLS, and once the clock, by one request that asks for nothing. Says
    /// whether the host answers.
    async fn reach(&mut self, url: &str, steps: &mut Vec<Step>) -> bool {
        let Ok(url) = Url::parse(url) else {
            let fix = "enter the whole URL, with https://";
            steps.push(Step::bad("dns", "an endpoint is no URL", fix));
            return false;
        };
        let origin = url.origin().ascii_serialization();
        if let Some((_, answers)) = self.seen.iter().find(|(seen, _)| *seen == origin) {
            return *answers;
        }
        let first = self.seen.is_empty();
        let answers = self.knock(&url, first, steps).await;
        self.seen.push((origin, answers));
        answers
    }

    async fn knock(&self, url: &Url, first: bool, steps: &mut Vec<Step>) -> bool {
        let outbound = self.operators.outbound();
        let host = url.host_str().unwrap_or_default().to_owned();
        match outbound.look_up(host.trim_matches(['[', ']'])).await {
            Ok(found) => {
                let found = match found.len() {
                    1 => "one address".to_owned(),
                    count => format!("{count} addresses"),
                };
                steps.push(Step::good("dns", format!("{host}: {found}")));
            }
            Err(err) => {
                let fix = match err {
                    OutboundError::Refused(_) => {
                        "if the operator really is in your own network, list that network as allowed"
                    }
                    _ => "check the host name, and that this server can resolve names",
                };
                steps.push(Step::bad("dns", format!("{host}: {err}"), fix));
                return false;
            }
        }
        let request = Request::get(format!("{}/", url.origin().ascii_serialization()))
            .body(Vec::new())
            .expect("an origin is a URL");
        match outbound
            .send(request, limits(&self.operator.settings))
            .await
        {
            Ok(answer) => {
                let scheme = url.scheme();
                steps.push(Step::good("tls", format!("{host} answers over {scheme}")));
                if first {
                    steps.push(check_clock(answer.headers(), self.clock.now()));
                }
                true
            }
            Err(err) => {
                let (name, fix) = unreached(&err);
                steps.push(Step::bad(name, format!("{host}: {err}"), fix));
                false
            }
        }
    }
}

/// Which step failed when a host did not answer, and what to do.
fn unreached(err: &OutboundError) -> (&'static str, &'static str) {
    let OutboundError::Connect { reason, .. } = err else {
        return match err {
            OutboundError::Refused(_) => ("tls", "use https"),
            _ => (
                "connection",
                "the operator accepts connections but answers badly: ask the operator",
            ),
        };
    };
    let reason = reason.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if says(&["expired", "not valid yet", "notvalidyet"]) {
        let fix = "the operator's certificate is out of date, or this server's clock is wrong";
        ("tls", fix)
    } else if says(&["not valid for name", "notvalidforname"]) {
        let fix = "the certificate is another host's: check the host name with the operator";
        ("tls", fix)
    } else if says(&["certificate", "issuer"]) {
        let fix =
            "the certificate's authority is not trusted here: install it in the system's store";
        ("tls", fix)
    } else if says(&["tls", "handshake", "corrupt", "alert", "protocol"]) {
        let fix = "no TLS 1.2 or 1.3 at this port: check scheme and port with the operator";
        ("tls", fix)
    } else {
        let fix = "check firewall and port, here and at the operator (does it list our address?)";
        ("connection", fix)
    }
}

fn check_clock(headers: &HeaderMap, now: Time) -> Step {
    const NAME: &str = "clock";
    let theirs = headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let Some(theirs) = theirs else {
        return Step::good(NAME, "the operator does not tell its time");
    };
    let ahead = theirs.with_timezone(&chrono::Utc) - now;
    let seconds = ahead.num_seconds();
    if ahead.abs() <= SKEW {
        Step::good(NAME, format!("{seconds} s apart"))
    } else {
        Step::bad(
            NAME,
            format!("the operator's clock is {seconds} s ahead of ours"),
            "synchronise this server's clock (NTP): assertions and ID tokens live for seconds",
        )
    }
}

async fn check_keys(operators: &Operators, operator: &Operator, endpoints: &Endpoints) -> Step {
    const NAME: &str = "keys";
    let settings = &operator.settings;
    if settings.id_token == IdTokenRule::Ignored {
        return Step::good(NAME, "not needed: ID tokens are ignored");
    }
    let jwks_uri = endpoints.jwks.as_deref().unwrap_or_default();
    match oidc::fetch_keys(operators.outbound(), settings, jwks_uri).await {
        Ok(keys) if keys.count() == 1 => Step::good(NAME, "one key"),
        Ok(keys) if keys.count() > 1 => Step::good(NAME, format!("{} keys", keys.count())),
        Ok(_) => Step::bad(
            NAME,
            "the key set is empty",
            "ask the operator for its jwks_uri",
        ),
        Err(failure) => Step::bad(NAME, failure.told(), "check jwks_uri with the operator"),
    }
}

/// A code that nobody issued: who knows us answers `invalid_grant`, who does not `invalid_client`.
async fn check_client_authentication(
    operators: &Operators,
    ask: &Ask<'_>,
    endpoints: &Endpoints,
    now: Time,
) -> Step {
    const NAME: &str = "client_authentication";
    let kept = Kept {
        nonce: String::new(),
        verifier: ask.operator.settings.pkce.then(|| b64(&random::<32>())),
    };
    let code = b64(&random::<32>());
    let failure = match operators.exchange(ask, &kept, &code, endpoints, now).await {
        Ok(_) => {
            return Step::bad(
                NAME,
                "the operator exchanged a code that nobody issued",
                "do not use this operator: anybody could pass for anybody",
            );
        }
        Err(failure) => failure,
    };
    // Telefónica has no OAuth words, and tells who is not known by 401.
    let dialect = ask.operator.settings.dialect;
    if dialect == Dialect::Telefonica
        && failure.http_status == Some(400)
        && !failure.says_oauth_error()
    {
        return Step::good(NAME, "the operator knows us and refuses a made-up code");
    }
    let said = failure.operator_error.as_deref().unwrap_or_default();
    let word = said.split(':').next().unwrap_or_default();
    let fix = match (word, failure.http_status) {
        ("invalid_grant", _) => {
            return Step::good(NAME, "the operator knows us and refuses a made-up code");
        }
        ("invalid_client" | "unauthorized_client", _) | (_, Some(401)) => {
            "check client id, secret or key, and token_auth; the key's public half must be registered"
        }
        ("invalid_request", _) => {
            "the operator may refuse PKCE or want another token_auth; check the callback is registered"
        }
        (_, Some(404 | 405)) => "the token endpoint is not there: check its URL with the operator",
        (_, Some(429 | 500..)) => "the operator cannot answer now: try again later",
        (_, None) if failure.outcome == Outcome::OperatorMisconfigured => {
            "mend the setting or the credentials it names"
        }
        _ => "check the token endpoint with the operator",
    };
    Step::bad(NAME, failure.told(), fix)
}

/// A token for an extra check, where it is got without a number. Nothing that costs money is called.
async fn check_extra(
    operators: &Operators,
    ask: &Ask<'_>,
    extra: Extra,
    contract: &CheckContract,
    clock: &Clock,
) -> Step {
    const NAME: &str = "checks";
    let word = extra.as_str();
    if contract.flow != CheckFlow::ClientCredentials {
        return Step::good(NAME, format!("{word}: its token needs a number, not tried"));
    }
    let scope = contract.scope(extra);
    match back_channel::token_of_ours(operators, ask, scope, clock).await {
        Ok(_) => Step::good(NAME, format!("{word}: the operator gives a token")),
        Err(failure) => Step::bad(
            NAME,
            format!("{word}: {}", failure.told()),
            "check the check's scope and flow with the operator, and that it is in the contract",
        ),
    }
}
