//! The telco finder: a service that is asked which operator a number (or an address) is with, where
//! our own rules do not tell (`POST /search` of Open Gateway's telco finder). One more rule: whatever
//! goes wrong with it, the rule does not decide, and nobody waits for a dead one twice in a row. What
//! it says is a name, looked for among the operators that could be asked anyway (P5).

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use http::{HeaderValue, Request, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::Time;
use crate::operator::strict;
use crate::outbound::{Limits, Outbound};
use crate::phone::PhoneNumber;
use crate::secret::Redacted;
use crate::store::finder::{Finder, FinderAuth, Settings};

/// How long one that failed is not asked.
const REST: TimeDelta = TimeDelta::seconds(30);
/// A token is not used in its last seconds.
const MARGIN: TimeDelta = TimeDelta::seconds(30);
/// The longest a token is used, whatever its `expires_in` says.
const LONGEST_TOKEN: i64 = 3_600;
/// The longest answer, bytes.
const LONGEST_ANSWER: usize = 16 * 1024;
/// The longest name of an operator, bytes.
const LONGEST_NAME: usize = 128;

/// A telco finder with its secret opened.
#[derive(Clone, Debug)]
pub struct LiveFinder {
    /// The record.
    pub finder: Finder,
    /// What we prove ourselves with.
    pub secret: Option<Redacted>,
}

/// What is remembered of the telco finder between two look-ups.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Remembered>>);

#[derive(Default)]
struct Remembered {
    /// The record this is about.
    of: Option<(Uuid, i32)>,
    rests_until: Option<Time>,
    token: Option<(String, Time)>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Memory {
    /// Works on what is remembered of this revision of the record.
    fn with<T>(&self, finder: &Finder, work: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = Some((finder.id, finder.revision));
        if remembered.of != of {
            *remembered = Remembered {
                of,
                ..Remembered::default()
            };
        }
        work(&mut remembered)
    }
}

/// The name of the operator that the telco finder says the number, or else the address, is with.
pub(super) async fn search(
    outbound: &Outbound,
    memory: &Memory,
    live: &LiveFinder,
    number: Option<&PhoneNumber>,
    address: Option<IpAddr>,
    now: Time,
) -> Option<String> {
    let settings = &live.finder.settings;
    let target = target(settings, number, address)?;
    let rests = memory.with(&live.finder, |known| {
        known.rests_until.is_some_and(|until| now < until)
    });
    if rests {
        return None;
    }
    let asking = ask(outbound, memory, live, &target, now);
    let asked = tokio::time::timeout(settings.timeout(), asking)
        .await
        .unwrap_or(Err("it took too long"));
    let result = match &asked {
        Ok(Some(_)) => "found",
        Ok(None) => "unknown",
        Err(_) => "failed",
    };
    metrics::counter!("numbercloak_telco_finder_total", "result" => result).increment(1);
    match asked {
        Ok(name) => name,
        Err(reason) => {
            tracing::warn!(reason, "the telco finder did not help");
            memory.with(&live.finder, |known| {
                known.rests_until = Some(now + REST);
                known.token = None;
            });
            None
        }
    }
}

/// What it is asked about: the number if it may be told that one, else the address.
fn target(
    settings: &Settings,
    number: Option<&PhoneNumber>,
    address: Option<IpAddr>,
) -> Option<Value> {
    if let Some(number) = number {
        let mut prefixes = settings.prefixes.iter();
        let may_be_told = settings.prefixes.is_empty()
            || prefixes.any(|prefix| number.digits().starts_with(prefix.as_str()));
        return may_be_told.then(|| json!({ "phoneNumber": number.e164() }));
    }
    Some(match address?.to_canonical() {
        IpAddr::V4(address) => json!({ "ipv4Address": { "publicAddress": address } }),
        IpAddr::V6(address) => json!({ "ipv6Address": address }),
    })
}

async fn ask(
    outbound: &Outbound,
    memory: &Memory,
    live: &LiveFinder,
    target: &Value,
    now: Time,
) -> Result<Option<String>, &'static str> {
    let settings = &live.finder.settings;
    let request = Request::post(&settings.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json");
    let request = match authorization(outbound, memory, live, now).await? {
        Some(authorization) => request.header(header::AUTHORIZATION, authorization),
        None => request,
    };
    let body = json!({ "target": target }).to_string().into_bytes();
    let request = request.body(body).map_err(|_| "its URL cannot be used")?;
    let answer = outbound
        .send(request, limits(settings))
        .await
        .map_err(|_| "it gave no answer")?;
    match answer.status() {
        StatusCode::OK => read_name(answer.body()),
        // CAMARA's words for: no operator of this number is known here.
        StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err("it does not know us"),
        _ => Err("it answered with an error"),
    }
}

/// `operatorId`, or the network's code where it only knows that.
fn read_name(body: &[u8]) -> Result<Option<String>, &'static str> {
    let object = strict::read_object(body).ok_or("its answer is no JSON object")?;
    let names = ["operatorId", "networkId"];
    let name = names
        .iter()
        .find_map(|member| object.get(*member))
        .ok_or("its answer names no operator")?;
    match name.as_str() {
        Some(name) if !name.is_empty() && name.len() <= LONGEST_NAME => Ok(Some(name.to_owned())),
        _ => Err("its answer names no operator"),
    }
}

async fn authorization(
    outbound: &Outbound,
    memory: &Memory,
    live: &LiveFinder,
    now: Time,
) -> Result<Option<HeaderValue>, &'static str> {
    let settings = &live.finder.settings;
    let secret = || live.secret.as_ref().ok_or("its secret is not set");
    let value = match settings.auth {
        FinderAuth::None => return Ok(None),
        FinderAuth::Basic => basic(settings, secret()?)?,
        FinderAuth::Bearer => format!("Bearer {}", secret()?.reveal()),
        FinderAuth::ClientCredentials => {
            let kept = memory.with(&live.finder, |known| {
                let good = known.token.as_ref().filter(|(_, until)| now < *until);
                good.map(|(token, _)| token.clone())
            });
            let token = match kept {
                Some(token) => token,
                None => {
                    let (token, until) = fetch_token(outbound, settings, secret()?, now).await?;
                    memory.with(&live.finder, |known| {
                        known.token = Some((token.clone(), until));
                    });
                    token
                }
            };
            format!("Bearer {token}")
        }
    };
    HeaderValue::from_str(&value)
        .map(Some)
        .map_err(|_| "its credentials cannot be sent")
}

