//! Departure: which operator is asked, how, and where the browser goes. Opens a leg.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::audit::record::Record;
use crate::clock::Time;
use crate::login::admit::admit;
use crate::login::authorize::{about, seal_number};
use crate::login::entry::{Entry, frame};
use crate::login::release::number_hashes;
use crate::login::view::Checking;
use crate::login::{breakers, policy, show};
use crate::operator::Ask;
use crate::operator::routing::{self, Choice, NoOperator};
use crate::phone::PhoneNumber;
use crate::secret::{Handle, Token, new_id};
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::logins::{Kept, Login, NumberSource, Stage};
use crate::store::path::{self, Chosen, Departed, Departing};
use crate::verdict::{Evidence, Method, Outcome, Refusal};
use crate::web::app::{App, LiveOperator};
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// A leg that is ready to depart.
pub struct Prepared {
    leg: Uuid,
    live: Arc<LiveOperator>,
    method: Method,
    rule: &'static str,
    state_hash: Vec<u8>,
    sealed: Vec<u8>,
    number_hashes: Vec<Vec<u8>>,
    tries_per_hour: i64,
    url: String,
    now: Time,
    expires_at: Time,
}

impl Prepared {
    /// The operator's authorization URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the operator never interacts with the person.
    pub fn is_silent(&self) -> bool {
        self.live.operator.settings.guarantees_silence
    }

    /// The operator's name.
    pub fn operator_name(&self) -> &str {
        &self.live.operator.name
    }

    /// The leg's row.
    pub fn departing(&self) -> Departing<'_> {
        Departing {
            leg: self.leg,
            operator: &self.live.operator.alias,
            operator_revision: self.live.operator.revision,
            method: self.method,
            rule: self.rule,
            state_hash: &self.state_hash,
            sealed: &self.sealed,
            number_hashes: &self.number_hashes,
            tries_per_hour: self.tries_per_hour,
            legs_at_most: policy::LEGS,
            now: self.now,
            expires_at: self.expires_at,
        }
    }

    /// The record of the departure.
    pub fn record(
        &self,
        app: &App,
        browser: &Browser,
        login: &Login,
        number: Option<&PhoneNumber>,
    ) -> Record {
        let (subject, event) = self.event(login);
        let recorder = browser.recorder(app, self.now);
        match number {
            Some(number) => recorder.record_of(number, subject, &event),
            None => recorder.record(subject, &event),
        }
    }

    fn event(&self, login: &Login) -> (Subject, Event) {
        let subject = Subject {
            operator: Some(self.live.operator.alias.clone()),
            ..about(login)
        };
        let event = Event::OperatorSelected {
            leg: self.leg,
            rule: self.rule.to_owned(),
            method: self.method,
            revision: self.live.operator.revision,
            pressed: login.pressed,
        };
        (subject, event)
    }
}

/// The callback of an operator: the redirect URI it has registered for us.
pub fn callback_uri(app: &App, alias: &str) -> String {
    app.config.issuer.url(&format!("/broker/{alias}/endpoint"))
}

/// Chooses the operator and makes everything a leg needs. Nothing is written yet, and no database
/// connection is held: the operator may be asked for its discovery document.
pub async fn prepare(
    app: &App,
    browser: &Browser,
    client: &Client,
    login: &Login,
    number: Option<&PhoneNumber>,
    now: Time,
) -> Result<Result<Prepared, Refusal>, Failure> {
    let registry = app.registry().await?;
    let choice = routing::choose(
        registry.all(),
        &client.settings.operators,
        client.test,
        number,
        login.request.operator_hint.as_deref(),
        browser.address,
    );
    let choice = match choice {
        Ok(choice) => choice,
        // Until the person can choose on a page, the first by alias is asked.
        Err(NoOperator::Several(mut several)) if !several.is_empty() => Choice {
            operator: several.swap_remove(0),
            rule: "first_of_several",
        },
        Err(_) => return Ok(Err(refusal(Outcome::OperatorUnknown, "no operator fits"))),
    };
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
        state_hash: state.hash(),
        sealed: kept.seal(&app.vault, &leg),
        number_hashes: number
            .filter(|_| limit.is_some())
            .map_or_else(Vec::new, |number| number_hashes(app, number)),
        tries_per_hour: limit.unwrap_or(i64::MAX),
        url: departure.url.to_string(),
        now,
        expires_at: now + app.config.login.leg,
    }))
}

fn refusal(outcome: Outcome, detail: &str) -> Refusal {
    Refusal {
        outcome,
        evidence: Evidence {
            stage: "departure".to_owned(),
            detail: Some(detail.to_owned()),
            ..Evidence::default()
        },
    }
}

/// Departs from a page: the person pressed a button there.
pub async fn from_page(
    app: &App,
    browser: &Browser,
    entry: &Entry,
    number: Option<&PhoneNumber>,
    source: Option<NumberSource>,
    mut records: Vec<Record>,
) -> Result<Response, Failure> {
    let Entry {
        login,
        client,
        cookie,
        now,
    } = entry;
    let mut login = login.clone();
    login.pressed = true;
    login.number_source = source;
    login.sealed = number.map(|number| seal_number(app, &login.id, number));
    let prepared = match prepare(app, browser, client, &login, number, *now).await? {
        Ok(prepared) => prepared,
        Err(stopped) => {
            return stop(app, browser, client, cookie, &login, number, stopped, *now).await;
        }
    };
    records.push(prepared.record(app, browser, &login, number));
    let chosen = Chosen {
        sealed: login.sealed.as_deref(),
        source,
    };
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
            let page = Checking {
                frame: frame(app, browser, &login, client, cookie),
                operator_name: prepared.operator_name().to_owned(),
                url: prepared.url.clone(),
            };
            Ok(render(StatusCode::OK, PageClass::Journey, &page))
        }
        Ok(Departed::TooManyTries) => {
            let stopped = too_many_tries();
            stop(app, browser, client, cookie, &login, number, stopped, *now).await
        }
        Err(StoreError::Stale) => Ok(show::again(login.id)),
        Err(error) => Err(error.into()),
    }
}

/// The number was checked too often, whoever did it.
pub fn too_many_tries() -> Refusal {
    refusal(
        Outcome::RateLimited,
        "the number was checked too often within the hour",
    )
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
