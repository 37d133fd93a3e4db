//! Whether a session's verdict answers a request: it must meet everything that the client's registration
//! and the request ask now (DESIGN.md section 3, "When an operator is asked again"). Pure.

use std::collections::BTreeMap;

use crate::clock::Time;
use crate::login::proven::Proven;
use crate::oauth::acr::Acr;
use crate::oauth::request::AuthorizeRequest;
use crate::phone::PhoneNumber;
use crate::store::checks::Checks;
use crate::store::clients::Client;
use crate::store::operators::Operator;
use crate::verdict::checks::{Check, CheckResult};

/// The longest a session's verdict answers, seconds, whatever is registered.
const LONGEST_FRESH: u32 = 3600;

/// A session's verdict with what it is worth now.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The number.
    pub number: &'a PhoneNumber,
    /// Its owner, as the client knows them.
    pub subject: &'a str,
    /// The verdict.
    pub proven: &'a Proven,
    /// The operator that gave it, as its record stands today.
    pub operator: Option<&'a Operator>,
}

/// What a session's verdict lacks to answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// The request is about another number.
    Number,
    /// The request is about another subject.
    Subject,
    /// The request wants a check of its own.
    NewCheck,
    /// It is older than the request's `max_age`.
    MaxAge,
    /// It is older than the client's `fresh_for`.
    Freshness,
    /// It was handed off, and so answers only the login it was made for.
    SameDevice,
    /// The client does not accept its operator, or the operator has no authority over the number today.
    Operator,
    /// The request calls another `acr` essential.
    Context,
    /// An extra check that the client requires is missing, failed or too old.
    Checks,
}

/// Whether a session's verdict meets everything that the client's registration and the request ask
/// (DESIGN.md section 3, "When an operator is asked again"). `number` is the one that is asked about,
/// if it is fixed.
///
/// # Errors
/// What it lacks first.
pub fn meets(
    client: &Client,
    request: &AuthorizeRequest,
    number: Option<&PhoneNumber>,
    standing: &Standing<'_>,
    now: Time,
) -> Result<(), Lacks> {
    let proven = standing.proven;
    // As the app will compare it: with `auth_time`, in whole seconds.
    let age = now.timestamp() - proven.verified_at.timestamp();
    let within = |limit: u32| age <= i64::from(limit);
    let conditions = [
        (
            number.is_none_or(|asked| asked == standing.number),
            Lacks::Number,
        ),
        (
            request
                .subject
                .as_deref()
                .is_none_or(|asked| asked == standing.subject),
            Lacks::Subject,
        ),
        (
            !request.prompt.wants_login() && request.max_age != Some(0),
            Lacks::NewCheck,
        ),
        (request.max_age.is_none_or(within), Lacks::MaxAge),
        (
            fresh_for(client, request).is_some_and(within),
            Lacks::Freshness,
        ),
        (!proven.handoff, Lacks::SameDevice),
        (accepts_operator(client, standing), Lacks::Operator),
        (
            request.claims.acr_can_be(&[Acr::Network.as_str()]),
            Lacks::Context,
        ),
        (
            checks_meet(&client.settings.checks, &proven.checks),
            Lacks::Checks,
        ),
    ];
    match conditions.into_iter().find(|(met, _)| !met) {
        None => Ok(()),
        Some((_, lacks)) => Err(lacks),
    }
}

/// Seconds a verdict may be old: the client's, or less if `verified_claims` ask for less. `None`: an
/// operator is asked every time.
fn fresh_for(client: &Client, request: &AuthorizeRequest) -> Option<u32> {
    let places = [&request.claims.id_token, &request.claims.userinfo];
    let verified = places
        .into_iter()
        .filter_map(|place| place.verified.as_ref()?.max_age);
    let least = verified
        .chain([client.settings.fresh_for_s, LONGEST_FRESH])
        .min()?;
    (least > 0).then_some(least)
}

