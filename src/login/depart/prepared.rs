//! A leg that is ready to depart: what its row, its records and its page are made of.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::audit::record::Record;
use crate::clock::Time;
use crate::login::counted;
use crate::login::opening::about;
use crate::login::view::Checking;
use crate::operator::routing::Rule;
use crate::phone::PhoneNumber;
use crate::store::logins::Login;
use crate::store::path::{Departing, Tried};
use crate::verdict::{Evidence, Method, Outcome};
use crate::web::app::{App, LiveOperator};
use crate::web::browser::Browser;
use crate::web::headers::PageClass;
use crate::web::page::{Frame, render};

/// An operator that said before the departure that the number is not its own.
pub(super) struct GaveWay {
    pub(super) operator: String,
    pub(super) evidence: Evidence,
}

/// A number that counts against those a browser may try.
pub(super) struct NumberTried {
    pub(super) visit: Vec<u8>,
    pub(super) number: Vec<u8>,
    pub(super) most: i32,
}

/// A leg that is ready to depart.
pub struct Prepared {
    pub(super) leg: Uuid,
    pub(super) live: Arc<LiveOperator>,
    pub(super) method: Method,
    pub(super) rule: Rule,
    pub(super) gave_way: Option<GaveWay>,
    pub(super) state_hash: Vec<u8>,
    pub(super) sealed: Vec<u8>,
    pub(super) number_hashes: Vec<Vec<u8>>,
    pub(super) tries_per_hour: i64,
    pub(super) tried: Option<NumberTried>,
    pub(super) legs_at_most: i32,
    pub(super) url: String,
    pub(super) now: Time,
    pub(super) expires_at: Time,
}

impl Prepared {
    /// Whether the operator never interacts with the person.
    pub fn is_silent(&self) -> bool {
        self.live.operator.settings.guarantees_silence
    }

    /// The redirect that leads to the operator, for a leg that has departed. Only where no form of ours
    /// led here: `form-action` stands in its way then.
    pub fn redirect(self) -> Response {
        counted::departure(&self.live.operator.alias, self.rule);
        let headers = [(LOCATION, self.url.as_str()), (CACHE_CONTROL, "no-store")];
        (StatusCode::SEE_OTHER, headers).into_response()
    }

    /// The page that leads to the operator, for a leg that has departed.
    pub fn leave(self, frame: Frame) -> Response {
        counted::departure(&self.live.operator.alias, self.rule);
        let page = Checking {
            frame,
            operator_name: self.live.operator.name.clone(),
            url: self.url,
        };
        render(StatusCode::OK, PageClass::Journey, &page)
    }

    /// The leg's row.
    pub fn departing(&self) -> Departing<'_> {
        Departing {
            leg: self.leg,
            operator: &self.live.operator.alias,
            operator_revision: self.live.operator.revision,
            method: self.method,
            rule: self.rule.as_str(),
            state_hash: &self.state_hash,
            sealed: &self.sealed,
            number_hashes: &self.number_hashes,
            tries_per_hour: self.tries_per_hour,
            tried: self.tried.as_ref().map(|tried| Tried {
                visit: &tried.visit,
                number: &tried.number,
                most: tried.most,
            }),
            legs_at_most: self.legs_at_most,
            now: self.now,
            expires_at: self.expires_at,
        }
    }

    /// The records of the departure.
    pub fn records(
        &self,
        app: &App,
        browser: &Browser,
        login: &Login,
        number: Option<&PhoneNumber>,
    ) -> Vec<Record> {
        let recorder = browser.recorder(app, self.now);
        let gave_way = self.gave_way.as_ref().map(|gave_way| {
            let subject = Subject {
                operator: Some(gave_way.operator.clone()),
                outcome: Some(Outcome::OperatorUnsupportedNumber),
                ..about(login)
            };
            let evidence = gave_way.evidence.clone();
            (subject, Event::OperatorSelectedError { evidence })
        });
        let events = gave_way.into_iter().chain([self.event(login)]);
        events
            .map(|(subject, event)| match number {
                Some(number) => recorder.record_of(number, subject, &event),
                None => recorder.record(subject, &event),
            })
            .collect()
    }

    fn event(&self, login: &Login) -> (Subject, Event) {
        let subject = Subject {
            operator: Some(self.live.operator.alias.clone()),
            ..about(login)
        };
        let event = Event::OperatorSelected {
            leg: self.leg,
            rule: self.rule.as_str().to_owned(),
            method: self.method,
            revision: self.live.operator.revision,
            pressed: login.pressed,
        };
        (subject, event)
    }
}
