//! The release: what a confirmed number leaves behind, and the browser's way back with a code.
//! Whoever calls this holds a [`Proof`] or what was held of one (P4).

mod confirmed;
mod released;

use std::time::Duration;

use axum::response::Response;
use uuid::Uuid;

pub use confirmed::{Confirmed, epoch, number_hashes, pins, subject};
pub use released::Released;

use crate::audit::event::{Event, Subject};
use crate::audit::record::{Record, Recorder};
use crate::clock::Time;
use crate::login::entry::Entry;
use crate::login::opening::about;
use crate::login::{counted, policy, session, show};
use crate::oauth::redirect::Answer;
use crate::oauth::scope::Scope;
use crate::phone::PhoneNumber;
use crate::secret::{Handle, Token, b64, new_id};
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::grants;
use crate::store::logins::{Login, NumberSource, seal_answer};
use crate::store::path::{self, GoAhead, Opening, Release, SessionRow, SessionUse};
use crate::store::sessions::{self, Remembered, Session};
use crate::token::claims::{Facts, NamedBy, NumberVerification};
use crate::verdict::checks::CheckedAll;
use crate::verdict::{Evidence, Outcome};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// Everything the release of one login needs.
pub struct Context<'a> {
    /// The state.
    pub app: &'a App,
    /// The browser.
    pub browser: &'a Browser,
    /// The login.
    pub login: &'a Login,
    /// Its client.
    pub client: &'a Client,
    /// The session the browser has.
    pub session: Option<&'a Remembered>,
    /// The time of the release.
    pub now: Time,
}

/// The check itself, for its audit record, where that is written with the release.
#[derive(Clone, Debug)]
pub struct Check {
    /// The leg.
    pub leg: Uuid,
    /// Milliseconds the browser was away.
    pub away_ms: i64,
    /// What was seen on the wire.
    pub evidence: Evidence,
    /// The extra checks.
    pub checks: CheckedAll,
}

/// The record of a check that confirmed a number: its id is the `txn` of every token made of it.
#[must_use]
pub fn verified_record(
    recorder: &Recorder<'_>,
    login: &Login,
    confirmed: &Confirmed,
    check: &Check,
    subject: &str,
    epoch: i32,
) -> Record {
    let event = Event::NumberVerified {
        leg: check.leg,
        method: confirmed.method,
        subject: subject.to_owned(),
        epoch,
        test: confirmed.test,
        pinned: login.number_source == Some(NumberSource::Hint) && login.request.is_pinned(),
        away_ms: check.away_ms,
        evidence: check.evidence.clone(),
        checks: check.checks.clone(),
    };
    let about = Subject {
        operator: Some(confirmed.operator.clone()),
        outcome: Some(Outcome::Verified),
        ..about(login)
    };
    recorder.record_with_id(confirmed.txn, &confirmed.number, about, &event)
}

