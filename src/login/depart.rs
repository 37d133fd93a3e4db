//! Departure: which operator is asked, how, and where the browser goes. Opens a leg.

mod prepared;

use std::sync::Arc;

use axum::response::Response;

pub use prepared::Prepared;
use prepared::{GaveWay, NumberTried};

use crate::audit::event::{Event, Subject};
use crate::audit::record::Record;
use crate::clock::Time;
use crate::login::admit::admit;
use crate::login::entry::{Entry, frame};
use crate::login::opening::{about, seal_number};
use crate::login::release::number_hashes;
use crate::login::{breakers, choose, policy, show};
use crate::operator::routing::{self, Choice, NoOperator, Question, Rule};
use crate::operator::{Ask, Phone};
use crate::phone::PhoneNumber;
use crate::secret::{Handle, Token, new_id};
use crate::store::audit::Appended;
use crate::store::clients::{Client, Confirm};
use crate::store::db::StoreError;
use crate::store::logins::{Kept, Login, NumberSource, Stage};
use crate::store::operators::Operator;
use crate::store::path::{self, Chosen, Departed};
use crate::verdict::{Evidence, Method, Outcome, Refusal};
use crate::web::app::{App, Registry};
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// Why no leg departs.
pub enum Stopped {
    /// The person is told why.
    Refused(Box<Refusal>),
    /// Several operators could be asked: the person says which.
    Ask(Vec<Arc<Operator>>),
}

/// How an operator is looked for, beside what the login's request says.
#[derive(Clone, Copy, Default)]
pub struct Way<'a> {
    /// The number; absent: the SIM's own is wanted.
    pub number: Option<&'a PhoneNumber>,
    /// The operator that the person named, by alias.
    pub picked: Option<&'a str>,
    /// The operator that was asked already and is asked once more, by alias, whatever chose it.
    pub again: Option<&'a str>,
    /// The operator of the leg before, by alias: asked again where otherwise the person would have to
    /// choose. They did so before.
    pub before: Option<&'a str>,
    /// The operators that said that the number is not theirs.
    pub declined: &'a [String],
    /// Whether a page departs by itself: then only if no other tab has departed since.
    pub once: bool,
}

/// The callback of an operator: the redirect URI it has registered for us.
pub fn callback_uri(app: &App, alias: &str) -> String {
    app.config.issuer.url(&format!("/broker/{alias}/endpoint"))
}

/// Chooses the operator and makes everything a leg needs. Nothing is written yet, and no database
/// connection is held: the operator may be asked for its discovery document, and a telco finder which
/// operator it is. One that says at once that the number is not its own gives way to the next one,
/// once per login.
pub async fn prepare(
    app: &App,
    browser: &Browser,
    client: &Client,
    login: &Login,
    way: &Way<'_>,
    now: Time,
) -> Result<Result<Prepared, Stopped>, Failure> {
    let mut declined = way.declined.to_vec();
    let mut first: Option<(String, Refusal)> = None;
    loop {
        let way = Way {
            declined: &declined,
            ..*way
        };
        let choice = match choose_operator(app, browser, client, login, &way, now).await? {
            Ok(choice) => choice,
            Err(stopped) => {
                return Ok(Err(
                    first.map_or(stopped, |(_, no)| Stopped::Refused(Box::new(no)))
                ));
            }
        };
        let (alias, mut rule) = (choice.operator.alias.clone(), choice.rule);
        if first.is_some() || (!declined.is_empty() && rule != Rule::Person) {
            rule = Rule::Reroute;
        }
        if way.again == Some(alias.as_str()) {
            rule = Rule::Again;
        }
        match prepare_at(app, client, login, &way, &choice, now).await? {
            Ok(mut prepared) => {
                prepared.rule = rule;
                prepared.gave_way = first.map(|(operator, refusal)| GaveWay {
                    operator,
                    evidence: refusal.evidence,
                });
                return Ok(Ok(prepared));
            }
            Err(refusal) => {
                let not_theirs = refusal.outcome == Outcome::OperatorUnsupportedNumber;
                let may_reroute = !login.rerouted && rule != Rule::Reroute;
                if !not_theirs || !may_reroute {
                    return Ok(Err(Stopped::Refused(Box::new(refusal))));
                }
                declined.push(alias.clone());
                first = Some((alias, refusal));
            }
        }
    }
}

