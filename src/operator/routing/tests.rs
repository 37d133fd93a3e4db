use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::store::operators::Settings;

struct Made(Operator);

fn operator(alias: &str, prefixes: &[&str]) -> Made {
    let now = Clock::system().now();
    // One id per alias, for loaded ranges.
    let id = alias
        .bytes()
        .fold(0, |sum, byte| sum * 256 + u128::from(byte));
    Made(Operator {
        id: Uuid::from_u128(id),
        alias: alias.to_owned(),
        name: alias.to_owned(),
        mode: Mode::Live,
        settings: Settings {
            prefixes: prefixes.iter().map(ToString::to_string).collect(),
            ..Settings::default()
        },
        sealed_credentials: None,
        managed_by: None,
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

    fn aggregates(mut self) -> Self {
        self.0.settings.aggregator = true;
        self
    }

    fn known_as(mut self, ids: &[&str]) -> Self {
        self.0.settings.network_ids = ids.iter().map(ToString::to_string).collect();
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
    /// Whose loaded network, and the network.
    loaded: Option<(&'a str, &'a str)>,
    declined: &'a [&'a str],
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
    let declined: Vec<String> = given.declined.iter().map(ToString::to_string).collect();
    let loaded = given.loaded.map(|(alias, network)| {
        let operator = candidates.iter().find(|one| one.alias == alias).unwrap();
        (operator.id, [network.parse().unwrap()])
    });
    let ranges = Ranges::new(loaded.iter().map(|(id, network)| (*id, network.as_slice())));
    match choose(&Question {
        candidates: &candidates,
        client_operators: &client_operators,
        client_is_test: given.client_is_test,
        number: number.as_ref(),
        hint: given.hint,
        address: given.address.map(|address| address.parse().unwrap()),
        ranges: &ranges,
        declined: &declined,
    }) {
        Ok(choice) => format!("{} {}", choice.operator.alias, choice.rule.as_str()),
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
            "blue,red ?",
        ),
        (
            Given {
                number,
                ..Given::default()
            },
            "blue,red ?",
        ),
    ] {
        assert_eq!(chosen(spain(), &given), expected);
    }
}

#[test]
fn an_earlier_rule_outranks_a_later_one() {
    let world = || {
        vec![
            operator("red", &["34"])
                .ranges(&["10.0.0.0/8"])
                .known_as(&["21401", "red-es"]),
            operator("blue", &["34"]).known_as(&["21403", "21499"]),
            operator("brand", &["34666"]).known_as(&["21403"]),
            operator("hub", &["34", "33"]).aggregates(),
        ]
    };
    let without_hub = || world().into_iter().take(3).collect::<Vec<_>>();
    let number = Some("+34666111334");
    let given = |hint, address, loaded| Given {
        number,
        hint,
        address,
        loaded,
        ..Given::default()
    };
    let nearby = Some("10.9.9.9");
    for (hint, expected) in [
        (None, "hub aggregator"),
        (Some("red"), "red hint"),
        (Some("hub"), "hub hint"),
        (Some("21401"), "hub aggregator"),
    ] {
        assert_eq!(chosen(world(), &given(hint, nearby, None)), expected);
    }
    for (hint, address, loaded, expected) in [
        (None, nearby, None, "red address"),
        (Some("21403"), nearby, None, "red address"),
        (Some("21401"), None, None, "red network"),
        (Some("RED-ES"), None, None, "red network"),
        // Two of one network: the prefix tells them apart.
        (Some("21403"), None, None, "brand prefix"),
        (Some("21499"), None, None, "blue network"),
        (Some("99999"), None, None, "brand prefix"),
        // A loaded range counts like one on the record, and the narrower one wins.
        (None, nearby, Some(("blue", "10.9.0.0/16")), "blue address"),
        (None, nearby, Some(("blue", "11.0.0.0/16")), "red address"),
        // Two networks of the same width: the prefix tells.
        (None, nearby, Some(("brand", "10.0.0.0/8")), "brand prefix"),
    ] {
        let chosen = chosen(without_hub(), &given(hint, address, loaded));
        assert_eq!(chosen, expected, "{hint:?} {address:?} {loaded:?}");
    }
    // Two aggregators do not outrank anything by themselves.
    let mut two = world();
    two.push(operator("hub-two", &["34"]).aggregates());
    assert_eq!(chosen(two, &given(None, nearby, None)), "red address");
    // Where there is no number, the rules that need none decide.
    let telling = || {
        let tell = |one: Made| one.tells_numbers();
        without_hub().into_iter().map(tell).collect::<Vec<_>>()
    };
    let no_number = |hint, address| Given {
        hint,
        address,
        ..Given::default()
    };
    assert_eq!(chosen(telling(), &no_number(None, nearby)), "red address");
    assert_eq!(
        chosen(telling(), &no_number(Some("21499"), None)),
        "blue network"
    );
    assert_eq!(
        chosen(telling(), &no_number(None, None)),
        "blue,brand,red ?"
    );
}

#[test]
fn who_said_that_the_number_is_not_theirs_is_not_asked_again() {
    let asked = |declined, client_operators| {
        let given = Given {
            number: Some("+34777111334"),
            hint: Some("red"),
            client_operators,
            declined,
            ..Given::default()
        };
        chosen(spain(), &given)
    };
    assert_eq!(asked(&[], &[]), "red hint");
    assert_eq!(asked(&["red"], &[]), "blue prefix");
    assert_eq!(asked(&["red", "blue"], &[]), "not served");
    assert_eq!(asked(&["red"], &["red"]), "not served");
}

#[test]
fn a_person_and_a_telco_finder_choose_among_those_who_could_be_asked() {
    let candidates: Vec<_> = [
        operator("red", &["34"]).known_as(&["21401"]),
        operator("blue", &["34"]).known_as(&["21403", "shared"]),
        operator("brand", &["34666"]).known_as(&["21403"]),
        operator("french", &["33"]).known_as(&["20801"]),
        operator("off", &["34"]).disabled(),
        operator("sim", &["990"]).test(),
    ]
    .into_iter()
    .map(|made| Arc::new(made.0))
    .collect();
    let number = PhoneNumber::from_e164("+34666111334").unwrap();
    let client_operators = ["red", "blue", "brand", "french", "off"].map(str::to_owned);
    let ranges = Ranges::default();
    let question = Question {
        candidates: &candidates,
        client_operators: &client_operators,
        client_is_test: false,
        number: Some(&number),
        hint: None,
        address: None,
        ranges: &ranges,
        declined: &[],
    };
    for (alias, allowed) in [
        ("red", true),
        ("brand", true),
        ("french", false),
        ("off", false),
        ("sim", false),
        ("", false),
        ("RED", false),
    ] {
        assert_eq!(picked(&question, alias).is_some(), allowed, "{alias}");
    }
    let several = able(&question).unwrap();
    for (name, expected) in [
        ("21401", Some("red")),
        ("red", Some("red")),
        ("Shared", Some("blue")),
        ("21403", None),
        ("20801", None),
        ("french", None),
        ("off", None),
        ("nobody", None),
    ] {
        let choice = found(&several, name);
        let alias = choice.as_ref().map(|choice| choice.operator.alias.as_str());
        assert_eq!(alias, expected, "{name}");
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

#[test]
fn a_named_network_that_tells_no_number_has_the_person_asked_for_it() {
    let both = || {
        vec![
            operator("blue", &["34"]).tells_numbers(),
            operator("red", &["34"])
                .known_as(&["21407"])
                .ranges(&["10.0.0.0/8"]),
        ]
    };
    for hint in ["red", "21407"] {
        let named = Given {
            hint: Some(hint),
            ..Given::default()
        };
        assert_eq!(chosen(both(), &named), "not served", "{hint}");
        let with_number = Given {
            number: Some("+34666111334"),
            ..named
        };
        assert!(chosen(both(), &with_number).starts_with("red "), "{hint}");
    }
    let there = Given {
        address: Some("10.0.0.1"),
        ..Given::default()
    };
    assert_eq!(chosen(both(), &there), "not served");
    let mut around = both();
    around.push(operator("hub", &["34"]).aggregates().tells_numbers());
    assert_eq!(chosen(around, &there), "hub aggregator");
    // A hint that names nobody is only that.
    let unknown = Given {
        hint: Some("green"),
        ..Given::default()
    };
    assert_eq!(chosen(both(), &unknown), "blue only");
}
