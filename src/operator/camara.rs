//! CAMARA Number Verification 0.3 to 2.1 behind OpenID Connect: one authorization, one token, one
//! call. Neither the exchange nor the call is ever repeated: code and access token are good once.

use std::time::Instant;

use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::clock::{Clock, Time};
use crate::operator::ask::{Ask, Callback, Departure, Kept};
use crate::operator::errors::Failure;
use crate::operator::{Operators, limits, oidc, strict, token_answer};
use crate::phone::PhoneNumber;
use crate::secret::{Redacted, new_id};
use crate::store::operators::{NumberForm, Release, Settings};
use crate::verdict::{Evidence, Method, Outcome, Proof, Refusal, Verdict};

/// Makes the authorization URL.
pub(super) async fn depart(operators: &Operators, ask: &Ask<'_>) -> Result<Departure, Refusal> {
    let evidence = Evidence {
        stage: "departure".to_owned(),
        ..Evidence::default()
    };
    prepare(operators, ask)
        .await
        .map_err(|failure| failure.into_refusal(evidence))
}

async fn prepare(operators: &Operators, ask: &Ask<'_>) -> Result<Departure, Failure> {
    check_authority(ask, ask.number)?;
    if ask.method == Method::Verify && ask.number.is_none() {
        return Err(Failure::misconfigured("verify needs a number"));
    }
    let endpoints = operators.endpoints(ask.operator, ask.now).await?;
    let endpoint = endpoints
        .authorization
        .as_deref()
        .ok_or_else(|| Failure::misconfigured("the authorization endpoint is not known"))?;
    let signer = if ask.operator.settings.signed_request {
        Some(operators.signer(ask).await?)
    } else {
        None
    };
    oidc::depart(ask, endpoint, signer.as_deref())
}

/// Turns a callback into a verdict.
pub(super) async fn conclude(
    operators: &Operators,
    ask: &Ask<'_>,
    kept: &Kept,
    callback: &Callback,
    clock: &Clock,
) -> Verdict {
    let mut evidence = Evidence::default();
    match ask_operator(operators, ask, kept, callback, clock, &mut evidence).await {
        Ok((number, verified_at)) => Verdict::Verified(Proof {
            number,
            method: ask.method,
            verified_at,
            evidence,
        }),
        Err(failure) => Verdict::Refused(failure.into_refusal(evidence)),
    }
}

async fn ask_operator(
    operators: &Operators,
    ask: &Ask<'_>,
    kept: &Kept,
    callback: &Callback,
    clock: &Clock,
    evidence: &mut Evidence,
) -> Result<(PhoneNumber, Time), Failure> {
    let settings = &ask.operator.settings;
    evidence.stage = "callback".to_owned();
    let code = read_code(settings, callback)?;
    check_authority(ask, ask.number)?;

    evidence.stage = "token".to_owned();
    let endpoints = operators.endpoints(ask.operator, clock.now()).await?;
    let started = Instant::now();
    let tokens = operators
        .exchange(ask, kept, code, &endpoints, clock.now())
        .await;
    evidence.token_ms = Some(milliseconds_since(started));
    let tokens = tokens?;
    let asked = oidc::scope(settings, ask.method)?;
    let needed = canonical_scope(settings.release, ask.method);
    if !token_answer::scope_suffices(asked, tokens.scope.as_deref(), needed) {
        return Err(Failure::misconfigured(
            "the operator granted less scope than was asked for",
        ));
    }

    evidence.stage = "id_token".to_owned();
    operators
        .check_id_token(ask.operator, &tokens, &endpoints, &kept.nonce, clock.now())
        .await?;

    evidence.stage = ask.method.as_str().to_owned();
    let correlator = new_id(clock.now()).to_string();
    let request = api_request(ask, &tokens.access, &correlator)?;
    evidence.correlator = Some(correlator);
    let started = Instant::now();
    let answer = operators.outbound().send(request, limits(settings)).await;
    evidence.api_ms = Some(milliseconds_since(started));
    let answer = answer?;
    let verified_at = clock.now();
    evidence.http_status = Some(answer.status().as_u16());
    let number = match ask.method {
        Method::Verify => {
            let number = ask
                .number
                .ok_or_else(|| Failure::misconfigured("verify needs a number"))?;
            if !read_verified(&answer)? {
                return Err(Failure::new(
                    Outcome::Mismatch,
                    "the operator said that it is not this number",
                ));
            }
            number.clone()
        }
        Method::DevicePhoneNumber => {
            let number = read_number(&answer, settings.release)?;
            if ask.number.is_some_and(|hinted| *hinted != number) {
                return Err(Failure::new(
                    Outcome::Mismatch,
                    "the operator named another number than the hinted one",
                ));
            }
            check_authority(ask, Some(&number))?;
            number
        }
    };
    Ok((number, verified_at))
}

