//! `POST /register` (RFC 7591): an app registers itself with an initial access token. `GET`, `PUT` and
//! `DELETE /register/{client_id}` (RFC 7592): it reads, replaces and ends its registration with the
//! registration access token it got. Off unless `registration.enabled` is set.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use crate::admin::clients::{self, NewClient};
use crate::admin::{Desk, Refused, client_registration, client_secrets, client_sector};
use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::provider::registration_metadata::{Metadata, describe};
use crate::secret::{Token, same};
use crate::store::audit;
use crate::store::clients::{Client, Kind};
use crate::store::db::StoreError;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::limits::TooMany;

/// Registers an app.
pub async fn register(State(app): State<App>, browser: Browser, body: Bytes) -> Response {
    answer(try_register(&app, &browser, &body).await)
}

/// What is registered.
pub async fn show(
    State(app): State<App>,
    browser: Browser,
    Path(client_id): Path<String>,
) -> Response {
    answer(try_show(&app, &browser, &client_id).await)
}

/// Replaces what is registered (RFC 7592 section 2.2).
pub async fn replace(
    State(app): State<App>,
    browser: Browser,
    Path(client_id): Path<String>,
    body: Bytes,
) -> Response {
    answer(try_replace(&app, &browser, &client_id, &body).await)
}

/// Ends the registration (RFC 7592 section 2.3).
pub async fn remove(
    State(app): State<App>,
    browser: Browser,
    Path(client_id): Path<String>,
) -> Response {
    answer(try_remove(&app, &browser, &client_id).await)
}

async fn try_register(app: &App, browser: &Browser, body: &[u8]) -> Result<Done, No> {
    let now = app.clock.now();
    let desk = desk(app, now)?;
    let token = bearer(&browser.headers);
    let token = match token {
        Some(token) if client_registration::is_good(&desk, &token).await? => token,
        _ => return Err(wrong_token(app, browser, None, now).await),
    };
    let metadata = Metadata::parse(read(&browser.headers, body)?).map_err(invalid)?;
    let sector = match &metadata.sector_identifier_uri {
        Some(uri) => Some(client_sector::fetch(&app.outbound, uri).await?),
        None => None,
    };
    let (kind, method) = metadata.kind();
    let new = NewClient {
        name: metadata.name(),
        kind,
        auth_method: Some(method),
        settings: metadata.settings(),
        redirect_uris: metadata.redirect_uris,
        // Whether test operators may vouch for it is never an app's to say (P5).
        test: false,
        client_id: None,
        sector,
    };
    let (registered, access) = match client_registration::register(&desk, &token, new).await {
        Ok(done) => done,
        // Somebody else used it up meanwhile.
        Err(Refused::NotFound { .. }) => return Err(wrong_token(app, browser, None, now).await),
        Err(refused) => return Err(refused.into()),
    };
    let secret = registered.secret.map(|secret| secret.reveal());
    let members = document(app, &registered.client, &access, secret);
    Ok(Done(StatusCode::CREATED, Some(members)))
}

async fn try_show(app: &App, browser: &Browser, client_id: &str) -> Result<Done, No> {
    let (client, access) = managed(app, browser, client_id, app.clock.now()).await?;
    let members = document(app, &client, &access, None);
    Ok(Done(StatusCode::OK, Some(members)))
}

