//! Which operator is asked. The client's list is the frame; inside it a pin, a hint, the number's
//! prefix, the phone's address or mere lack of choice decide, in that order. A prefix tells nothing
//! about a ported number and an address nothing on Wi-Fi: where the rules do not agree on one, the
//! person chooses. Never outside an operator's authority, whatever rule chose it (DESIGN.md P5).

use std::net::IpAddr;
use std::sync::Arc;

use crate::phone::PhoneNumber;
use crate::store::operators::{Mode, Operator};

/// An operator and why it was chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The operator.
    pub operator: Arc<Operator>,
    /// The rule that chose it, for the audit record: `client`, `hint`, `prefix`, `address`, `only`.
    pub rule: &'static str,
}

/// Why none was chosen.
#[derive(Clone, Debug)]
pub enum NoOperator {
    /// The client accepts no operator that could be asked at all.
    NoneAccepted,
    /// There are operators for this client, but none for this number (or none that tells a number,
    /// if none was given).
    NotServed,
    /// Several could be asked; the person chooses among these.
    Several(Vec<Arc<Operator>>),
}

/// Chooses the operator for a number, or for the SIM's own number if there is none.
///
/// `client_operators` are the aliases the client accepts (empty: all), `hinted_alias` is what the
/// RP or the person named, `address` where the phone's browser comes from.
///
/// # Errors
/// [`NoOperator`] if the rules do not lead to exactly one.
pub fn choose(
    candidates: &[Arc<Operator>],
    client_operators: &[String],
    client_is_test: bool,
    number: Option<&PhoneNumber>,
    hinted_alias: Option<&str>,
    address: Option<IpAddr>,
) -> Result<Choice, NoOperator> {
    let accepted: Vec<&Arc<Operator>> = candidates
        .iter()
        .filter(|operator| operator.disabled_at.is_none())
        .filter(|operator| operator.mode == Mode::Live || client_is_test)
        .filter(|operator| {
            client_operators.is_empty() || client_operators.contains(&operator.alias)
        })
        .collect();
    if accepted.is_empty() {
        return Err(NoOperator::NoneAccepted);
    }
    let mut able: Vec<&Arc<Operator>> = accepted
        .into_iter()
        .filter(|operator| may_be_asked(operator, number, client_is_test))
        .collect();
    if able.is_empty() {
        return Err(NoOperator::NotServed);
    }
    let choice = |operator: &Arc<Operator>, rule| {
        Ok(Choice {
            operator: operator.clone(),
            rule,
        })
    };
    if let ([pinned], [operator]) = (client_operators, able.as_slice())
        && operator.alias == *pinned
    {
        return choice(operator, "client");
    }
    // A hint that leads nowhere is only that: the other rules still apply.
    let hinted = able
        .iter()
        .find(|operator| hinted_alias == Some(operator.alias.as_str()));
    if let Some(operator) = hinted {
        return choice(operator, "hint");
    }
    if let Some(number) = number {
        able = keep_best(able, |operator| longest_prefix(operator, number));
        if let [operator] = able.as_slice() {
            return choice(operator, "prefix");
        }
    }
    if let Some(address) = address {
        able = keep_best(able, |operator| narrowest_range(operator, address));
        if let [operator] = able.as_slice() {
            let rule = if narrowest_range(operator, address).is_some() {
                "address"
            } else {
                "only"
            };
            return choice(operator, rule);
        }
    }
    match able.as_slice() {
        [operator] => choice(operator, "only"),
        _ => Err(NoOperator::Several(able.into_iter().cloned().collect())),
    }
}

fn may_be_asked(operator: &Operator, number: Option<&PhoneNumber>, client_is_test: bool) -> bool {
    match number {
        Some(number) => operator.may_vouch_for(number, client_is_test),
        None => operator.settings.scope_device_phone_number.is_some(),
    }
}

/// Those that score highest; all of them if none scores.
fn keep_best(
    operators: Vec<&Arc<Operator>>,
    score: impl Fn(&Operator) -> Option<usize>,
) -> Vec<&Arc<Operator>> {
    let best = operators
        .iter()
        .filter_map(|operator| score(operator))
        .max();
    operators
        .into_iter()
        .filter(|operator| best.is_none() || score(operator) == best)
        .collect()
}

