//! `/go`: a phone brings a ticket, scanned or typed. GET shows and changes nothing, so that a preview or
//! a curious camera claims nothing; "Yes" claims, once; a second scan is refused and on record. The forms
//! are tied to the phone's browser by a cookie of their own: no other site can press "Yes" for it.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER, SET_COOKIE};

use crate::audit::event::Event;
use crate::login::handoff::view::{End, Gone, GonePage, PhoneEnd, Question, SameDevice, TypeCode};
use crate::login::handoff::{self, code, phone, stop};
use crate::login::opening::{about, cookie_lifetime};
use crate::login::{entry, show};
use crate::oauth::params::Params;
use crate::secret::{Token, same};
use crate::store::audit::{self, Appended};
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::handoffs::{self, Handoff, HandoffStage};
use crate::store::logins::{self, Login, Stage};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::csrf;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::limits::TooMany;
use crate::web::page::{self, Form, Frame, render};
use crate::web::plain::{ErrorPage, Problem};

/// Asks for the short code.
pub async fn ask(State(app): State<App>, browser: Browser) -> Response {
    typed(&app, &browser, None, StatusCode::OK)
}

/// Looks for what waits under a typed code. Only finds: what follows is the question, as after a scan.
pub async fn find(
    State(app): State<App>,
    browser: Browser,
    body: Bytes,
) -> Result<Response, Failure> {
    if let Err(TooMany(wait)) = app.throttles.code_from(browser.address) {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut response = typed(&app, &browser, Some("handoff_code_often"), status);
        response.headers_mut().insert(RETRY_AFTER, wait.into());
        return Ok(response);
    }
    let unknown = || {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        typed(&app, &browser, Some("handoff_code_unknown"), status)
    };
    let form = Params::parse(&body, app.config.limits.parameters);
    let given = form
        .ok()
        .and_then(|form| form.get("code").map(str::to_owned));
    let Some(code) = given.as_deref().and_then(code::canonical) else {
        return Ok(unknown());
    };
    let hash = code::hash(&app.vault, &code);
    let now = app.clock.now();
    let found = handoffs::find_by_code(app.db.relaxed_steps(), &hash, now).await?;
    Ok(match found {
        Some(found) => to(&format!("/go/{}", found.ticket(&app.vault)?.token)),
        None => unknown(),
    })
}

fn typed(
    app: &App,
    browser: &Browser,
    error: Option<&'static str>,
    status: StatusCode,
) -> Response {
    let frame = plain_frame(app, browser);
    render(status, PageClass::Journey, &TypeCode { frame, error })
}

fn plain_frame(app: &App, browser: &Browser) -> Frame {
    Frame::branded(&app.config.branding, browser.language(None))
}

fn to(path: &str) -> Response {
    (
        StatusCode::SEE_OTHER,
        [
            (LOCATION, path.to_owned()),
            (CACHE_CONTROL, "no-store".to_owned()),
        ],
    )
        .into_response()
}

/// A ticket that somebody brings, with what it is for.
struct Brought {
    token: String,
    handoff: Handoff,
    login: Login,
    client: std::sync::Arc<Client>,
}

/// Finds what a ticket is for, or says in what answer that it leads nowhere.
async fn bring(
    app: &App,
    browser: &Browser,
    token: &str,
) -> Result<Result<Brought, Response>, Failure> {
    let gone = |why| {
        let frame = plain_frame(app, browser);
        Ok(Err(render(
            StatusCode::GONE,
            PageClass::Journey,
            &GonePage { frame, why },
        )))
    };
    let Some(parsed) = Token::parse(token) else {
        return gone(Gone::Expired);
    };
    let lane = app.db.relaxed_steps();
    let Some(handoff) = handoffs::find_by_ticket(lane, &parsed.hash()).await? else {
        return gone(Gone::Expired);
    };
    let Some(login) = logins::find(lane, &app.vault, handoff.login_id).await? else {
        return gone(Gone::Expired);
    };
    let Some(client) = app.client(&login.client_id).await? else {
        return gone(Gone::Expired);
    };
    let cookies = browser.cookies(app);
    let is_phone = cookies
        .phone(login.id)
        .is_some_and(|cookie| login.is_phones(&cookie));
    if is_phone {
        return Ok(Err(phone::again(login.id)));
    }
    // The code was scanned, or its link opened, by the browser that shows it.
    let own = cookies
        .login(login.id)
        .filter(|cookie| same(&login.cookie_hash, &cookie.hash()));
    if let Some(cookie) = own {
        let waiting = handoff.stage == HandoffStage::Waiting && login.stage == Stage::Open;
        if !waiting {
            return Ok(Err(show::again(login.id)));
        }
        let frame = entry::frame(app, browser, &login, &client, &cookie);
        let page = SameDevice { frame };
        return Ok(Err(render(StatusCode::OK, PageClass::Journey, &page)));
    }
    Ok(Ok(Brought {
        token: token.to_owned(),
        handoff,
        login,
        client,
    }))
}