/// RFC 6749 section 2.3.1: both halves form-encoded.
fn basic(settings: &Settings, secret: &Redacted) -> Result<String, &'static str> {
    let client_id = settings
        .client_id
        .as_deref()
        .ok_or("its client_id is not set")?;
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret.reveal()));
    Ok(format!("Basic {}", STANDARD.encode(pair)))
}

/// RFC 6749 section 4.4.
async fn fetch_token(
    outbound: &Outbound,
    settings: &Settings,
    secret: &Redacted,
    now: Time,
) -> Result<(String, Time), &'static str> {
    let endpoint = settings.token_endpoint.as_deref();
    let endpoint = endpoint.ok_or("its token endpoint is not set")?;
    let scope = settings.scope.iter().map(|scope| ("scope", scope.as_str()));
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .extend_pairs(scope)
        .finish();
    let request = Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .header(header::AUTHORIZATION, basic(settings, secret)?)
        .body(form.into_bytes())
        .map_err(|_| "its token endpoint cannot be used")?;
    let answer = outbound
        .send(request, limits(settings))
        .await
        .map_err(|_| "its token endpoint gave no answer")?;
    if answer.status() != StatusCode::OK {
        return Err("its token endpoint does not know us");
    }
    let object = strict::read_object(answer.body()).ok_or("its token answer is no JSON object")?;
    let token = object.get("access_token").and_then(Value::as_str);
    let token = token.ok_or("its token answer has no token")?;
    let lives = object.get("expires_in").and_then(Value::as_i64);
    let lives = TimeDelta::seconds(lives.unwrap_or(0).clamp(0, LONGEST_TOKEN));
    Ok((token.to_owned(), now + lives - MARGIN))
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        connect: settings.timeout().min(Duration::from_secs(2)),
        total: settings.timeout(),
        max_bytes: LONGEST_ANSWER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_is_a_name() {
        let read = |body: &str| read_name(body.as_bytes());
        assert_eq!(read(r#"{"operatorId":"red"}"#), Ok(Some("red".to_owned())));
        assert_eq!(
            read(r#"{"networkId":"21407"}"#),
            Ok(Some("21407".to_owned()))
        );
        assert_eq!(
            read(r#"{"networkId":"21407","operatorId":"red","apiRoot":"https://evil.example"}"#),
            Ok(Some("red".to_owned()))
        );
        let long = format!(r#"{{"operatorId":"{}"}}"#, "x".repeat(LONGEST_NAME + 1));
        for bad in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"operatorId":null,"networkId":"21407"}"#,
            r#"{"operatorId":["red"]}"#,
            r#"{"operatorId":""}"#,
            r#"{"operatorId":"red","operatorId":"blue"}"#,
            &long,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_it_may_not_be_told_is_not_told() {
        let number = |text| PhoneNumber::from_e164(text).unwrap();
        let address = || Some("192.0.2.1".parse().unwrap());
        let all = Settings::default();
        let some = Settings {
            prefixes: vec!["34".to_owned()],
            ..Settings::default()
        };
        let spanish = number("+34666111334");
        let british = number("+447700900123");
        let told = |settings, number| target(settings, Some(number), address());
        assert_eq!(
            told(&all, &british),
            Some(json!({ "phoneNumber": "+447700900123" }))
        );
        assert_eq!(
            told(&some, &spanish),
            Some(json!({ "phoneNumber": "+34666111334" }))
        );
        assert_eq!(told(&some, &british), None);
        assert_eq!(
            target(&some, None, address()),
            Some(json!({ "ipv4Address": { "publicAddress": "192.0.2.1" } }))
        );
        assert_eq!(target(&all, None, None), None);
    }
}
