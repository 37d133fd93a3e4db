//! The release: what a confirmed number leaves behind, and the browser's way back with a code.
//! Whoever calls this holds a [`Proof`] or what was held of one (P4).

use axum::response::Response;
use http::header::SET_COOKIE;
use serde_json::json;
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::audit::record::{Record, Recorder};
use crate::clock::Time;
use crate::login::authorize::{about, to_app};
use crate::login::entry::Entry;
use crate::login::view::Why;
use crate::login::{counted, policy, show};
use crate::phone::PhoneNumber;
use crate::secret::{Handle, Token, b64, new_id};
use crate::store::audit::Appended;
use crate::store::clients::{Client, SubjectType};
use crate::store::db::StoreError;
use crate::store::grants;
use crate::store::logins::{Login, NumberSource, answer_place};
use crate::store::path::{self, GoAhead, Release, SessionRow};
use crate::store::sessions::{self, Remembered};
use crate::token::claims::{Facts, NamedBy, NumberVerification};
use crate::verdict::{Evidence, Method, Outcome};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// A number that may be released: confirmed, and its check has an audit record.
#[derive(Debug)]
pub struct Confirmed {
    /// The number.
    pub number: PhoneNumber,
    /// The operator, by alias.
    pub operator: String,
    /// Whether it is a test operator.
    pub test: bool,
    /// How it was asked.
    pub method: Method,
    /// When it answered.
    pub verified_at: Time,
    /// The audit record of the check.
    pub txn: Uuid,
}

/// The sector of every client that chose the public subject.
const PUBLIC_SECTOR: &str = "";

/// The subject of a number as a client knows it.
#[must_use]
pub fn subject(app: &App, client: &Client, number: &PhoneNumber, epoch: i32) -> String {
    let sector = match client.settings.subject_type {
        SubjectType::Pairwise => client.sector.as_str(),
        SubjectType::Public => PUBLIC_SECTOR,
    };
    app.subject_key
        .subject(sector, number, epoch.unsigned_abs())
}

/// The keyed hashes of a number under every live root key, the active one first.
#[must_use]
pub fn number_hashes(app: &App, number: &PhoneNumber) -> Vec<Vec<u8>> {
    app.vault
        .search_hashes(number.e164())
        .into_iter()
        .map(|(_, hash)| hash)
        .collect()
}

/// What the browser gets after a release.
pub struct Released {
    /// The redirect URI with the code.
    pub url: String,
    /// The new session's cookie.
    session: Token,
    /// The browser's new cookie, if it had none and a go-ahead hangs on it.
    browser: Option<Token>,
}

impl Released {
    /// Sets the cookies on an answer.
    pub fn set_cookies(&self, app: &App, response: &mut Response) {
        let lifetimes = &app.config.login;
        let headers = response.headers_mut();
        let name = app.cookies.session();
        headers.append(
            SET_COOKIE,
            app.cookies
                .set(name, &self.session, lifetimes.session_absolute),
        );
        if let Some(browser) = &self.browser {
            let name = app.cookies.browser();
            headers.append(
                SET_COOKIE,
                app.cookies.set(name, browser, lifetimes.go_ahead * 4),
            );
        }
    }