impl Context<'_> {
    /// Stores grant, code, session, go-ahead and records, on disk, and only then hands out the code
    /// (P1). `check` is given if its record is not written yet.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if the login is not waiting for this any more.
    pub async fn release(
        &self,
        confirmed: &Confirmed,
        check: Option<&Check>,
    ) -> Result<Released, StoreError> {
        // The number's epoch is 0 unless it changed hands; the statement checks, and only then is it
        // looked up.
        match self.release_at(confirmed, 0, check).await {
            Err(StoreError::Stale) => {
                let hashes = number_hashes(self.app, &confirmed.number);
                match epoch(self.app, &hashes, self.now).await? {
                    0 => Err(StoreError::Stale),
                    epoch => self.release_at(confirmed, epoch, check).await,
                }
            }
            done => done,
        }
    }

    async fn release_at(
        &self,
        confirmed: &Confirmed,
        epoch: i32,
        check: Option<&Check>,
    ) -> Result<Released, StoreError> {
        let (app, now) = (self.app, self.now);
        let lifetimes = &app.config.login;
        // The same subject's session goes on under its key; another one's ends.
        let hashes = number_hashes(app, &confirmed.number);
        let renewed = self
            .session
            .filter(|old| old.epoch == epoch && hashes.contains(&old.number_hash));
        let session_id = renewed.map_or_else(|| new_id(now), |old| old.id);
        let expires_at = renewed.map_or(now + lifetimes.session_absolute, |o| o.expires_at);
        let made = self.make(confirmed, epoch, session_id)?;
        let recorder = self.browser.recorder(app, now);
        let checked = check.map(|check| {
            verified_record(
                &recorder,
                self.login,
                confirmed,
                check,
                &made.subject,
                epoch,
            )
        });
        let ends = self.end_records(confirmed, &made, session_id, false);
        let cookies = self.browser.cookies(app);
        let session_cookie = Token::random();
        let e164 = confirmed.number.e164().as_bytes();
        path::release(
            app.db.durable_steps(),
            &made.row(self),
            &SessionRow {
                id: session_id,
                cookie_hash: &session_cookie.hash(),
                old_cookie_hash: cookies.session().map(|c| c.hash()).as_deref(),
                browser_hash: &made.browser_hash,
                verdict: &serde_json::to_value(confirmed.proven()).expect("a verdict serialises"),
                sealed: &app.vault.seal(sessions::number_place(&session_id), e164),
                idle_expires_at: (now + lifetimes.session_idle).min(expires_at),
                expires_at,
            },
            Appended::new(checked.into_iter().chain(ends)),
        )
        .await?;
        counted::end(Outcome::Verified);
        Ok(Released {
            redirect: self.login.request.redirect.clone(),
            code: made.told,
            session: Some(session_cookie),
            browser: made.new_browser,
        })
    }

    /// The same out of a session, which asks no operator: `opening` is the login's row, open or not yet
    /// there, and `records` come before that of its end.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if the session or the login is not what it was.
    pub async fn answer(
        &self,
        confirmed: &Confirmed,
        session: &Session,
        opening: &Opening<'_>,
        records: Vec<Record>,
    ) -> Result<Released, StoreError> {
        let (app, now) = (self.app, self.now);
        let Some(cookie) = self.browser.cookies(app).session() else {
            return Err(StoreError::Stale);
        };
        let made = self.make(confirmed, session.epoch, session.id)?;
        let ends = self.end_records(confirmed, &made, session.id, true);
        path::answer(
            app.db.durable_steps(),
            opening,
            &made.row(self),
            &SessionUse {
                id: session.id,
                cookie_hash: &cookie.hash(),
                idle_expires_at: (now + app.config.login.session_idle).min(session.expires_at),
                pressed: self.login.pressed,
            },
            Appended::new(records.into_iter().chain(ends)),
        )
        .await?;
        counted::end(Outcome::Verified);
        Ok(Released {
            redirect: self.login.request.redirect.clone(),
            code: made.told,
            session: None,
            browser: made.new_browser,
        })
    }

    /// Makes what is stored and handed out. Nothing is for anybody but the subject that the request
    /// names, if it names one, and that is known for sure only here.
    fn make(&self, confirmed: &Confirmed, epoch: i32, session: Uuid) -> Result<Made, StoreError> {
        let Self {
            app,
            browser,
            login,
            client,
            ..
        } = *self;
        let request = &login.request;
        let subject = subject(app, client, &confirmed.number, epoch);
        if !pins(request, &subject) {
            return Err(StoreError::Stale);
        }
        let facts = self.facts(confirmed, &subject, session);
        let sealed_number = facts.releases_number().then(|| {
            let e164 = confirmed.number.e164().as_bytes();
            app.vault.seal(grants::number_place(&login.id), e164)
        });
        let code = Handle::random(login.id);
        let told = Answer::code(&code.reveal());
        let had_cookie = browser.cookies(app).browser();
        let new_browser = had_cookie.is_none().then(Token::random);
        let browser_hash = new_browser.as_ref().or(had_cookie.as_ref());
        Ok(Made {
            number_hashes: number_hashes(app, &confirmed.number),
            epoch,
            subject,
            sealed_answer: seal_answer(&app.vault, &login.id, &told),
            told,
            code_hash: code.hash(),
            grant_expires_at: self.grant_ends(confirmed),
            facts: serde_json::to_value(&facts).expect("facts serialise"),
            sealed_number,
            release: request.release(),
            // Nobody saw what the desktop asks but through a phone: the next time is asked anew.
            remembers: login.pressed && !confirmed.handoff && policy::may_remember(client, request),
            browser_hash: browser_hash.map(Token::hash).unwrap_or_default(),
            new_browser,
        })
    }

    /// FAPI 2.0 section 5.3.2.1: at most 60 seconds, whatever is configured.
    fn code_lifetime(&self) -> Duration {
        let configured = self.app.config.login.code;
        if self.client.settings.profile.is_fapi() {
            configured.min(Duration::from_secs(60))
        } else {
            configured
        }
    }

    /// With the last access token; with `offline_access` so long after the check itself.
    fn grant_ends(&self, confirmed: &Confirmed) -> Time {
        let lifetimes = &self.app.config.login;
        let own = self.client.settings.access_token_s;
        let access_token = own.map_or(lifetimes.access_token, |seconds| {
            Duration::from_secs(u64::from(seconds))
        });
        let last = self.now + self.code_lifetime() + access_token;
        if self.login.request.scopes.has(Scope::OfflineAccess) {
            last.max(confirmed.verified_at + lifetimes.refresh_grant)
        } else {
            last
        }
    }

    fn facts(&self, confirmed: &Confirmed, subject: &str, session: Uuid) -> Facts {
        let Self {
            app, login, client, ..
        } = self;
        let sid = app
            .vault
            .ticket("sid", &[session.as_bytes(), client.client_id.as_bytes()]);
        Facts {
            sub: subject.to_owned(),
            scopes: login.request.scopes.clone(),
            claims: (login.request.claims.clone())
                .verified_before((self.now - confirmed.verified_at).num_seconds()),
            nonce: login.request.nonce.clone(),
            auth_time: confirmed.verified_at,
            sid: b64(&sid),
            txn: confirmed.txn,
            number_verification: NumberVerification {
                operator: confirmed.operator.clone(),
                method: confirmed.method,
                verified_at: confirmed.verified_at,
                test: confirmed.test,
                checks: confirmed.checks.clone(),
            },
            named_by: match login.number_source {
                Some(NumberSource::Hint) if login.request.is_pinned() => NamedBy::AppPinned,
                Some(NumberSource::Hint) => NamedBy::App,
                Some(NumberSource::Person | NumberSource::Session) | None => NamedBy::Person,
            },
            handoff: confirmed.handoff,
            person_acted: login.pressed || confirmed.pressed,
            claims_in_userinfo_only: client.settings.claims_in_userinfo_only,
        }
    }

    /// The login's end, and before it the go-ahead that the browser remembers from now on.
    fn end_records(
        &self,
        confirmed: &Confirmed,
        made: &Made,
        session: Uuid,
        from_session: bool,
    ) -> Vec<Record> {
        let login = self.login;
        let subject = Subject {
            operator: Some(confirmed.operator.clone()),
            outcome: Some(Outcome::Verified),
            ..about(login)
        };
        let event = Event::Login {
            grant: login.id,
            release: login.request.release().join(" "),
            txn: confirmed.txn,
            session,
            from_session,
        };
        let recorder = self.browser.recorder(self.app, self.now);
        let agreed = made.remembers.then(|| {
            let event = Event::GrantConsent {
                release: made.release.join(" "),
                until: self.now + self.app.config.login.go_ahead,
            };
            recorder.record_of(&confirmed.number, about(login), &event)
        });
        let ended = recorder.record_of(&confirmed.number, subject, &event);
        agreed.into_iter().chain([ended]).collect()
    }
}