fn longest_prefix(operator: &Operator, number: &PhoneNumber) -> Option<usize> {
    let prefixes = operator.settings.prefixes.iter();
    prefixes
        .filter(|prefix| !prefix.is_empty() && number.digits().starts_with(prefix.as_str()))
        .map(String::len)
        .max()
}

fn narrowest_range(operator: &Operator, address: IpAddr) -> Option<usize> {
    let address = address.to_canonical();
    let ranges = operator.settings.ip_ranges.iter();
    ranges
        .filter(|range| range.contains(&address))
        .map(|range| usize::from(range.prefix_len()))
        .max()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::Clock;
    use crate::store::operators::Settings;

    struct Made(Operator);

    fn operator(alias: &str, prefixes: &[&str]) -> Made {
        let now = Clock::system().now();
        Made(Operator {
            id: Uuid::nil(),
            alias: alias.to_owned(),
            name: alias.to_owned(),
            mode: Mode::Live,
            settings: Settings {
                prefixes: prefixes.iter().map(ToString::to_string).collect(),
                ..Settings::default()
            },
            sealed_credentials: None,
            revision: 1,
            disabled_at: None,
            created_at: now,
            updated_at: now,
        })
    }

    impl Made {
        fn test(mut self) -> Self {
            self.0.mode = Mode::Test;
            self
        }

        fn disabled(mut self) -> Self {
            self.0.disabled_at = Some(self.0.created_at);
            self
        }

        fn ranges(mut self, ranges: &[&str]) -> Self {
            self.0.settings.ip_ranges = ranges.iter().map(|net| net.parse().unwrap()).collect();
            self
        }

        fn tells_numbers(mut self) -> Self {
            self.0.settings.scope_device_phone_number = Some("openid share".to_owned());
            self
        }
    }

    #[derive(Default)]
    struct Given<'a> {
        client_operators: &'a [&'a str],
        client_is_test: bool,
        number: Option<&'a str>,
        hint: Option<&'a str>,
        address: Option<&'a str>,
    }

    /// `alias rule`, or the aliases to choose from, or `none accepted`, or `not served`.
    fn chosen(operators: Vec<Made>, given: &Given<'_>) -> String {
        let candidates: Vec<_> = operators.into_iter().map(|made| Arc::new(made.0)).collect();
        let client_operators: Vec<String> = given
            .client_operators
            .iter()
            .map(ToString::to_string)
            .collect();
        let number = given
            .number
            .map(|number| PhoneNumber::from_e164(number).unwrap());
        match choose(
            &candidates,
            &client_operators,
            given.client_is_test,
            number.as_ref(),
            given.hint,
            given.address.map(|address| address.parse().unwrap()),
        ) {
            Ok(choice) => format!("{} {}", choice.operator.alias, choice.rule),
            Err(NoOperator::NoneAccepted) => "none accepted".to_owned(),
            Err(NoOperator::NotServed) => "not served".to_owned(),
            Err(NoOperator::Several(several)) => {
                let aliases: Vec<_> = several.iter().map(|one| one.alias.as_str()).collect();
                format!("{} ?", aliases.join(","))
            }
        }
    }

    fn spain() -> Vec<Made> {
        vec![
            operator("red", &["34"]).ranges(&["10.0.0.0/8"]),
            operator("blue", &["34", "33"]).ranges(&["10.1.0.0/16", "2001:db8::/32"]),
            operator("brand", &["34666"]),
        ]
    }

    #[test]
    fn the_rules_apply_in_their_order() {
        let number = Some("+34777111334");
        for (given, expected) in [
            (
                Given {
                    number,
                    client_operators: &["red"],
                    ..Given::default()
                },
                "red client",
            ),
            (
                Given {
                    number,
                    client_operators: &["red"],
                    hint: Some("blue"),
                    ..Given::default()
                },
                "red client",
            ),
            (
                Given {
                    number,
                    hint: Some("blue"),
                    ..Given::default()
                },
                "blue hint",
            ),
            (
                Given {
                    number: Some("+34666111334"),
                    ..Given::default()
                },
                "brand prefix",
            ),
            (
                Given {
                    number: Some("+34666111334"),
                    hint: Some("red"),
                    ..Given::default()
                },
                "red hint",
            ),
            (
                Given {
                    number: Some("+33666111334"),
                    ..Given::default()
                },
                "blue prefix",
            ),
            (
                Given {
                    number,
                    address: Some("10.2.0.1"),
                    ..Given::default()
                },
                "red address",
            ),
            (
                Given {
                    number,
                    address: Some("10.1.0.1"),
                    ..Given::default()
                },
                "blue address",
            ),
            (
                Given {
                    number,
                    address: Some("::ffff:10.1.0.1"),
                    ..Given::default()
                },
                "blue address",
            ),
            (
                Given {
                    number,
                    address: Some("2001:db8::1"),
                    ..Given::default()
                },
                "blue address",
            ),
            (
                Given {
                    number,
                    address: Some("192.0.2.1"),
                    ..Given::default()
                },
                "red,blue ?",
            ),
            (
                Given {
                    number,
                    ..Given::default()
                },
                "red,blue ?",
            ),
        ] {
            assert_eq!(chosen(spain(), &given), expected);
        }
    }

    #[test]
    fn nobody_is_asked_outside_their_authority() {
        let given = |number, hint| Given {
            number: Some(number),
            hint: Some(hint),
            ..Given::default()
        };
        assert_eq!(
            chosen(spain(), &given("+447700900123", "red")),
            "not served"
        );
        assert_eq!(
            chosen(spain(), &given("+33666111334", "red")),
            "blue prefix"
        );
        let pinned = Given {
            number: Some("+33666111334"),
            client_operators: &["red"],
            ..Given::default()
        };
        assert_eq!(chosen(spain(), &pinned), "not served");
        let no_prefixes = vec![operator("vague", &[]), operator("empty", &[""])];
        assert_eq!(
            chosen(no_prefixes, &given("+34666111334", "vague")),
            "not served"
        );
    }

    #[test]
    fn disabled_and_unaccepted_operators_do_not_exist() {
        let off = || vec![operator("red", &["34"]).disabled()];
        let number = Some("+34666111334");
        let plain = Given {
            number,
            hint: Some("red"),
            ..Given::default()
        };
        assert_eq!(chosen(off(), &plain), "none accepted");
        assert_eq!(chosen(vec![], &plain), "none accepted");
        let other = Given {
            number,
            client_operators: &["blue"],
            ..Given::default()
        };
        assert_eq!(
            chosen(vec![operator("red", &["34"])], &other),
            "none accepted"
        );
    }

    #[test]
    fn test_operators_serve_test_numbers_of_test_clients_only() {
        let both = || {
            vec![
                operator("sim", &["990"]).test().tells_numbers(),
                operator("red", &["34", "990"]),
            ]
        };
        let ask = |number, client_is_test| {
            let given = Given {
                number: Some(number),
                client_is_test,
                ..Given::default()
            };
            chosen(both(), &given)
        };
        assert_eq!(ask("+990700000", true), "sim prefix");
        assert_eq!(ask("+990700000", false), "not served");
        assert_eq!(ask("+34666111334", true), "red prefix");
        assert_eq!(chosen(both(), &Given::default()), "not served");
    }

    #[test]
    fn without_a_number_only_those_who_tell_one_are_asked() {
        let one = vec![
            operator("red", &["34"]).tells_numbers(),
            operator("blue", &["34"]),
        ];
        assert_eq!(chosen(one, &Given::default()), "red only");
        let two = vec![
            operator("red", &["34"])
                .tells_numbers()
                .ranges(&["10.0.0.0/8"]),
            operator("blue", &["34"]).tells_numbers(),
        ];
        let there = Given {
            address: Some("10.0.0.1"),
            ..Given::default()
        };
        assert_eq!(chosen(two, &there), "red address");
        let lone = vec![operator("red", &["34"]).tells_numbers()];
        let elsewhere = Given {
            address: Some("192.0.2.1"),
            ..Given::default()
        };
        assert_eq!(chosen(lone, &elsewhere), "red only");
    }
}