    /// Back to the app at once.
    #[must_use]
    pub fn redirect(&self, app: &App) -> Response {
        let mut response = to_app(&self.url);
        self.set_cookies(app, &mut response);
        response
    }
}

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
                let known = sessions::look_up(
                    self.app.db.relaxed_steps(),
                    None,
                    &self.client.client_id,
                    &hashes,
                    self.now,
                )
                .await?;
                match known.epoch {
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
        let Self {
            app,
            browser,
            login,
            client,
            now,
            ..
        } = *self;
        let cookies = browser.cookies(app);
        let lifetimes = &app.config.login;
        let request = &login.request;
        let hashes = number_hashes(app, &confirmed.number);
        let subject = subject(app, client, &confirmed.number, epoch);
        // The same subject's session goes on under its key; another one's ends.
        let renewed = self
            .session
            .filter(|old| old.epoch == epoch && hashes.contains(&old.number_hash));
        let session_id = renewed.map_or_else(|| new_id(now), |old| old.id);
        let session_expires = renewed.map_or(now + lifetimes.session_absolute, |o| o.expires_at);
        let facts = self.facts(confirmed, &subject, session_id);
        let e164 = confirmed.number.e164().as_bytes();
        let sealed_number = facts
            .releases_number()
            .then(|| app.vault.seal(grants::number_place(&login.id), e164));
        let code = Handle::random(login.id);
        let url = request
            .redirect
            .with_code(&code.reveal(), app.config.issuer.as_str());
        let recorder = browser.recorder(app, now);
        let checked =
            check.map(|check| verified_record(&recorder, login, confirmed, check, &subject, epoch));
        let records = checked.into_iter().chain([self.login_record(confirmed)]);
        let release_words = request.release();
        let remember = login.pressed && policy::may_remember(client, request);
        let had_cookie = cookies.browser();
        let new_cookie = (remember && had_cookie.is_none()).then(Token::random);
        let browser_hash = new_cookie.as_ref().or(had_cookie.as_ref()).map(Token::hash);
        let session_cookie = Token::random();
        path::release(
            app.db.durable_steps(),
            &Release {
                login: login.id,
                leg: login.leg_id,
                client_id: &client.client_id,
                now,
                number_hash: &hashes[0],
                number_hashes: &hashes,
                epoch,
                subject: &subject,
                sealed_answer: &app.vault.seal(answer_place(&login.id), url.as_bytes()),
                facts: &serde_json::to_value(&facts).expect("facts serialise"),
                sealed_number: sealed_number.as_deref(),
                grant_expires_at: now + lifetimes.code + lifetimes.access_token,
                code_hash: &code.hash(),
                redirect_uri: request.redirect.uri(),
                challenge: request.challenge.as_ref().map(|c| c.as_str()),
                code_expires_at: now + lifetimes.code,
                session: SessionRow {
                    id: session_id,
                    cookie_hash: &session_cookie.hash(),
                    old_cookie_hash: cookies.session().map(|c| c.hash()).as_deref(),
                    verdict: &json!({
                        "operator": confirmed.operator,
                        "method": confirmed.method,
                        "verified_at": confirmed.verified_at,
                        "test": confirmed.test,
                        "txn": confirmed.txn,
                        "handoff": false,
                        "checks": {},
                    }),
                    sealed: &app.vault.seal(sessions::number_place(&session_id), e164),
                    idle_expires_at: (now + lifetimes.session_idle).min(session_expires),
                    expires_at: session_expires,
                },
                go_ahead: browser_hash
                    .as_deref()
                    .filter(|_| remember)
                    .map(|browser_hash| GoAhead {
                        browser_hash,
                        release: &release_words,
                        expires_at: now + lifetimes.go_ahead,
                    }),
            },
            Appended::new(records),
        )
        .await?;
        counted::end(Outcome::Verified);
        Ok(Released {
            url,
            session: session_cookie,
            browser: new_cookie,
        })
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
            claims: login.request.claims.clone(),
            nonce: login.request.nonce.clone(),
            auth_time: confirmed.verified_at,
            sid: b64(&sid),
            txn: confirmed.txn,
            number_verification: NumberVerification {
                operator: confirmed.operator.clone(),
                method: confirmed.method,
                verified_at: confirmed.verified_at,
                test: confirmed.test,
                checks: std::collections::BTreeMap::new(),
            },
            named_by: match login.number_source {
                Some(NumberSource::Hint) if login.request.is_pinned() => NamedBy::AppPinned,
                Some(NumberSource::Hint) => NamedBy::App,
                Some(NumberSource::Person | NumberSource::Session) | None => NamedBy::Person,
            },
            handoff: false,
            person_acted: login.pressed,
            claims_in_userinfo_only: client.settings.claims_in_userinfo_only,
        }
    }

    fn login_record(&self, confirmed: &Confirmed) -> Record {
        let login = self.login;
        let subject = Subject {
            operator: Some(confirmed.operator.clone()),
            outcome: Some(Outcome::Verified),
            ..about(login)
        };
        let event = Event::Login {
            grant: login.id,
            release: login.request.scopes.text(),
            txn: confirmed.txn,
            from_session: false,
        };
        self.browser
            .recorder(self.app, self.now)
            .record_of(&confirmed.number, subject, &event)
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
    };
    let login = Login {
        pressed: true,
        ..entry.login.clone()
    };
    let context = Context {
        app,
        browser,
        login: &login,
        client: &entry.client,
        session: None,
        now: entry.now,
    };
    match context.release(&confirmed, None).await {
        Ok(released) => {
            let frame = entry.frame(app, browser);
            let mut page = show::leaving(frame, released.url.clone(), Why::Confirmed);
            released.set_cookies(app, &mut page);
            Ok(page)
        }
        Err(StoreError::Stale) => Ok(show::again(entry.login.id)),
        Err(error) => Err(error.into()),
    }
}