impl Brought {
    /// Why the ticket cannot be claimed, if so: the word on record, and what the person is told.
    fn refusal(&self, app: &App) -> Option<(&'static str, Gone)> {
        let now = app.clock.now();
        let taken = match self.handoff.stage {
            HandoffStage::Waiting => self.login.phone_hash.is_some(),
            HandoffStage::Claimed | HandoffStage::Matched | HandoffStage::Proven => true,
            HandoffStage::Stopped => return Some(("not_waiting", Gone::Expired)),
        };
        if taken {
            Some(("used", Gone::Used))
        } else if now >= self.handoff.ticket_expires_at || now >= self.login.expires_at {
            Some(("expired", Gone::Expired))
        } else if !handoff::is_allowed(&self.client, &self.login.request) {
            // An admin has turned it off since: what waits is no way around.
            Some(("not_allowed", Gone::Expired))
        } else if self.login.stage != Stage::Open {
            Some(("not_waiting", Gone::Expired))
        } else {
            None
        }
    }

    /// Refuses, with a record: a second scan is how somebody finds out that their code was seen.
    async fn refuse(
        &self,
        app: &App,
        browser: &Browser,
        reason: &str,
        why: Gone,
    ) -> Result<Response, Failure> {
        // Anybody with the picture can cause these: no more of them than an address may start logins.
        if app.throttles.login_from(browser.address).is_ok() {
            let event = Event::HandoffClaimError {
                handoff: self.handoff.id,
                reason: reason.to_owned(),
            };
            let recorder = browser.recorder(app, app.clock.now());
            let record = recorder.record(about(&self.login), &event);
            audit::append(app.db.relaxed(), [record]).await?;
        }
        let frame = Frame {
            reference: Some(entry::reference(self.login.id)),
            ..plain_frame(app, browser)
        };
        let page = GonePage { frame, why };
        Ok(render(StatusCode::GONE, PageClass::Journey, &page))
    }

    /// The app's name and domain, and forms that post to the ticket: nothing else of the app's.
    fn frame(&self, app: &App, browser: &Browser, scanner: &Token) -> Frame {
        let language = browser.language(self.login.request.ui_locales.as_deref());
        Frame {
            app: Some(page::App {
                name: self.client.name.clone(),
                domain: self.login.request.redirect.host(),
            }),
            form: Some(Form {
                base: format!("/go/{}", self.token),
                csrf: csrf::token(&app.vault, scanner),
            }),
            reference: Some(entry::reference(self.login.id)),
            ..Frame::branded(&app.config.branding, language)
        }
    }

    /// Whether a form was sent by our own page in this browser; otherwise the answer to give.
    fn accept_form(&self, app: &App, browser: &Browser, body: &[u8]) -> Result<Token, Response> {
        let scanner = browser.cookies(app).scanner();
        let form = Params::parse(body, app.config.limits.parameters).ok();
        let given = form.as_ref().and_then(|form| form.get("csrf"));
        let origin = app.config.issuer.origin();
        match (scanner, given) {
            (Some(scanner), Some(given))
                if csrf::is_ours(&app.vault, &scanner, given, &browser.headers, &origin) =>
            {
                Ok(scanner)
            }
            _ => {
                let page = ErrorPage {
                    frame: plain_frame(app, browser),
                    problem: Problem::StaleForm,
                };
                Err(render(page.problem.status(), PageClass::Journey, &page))
            }
        }
    }
}