async fn try_replace(
    app: &App,
    browser: &Browser,
    client_id: &str,
    body: &[u8],
) -> Result<Done, No> {
    let now = app.clock.now();
    let (client, access) = managed(app, browser, client_id, now).await?;
    let members = read(&browser.headers, body)?;
    check_sent_back(&client, &members)?;
    let metadata = Metadata::parse(members).map_err(invalid)?;
    if (metadata.kind().0 == Kind::Native) != (client.kind == Kind::Native) {
        return Err(invalid("application_type cannot be changed".to_owned()));
    }
    let known = &client.settings.sector_identifier_uri;
    if metadata.sector_identifier_uri.is_some() && metadata.sector_identifier_uri != *known {
        return Err(invalid(
            "sector_identifier_uri cannot be changed".to_owned(),
        ));
    }
    let sector = match known {
        Some(uri) if metadata.redirect_uris != client.redirect_uris => {
            Some(client_sector::fetch(&app.outbound, uri).await?)
        }
        _ => None,
    };
    let desk = desk(app, now)?;
    let seen = Some(client.revision);
    let edit = |fields: &mut clients::Editable| metadata.apply(fields);
    let client = clients::update_in_sector(&desk, client_id, seen, sector.as_ref(), edit).await?;
    // It may use secrets from now on, and have none.
    let secret = if client.auth_method.is_secret() && client.secrets.is_empty() {
        let rotated =
            client_secrets::rotate(&desk, client_id, std::time::Duration::ZERO, None).await?;
        Some(rotated.secret.reveal())
    } else {
        None
    };
    app.forget("clients").await;
    let members = document(app, &client, &access, secret);
    Ok(Done(StatusCode::OK, Some(members)))
}

async fn try_remove(app: &App, browser: &Browser, client_id: &str) -> Result<Done, No> {
    let now = app.clock.now();
    let (client, _) = managed(app, browser, client_id, now).await?;
    client_registration::remove(&desk(app, now)?, &client).await?;
    app.forget("clients").await;
    Ok(Done(StatusCode::NO_CONTENT, None))
}

/// Where registrations are made, if they are on.
fn desk(app: &App, now: Time) -> Result<Desk, No> {
    if !app.config.registration.enabled {
        return Err(No::Off);
    }
    Ok(Desk {
        db: app.db.durable().clone(),
        vault: app.vault.clone(),
        now,
        actor: "registration".to_owned(),
    })
}

