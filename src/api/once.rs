//! Creates that may be repeated: with an `Idempotency-Key`, a request whose answer got lost is sent
//! again and answered the same, and nothing is made twice
//! (draft-ietf-httpapi-idempotency-key-header).

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::api::answers::Made;
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::secret::{same, sha256};
use crate::store::api_answers::{self, Kept, answer_place};
use crate::web::app::App;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const LONGEST: usize = 255;

/// The request's `Idempotency-Key`, if it has one, and what else makes it this request.
#[derive(Debug)]
pub struct Key {
    key: Option<String>,
    target: String,
}

impl FromRequestParts<App> for Key {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, No> {
        let refuse = || {
            let why = "Idempotency-Key is 1 to 255 visible ASCII characters";
            No::new(StatusCode::BAD_REQUEST, "malformed", why)
        };
        let key = match parts.headers.get(KEY) {
            None => None,
            Some(value) => {
                let text = value.to_str().map_err(|_| refuse())?;
                let fits = (1..=LONGEST).contains(&text.len())
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
                Some(text.to_owned())
                    .filter(|_| fits)
                    .ok_or_else(refuse)?
                    .into()
            }
        };
        Ok(Self {
            key,
            target: format!("{} {}", parts.method, parts.uri.path()),
        })
    }
}

/// Does the work, or answers as it was answered before.
pub async fn once(
    app: &App,
    caller: &Caller,
    key: Key,
    body: [u8; 32],
    work: impl Future<Output = Result<Made, No>>,
) -> Result<Response, No> {
    let Some(name) = key.key else {
        return Ok(work.await?.answer());
    };
    let (db, token) = (app.db.durable(), caller.token.id);
    let request = sha256(&[key.target.as_bytes(), &body].concat());
    if let Some(kept) = api_answers::claim(db, token, &name, &request, caller.desk.now).await? {
        return replay(app, caller, &kept, &request);
    }
    match work.await {
        Ok(made) => {
            let sealed = app.vault.seal(answer_place(&token), &made.to_bytes());
            api_answers::keep(db, token, &name, made.status(), &sealed).await?;
            Ok(made.answer())
        }
        Err(no) => {
            // Nothing was made: the key may be used for what is right.
            api_answers::release(db, token, &name).await?;
            Err(no)
        }
    }
}

fn replay(app: &App, caller: &Caller, kept: &Kept, request: &[u8; 32]) -> Result<Response, No> {
    if !same(&kept.request_hash, request) {
        let why = "this Idempotency-Key came with another request before";
        let no = No::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", why);
        return Err(no.fix("Make a new key for every new request."));
    }
    let Some(sealed) = &kept.sealed else {
        let why = "a request with this Idempotency-Key is being answered, or broke off";
        let no = No::new(StatusCode::CONFLICT, "in_progress", why);
        return Err(
            no.fix("Try again; if it stays so, look whether it was done and use a new key.")
        );
    };
    let plain = app.vault.open(answer_place(&caller.token.id), sealed)?;
    let made = Made::from_bytes(&plain).ok_or(crate::secret::Unsealable)?;
    let mut response = made.answer();
    let yes = HeaderValue::from_static("true");
    response.headers_mut().insert(REPLAYED, yes);
    Ok(response)
}
