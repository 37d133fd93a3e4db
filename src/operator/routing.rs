//! Which operator is asked. The client's list is the frame; inside it a pin, a hint, an aggregator, the
//! phone's address, the network's own code, the number's prefix, a telco finder or mere lack of choice
//! decide, in that order. A prefix tells nothing about a ported number and an address nothing on Wi-Fi:
//! where the rules do not agree on one, the person chooses. Never outside an operator's authority,
//! whatever rule chose it (DESIGN.md P5).

use std::net::IpAddr;
use std::sync::Arc;

use crate::operator::ranges::Ranges;
use crate::phone::PhoneNumber;
use crate::store::operators::{Mode, Operator};

/// What chose an operator, for legs and audit records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The client accepts only this one.
    Client,
    /// The app named it.
    Hint,
    /// It finds the subscriber's network itself.
    Aggregator,
    /// The phone's address is one of its own.
    Address,
    /// The app named the network by its MCC and MNC, or another name on the record.
    Network,
    /// The number starts as its numbers do.
    Prefix,
    /// The telco finder named it.
    TelcoFinder,
    /// The person named it.
    Person,
    /// No other could be asked.
    Only,
    /// The one asked before said that the number is not its own.
    Reroute,
    /// It was asked before and is asked once more: with its own page, or because the person wanted another
    /// try and no rule decides.
    Again,
}

impl Rule {
    /// The word in legs, audit records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Hint => "hint",
            Self::Aggregator => "aggregator",
            Self::Address => "address",
            Self::Network => "network",
            Self::Prefix => "prefix",
            Self::TelcoFinder => "telco_finder",
            Self::Person => "person",
            Self::Only => "only",
            Self::Reroute => "reroute",
            Self::Again => "again",
        }
    }
}

/// What is known when an operator is to be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Every operator there is.
    pub candidates: &'a [Arc<Operator>],
    /// The aliases the client accepts; empty: all.
    pub client_operators: &'a [String],
    /// Whether the client is a test client.
    pub client_is_test: bool,
    /// The number; absent: the SIM's own is wanted.
    pub number: Option<&'a PhoneNumber>,
    /// What the app named: an alias, or a network by its code.
    pub hint: Option<&'a str>,
    /// Where the phone's browser comes from.
    pub address: Option<IpAddr>,
    /// Whose addresses are whose, as staff loaded it.
    pub ranges: &'a Ranges,
    /// Aliases of those that said the number is not theirs: not asked again.
    pub declined: &'a [String],
}

/// An operator and why it was chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The operator.
    pub operator: Arc<Operator>,
    /// The rule that chose it.
    pub rule: Rule,
}

/// Why none was chosen.
#[derive(Clone, Debug)]
pub enum NoOperator {
    /// The client accepts no operator that could be asked at all.
    NoneAccepted,
    /// There are operators for this client, but none for this number (or none that tells a number,
    /// if none was given).
    NotServed,
    /// Several could be asked; a telco finder or the person chooses among these, in order of name.
    Several(Vec<Arc<Operator>>),
}

/// Chooses the operator for a number, or for the SIM's own number if there is none.
///
/// # Errors
/// [`NoOperator`] if the rules do not lead to exactly one.
pub fn choose(question: &Question<'_>) -> Result<Choice, NoOperator> {
    let able = able(question)?;
    if question.number.is_none() && named_one_tells_no_number(question, &able) {
        return Err(NoOperator::NotServed);
    }
    let decided = |operator: &Arc<Operator>, rule| {
        Ok(Choice {
            operator: operator.clone(),
            rule,
        })
    };
    if let ([pinned], [operator]) = (question.client_operators, able.as_slice())
        && operator.alias == *pinned
    {
        return decided(operator, Rule::Client);
    }
    // A hint that leads nowhere is only that: the other rules still apply.
    let hinted = |operator: &&Arc<Operator>| question.hint == Some(operator.alias.as_str());
    if let Some(operator) = able.iter().find(hinted) {
        return decided(operator, Rule::Hint);
    }
    let prefix = |operator: &Operator| longest_prefix(operator, question.number);
    let aggregators = keep(&able, |operator| operator.settings.aggregator);
    if let [operator] = keep_best(&aggregators, prefix).as_slice() {
        return decided(operator, Rule::Aggregator);
    }
    let address = |operator: &Operator| narrowest_range(operator, question);
    let near = keep_best(&able, address);
    if let [operator] = near.as_slice()
        && address(operator).is_some()
    {
        return decided(operator, Rule::Address);
    }
    let of_network =
        |operator: &Operator| question.hint.is_some_and(|id| is_known_as(operator, id));
    let mut left = keep(&near, of_network);
    match left.as_slice() {
        [operator] => return decided(operator, Rule::Network),
        [] => left = near,
        _ => {}
    }
    if question.number.is_some()
        && let [operator] = keep_best(&left, prefix).as_slice()
    {
        return decided(operator, Rule::Prefix);
    }
    match able.as_slice() {
        [operator] => decided(operator, Rule::Only),
        _ => Err(NoOperator::Several(able)),
    }
}