/// The operator's word counts as it would if it were asked now (P5).
fn accepts_operator(client: &Client, standing: &Standing<'_>) -> bool {
    let accepted = &client.settings.operators;
    standing.operator.is_some_and(|operator| {
        operator.disabled_at.is_none()
            && (accepted.is_empty() || accepted.contains(&operator.alias))
            && operator.may_vouch_for(standing.number, client.test)
    }) && (client.test || !standing.proven.test)
}

/// Whether every extra check that the client wants was made for the verdict, and none refuses it. That
/// nothing changed in many hours says the same of fewer; that something did does not.
fn checks_meet(wanted: &Checks, made: &BTreeMap<String, Check>) -> bool {
    wanted.wanted().into_iter().all(|(extra, hours)| {
        made.get(extra.as_str()).is_some_and(|check| {
            let passed = check.result == CheckResult::Pass;
            let looked_back = check
                .max_age_hours
                .is_some_and(|made| made == hours || (passed && made > hours));
            looked_back && !wanted.policy(extra).refuses(check.result)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::login::policy::tests::{client, request};
    use crate::store::checks::Policy;
    use crate::store::clients::{AuthMethod, Confirm};
    use crate::store::operators::{self, Mode};

    const NUMBER: &str = "+990700000";

    fn operator(alias: &str, mode: Mode) -> Operator {
        let now = Clock::system().now();
        Operator {
            id: uuid::Uuid::nil(),
            alias: alias.into(),
            name: alias.into(),
            mode,
            settings: operators::Settings {
                prefixes: vec!["990".into(), "34".into()],
                ..operators::Settings::default()
            },
            sealed_credentials: None,
            managed_by: None,
            revision: 1,
            disabled_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn proven(verified_at: Time) -> Proven {
        Proven {
            operator: "sim".into(),
            test: true,
            method: crate::verdict::Method::Verify,
            verified_at,
            txn: uuid::Uuid::nil(),
            handoff: false,
            pressed: false,
            checks: BTreeMap::new(),
        }
    }

    /// What the verdict lacks after so many seconds; each argument spoils one thing.
    fn lacks(
        age: i64,
        query: &str,
        client_of: impl FnOnce(&mut Client),
        verdict: impl FnOnce(&mut Proven),
        operator_of: impl FnOnce(&mut Operator),
    ) -> Option<Lacks> {
        let now = Clock::system().now();
        let mut client = client(
            Confirm::FirstTime,
            AuthMethod::ClientSecretBasic,
            "https://app.example/cb",
        );
        client.test = true;
        client_of(&mut client);
        let mut proven = proven(now - chrono::TimeDelta::seconds(age));
        verdict(&mut proven);
        let mut operator = operator("sim", Mode::Test);
        operator_of(&mut operator);
        let number = PhoneNumber::from_e164(NUMBER).unwrap();
        let standing = Standing {
            number: &number,
            subject: "s",
            proven: &proven,
            operator: Some(&operator),
        };
        let request = request(&client, query);
        meets(&client, &request, request.number.as_ref(), &standing, now).err()
    }

    #[test]
    fn a_verdict_must_meet_what_the_request_asks() {
        let sub = |value: &str| {
            format!("&claims=%7B%22id_token%22:%7B%22sub%22:%7B%22value%22:%22{value}%22%7D%7D%7D")
        };
        for (age, query, expected) in [
            (0, "", None),
            (900, "", None),
            (901, "", Some(Lacks::Freshness)),
            (10, "&max_age=10", None),
            (11, "&max_age=10", Some(Lacks::MaxAge)),
            (0, "&max_age=0", Some(Lacks::NewCheck)),
            (0, "&prompt=login", Some(Lacks::NewCheck)),
            (0, "&prompt=select_account", Some(Lacks::NewCheck)),
            (0, "&prompt=consent", None),
            (0, "&login_hint=%2B990700000", None),
            (0, "&login_hint=%2B990700001", Some(Lacks::Number)),
            (0, "&login_hint=somebody", None),
            (0, &sub("s"), None),
            (0, &sub("t"), Some(Lacks::Subject)),
            (0, "&acr_values=unheard", None),
        ] {
            let found = lacks(age, query, |_| {}, |_| {}, |_| {});
            assert_eq!(found, expected, "{age} {query}");
        }
    }

    #[test]
    fn a_verdict_must_meet_what_the_client_is_registered_with() {
        let fresh_for = |seconds: u32, age: i64| {
            lacks(
                age,
                "",
                |c| c.settings.fresh_for_s = seconds,
                |_| {},
                |_| {},
            )
        };
        assert_eq!(fresh_for(0, 0), Some(Lacks::Freshness), "0 asks every time");
        assert_eq!(fresh_for(60, 61), Some(Lacks::Freshness));
        assert_eq!(fresh_for(86_400, 3600), None);
        assert_eq!(
            fresh_for(86_400, 3601),
            Some(Lacks::Freshness),
            "an hour at most"
        );
        let operators = |list: &[&str]| {
            let list = list.iter().map(|alias| (*alias).to_owned()).collect();
            lacks(0, "", |c| c.settings.operators = list, |_| {}, |_| {})
        };
        assert_eq!(operators(&["other", "sim"]), None);
        assert_eq!(operators(&["other"]), Some(Lacks::Operator));
    }

    #[test]
    fn extra_checks_that_the_client_wants_must_have_been_made() {
        use CheckResult::{Fail, Pass, Unavailable};
        let of = |policy, made: Option<(CheckResult, u32)>| {
            let checks = made.into_iter().map(|(result, hours)| {
                let check = Check {
                    result,
                    max_age_hours: Some(hours),
                    checked_at: Clock::system().now(),
                };
                ("sim_swap".to_owned(), check)
            });
            let checks = checks.collect();
            lacks(
                0,
                "",
                |c| c.settings.checks.sim_swap.policy = policy,
                |p| p.checks = checks,
                |_| {},
            )
        };
        for (policy, made, met) in [
            (Policy::Off, None, true),
            (Policy::Off, Some((Fail, 240)), true),
            (Policy::Report, None, false),
            (Policy::Report, Some((Fail, 240)), true),
            (Policy::Report, Some((Fail, 500)), false),
            (Policy::Require, None, false),
            (Policy::Require, Some((Pass, 240)), true),
            (Policy::Require, Some((Pass, 500)), true),
            (Policy::Require, Some((Pass, 24)), false),
            (Policy::Require, Some((Fail, 240)), false),
            (Policy::Require, Some((Unavailable, 240)), false),
        ] {
            let expected = (!met).then_some(Lacks::Checks);
            assert_eq!(of(policy, made), expected, "{policy:?} {made:?}");
        }
    }

    #[test]
    fn an_operators_word_must_count_today() {
        let now = Clock::system().now();
        let of_operator = |change: fn(&mut Operator)| lacks(0, "", |_| {}, |_| {}, change);
        assert_eq!(of_operator(|_| {}), None);
        let gone = lacks(0, "", |_| {}, |_| {}, |o| o.disabled_at = Some(now));
        assert_eq!(gone, Some(Lacks::Operator));
        let elsewhere = of_operator(|o| o.settings.prefixes = vec!["34".into()]);
        assert_eq!(elsewhere, Some(Lacks::Operator), "its authority was cut");
        let live = of_operator(|o| o.mode = Mode::Live);
        assert_eq!(live, Some(Lacks::Operator));
        let for_live = lacks(0, "", |c| c.test = false, |_| {}, |_| {});
        assert_eq!(for_live, Some(Lacks::Operator));
        let handed_off = lacks(0, "", |_| {}, |p| p.handoff = true, |_| {});
        assert_eq!(handed_off, Some(Lacks::SameDevice));
    }
}