/// The client that the request's token manages, if it is the one in the path.
async fn managed(
    app: &App,
    browser: &Browser,
    client_id: &str,
    now: Time,
) -> Result<(Client, Token), No> {
    let desk = desk(app, now)?;
    if let Some(access) = bearer(&browser.headers) {
        match client_registration::managed_by(&desk, &access).await {
            Ok(client) if client.client_id == client_id => return Ok((client, access)),
            Ok(_) | Err(Refused::NotFound { .. }) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    Err(wrong_token(app, browser, Some(client_id), now).await)
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Token::parse(token.trim()))
        .flatten()
}

/// Counts and records a request without the right token.
async fn wrong_token(app: &App, browser: &Browser, client_id: Option<&str>, now: Time) -> No {
    let name = client_id.unwrap_or("/register");
    if let Err(TooMany(seconds)) = app.throttles.client_failed(name, browser.address) {
        return No::TooMany(seconds);
    }
    let event = Event::ClientLoginError {
        reason: match client_id {
            None => "the initial access token is missing, wrong, used up or over".to_owned(),
            Some(_) => "the registration access token is missing or wrong".to_owned(),
        },
    };
    let subject = Subject {
        client_id: client_id.map(|id| id.chars().filter(|c| *c != '\0').take(200).collect()),
        ..Subject::default()
    };
    let record = browser.recorder(app, now).record(subject, &event);
    match audit::append_alone(&app.db, app.db.relaxed(), [record]).await {
        Ok(()) => No::Token,
        Err(error) => No::Failure(error.into()),
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, No> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(invalid("the body must be application/json".to_owned()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) if !holds_nul(body) => Ok(members),
        _ => Err(invalid(
            "the body must be a JSON object without NULs".to_owned(),
        )),
    }
}

/// A NUL can only come escaped, and Postgres stores none.
fn holds_nul(body: &[u8]) -> bool {
    body.windows(6).any(|window| window == b"\\u0000")
}

/// RFC 7592 section 2.2: the client says who it is, and says nothing that only we say.
fn check_sent_back(client: &Client, members: &Map<String, Value>) -> Result<(), No> {
    const OURS: [&str; 4] = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    let refuse = |reason: String| {
        let error = OAuthError::invalid_request(reason);
        Err(No::OAuth(StatusCode::BAD_REQUEST, error))
    };
    if let Some(name) = OURS.into_iter().find(|name| members.contains_key(*name)) {
        return refuse(format!("{name} cannot be sent"));
    }
    if members.get("client_id").and_then(Value::as_str) != Some(&client.client_id) {
        return refuse("client_id must be sent, as it is".to_owned());
    }
    let Some(secret) = members.get("client_secret") else {
        return Ok(());
    };
    let hash = secret
        .as_str()
        .and_then(Token::parse)
        .map(|token| token.hash());
    let known = hash.is_some_and(|hash| {
        client
            .secrets
            .iter()
            .fold(false, |known, live| known | same(&live.hash, &hash))
    });
    if known {
        Ok(())
    } else {
        refuse("client_secret is not the client's; a client cannot choose its own".to_owned())
    }
}

/// The client information response (RFC 7591 section 3.2.1, RFC 7592 section 3). A secret is told when
/// it is made and never again: only its hash is kept.
fn document(
    app: &App,
    client: &Client,
    access: &Token,
    secret: Option<String>,
) -> Map<String, Value> {
    let mut members = describe(client);
    let path = format!("/register/{}", client.client_id);
    members.insert(
        "registration_client_uri".to_owned(),
        app.config.issuer.url(&path).into(),
    );
    members.insert(
        "registration_access_token".to_owned(),
        access.reveal().into(),
    );
    if let Some(secret) = secret {
        members.insert("client_secret".to_owned(), secret.into());
        members.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    members
}

struct Done(StatusCode, Option<Map<String, Value>>);

/// Why nothing was registered or changed.
enum No {
    /// Registration is off.
    Off,
    /// The token does not count.
    Token,
    TooMany(u64),
    OAuth(StatusCode, OAuthError),
    Failure(Failure),
}

fn invalid(description: String) -> No {
    let error = OAuthError::new(ErrorCode::InvalidClientMetadata, description);
    No::OAuth(StatusCode::BAD_REQUEST, error)
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        let description = refused.to_string();
        match refused {
            Refused::Invalid {
                field: "redirect_uris",
                ..
            } => Self::OAuth(
                StatusCode::BAD_REQUEST,
                OAuthError::new(ErrorCode::InvalidRedirectUri, description),
            ),
            Refused::Invalid { .. } | Refused::Taken { .. } => invalid(description),
            Refused::NotFound { .. } => Self::Token,
            Refused::Stale => Self::OAuth(
                StatusCode::CONFLICT,
                OAuthError::new(ErrorCode::TemporarilyUnavailable, description),
            ),
            Refused::Database(error) => Self::from(error),
        }
    }
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

fn answer(result: Result<Done, No>) -> Response {
    let mut response = match result {
        Ok(Done(status, Some(members))) => (status, Json(members)).into_response(),
        Ok(Done(status, None)) => status.into_response(),
        Err(no) => no.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let token = |description| OAuthError::new(ErrorCode::InvalidToken, description);
        match self {
            Self::Off => StatusCode::NOT_FOUND.into_response(),
            Self::OAuth(status, error) => (status, Json(error)).into_response(),
            Self::Token => {
                let error = token("the access token is missing, wrong, used up or over");
                let mut response = (StatusCode::UNAUTHORIZED, Json(error)).into_response();
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                response
            }
            Self::TooMany(seconds) => {
                let error = token("too many failed attempts; wait and try again");
                let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(error)).into_response();
                let wait = HeaderValue::from(seconds);
                response.headers_mut().insert(RETRY_AFTER, wait);
                response
            }
            Self::Failure(failure) => {
                let description = format!("reference {}", failure.reference);
                let error = OAuthError::new(ErrorCode::ServerError, description);
                (failure.status, Json(error)).into_response()
            }
        }
    }
}