/// Those that could be asked, whatever the rules say, in order of name: enabled, accepted by the client,
/// with authority over the number.
///
/// # Errors
/// [`NoOperator`] if there is none.
pub fn able(question: &Question<'_>) -> Result<Vec<Arc<Operator>>, NoOperator> {
    let accepted = accepted(question);
    if accepted.is_empty() {
        return Err(NoOperator::NoneAccepted);
    }
    let mut able = keep(&accepted, |operator| may_be_asked(operator, question));
    if able.is_empty() {
        return Err(NoOperator::NotServed);
    }
    able.sort_by_key(|operator| (operator.name.to_lowercase(), operator.alias.clone()));
    Ok(able)
}

fn accepted(question: &Question<'_>) -> Vec<Arc<Operator>> {
    keep(question.candidates, |operator| {
        let client_operators = question.client_operators;
        operator.disabled_at.is_none()
            && (operator.mode == Mode::Live || question.client_is_test)
            && (client_operators.is_empty() || client_operators.contains(&operator.alias))
    })
}

/// Whether the app, or the phone's address if no aggregator could be asked, names a network that tells no
/// numbers. Then the person says theirs: another operator would look for a SIM that it cannot see.
fn named_one_tells_no_number(question: &Question<'_>, able: &[Arc<Operator>]) -> bool {
    let accepted = accepted(question);
    let none_tells = |named: &[Arc<Operator>]| {
        !named.is_empty()
            && named
                .iter()
                .all(|operator| operator.settings.scope_device_phone_number.is_none())
    };
    let hinted = |operator: &Operator| {
        question
            .hint
            .is_some_and(|hint| operator.alias == hint || is_known_as(operator, hint))
    };
    let by_app = keep(&accepted, hinted);
    if !by_app.is_empty() {
        return none_tells(&by_app);
    }
    let near = |operator: &Operator| narrowest_range(operator, question).is_some();
    let by_address = keep_best(&keep(&accepted, near), |operator| {
        narrowest_range(operator, question)
    });
    !able.iter().any(|operator| operator.settings.aggregator) && none_tells(&by_address)
}

/// The operator that the person named, if it is one of those that could be asked.
#[must_use]
pub fn picked(question: &Question<'_>, alias: &str) -> Option<Choice> {
    let mut able = able(question).ok()?.into_iter();
    able.find(|operator| operator.alias == alias)
        .map(|operator| Choice {
            operator,
            rule: Rule::Person,
        })
}

/// The operator that a telco finder named, if exactly one of several goes by that name.
#[must_use]
pub fn found(several: &[Arc<Operator>], name: &str) -> Option<Choice> {
    let mut known = several
        .iter()
        .filter(|operator| operator.alias == name || is_known_as(operator, name));
    match (known.next(), known.next()) {
        (Some(operator), None) => Some(Choice {
            operator: operator.clone(),
            rule: Rule::TelcoFinder,
        }),
        _ => None,
    }
}

fn may_be_asked(operator: &Operator, question: &Question<'_>) -> bool {
    let serves = match question.number {
        Some(number) => operator.may_vouch_for(number, question.client_is_test),
        None => operator.settings.scope_device_phone_number.is_some(),
    };
    serves && !question.declined.contains(&operator.alias)
}

fn is_known_as(operator: &Operator, name: &str) -> bool {
    let mut names = operator.settings.network_ids.iter();
    names.any(|known| known.eq_ignore_ascii_case(name))
}

fn keep(operators: &[Arc<Operator>], fits: impl Fn(&Operator) -> bool) -> Vec<Arc<Operator>> {
    let fitting = operators.iter().filter(|operator| fits(operator));
    fitting.cloned().collect()
}

/// Those that score highest; all of them if none scores.
fn keep_best(
    operators: &[Arc<Operator>],
    score: impl Fn(&Operator) -> Option<usize>,
) -> Vec<Arc<Operator>> {
    let best = operators
        .iter()
        .filter_map(|operator| score(operator))
        .max();
    keep(operators, |operator| {
        best.is_none() || score(operator) == best
    })
}

fn longest_prefix(operator: &Operator, number: Option<&PhoneNumber>) -> Option<usize> {
    let digits = number?.digits();
    let prefixes = operator.settings.prefixes.iter();
    prefixes
        .filter(|prefix| !prefix.is_empty() && digits.starts_with(prefix.as_str()))
        .map(String::len)
        .max()
}

/// Whether one of those that could be asked about the number names its country or prefix as its own: more
/// than being free to vouch for any number.
#[must_use]
pub fn has_numbers_there(question: &Question<'_>) -> bool {
    able(question).is_ok_and(|able| {
        let mut able = able.iter();
        able.any(|operator| longest_prefix(operator, question.number).is_some())
    })
}

fn narrowest_range(operator: &Operator, question: &Question<'_>) -> Option<usize> {
    narrowest_range_of(operator, question.ranges, question.address?)
}

/// How narrow the operator's network is that an address is in, if it is in one.
#[must_use]
pub fn narrowest_range_of(operator: &Operator, ranges: &Ranges, address: IpAddr) -> Option<usize> {
    let address = address.to_canonical();
    let own = operator.settings.ip_ranges.iter();
    let own = own
        .filter(|range| range.contains(&address))
        .map(ipnet::IpNet::prefix_len)
        .max();
    let loaded = ranges.narrowest(operator.id, address);
    own.max(loaded).map(usize::from)
}

#[cfg(test)]
mod tests;
