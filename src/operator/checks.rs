//! Extra checks about a number that the operator has just confirmed: SIM swap and number recycling
//! (CAMARA). They run side by side, each on its own token and within its own time, and never fail:
//! what could not be asked is `unavailable`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate, TimeDelta};
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::clock::{Clock, Time};
use crate::operator::errors::Failure;
use crate::operator::{Ask, Operators, back_channel, limits, strict};
use crate::phone::PhoneNumber;
use crate::secret::{Redacted, new_id};
use crate::store::checks::{CheckContract, CheckFlow};
use crate::verdict::checks::{Check, CheckResult, Checked, CheckedAll, Extra};
use crate::verdict::{Evidence, Outcome};

/// What is asked about a number.
#[derive(Clone, Copy, Debug)]
pub struct Extras<'a> {
    /// The number, confirmed before.
    pub number: &'a PhoneNumber,
    /// The checks, and how many hours each looks back.
    pub wanted: &'a BTreeMap<Extra, u32>,
    /// When the number changed hands for us, if it ever did: what happened before is known.
    pub new_owner_since: Option<Time>,
}

/// Asks.
pub(super) async fn make(
    operators: &Operators,
    ask: &Ask<'_>,
    extras: &Extras<'_>,
    clock: &Clock,
) -> CheckedAll {
    let one = async |extra: Extra| {
        let hours = *extras.wanted.get(&extra)?;
        Some((
            extra,
            check(operators, ask, extras, extra, hours, clock).await,
        ))
    };
    let (swap, recycled) = tokio::join!(one(Extra::SimSwap), one(Extra::NumberRecycling));
    swap.into_iter().chain(recycled).collect()
}

/// What is said of checks that could not even be started.
pub(super) fn unavailable(extras: &Extras<'_>, evidence: &Evidence, now: Time) -> CheckedAll {
    let checked = |hours: &u32| Checked {
        check: Check {
            result: CheckResult::Unavailable,
            max_age_hours: Some(*hours),
            checked_at: now,
        },
        evidence: evidence.clone(),
    };
    let wanted = extras.wanted.iter();
    wanted
        .map(|(extra, hours)| (*extra, checked(hours)))
        .collect()
}

async fn check(
    operators: &Operators,
    ask: &Ask<'_>,
    extras: &Extras<'_>,
    extra: Extra,
    hours: u32,
    clock: &Clock,
) -> Checked {
    let mut evidence = Evidence::default();
    let limit = Duration::from_millis(ask.operator.settings.checks.timeout_ms);
    let asking = ask_operator(operators, ask, extras, extra, hours, clock, &mut evidence);
    let said = match tokio::time::timeout(limit, asking).await {
        Ok(said) => said,
        Err(_) => Err(Failure::new(
            Outcome::OperatorTimeout,
            "no complete answer in time",
        )),
    };
    let mut checked_at = clock.now();
    let result = match said {
        Ok(Said::Known(since)) => {
            checked_at = since;
            CheckResult::Pass
        }
        Ok(Said::Clean) => CheckResult::Pass,
        Ok(Said::Dirty) => CheckResult::Fail,
        Err(failure) => {
            if failure.outcome == Outcome::OperatorTimeout && evidence.stage == extra.as_str() {
                evidence.unsure.push(extra.call());
            }
            evidence = failure.into_refusal(evidence).evidence;
            CheckResult::Unavailable
        }
    };
    Checked {
        check: Check {
            result,
            max_age_hours: Some(hours),
            checked_at,
        },
        evidence,
    }
}

/// What the operator said.
enum Said {
    /// It was not asked: the number has a new owner for us since so lately that nothing can have
    /// happened since then.
    Known(Time),
    /// As it should be.
    Clean,
    /// Not as it should be.
    Dirty,
}

async fn ask_operator(
    operators: &Operators,
    ask: &Ask<'_>,
    extras: &Extras<'_>,
    extra: Extra,
    hours: u32,
    clock: &Clock,
    evidence: &mut Evidence,
) -> Result<Said, Failure> {
    let settings = &ask.operator.settings;
    evidence.stage = "record".to_owned();
    let contract = settings
        .checks
        .contract(extra)
        .ok_or_else(|| Failure::misconfigured("the operator does not offer this check"))?;
    let mut question = match extra {
        Extra::SimSwap => Map::from_iter([("maxAge".to_owned(), hours.into())]),
        Extra::NumberRecycling => {
            let now = clock.now();
            let Some(date) = recycled_since(hours, extras.new_owner_since, now) else {
                return Ok(Said::Known(extras.new_owner_since.unwrap_or(now)));
            };
            Map::from_iter([("specifiedDate".to_owned(), date.to_string().into())])
        }
    };
    // A token that names the person already must not come with a number: 422
    // UNNECESSARY_IDENTIFIER; one that does not must: 422 MISSING_IDENTIFIER.
    if contract.flow == CheckFlow::ClientCredentials {
        question.insert("phoneNumber".to_owned(), extras.number.e164().into());
    }

    evidence.stage = "token".to_owned();
    let started = Instant::now();
    let scope = contract.scope(extra);
    let token =
        back_channel::token(operators, ask, contract.flow, scope, extras.number, clock).await;
    evidence.token_ms = Some(milliseconds_since(started));
    let token = token?;

    evidence.stage = extra.as_str().to_owned();
    let correlator = new_id(clock.now()).to_string();
    let request = api_request(ask, contract, extra, &token, &correlator, question)?;
    evidence.correlator = Some(correlator);
    let started = Instant::now();
    let answer = operators.outbound().send(request, limits(settings)).await;
    evidence.api_ms = Some(milliseconds_since(started));
    let answer = answer?;
    evidence.http_status = Some(answer.status().as_u16());
    let dirty = read_answer(&answer, extra)?;
    evidence.billable.push(extra.call());
    Ok(if dirty { Said::Dirty } else { Said::Clean })
}

