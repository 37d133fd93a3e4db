//! The one call of CAMARA Number Verification, releases 0.3 to 2.1, and how its answer is read.

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::operator::ask::Ask;
use crate::operator::errors::Failure;
use crate::operator::leg::asked_number;
use crate::operator::{strict, token_answer};
use crate::phone::PhoneNumber;
use crate::secret::Redacted;
use crate::store::operators::{NumberForm, Release, Settings};
use crate::verdict::{Method, Outcome};

/// The scope a call needs by its specification.
pub(super) fn scope(release: Release, method: Method) -> &'static str {
    match (release, method) {
        (Release::V0_3, Method::Verify) => "number-verification-verify-read",
        (Release::V0_3, Method::DevicePhoneNumber) => "number-verification-share-read",
        (_, Method::Verify) => "number-verification:verify",
        (_, Method::DevicePhoneNumber) => "number-verification:device-phone-number:read",
    }
}

/// Whether an operator may leave out the `+` of a number it tells: 0.3.1 says so for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    ByRelease,
    Optional,
}

/// The request of the call.
pub(super) fn request(
    ask: &Ask<'_>,
    access_token: &Redacted,
    correlator: &str,
) -> Result<Request<Vec<u8>>, Failure> {
    let settings = &ask.operator.settings;
    let builder = match ask.method {
        Method::Verify => {
            Request::post(url(settings, "verify")).header(header::CONTENT_TYPE, "application/json")
        }
        Method::DevicePhoneNumber => Request::get(url(settings, "device-phone-number")),
    };
    let body = match ask.method {
        Method::Verify => {
            let number = asked_number(ask)?;
            // Exactly one property: releases from 1.0 refuse both.
            let name = match settings.number_form {
                NumberForm::Plain | NumberForm::Digits => "phoneNumber",
                NumberForm::Sha256 | NumberForm::Sha256Digits => "hashedPhoneNumber",
            };
            json!({ name: settings.number_form.of(number) }).to_string()
        }
        Method::DevicePhoneNumber => String::new(),
    };
    let mut request = builder
        .header(header::ACCEPT, "application/json")
        .header("x-correlator", correlator)
        .body(body.into_bytes())
        .map_err(|_| Failure::misconfigured("the API root is no URL"))?;
    authorize(&mut request, access_token, ask)?;
    Ok(request)
}

/// Puts the access token and the record's further headers on a call.
pub(super) fn authorize(
    request: &mut Request<Vec<u8>>,
    access_token: &Redacted,
    ask: &Ask<'_>,
) -> Result<(), Failure> {
    let settings = &ask.operator.settings;
    let address = ask.phone.address.map(|address| address.to_string());
    let port = ask.phone.port.map(|port| port.to_string());
    let of_phone = [
        (&settings.device_ip_header, address),
        (&settings.device_port_header, port),
    ];
    let of_phone = of_phone
        .into_iter()
        .filter_map(|(name, value)| Some((name.clone()?, value?)));
    let fixed = settings.api_headers.clone().into_iter();
    let headers = request.headers_mut();
    for (name, value) in fixed.chain(of_phone) {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            return Err(Failure::misconfigured("a header on the record is none"));
        };
        headers.insert(name, value);
    }
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", access_token.reveal()))
        .map_err(|_| token_answer::unreadable())?;
    bearer.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, bearer);
    Ok(())
}

fn url(settings: &Settings, call: &str) -> String {
    let root = settings.api_root.trim_end_matches('/');
    match (&settings.api_path, call) {
        (Some(path), "verify") => format!("{root}/{}", path.trim_start_matches('/')),
        // The calls of one release stand side by side.
        (Some(path), _) => {
            let path = path.trim_start_matches('/');
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{root}/{folder}/{call}")
        }
        (None, _) => format!("{root}/{}/{call}", settings.release.path()),
    }
}

/// The number the answer proves.
pub(super) fn read(
    ask: &Ask<'_>,
    answer: &Response<Vec<u8>>,
    plus: Plus,
) -> Result<PhoneNumber, Failure> {
    match ask.method {
        Method::Verify => confirmed(ask, read_verified(answer, "devicePhoneNumberVerified")?),
        Method::DevicePhoneNumber => read_number(answer, ask.operator.settings.release, plus),
    }
}

/// The number that was asked about, if the operator said yes.
pub(super) fn confirmed(ask: &Ask<'_>, verified: bool) -> Result<PhoneNumber, Failure> {
    let number = asked_number(ask)?;
    if verified {
        Ok(number.clone())
    } else {
        Err(Failure::new(
            Outcome::Mismatch,
            "the operator said that it is not this number",
        ))
    }
}

