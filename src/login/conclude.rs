//! From claim to verdict: asks the operator, and turns what it says into a release, a page, or an
//! answer to the app. Runs in its own task, so that a phone that changes networks meanwhile does not
//! lose an answer that was paid for (P7). Nothing is held while the operator is called: no
//! transaction, no pooled connection.

mod refused;

use std::sync::Arc;

use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::login::depart::{Prepared, callback_uri};
use crate::login::handoff::digits;
use crate::login::opening::about;
use crate::login::policy;
use crate::login::release::{self, Check, Confirmed, Context, Released};
use crate::login::{breakers, counted, extras};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::redirect::Answer;
use crate::operator::{self, Ask, Callback, Phone};
use crate::phone::PhoneNumber;
use crate::secret::{Handle, new_id};
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::handoffs::{self, Match, digits_place};
use crate::store::logins::{Kept, seal_answer};
use crate::store::operators::Mode;
use crate::store::path::{self, Claimed};
use crate::store::sessions::{self, Carried};
use crate::verdict::checks::{CheckedAll, for_token};
use crate::verdict::{Evidence, Outcome, Proof, Refusal, Verdict};
use crate::web::app::{App, LiveOperator};
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// What came of a claimed callback.
pub enum Concluded {
    /// A code: back to the app.
    Released(Box<Released>),
    /// A page of the login says what happened, or asks for the go-ahead.
    Page,
    /// The operator said that the number is not its own: on to the next one.
    Onward(Box<Prepared>),
    /// Back to the app with an error that no page can mend.
    Told(Answer),
}

/// A claimed leg with everything needed to conclude it.
pub struct Conclusion {
    /// The state.
    pub app: App,
    /// The browser that came back.
    pub browser: Browser,
    /// The login and the leg.
    pub claimed: Claimed,
    /// The client.
    pub client: Arc<Client>,
    /// The operator.
    pub live: Arc<LiveOperator>,
    /// Our state, as it came back.
    pub state: Handle,
    /// The rest of the callback.
    pub callback: Callback,
    /// When the callback came.
    pub now: Time,
}

impl Conclusion {
    /// Asks the operator and stores what came of it.
    pub async fn run(self) -> Result<Concluded, Failure> {
        let kept = Kept::open(
            &self.app.vault,
            &self.claimed.leg.id,
            &self.claimed.leg.sealed,
        )?;
        let number = match &kept.number {
            Some(e164) => Some(PhoneNumber::from_e164(e164).map_err(Failure::internal)?),
            None => None,
        };
        let verdict = self.ask(&kept, number.as_ref()).await;
        let verdict = self.within_authority(verdict, number.as_ref());
        breakers::settle(&self.app).await;
        let (verdict, number, checks) = match verdict {
            Verdict::Verified(proof) => {
                let number = proof.number.clone();
                let (verdict, checks) = self.extra_checks(proof).await?;
                (verdict, Some(number), checks)
            }
            refused => (refused, number, CheckedAll::new()),
        };
        counted::verdict(&self.live.operator.alias, &verdict);
        match verdict {
            Verdict::Verified(proof) => self.confirmed(proof, checks).await,
            Verdict::Refused(refusal) => self.refused(number.as_ref(), refusal, checks).await,
        }
    }

    async fn extra_checks(&self, proof: Proof) -> Result<(Verdict, CheckedAll), Failure> {
        let now = self.app.clock.now();
        let ask = Ask {
            operator: &self.live.operator,
            credentials: &self.live.credentials,
            method: self.claimed.leg.method,
            number: None,
            redirect_uri: &callback_uri(&self.app, &self.live.operator.alias),
            state: &self.state.reveal(),
            now,
            silent: true,
            phone: self.phone(),
        };
        let recorder = self.browser.recorder(&self.app, now);
        let about = Subject {
            operator: Some(self.live.operator.alias.clone()),
            ..about(&self.claimed.login)
        };
        extras::check(&self.app, &self.client, &ask, &recorder, about, proof).await
    }

    async fn ask(&self, kept: &Kept, number: Option<&PhoneNumber>) -> Verdict {
        let operator = &self.live.operator;
        if operator.revision != self.claimed.leg.operator_revision {
            // The leg departed under another contract; its answer may mean something else now.
            return refused(
                Outcome::OperatorMisconfigured,
                "the operator was edited meanwhile",
            );
        }
        if operator.disabled_at.is_some() {
            return refused(
                Outcome::OperatorUnavailable,
                "the operator was disabled meanwhile",
            );
        }
        let ask = Ask {
            operator,
            credentials: &self.live.credentials,
            method: self.claimed.leg.method,
            number,
            redirect_uri: &callback_uri(&self.app, &operator.alias),
            state: &self.state.reveal(),
            now: self.now,
            silent: true,
            phone: self.phone(),
        };
        let kept = operator::Kept {
            nonce: kept.nonce.clone(),
            verifier: kept.verifier.clone(),
        };
        self.app
            .operators
            .conclude(&ask, &kept, &self.callback, &self.app.clock)
            .await
    }