/// Chooses by our rules, and where they do not lead to one, by what the telco finder says.
async fn choose_operator(
    app: &App,
    browser: &Browser,
    client: &Client,
    login: &Login,
    way: &Way<'_>,
    now: Time,
) -> Result<Result<Choice, Stopped>, Failure> {
    let registry = app.registry().await?;
    let question = question(&registry, browser, client, login, way);
    if let Some(alias) = way.again.or(way.picked) {
        let picked = routing::picked(&question, alias);
        let gone = || {
            let unknown = refusal(Outcome::OperatorUnknown, "no operator fits");
            Stopped::Refused(Box::new(unknown))
        };
        return Ok(picked.ok_or_else(gone));
    }
    let several = match routing::choose(&question) {
        Ok(choice) => return Ok(Ok(choice)),
        Err(NoOperator::Several(several)) => several,
        Err(NoOperator::NoneAccepted | NoOperator::NotServed) => {
            let unknown = refusal(Outcome::OperatorUnknown, "no operator fits");
            return Ok(Err(Stopped::Refused(Box::new(unknown))));
        }
    };
    if let Some(operator) = several
        .iter()
        .find(|operator| way.before == Some(operator.alias.as_str()))
    {
        return Ok(Ok(Choice {
            operator: operator.clone(),
            rule: Rule::Again,
        }));
    }
    if let Some(finder) = registry.finder()
        && let Some(name) = app
            .operators
            .find(finder, way.number, browser.address, now)
            .await
        && let Some(choice) = routing::found(&several, &name)
    {
        return Ok(Ok(choice));
    }
    Ok(Err(Stopped::Ask(several)))
}

/// What is known about which operator it is.
pub fn question<'a>(
    registry: &'a Registry,
    browser: &Browser,
    client: &'a Client,
    login: &'a Login,
    way: &Way<'a>,
) -> Question<'a> {
    Question {
        candidates: registry.all(),
        client_operators: &client.settings.operators,
        client_is_test: client.test,
        number: way.number,
        hint: login.request.operator_hint.as_deref(),
        address: browser.address,
        ranges: registry.ranges(),
        declined: way.declined,
    }
}