/// Did you start this? Nothing happens before an answer.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let brought = match bring(&app, &browser, &token).await? {
        Ok(brought) => brought,
        Err(answer) => return Ok(answer),
    };
    if let Some((reason, why)) = brought.refusal(&app) {
        return brought.refuse(&app, &browser, reason, why).await;
    }
    let had = browser.cookies(&app).scanner();
    let scanner = had.unwrap_or_else(Token::random);
    let number = brought.login.number(&app.vault)?;
    let page = Question {
        frame: brought.frame(&app, &browser, &scanner),
        desktop: brought.handoff.ticket(&app.vault)?.desktop,
        number_masked: number.map(|number| number.masked()).unwrap_or_default(),
        began_s: show::seconds_until(app.clock.now(), brought.login.opened_at),
    };
    let mut response = render(StatusCode::OK, PageClass::Journey, &page);
    let kept = app.config.login.login;
    let set = app.cookies.set(app.cookies.scanner(), &scanner, kept);
    response.headers_mut().append(SET_COOKIE, set);
    Ok(response)
}

/// Yes, continue: the phone takes the login, gets its own cookie, and goes to the operator.
pub async fn yes(
    State(app): State<App>,
    browser: Browser,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let brought = match bring(&app, &browser, &token).await? {
        Ok(brought) => brought,
        Err(answer) => return Ok(answer),
    };
    if let Err(answer) = brought.accept_form(&app, &browser, &body) {
        return Ok(answer);
    }
    if let Some((reason, why)) = brought.refusal(&app) {
        return brought.refuse(&app, &browser, reason, why).await;
    }
    let (login, now) = (&brought.login, app.clock.now());
    let cookie = Token::random();
    let event = Event::HandoffClaimed {
        handoff: brought.handoff.id,
    };
    let record = browser.recorder(&app, now).record(about(login), &event);
    let ticket = Token::parse(&token).expect("it was parsed before").hash();
    let lane = app.db.relaxed_steps();
    let claimed =
        handoffs::claim(lane, &ticket, &cookie.hash(), now, Appended::new([record])).await;
    match claimed {
        Ok(()) => {}
        Err(StoreError::Stale) => {
            // Another phone was first, or the number cools down since.
            return brought
                .refuse(&app, &browser, "not_waiting", Gone::Used)
                .await;
        }
        Err(error) => return Err(error.into()),
    }
    let set = app
        .cookies
        .set(&app.cookies.phone(login.id), &cookie, cookie_lifetime(&app));
    let mut response =
        phone::depart_claimed(&app, &browser, login, &brought.client, cookie).await?;
    response.headers_mut().append(SET_COOKIE, set);
    Ok(response)
}

/// No, stop.
pub async fn no(
    State(app): State<App>,
    browser: Browser,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    end(&app, &browser, &token, &body, End::Stopped).await
}

/// I did not start this.
pub async fn report(
    State(app): State<App>,
    browser: Browser,
    Path(token): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    end(&app, &browser, &token, &body, End::Reported).await
}

async fn end(
    app: &App,
    browser: &Browser,
    token: &str,
    body: &[u8],
    end: End,
) -> Result<Response, Failure> {
    let brought = match bring(app, browser, token).await? {
        Ok(brought) => brought,
        Err(answer) => return Ok(answer),
    };
    let scanner = match brought.accept_form(app, browser, body) {
        Ok(scanner) => scanner,
        Err(answer) => return Ok(answer),
    };
    // Who was refused the ticket may not stop those who have it; who stopped it may still report it.
    match (brought.refusal(app), end) {
        (None, _) => {}
        (Some(_), End::Reported) if brought.handoff.stage == HandoffStage::Stopped => {}
        (Some((reason, why)), _) => return brought.refuse(app, browser, reason, why).await,
    }
    let (login, handoff) = (&brought.login, &brought.handoff);
    match end {
        End::Reported => stop::report(app, browser, login, handoff).await?,
        _ => stop::stop(app, browser, login, handoff).await?,
    }
    let frame = brought.frame(app, browser, &scanner);
    let page = PhoneEnd { frame, end };
    Ok(render(StatusCode::OK, PageClass::Journey, &page))
}