    fn phone(&self) -> Phone {
        Phone {
            address: self.browser.address,
            port: self.browser.port,
        }
    }

    /// An operator's word counts only inside its authority, whatever rule chose it (P5), and only
    /// about the number it was asked about (P2).
    fn within_authority(&self, verdict: Verdict, asked: Option<&PhoneNumber>) -> Verdict {
        let Verdict::Verified(proof) = verdict else {
            return verdict;
        };
        let (outcome, detail) = if asked.is_some_and(|asked| *asked != proof.number) {
            (Outcome::Mismatch, "another number was confirmed")
        } else if !self
            .live
            .operator
            .may_vouch_for(&proof.number, self.client.test)
        {
            (
                Outcome::OperatorUnsupportedNumber,
                "the operator has no authority over the number",
            )
        } else {
            return Verdict::Verified(proof);
        };
        // What was paid for stays in the evidence.
        Verdict::Refused(Refusal {
            outcome,
            evidence: Evidence {
                detail: Some(detail.to_owned()),
                ..proof.evidence
            },
        })
    }

    async fn confirmed(self, proof: Proof, checks: CheckedAll) -> Result<Concluded, Failure> {
        let now = self.app.clock.now();
        let confirmed = Confirmed {
            number: proof.number.clone(),
            operator: self.live.operator.alias.clone(),
            test: self.live.operator.mode == Mode::Test,
            method: proof.method,
            verified_at: proof.verified_at,
            txn: new_id(now),
            checks: for_token(&checks),
            pressed: self.claimed.login.pressed,
            handoff: self.claimed.login.handoff_id.is_some(),
        };
        if self.is_another_person(&confirmed, now).await? {
            return self.another_person(&proof, checks, now).await;
        }
        if let Some(handoff) = self.claimed.login.handoff_id {
            return self
                .show_digits(handoff, &confirmed, &proof, checks, now)
                .await;
        }
        if let Some(epoch) = self.must_ask_first(&confirmed, now).await? {
            return self.hold(&confirmed, epoch, &proof, checks, now).await;
        }
        let context = Context {
            app: &self.app,
            browser: &self.browser,
            login: &self.claimed.login,
            client: &self.client,
            session: self.claimed.session.as_ref(),
            now,
        };
        let check = self.check(&proof, checks);
        match context.release(&confirmed, Some(&check)).await {
            Ok(released) => Ok(Concluded::Released(Box::new(released))),
            Err(StoreError::Stale) => self.too_late(&proof, check.checks, now).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the request names a subject, and the confirmed number is not theirs. Compared only now:
    /// to compare a hinted number before its check would tell the app whose number it is.
    async fn is_another_person(&self, confirmed: &Confirmed, now: Time) -> Result<bool, Failure> {
        let request = &self.claimed.login.request;
        if request.subject.is_none() {
            return Ok(false);
        }
        let hashes = release::number_hashes(&self.app, &confirmed.number);
        let epoch = release::epoch(&self.app, &hashes, now).await?;
        let subject = release::subject(&self.app, &self.client, &confirmed.number, epoch);
        Ok(!release::pins(request, &subject))
    }

    /// The number is confirmed and nothing is released: it is not the one the request asks for (OIDC
    /// Core section 3.1.2.1, `id_token_hint`).
    async fn another_person(
        self,
        proof: &Proof,
        checks: CheckedAll,
        now: Time,
    ) -> Result<Concluded, Failure> {
        let login = &self.claimed.login;
        let outcome = Outcome::Mismatch;
        let error = OAuthError::new(
            ErrorCode::LoginRequired,
            format!("{outcome}: another person than the request names signed in"),
        );
        let answer = Answer::from(&error);
        let checked = Event::NumberNotVerified {
            leg: self.claimed.leg.id,
            method: proof.method,
            away_ms: self.away_ms(),
            evidence: Evidence {
                detail: Some("confirmed, and of another subject than the request names".to_owned()),
                ..proof.evidence.clone()
            },
            checks: checks.clone(),
        };
        let told = Event::LoginError {
            error: Some(error.code.as_str().to_owned()),
            reason: None,
        };
        let recorder = self.browser.recorder(&self.app, now);
        let records = [
            recorder.record_of(&proof.number, self.about(outcome), &checked),
            recorder.record(self.about(outcome), &told),
        ];
        let ended = path::end(
            self.app.db.durable_steps(),
            login.id,
            outcome,
            Some(&seal_answer(&self.app.vault, &login.id, &answer)),
            now,
            Appended::new(records),
        )
        .await;
        match ended {
            Ok(()) => {
                counted::end(outcome);
                Ok(Concluded::Told(answer))
            }
            Err(StoreError::Stale) => self.too_late(proof, checks, now).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the person must agree before the release: the number was not known before the check,
    /// and no earlier go-ahead of this browser covers it. If so, the number's epoch.
    async fn must_ask_first(
        &self,
        confirmed: &Confirmed,
        now: Time,
    ) -> Result<Option<i32>, Failure> {
        let login = &self.claimed.login;
        if login.number_source.is_some() {
            return Ok(None);
        }
        let hashes = release::number_hashes(&self.app, &confirmed.number);
        let cookie = self.browser.cookies(&self.app).browser();
        let carried = Carried {
            browser: cookie.map(|cookie| cookie.hash()),
            session: None,
        };
        let known = sessions::look_up(
            self.app.db.relaxed_steps(),
            &carried,
            &self.client.client_id,
            &hashes,
            None,
            now,
        )
        .await?;
        let subject = release::subject(&self.app, &self.client, &confirmed.number, known.epoch);
        let release = login.request.release();
        let remembered = policy::covers(&known.go_aheads, &subject, &release);
        let asks = policy::needs_go_ahead(&self.client, &login.request, remembered);
        Ok(asks.then_some(known.epoch))
    }

    async fn hold(
        self,
        confirmed: &Confirmed,
        epoch: i32,
        proof: &Proof,
        checks: CheckedAll,
        now: Time,
    ) -> Result<Concluded, Failure> {
        let login = &self.claimed.login;
        let held = confirmed.held();
        let subject = release::subject(&self.app, &self.client, &confirmed.number, epoch);
        let recorder = self.browser.recorder(&self.app, now);
        let check = self.check(proof, checks);
        let record = release::verified_record(&recorder, login, confirmed, &check, &subject, epoch);
        match path::hold(
            self.app.db.durable_steps(),
            login.id,
            self.claimed.leg.id,
            &held.seal(&self.app.vault, &login.id),
            now,
            Appended::new([record]),
        )
        .await
        {
            Ok(()) => Ok(Concluded::Page),
            Err(StoreError::Stale) => self.too_late(proof, check.checks, now).await,
            Err(error) => Err(error.into()),
        }
    }

    /// The number is confirmed on a phone: nothing is released before the desktop has typed the digits
    /// that the phone shows from now on.
    async fn show_digits(
        self,
        handoff: Uuid,
        confirmed: &Confirmed,
        proof: &Proof,
        checks: CheckedAll,
        now: Time,
    ) -> Result<Concluded, Failure> {
        let (app, login) = (&self.app, &self.claimed.login);
        let hashes = release::number_hashes(app, &confirmed.number);
        let epoch = release::epoch(app, &hashes, now).await?;
        let subject = release::subject(app, &self.client, &confirmed.number, epoch);
        let recorder = self.browser.recorder(app, now);
        let check = self.check(proof, checks);
        let record = release::verified_record(&recorder, login, confirmed, &check, &subject, epoch);
        let digits = digits::draw();
        let made = Match {
            login: login.id,
            leg: self.claimed.leg.id,
            handoff,
            sealed_held: &confirmed.held().seal(&app.vault, &login.id),
            digits_hash: &digits::hash(&app.vault, handoff, &digits),
            sealed_digits: &app.vault.seal(digits_place(&handoff), digits.as_bytes()),
        };
        let records = Appended::new([record]);
        match handoffs::matched(app.db.durable_steps(), &made, now, records).await {
            Ok(()) => Ok(Concluded::Page),
            Err(StoreError::Stale) => self.too_late(proof, check.checks, now).await,
            Err(error) => Err(error.into()),
        }
    }

    fn check(&self, proof: &Proof, checks: CheckedAll) -> Check {
        Check {
            leg: self.claimed.leg.id,
            away_ms: self.away_ms(),
            evidence: proof.evidence.clone(),
            checks,
        }
    }

    fn about(&self, outcome: Outcome) -> Subject {
        Subject {
            operator: Some(self.live.operator.alias.clone()),
            outcome: Some(outcome),
            ..about(&self.claimed.login)
        }
    }

    fn away_ms(&self) -> i64 {
        let away = self.now.signed_duration_since(self.claimed.leg.departed_at);
        away.num_milliseconds()
    }
}

fn refused(outcome: Outcome, detail: &str) -> Verdict {
    Verdict::Refused(Refusal {
        outcome,
        evidence: Evidence {
            stage: "callback".to_owned(),
            detail: Some(detail.to_owned()),
            ..Evidence::default()
        },
    })
}
