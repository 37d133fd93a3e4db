//! The browser's session: what is known when a request comes in, what follows from it, and the answer
//! out of it. A session answers only if its verdict meets everything that the client and the request
//! ask now ([`sufficient::meets`]), and only beside the browser's own cookie.

use std::time::Duration;

use axum::response::Response;
use http::header::SET_COOKIE;

use crate::audit::record::Record;
use crate::clock::Time;
use crate::login::entry::Entry;
use crate::login::opening::opening;
use crate::login::policy;
use crate::login::proven::Proven;
use crate::login::release::{self, Confirmed, Context, Released};
use crate::login::step::{self, Situation, Step};
use crate::login::sufficient::{self, Lacks, Standing};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::request::AuthorizeRequest;
use crate::phone::PhoneNumber;
use crate::secret::Token;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::logins::{Login, NumberSource, Stage};
use crate::store::sessions::{self, Carried, Known, Session};
use crate::verdict::Method;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// How long a browser keeps its visit cookie: much longer than what it tried is counted.
const VISIT: Duration = Duration::from_secs(86_400);

/// A browser's session, opened.
pub struct Live {
    row: Session,
    number: PhoneNumber,
    proven: Proven,
    subject: String,
}

/// What is known of a browser when a request comes in.
pub struct Seen {
    session: Option<(Live, Result<(), Lacks>)>,
    remembered: bool,
    visit: Token,
    has_visit_cookie: bool,
    /// The number the login is about, and where it comes from.
    pub number: Option<(PhoneNumber, NumberSource)>,
}

/// The cookies of a browser that something may be remembered under.
pub fn carried(app: &App, browser: &Browser) -> Carried {
    let cookies = browser.cookies(app);
    let hash = |token: Option<Token>| token.map(|token| token.hash());
    Carried {
        browser: hash(cookies.browser()),
        session: hash(cookies.session()),
    }
}

/// The request with the subject that its `id_token_hint` names (OIDC Core section 3.1.2.1): an ID token
/// of ours for this client, which may have expired.
///
/// # Errors
/// What to tell the app.
pub fn with_hinted_subject(
    app: &App,
    client: &Client,
    mut request: AuthorizeRequest,
) -> Result<AuthorizeRequest, OAuthError> {
    let Some(hint) = request.id_token_hint.take() else {
        return Ok(request);
    };
    let refused =
        || OAuthError::invalid_request("id_token_hint is no ID token of ours for this app");
    let issuer = app.config.issuer.as_str();
    let keyring = app.keyring.current();
    let claims = keyring
        .verify(issuer, hint.reveal())
        .map_err(|_| refused())?;
    let is_ours = match &claims["aud"] {
        serde_json::Value::String(aud) => *aud == client.client_id,
        serde_json::Value::Array(all) => all.iter().any(|aud| *aud == client.client_id),
        _ => false,
    };
    let subject = claims["sub"].as_str().filter(|_| is_ours);
    let subject = subject.ok_or_else(refused)?;
    if !release::pins(&request, subject) {
        return Err(OAuthError::new(
            ErrorCode::LoginRequired,
            "id_token_hint and claims name different subjects",
        ));
    }
    request.subject = Some(subject.to_owned());
    Ok(request)
}

/// Looks at what the browser brought, in one statement, unless that came with a pushed request (`known`);
/// without a cookie of its own, nothing can be
/// remembered of it.
pub async fn look(
    app: &App,
    browser: &Browser,
    client: &Client,
    request: &AuthorizeRequest,
    known: Option<Known>,
    now: Time,
) -> Result<Seen, Failure> {
    let hinted = request.number.as_ref();
    let carried = carried(app, browser);
    let known = match (known, &carried.browser) {
        (Some(known), _) => known,
        (None, None) => Known::default(),
        (None, Some(_)) => {
            let hashes = hinted.map_or_else(Vec::new, |number| release::number_hashes(app, number));
            let steps = app.db.relaxed_steps();
            sessions::look_up(steps, &carried, &client.client_id, &hashes, None, now).await?
        }
    };
    let session = match known.session {
        None => None,
        Some(row) => Live::open(app, client, row)?,
    };
    let session = match session {
        None => None,
        Some(live) => {
            let met = live.meets(app, client, request, hinted, now).await?;
            Some((live, met))
        }
    };
    let number = match (hinted, &session) {
        (Some(number), _) => Some((number.clone(), NumberSource::Hint)),
        (None, Some((live, met))) if live.is_worth_asking_about(client, request, *met) => {
            Some((live.number.clone(), NumberSource::Session))
        }
        (None, _) => None,
    };
    let subject = match (&number, &session) {
        (Some((_, NumberSource::Session)), Some((live, _))) => Some(live.subject.clone()),
        (Some((number, _)), _) => Some(release::subject(app, client, number, known.epoch)),
        (None, _) => None,
    };
    let visit = browser.cookies(app).visit();
    let covers = |subject: String| policy::covers(&known.go_aheads, &subject, &request.release());
    Ok(Seen {
        session,
        remembered: subject.is_some_and(covers),
        has_visit_cookie: visit.is_some(),
        visit: visit.unwrap_or_else(Token::random),
        number,
    })
}

impl Seen {
    /// What follows.
    pub fn step(&self, client: &Client, request: &AuthorizeRequest) -> Step {
        step::step(
            client,
            request,
            Situation {
                session: self.session.as_ref().map(|(_, met)| *met),
                number_known: self.number.is_some(),
                remembered: self.remembered,
            },
        )
    }

    /// The session, if it would answer.
    pub fn sufficient(&self) -> Option<&Live> {
        match &self.session {
            Some((live, Ok(()))) => Some(live),
            _ => None,
        }
    }