/// DESIGN.md P5. Whether the client may be told of test numbers at all is the caller's to check:
/// who the client is, is not known here.
fn check_authority(ask: &Ask<'_>, number: Option<&PhoneNumber>) -> Result<(), Failure> {
    let client_is_test = true;
    if number.is_none_or(|number| ask.operator.may_vouch_for(number, client_is_test)) {
        return Ok(());
    }
    Err(Failure::new(
        Outcome::OperatorUnsupportedNumber,
        "the number lies outside the operator's prefixes",
    ))
}

/// The code, if the callback is a good one (RFC 6749 section 4.1.2, RFC 9207 section 2.4).
fn read_code<'a>(settings: &Settings, callback: &'a Callback) -> Result<&'a str, Failure> {
    if let Some(broken) = callback.broken {
        return Err(Failure::violation(broken));
    }
    // Before anything else of the callback is believed: it may be another operator's.
    match (&callback.iss, &settings.issuer) {
        (None, _) if settings.require_iss => {
            return Err(Failure::violation("the callback names no issuer"));
        }
        (Some(iss), issuer) if Some(iss) != issuer.as_ref() => {
            return Err(Failure::violation("the callback names another issuer"));
        }
        _ => {}
    }
    match (&callback.code, &callback.error) {
        (Some(code), None) => Ok(code),
        (None, Some(error)) => Err(Failure::from_redirect(
            error,
            callback.error_description.as_deref(),
        )),
        (Some(_), Some(_)) => Err(Failure::violation("the callback has a code and an error")),
        (None, None) => Err(Failure::violation(
            "the callback has neither code nor error",
        )),
    }
}

fn canonical_scope(release: Release, method: Method) -> &'static str {
    match (release, method) {
        (Release::V0_3, Method::Verify) => "number-verification-verify-read",
        (Release::V0_3, Method::DevicePhoneNumber) => "number-verification-share-read",
        (_, Method::Verify) => "number-verification:verify",
        (_, Method::DevicePhoneNumber) => "number-verification:device-phone-number:read",
    }
}

fn api_request(
    ask: &Ask<'_>,
    access_token: &Redacted,
    correlator: &str,
) -> Result<Request<Vec<u8>>, Failure> {
    let settings = &ask.operator.settings;
    let root = settings.api_root.trim_end_matches('/');
    let path = settings.release.path();
    let (builder, body) = match ask.method {
        Method::Verify => {
            let number = ask
                .number
                .ok_or_else(|| Failure::misconfigured("verify needs a number"))?;
            // Exactly one property: releases from 1.0 refuse both.
            let body = match settings.number_form {
                NumberForm::Plain => json!({ "phoneNumber": number.e164() }),
                NumberForm::Sha256 => json!({ "hashedPhoneNumber": number.sha256_hex() }),
            };
            let builder = Request::post(format!("{root}/{path}/verify"))
                .header(header::CONTENT_TYPE, "application/json");
            (builder, body.to_string().into_bytes())
        }
        Method::DevicePhoneNumber => (
            Request::get(format!("{root}/{path}/device-phone-number")),
            Vec::new(),
        ),
    };
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", access_token.reveal()))
        .map_err(|_| token_answer::unreadable())?;
    bearer.set_sensitive(true);
    builder
        .header(header::AUTHORIZATION, bearer)
        .header(header::ACCEPT, "application/json")
        // A UUID fits the narrowest pattern of all releases.
        .header("x-correlator", correlator)
        .body(body)
        .map_err(|_| Failure::misconfigured("the API root is no URL"))
}