/// What one release consists of.
struct Made {
    number_hashes: Vec<Vec<u8>>,
    epoch: i32,
    subject: String,
    told: Answer,
    sealed_answer: Vec<u8>,
    code_hash: Vec<u8>,
    grant_expires_at: Time,
    facts: serde_json::Value,
    sealed_number: Option<Vec<u8>>,
    release: Vec<String>,
    remembers: bool,
    browser_hash: Vec<u8>,
    new_browser: Option<Token>,
}

impl Made {
    fn row<'a>(&'a self, context: &'a Context<'_>) -> Release<'a> {
        let Context {
            app, login, now, ..
        } = *context;
        let lifetimes = &app.config.login;
        let request = &login.request;
        Release {
            login: login.id,
            leg: login.leg_id,
            client_id: &login.client_id,
            now,
            number_hash: &self.number_hashes[0],
            number_hashes: &self.number_hashes,
            epoch: self.epoch,
            subject: &self.subject,
            sealed_answer: &self.sealed_answer,
            facts: &self.facts,
            sealed_number: self.sealed_number.as_deref(),
            grant_expires_at: self.grant_expires_at,
            code_hash: &self.code_hash,
            redirect_uri: request.redirect.uri(),
            challenge: request.challenge.as_ref().map(|c| c.as_str()),
            dpop_jkt: request.dpop_jkt.as_deref(),
            resources: &request.resources,
            code_expires_at: now + context.code_lifetime(),
            go_ahead: self.remembers.then(|| GoAhead {
                browser_hash: &self.browser_hash,
                release: &self.release,
                expires_at: now + lifetimes.go_ahead,
            }),
        }
    }
}

/// Releases what was held for the person's go-ahead: they pressed Share.
pub async fn held(app: &App, browser: &Browser, entry: &Entry) -> Result<Response, Failure> {
    let Some(held) = entry.login.held(&app.vault)? else {
        return show::of(app, browser, entry).await;
    };
    let confirmed = Confirmed {
        number: PhoneNumber::from_e164(&held.number).map_err(Failure::internal)?,
        operator: held.operator,
        test: held.test,
        method: held.method,
        verified_at: held.verified_at,
        txn: held.txn,
        checks: held.checks,
        pressed: true,
        handoff: entry.login.handoff_id.is_some(),
    };
    let carried = session::carried(app, browser);
    let client_id = &entry.client.client_id;
    let steps = app.db.relaxed_steps();
    let known = sessions::look_up(steps, &carried, client_id, &[], None, entry.now).await?;
    let session = known.session.map(|session| session.remembered());
    let login = Login {
        pressed: true,
        ..entry.login.clone()
    };
    let context = Context {
        app,
        browser,
        login: &login,
        client: &entry.client,
        session: session.as_ref(),
        now: entry.now,
    };
    match context.release(&confirmed, None).await {
        Ok(released) => released.page(app, browser, entry),
        Err(StoreError::Stale) => Ok(show::again(entry.login.id)),
        Err(error) => Err(error.into()),
    }
}