    /// The hash of the cookie under which the numbers are counted that this browser tries.
    pub fn visit_hash(&self) -> Vec<u8> {
        self.visit.hash()
    }

    /// Gives a browser that cookie, if it has none.
    pub fn set_visit(&self, app: &App, response: &mut Response) {
        if !self.has_visit_cookie {
            let name = app.cookies.visit();
            let set = app.cookies.set(name, &self.visit, VISIT);
            response.headers_mut().append(SET_COOKIE, set);
        }
    }

    /// The same once the session turned out to be over.
    pub fn without_session(self) -> Self {
        let hinted = |(_, source): &(PhoneNumber, NumberSource)| *source == NumberSource::Hint;
        let number = self.number.filter(hinted);
        Self {
            session: None,
            remembered: self.remembered && number.is_some(),
            number,
            ..self
        }
    }
}

impl Live {
    /// Opens a session's row. One whose verdict cannot be read answers nothing.
    fn open(app: &App, client: &Client, row: Session) -> Result<Option<Self>, Failure> {
        let Ok(proven) = serde_json::from_value(row.verdict.clone()) else {
            return Ok(None);
        };
        let number = row.number(&app.vault)?;
        Ok(Some(Self {
            subject: release::subject(app, client, &number, row.epoch),
            row,
            number,
            proven,
        }))
    }

    /// Its key.
    pub fn id(&self) -> uuid::Uuid {
        self.row.id
    }

    async fn meets(
        &self,
        app: &App,
        client: &Client,
        request: &AuthorizeRequest,
        number: Option<&PhoneNumber>,
        now: Time,
    ) -> Result<Result<(), Lacks>, Failure> {
        let registry = app.registry().await?;
        let operator = registry.get(&self.proven.operator);
        let standing = Standing {
            number: &self.number,
            subject: &self.subject,
            proven: &self.proven,
            operator: operator.map(|live| &*live.operator),
        };
        Ok(sufficient::meets(client, request, number, &standing, now))
    }

    /// Whether a login may be about its number although it does not answer. Not if the request names
    /// somebody else, nor if no operator could vouch for it to this client. And who was never asked for
    /// a number is not asked about one: the operator that told it tells it again, if the SIM is another
    /// one by now, too.
    fn is_worth_asking_about(
        &self,
        client: &Client,
        request: &AuthorizeRequest,
        met: Result<(), Lacks>,
    ) -> bool {
        let told = self.proven.method == Method::DevicePhoneNumber;
        match met {
            Err(Lacks::Subject) => false,
            _ if self.number.is_test() && !client.test => false,
            // These need a page before the check, and it is about a number.
            Ok(()) | Err(Lacks::MaxAge | Lacks::NewCheck) => true,
            Err(_) => !told || request.prompt.is_silent(),
        }
    }

    /// The verdict as a client is told it: of the extra checks, those it wants.
    fn confirmed(&self, client: &Client) -> Confirmed {
        let mut proven = self.proven.clone();
        let wanted = client.settings.checks.wanted();
        let is_wanted = |name: &str| wanted.keys().any(|extra| extra.as_str() == name);
        proven.checks.retain(|name, _| is_wanted(name));
        Confirmed {
            number: self.number.clone(),
            operator: proven.operator,
            test: proven.test,
            method: proven.method,
            verified_at: proven.verified_at,
            txn: proven.txn,
            checks: proven.checks,
            pressed: proven.pressed,
            handoff: proven.handoff,
        }
    }

    async fn answer(
        &self,
        context: &Context<'_>,
        records: Vec<Record>,
    ) -> Result<Option<Released>, Failure> {
        let opening = opening(&context.app.vault, context.login, context.now);
        let confirmed = self.confirmed(context.client);
        match context
            .answer(&confirmed, &self.row, &opening, records)
            .await
        {
            Ok(released) => Ok(Some(released)),
            Err(StoreError::Stale) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Answers a request out of a sufficient session: the login opens and ends in one statement, and
/// `started` is the record of its opening. `None` if the session is over by now.
pub async fn answer_at_once(
    app: &App,
    browser: &Browser,
    client: &Client,
    login: &Login,
    live: &Live,
    started: Record,
) -> Result<Option<Released>, Failure> {
    let context = Context {
        app,
        browser,
        login,
        client,
        session: None,
        now: login.opened_at,
    };
    live.answer(&context, vec![started]).await
}

/// The person agreed on the page of a login that lacked nothing else: the session answers, if it still
/// can. `None`: an operator must be asked.
pub async fn answer_agreed(
    app: &App,
    browser: &Browser,
    entry: &Entry,
) -> Result<Option<Response>, Failure> {
    let Entry { login, client, .. } = entry;
    if login.stage != Stage::Open || login.session_id.is_none() {
        return Ok(None);
    }
    let now = entry.now;
    let number = login.number(&app.vault)?;
    let steps = app.db.relaxed_steps();
    let carried = carried(app, browser);
    let known = sessions::look_up(steps, &carried, &client.client_id, &[], None, now).await?;
    let live = match known.session {
        Some(row) => Live::open(app, client, row)?,
        None => None,
    };
    let Some(live) = live else {
        return Ok(None);
    };
    let met = live.meets(app, client, &login.request, number.as_ref(), now);
    if met.await?.is_err() {
        return Ok(None);
    }
    let login = Login {
        pressed: true,
        ..login.clone()
    };
    let context = Context {
        app,
        browser,
        login: &login,
        client,
        session: None,
        now,
    };
    let Some(released) = live.answer(&context, Vec::new()).await? else {
        return Ok(None);
    };
    released.page(app, browser, entry).map(Some)
}