/// The day since which the number must not have been given away: so many hours ago, or the day
/// after it last did, so that the same change is never found twice. `None` if that day is still to
/// come.
fn recycled_since(hours: u32, new_owner_since: Option<Time>, now: Time) -> Option<NaiveDate> {
    let wanted = (now - TimeDelta::hours(i64::from(hours))).date_naive();
    let known = new_owner_since.map(|since| since.date_naive() + Days::new(1));
    let date = known.map_or(wanted, |known| known.max(wanted));
    (date <= now.date_naive()).then_some(date)
}

fn api_request(
    ask: &Ask<'_>,
    contract: &CheckContract,
    extra: Extra,
    token: &Redacted,
    correlator: &str,
    question: Map<String, Value>,
) -> Result<Request<Vec<u8>>, Failure> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
        .map_err(|_| Failure::violation("the token fits no header"))?;
    bearer.set_sensitive(true);
    Request::post(contract.url(extra, &ask.operator.settings.api_root))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header(header::AUTHORIZATION, bearer)
        .header("x-correlator", correlator)
        .body(json!(question).to_string().into_bytes())
        .map_err(|_| Failure::misconfigured("the URL of the check is no URL"))
}

/// The JSON boolean at the exact key of a 200 answer, or nothing: neither an alarm nor an all-clear
/// comes of anything else.
fn read_answer(answer: &Response<Vec<u8>>, extra: Extra) -> Result<bool, Failure> {
    if answer.status() != StatusCode::OK {
        return Err(Failure::from_api_answer(answer));
    }
    let name = match extra {
        Extra::SimSwap => "swapped",
        Extra::NumberRecycling => "phoneNumberRecycled",
    };
    let said = strict::says_json(answer.headers())
        .then(|| strict::read_object(answer.body()))
        .flatten()
        .and_then(|mut object| object.remove(name));
    match said {
        Some(Value::Bool(said)) => Ok(said),
        _ => Err(Failure::violation("the answer is not of the agreed shape")),
    }
}

fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, kind: &str, body: &str) -> Response<Vec<u8>> {
        Response::builder()
            .status(status)
            .header("content-type", kind)
            .body(body.as_bytes().to_vec())
            .unwrap()
    }

    #[test]
    fn only_a_boolean_at_the_exact_key_says_anything() {
        let json = "application/json";
        let read = |status, kind, body| read_answer(&answer(status, kind, body), Extra::SimSwap);
        assert!(!read(200, json, r#"{"swapped":false}"#).unwrap());
        assert!(read(200, json, r#"{"swapped":true,"x":1}"#).unwrap());
        for (status, kind, body) in [
            (200, json, r#"{"swapped":"false"}"#),
            (200, json, r#"{"swapped":null}"#),
            (200, json, r#"{"simSwapped":false}"#),
            (200, json, r#"{"swapped":true,"swapped":false}"#),
            (200, json, r#"{"phoneNumberRecycled":false}"#),
            (200, json, "{}"),
            (200, "text/html", r#"{"swapped":false}"#),
            (202, json, r#"{"swapped":false}"#),
            (500, json, r#"{"swapped":false}"#),
        ] {
            assert!(read(status, kind, body).is_err(), "{status} {kind} {body}");
        }
    }

    proptest! {
        #[test]
        fn no_random_bytes_say_anything(body in "\\PC{0,60}") {
            prop_assert!(read_answer(&answer(200, "application/json", &body), Extra::SimSwap).is_err());
        }
    }

    #[test]
    fn the_same_change_of_hands_is_never_found_twice() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let day = |text: &str| Some(text.parse::<NaiveDate>().unwrap());
        let now = at("2026-07-20T12:00:00Z");
        assert_eq!(recycled_since(240, None, now), day("2026-07-10"));
        let long_ago = Some(at("2026-01-01T00:00:00Z"));
        assert_eq!(recycled_since(240, long_ago, now), day("2026-07-10"));
        let lately = Some(at("2026-07-18T23:59:59Z"));
        assert_eq!(recycled_since(240, lately, now), day("2026-07-19"));
        let yesterday = Some(at("2026-07-19T10:00:00Z"));
        assert_eq!(recycled_since(240, yesterday, now), day("2026-07-20"));
        let today = Some(at("2026-07-20T00:00:00Z"));
        assert_eq!(recycled_since(240, today, now), None);
    }
}