async fn prepare_at(
    app: &App,
    client: &Client,
    login: &Login,
    way: &Way<'_>,
    choice: &Choice,
    now: Time,
) -> Result<Result<Prepared, Refusal>, Failure> {
    let number = way.number;
    let registry = app.registry().await?;
    let Some(live) = registry.get(&choice.operator.alias) else {
        return Ok(Err(refusal(
            Outcome::OperatorUnknown,
            "the operator is gone",
        )));
    };
    if let Err(refusal) = admit(app, client, &live.operator, now) {
        return Ok(Err(refusal));
    }
    let leg = new_id(now);
    let state = Handle::random(leg);
    let method = match number {
        Some(_) => Method::Verify,
        None => Method::DevicePhoneNumber,
    };
    let operator = &live.operator;
    let wants_a_page = matches!(
        login.outcome,
        Some(Outcome::ConsentRequired | Outcome::ConsentDenied)
    );
    let ask = Ask {
        operator,
        credentials: &live.credentials,
        method,
        number,
        redirect_uri: &callback_uri(app, &operator.alias),
        state: &state.reveal(),
        now,
        silent: !(wants_a_page && operator.settings.retry_with_page),
        // Told at the callback: on its way there the phone may change networks.
        phone: Phone::default(),
    };
    let departure = app.operators.depart(&ask).await;
    breakers::settle(app).await;
    let departure = match departure {
        Ok(departure) => departure,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let limit = app.config.limits.tries_per_number_per_hour;
    let limit = (limit > 0).then(|| i64::from(limit));
    let kept = Kept {
        number: number.map(|number| number.e164().to_owned()),
        nonce: departure.nonce,
        verifier: departure.verifier,
    };
    Ok(Ok(Prepared {
        leg,
        live: live.clone(),
        method,
        rule: choice.rule,
        gave_way: None,
        state_hash: state.hash(),
        sealed: kept.seal(&app.vault, &leg),
        number_hashes: number
            .filter(|_| limit.is_some())
            .map_or_else(Vec::new, |number| number_hashes(app, number)),
        tries_per_hour: limit.unwrap_or(i64::MAX),
        tried: number.and_then(|number| tried(app, client, login, number)),
        legs_at_most: if way.once {
            policy::LEGS.min(login.legs + 1)
        } else {
            policy::LEGS
        },
        url: departure.url.to_string(),
        now,
        expires_at: now + app.config.login.leg,
    }))
}

/// What counts against the numbers that the login's browser may try. Not a number that was confirmed in
/// it before: a go-ahead or a session led here without a page.
fn tried(app: &App, client: &Client, login: &Login, number: &PhoneNumber) -> Option<NumberTried> {
    let most = i32::try_from(app.config.limits.numbers_per_browser_per_hour).unwrap_or(i32::MAX);
    let is_known = !login.pressed && client.settings.confirm != Confirm::Never;
    if most == 0 || is_known {
        return None;
    }
    Some(NumberTried {
        visit: login.visit_hash.clone()?,
        number: app.vault.ticket("tried", &[number.e164().as_bytes()])[..16].to_vec(),
        most,
    })
}

/// A departure that did not come about.
pub fn refusal(outcome: Outcome, detail: &str) -> Refusal {
    Refusal {
        outcome,
        evidence: Evidence {
            stage: "departure".to_owned(),
            detail: Some(detail.to_owned()),
            ..Evidence::default()
        },
    }
}

/// Departs from a page: the person pressed a button there. If several operators could be asked, the
/// next page asks which.
pub async fn from_page(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    way: &Way<'_>,
    source: Option<NumberSource>,
    mut records: Vec<Record>,
) -> Result<Response, Failure> {
    let Entry {
        login,
        client,
        cookie,
        now,
    } = entry;
    let number = way.number;
    let mut login = login.clone();
    login.pressed = true;
    login.number_source = source;
    login.sealed = number.map(|number| seal_number(app, &login.id, number));
    let chosen = Chosen {
        sealed: login.sealed.as_deref(),
        source,
        phone: login.phone_hash.as_deref(),
    };
    let prepared = match prepare(app, browser, client, &login, way, *now).await? {
        Ok(prepared) => prepared,
        Err(Stopped::Ask(several)) => {
            let records = Appended::new(records);
            let lane = app.db.relaxed_steps();
            return match path::ask_for_operator(lane, login.id, &chosen, *now, records).await {
                Ok(()) => Ok(choose::page(
                    frame(app, browser, &login, client, cookie),
                    &several,
                    number,
                    choose::may_change(client, &login),
                    choose::Why::Unknown,
                )),
                Err(StoreError::Stale) => Ok(show::again(login.id)),
                Err(error) => Err(error.into()),
            };
        }
        Err(Stopped::Refused(stopped)) => {
            return stop(app, browser, client, cookie, &login, number, *stopped, *now).await;
        }
    };
    records.extend(prepared.records(app, browser, &login, number));
    let departed = path::depart(
        app.db.relaxed_steps(),
        login.id,
        &chosen,
        &prepared.departing(),
        Appended::new(records),
    )
    .await;
    match departed {
        Ok(Departed::Away) => {
            let frame = frame(app, browser, &login, client, cookie);
            Ok(prepared.leave(frame))
        }
        Ok(departed @ (Departed::TooManyTries | Departed::TooManyNumbers(_))) => {
            let stopped = too_many(departed, *now);
            stop(app, browser, client, cookie, &login, number, stopped, *now).await
        }
        Err(StoreError::Stale) => Ok(show::again(login.id)),
        Err(error) => Err(error.into()),
    }
}

/// Why a departure was one too many: the number was checked too often, whoever did it; or this browser
/// tried too many numbers, and is told until when.
pub fn too_many(departed: Departed, now: Time) -> Refusal {
    match departed {
        Departed::TooManyNumbers(until) => {
            let tried = "the browser tried too many different numbers within the hour";
            let mut refused = refusal(Outcome::RateLimited, tried);
            refused.evidence.retry_after = Some(show::seconds_until(until, now));
            refused
        }
        Departed::Away | Departed::TooManyTries => refusal(
            Outcome::RateLimited,
            "the number was checked too often within the hour",
        ),
    }
}

/// No operator can be asked: records why and shows the page that says so.
#[expect(
    clippy::too_many_arguments,
    reason = "everything the one request knows"
)]
pub async fn stop(
    app: &App,
    browser: &Browser,
    client: &Client,
    cookie: &Token,
    login: &Login,
    number: Option<&PhoneNumber>,
    mut stopped: Refusal,
    now: Time,
) -> Result<Response, Failure> {
    let operator = stopped.evidence.operator.take().or(login.operator.clone());
    let subject = Subject {
        operator: operator.clone(),
        outcome: Some(stopped.outcome),
        ..about(login)
    };
    let outcome = stopped.outcome;
    let retry_at = stopped.evidence.retry_at(now);
    let event = Event::OperatorSelectedError {
        evidence: stopped.evidence,
    };
    let recorder = browser.recorder(app, now);
    let record = match number {
        Some(number) => recorder.record_of(number, subject, &event),
        None => recorder.record(subject, &event),
    };
    let chosen = Chosen {
        sealed: login.sealed.as_deref(),
        source: login.number_source,
        phone: login.phone_hash.as_deref(),
    };
    match path::stop_short(
        app.db.relaxed_steps(),
        login.id,
        &chosen,
        (outcome, retry_at),
        now,
        Appended::new([record]),
    )
    .await
    {
        Ok(()) => {
            let login = Login {
                stage: Stage::Problem,
                outcome: Some(outcome),
                retry_at,
                operator,
                ..login.clone()
            };
            show::page(app, browser, &login, client, cookie).await
        }
        Err(StoreError::Stale) => Ok(show::again(login.id)),
        Err(error) => Err(error.into()),
    }
}