/// DESIGN.md P3: the JSON boolean at the exact key of a 200 answer, or nothing.
pub(super) fn read_verified(answer: &Response<Vec<u8>>, member: &str) -> Result<bool, Failure> {
    match read_object(answer)?.remove(member) {
        Some(Value::Bool(verified)) => Ok(verified),
        _ => Err(malformed()),
    }
}

fn read_number(
    answer: &Response<Vec<u8>>,
    release: Release,
    plus: Plus,
) -> Result<PhoneNumber, Failure> {
    let Some(Value::String(text)) = read_object(answer)?.remove("devicePhoneNumber") else {
        return Err(malformed());
    };
    let may_lack_plus = release == Release::V0_3 || plus == Plus::Optional;
    let text = if may_lack_plus && !text.starts_with('+') {
        format!("+{text}")
    } else {
        text
    };
    PhoneNumber::from_e164(&text).map_err(|_| malformed())
}

fn read_object(answer: &Response<Vec<u8>>) -> Result<Map<String, Value>, Failure> {
    if answer.status() != StatusCode::OK {
        return Err(Failure::from_api_answer(answer));
    }
    strict::says_json(answer.headers())
        .then(|| strict::read_object(answer.body()))
        .flatten()
        .ok_or_else(malformed)
}

fn malformed() -> Failure {
    Failure::violation("the answer is not of the agreed shape")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The keys that dialects read a yes from.
    const MEMBERS: [&str; 2] = ["devicePhoneNumberVerified", "device_msisdn_verified"];

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
                Just("device_msisdn_verified".to_owned()),
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
            for member in MEMBERS {
                let says_so = value.as_object().and_then(|object| object.get(member))
                    == Some(&Value::Bool(true));
                let read = read_verified(&answer(value.to_string().into_bytes()), member);
                prop_assert_eq!(matches!(read, Ok(true)), says_so);
            }
        }

        #[test]
        fn no_random_bytes_verify(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for member in MEMBERS {
                prop_assert!(read_verified(&answer(bytes.clone()), member).is_err());
            }
            prop_assert!(read_number(&answer(bytes), Release::V0_3, Plus::Optional).is_err());
        }

        #[test]
        fn no_broken_copy_of_a_good_answer_verifies(at in 0..31_usize, with in "\\PC{0,3}") {
            prop_assume!(!with.trim().is_empty());
            for member in MEMBERS {
                let good = format!("{{\"{member}\":true}}");
                let broken = format!("{}{with}{}", &good[..at], &good[at..]);
                prop_assert!(read_verified(&answer(broken.into_bytes()), member).is_err());
                let cut = good.as_bytes()[..at].to_vec();
                prop_assert!(read_verified(&answer(cut), member).is_err());
            }
        }

        #[test]
        fn no_status_but_200_and_no_type_but_json_verifies(
            status in 100..600_u16,
            kind in prop_oneof![
                Just("application/json"), Just("text/html"), Just("application/jsonx"), Just("")
            ],
        ) {
            for member in MEMBERS {
                let mut made = answer(format!("{{\"{member}\":true}}").into_bytes());
                *made.status_mut() = StatusCode::from_u16(status).unwrap();
                made.headers_mut().insert("content-type", HeaderValue::from_static(kind));
                let read = read_verified(&made, member);
                let right = status == 200 && kind == "application/json";
                prop_assert_eq!(matches!(read, Ok(true)), right);
            }
        }

        #[test]
        fn only_a_whole_e164_number_is_read(text in "[+0-9 a-z]{0,18}") {
            let body = json!({ "devicePhoneNumber": text }).to_string().into_bytes();
            let right = PhoneNumber::from_e164(&text).ok();
            let read = read_number(&answer(body), Release::V2_1, Plus::ByRelease).ok();
            prop_assert_eq!(read, right);
        }
    }

    #[test]
    fn a_shared_number_must_be_e164() {
        let read = |text: &str, release| {
            let body = json!({ "devicePhoneNumber": text }).to_string();
            read_number(&answer(body.into_bytes()), release, Plus::ByRelease).ok()
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

    #[test]
    fn a_path_of_its_own_replaces_the_one_of_the_release() {
        let mut settings = Settings {
            api_root: "https://api.example/".to_owned(),
            ..Settings::default()
        };
        assert_eq!(
            url(&settings, "verify"),
            "https://api.example/number-verification/v2/verify"
        );
        settings.api_path = Some("nv/v031/verify".to_owned());
        assert_eq!(
            url(&settings, "verify"),
            "https://api.example/nv/v031/verify"
        );
        let share = url(&settings, "device-phone-number");
        assert_eq!(share, "https://api.example/nv/v031/device-phone-number");
    }
}