/// DESIGN.md P3: the JSON boolean at the exact key of a 200 answer, or nothing.
fn read_verified(answer: &Response<Vec<u8>>) -> Result<bool, Failure> {
    match read_member(answer, "devicePhoneNumberVerified")? {
        Value::Bool(verified) => Ok(verified),
        _ => Err(Failure::violation("the answer is not of the agreed shape")),
    }
}

fn read_number(answer: &Response<Vec<u8>>, release: Release) -> Result<PhoneNumber, Failure> {
    let malformed = || Failure::violation("the answer is not of the agreed shape");
    let Value::String(text) = read_member(answer, "devicePhoneNumber")? else {
        return Err(malformed());
    };
    // 0.3.1 leaves the `+` to the operator.
    let text = if release == Release::V0_3 && !text.starts_with('+') {
        format!("+{text}")
    } else {
        text
    };
    PhoneNumber::from_e164(&text).map_err(|_| malformed())
}

fn read_member(answer: &Response<Vec<u8>>, name: &str) -> Result<Value, Failure> {
    if answer.status() != StatusCode::OK {
        return Err(Failure::from_api_answer(answer));
    }
    strict::says_json(answer.headers())
        .then(|| strict::read_object(answer.body()))
        .flatten()
        .and_then(|mut object| object.remove(name))
        .ok_or_else(|| Failure::violation("the answer is not of the agreed shape"))
}

fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(body: Vec<u8>) -> Response<Vec<u8>> {
        Response::builder()
            .header("content-type", "application/json")
            .body(body)
            .unwrap()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof!["true|TRUE|1|yes", "\\PC{0,8}"].prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                Just("devicePhoneNumberVerified".to_owned()),
                Just("devicephonenumberverified".to_owned()),
                Just("device_phone_number_verified".to_owned()),
                Just("verified".to_owned()),
                "\\PC{0,8}",
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn only_the_boolean_at_the_exact_key_verifies(value in any_json()) {
            let says_so = value
                .as_object()
                .and_then(|object| object.get("devicePhoneNumberVerified"))
                == Some(&Value::Bool(true));
            let read = read_verified(&answer(value.to_string().into_bytes()));
            prop_assert_eq!(matches!(read, Ok(true)), says_so);
        }

        #[test]
        fn no_random_bytes_verify(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read_verified(&answer(bytes.clone())).is_err());
            prop_assert!(read_number(&answer(bytes), Release::V0_3).is_err());
        }

        #[test]
        fn no_broken_copy_of_a_good_answer_verifies(at in 0..34_usize, with in "\\PC{0,3}") {
            let good = r#"{"devicePhoneNumberVerified":true}"#;
            prop_assume!(!with.trim().is_empty());
            let broken = format!("{}{with}{}", &good[..at], &good[at..]);
            prop_assert!(read_verified(&answer(broken.into_bytes())).is_err());
            let cut = good.as_bytes()[..at].to_vec();
            prop_assert!(read_verified(&answer(cut)).is_err());
        }
    }

    #[test]
    fn a_shared_number_must_be_e164() {
        let read = |text: &str, release| {
            let body = json!({ "devicePhoneNumber": text }).to_string();
            read_number(&answer(body.into_bytes()), release).ok()
        };
        let number = PhoneNumber::from_e164("+34666111334").unwrap();
        assert_eq!(read("+34666111334", Release::V2_1), Some(number.clone()));
        assert_eq!(read("34666111334", Release::V0_3), Some(number));
        assert_eq!(read("34666111334", Release::V1_0), None);
        for bad in [
            "",
            "+",
            "0034666111334",
            "+34 666 111 334",
            "++34666111334",
            "tel:+34666111334",
        ] {
            assert_eq!(read(bad, Release::V0_3), None, "{bad}");
        }
    }
}
