//! What follows when nothing may be released: the page that says why, the next operator, or only the
//! record of what was paid for.

use super::{Concluded, Conclusion};
use crate::audit::event::Event;
use crate::audit::record::Record;
use crate::clock::Time;
use crate::login::depart::{self, Prepared, Way};
use crate::login::policy;
use crate::phone::PhoneNumber;
use crate::store::audit::{self, Appended};
use crate::store::db::StoreError;
use crate::store::logins;
use crate::store::path::{self, Claimed, Departed};
use crate::verdict::checks::CheckedAll;
use crate::verdict::{Evidence, Outcome, Proof, Refusal};
use crate::web::failure::Failure;

impl Conclusion {
    /// The operator confirmed the number, but the login had ended meanwhile (cancelled, out of
    /// time): nothing is released, and what was paid for is on record.
    pub(super) async fn too_late(
        self,
        proof: &Proof,
        checks: CheckedAll,
        now: Time,
    ) -> Result<Concluded, Failure> {
        let event = Event::NumberNotVerified {
            leg: self.claimed.leg.id,
            method: proof.method,
            away_ms: self.away_ms(),
            evidence: Evidence {
                detail: Some("confirmed after the login had ended".to_owned()),
                ..proof.evidence.clone()
            },
            checks,
        };
        let recorder = self.browser.recorder(&self.app, now);
        let record = recorder.record_of(&proof.number, self.about(Outcome::Expired), &event);
        audit::append_alone(&self.app.db, self.app.db.durable(), [record]).await?;
        Ok(Concluded::Page)
    }

    pub(super) async fn refused(
        self,
        number: Option<&PhoneNumber>,
        refusal: Refusal,
        checks: CheckedAll,
    ) -> Result<Concluded, Failure> {
        let now = self.app.clock.now();
        let Claimed { login, leg, .. } = &self.claimed;
        let outcome = (refusal.outcome, refusal.evidence.retry_at(now));
        let event = Event::NumberNotVerified {
            leg: leg.id,
            method: leg.method,
            away_ms: self.away_ms(),
            evidence: refusal.evidence,
            checks,
        };
        let recorder = self.browser.recorder(&self.app, now);
        let record = match number {
            Some(number) => recorder.record_of(number, self.about(refusal.outcome), &event),
            None => recorder.record(self.about(refusal.outcome), &event),
        };
        if refusal.outcome == Outcome::OperatorUnsupportedNumber
            && let Some(next) = self.reroute(number, &record, now).await?
        {
            return Ok(Concluded::Onward(Box::new(next)));
        }
        let records = Appended::new([record.clone()]);
        let db = self.app.db.durable_steps();
        match path::refuse(db, login.id, leg.id, outcome, now, records).await {
            Ok(()) => Ok(Concluded::Page),
            // The login had ended meanwhile; what the operator said may be billed all the same.
            Err(StoreError::Stale) => {
                audit::append_alone(&self.app.db, self.app.db.durable(), [record]).await?;
                Ok(Concluded::Page)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Departs for the next operator, once per login: the one asked said that the number is not its own.
    /// Where the rules lead to none, or to several, the person is told and asked instead; under
    /// `prompt=none` the app is told, also where the next one may have to show a page.
    async fn reroute(
        &self,
        number: Option<&PhoneNumber>,
        refused: &Record,
        now: Time,
    ) -> Result<Option<Prepared>, Failure> {
        let Claimed { login, leg, .. } = &self.claimed;
        if login.rerouted || login.legs >= policy::LEGS {
            return Ok(None);
        }
        let mut declined = logins::declined(self.app.db.relaxed_steps(), login.id).await?;
        declined.push(leg.operator.clone());
        let way = Way {
            number,
            declined: &declined,
            ..Way::default()
        };
        let Self {
            app,
            browser,
            client,
            ..
        } = self;
        let Ok(prepared) = depart::prepare(app, browser, client, login, &way, now).await? else {
            return Ok(None);
        };
        if login.request.prompt.is_silent() && !prepared.is_silent() {
            return Ok(None);
        }
        let mut records = vec![refused.clone()];
        records.extend(prepared.records(app, browser, login, number));
        let records = Appended::new(records);
        let lane = app.db.durable_steps();
        match path::reroute(lane, login.id, leg.id, &prepared.departing(), records).await {
            Ok(Departed::Away) => Ok(Some(prepared)),
            Ok(Departed::TooManyTries | Departed::TooManyNumbers(_)) | Err(StoreError::Stale) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
