//! `/admin/keys`: the token signing keys, what becomes of each, and moving them.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::Refused;
use crate::admin::keys::{self, KeysRefused, PUBLISHED_FOR};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::keys::{SigningKeyRow, Status};
use crate::token::KeyError;
use crate::token::lifecycle::{Rotation, longest_token};
use crate::web::headers::PageClass;
use crate::web::page::render;

const PAGE: &str = "/admin/keys";

struct Key {
    kid: String,
    alg: String,
    status: Status,
    since: Time,
    /// When something happens to it by itself, or may be done with it.
    then: Option<Time>,
}

impl Key {
    fn of(row: &SigningKeyRow, all: &[SigningKeyRow], visit: &Visit) -> Self {
        let config = &visit.app.config;
        let longest = longest_token(config.login.id_token);
        let since = match row.status {
            Status::Next => None,
            Status::Active => row.activated_at,
            Status::Retiring => row.retiring_at,
            Status::Retired => row.retired_at,
        };
        let then = keys::moves_at(row, all, config.keys.rotate_every, longest)
            .or_else(|| (row.status == Status::Next).then(|| row.created_at + PUBLISHED_FOR));
        Self {
            since: since.unwrap_or(row.created_at),
            then,
            kid: row.kid.clone(),
            alg: row.alg.clone(),
            status: row.status,
        }
    }
}

#[derive(Template)]
#[template(path = "console/keys.html")]
struct Page {
    frame: Frame,
    /// Days after which a key gives way by itself; absent if people move them.
    days: Option<u64>,
    keys: Vec<Key>,
    retired: Vec<Key>,
    /// Algorithms with a next key.
    ready: Vec<&'static str>,
    /// Algorithms without a next key.
    without: Vec<&'static str>,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/key_revoke.html")]
struct Ask {
    frame: Frame,
    key: Key,
    refused: Option<String>,
}

/// Shows them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None).await
}

/// Lets the next key of an algorithm sign.
pub async fn rotate(visit: Visit) -> Result<Response, Trouble> {
    let alg = alg(&visit)?;
    let why = if visit.field("compromised") == "yes" {
        Rotation::Compromised
    } else {
        Rotation::Planned {
            min_publish: PUBLISHED_FOR,
        }
    };
    let rotated = keys::rotate(&visit.desk(), &visit.app.db, alg, why).await;
    done(&visit, rotated.map(|_| "moved")).await
}

/// Publishes the next key of an algorithm that has none.
pub async fn stage(visit: Visit) -> Result<Response, Trouble> {
    let alg = alg(&visit)?;
    let staged = keys::stage(&visit.desk(), &visit.app.db, alg).await;
    let word = |made| if made { "staged" } else { "there" };
    done(&visit, staged.map(word)).await
}

/// What revoking one means.
pub async fn ask(visit: Visit) -> Result<Response, Trouble> {
    asked(&visit, StatusCode::OK, None).await
}

/// Revokes one, if the person ticked that they know what that means.
pub async fn revoke(visit: Visit) -> Result<Response, Trouble> {
    if visit.field("sure") != "yes" {
        let told = "Nothing was done. Tick that you know what this does.".to_owned();
        return asked(&visit, StatusCode::UNPROCESSABLE_ENTITY, Some(told)).await;
    }
    let revoked = keys::revoke(&visit.desk(), &visit.app.db, visit.path("kid")).await;
    done(&visit, revoked.map(|_| "gone")).await
}

/// Leads back to the list, where what was done or why nothing was is told.
async fn done(
    visit: &Visit,
    moved: Result<&'static str, KeysRefused>,
) -> Result<Response, Trouble> {
    match moved {
        Ok(word) => {
            visit.app.forget("keys").await;
            Ok(to(PAGE, word))
        }
        Err(KeysRefused::Record(refused)) => Err(refused.into()),
        Err(KeysRefused::Key(KeyError::Store(error))) => Err(Refused::from(error).into()),
        Err(KeysRefused::Key(KeyError::Gone(kid))) => Err(no_key(&kid).into()),
        Err(KeysRefused::Key(error)) => {
            page(visit, StatusCode::CONFLICT, Some(error.to_string())).await
        }
    }
}

fn alg(visit: &Visit) -> Result<SigningAlg, Refused> {
    let given = visit.field("alg");
    let known = SigningAlg::ALL
        .into_iter()
        .find(|alg| alg.as_str() == given);
    known.ok_or_else(|| no_key(given))
}

fn no_key(named: &str) -> Refused {
    Refused::NotFound {
        what: "key",
        id: named.chars().take(60).collect(),
    }
}

async fn asked(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let kid = visit.path("kid");
    let rows = keys::list(&visit.desk()).await?;
    let row = rows
        .iter()
        .find(|row| row.kid == kid && row.status != Status::Retired);
    let page = Ask {
        frame: visit.frame("Revoke this key?"),
        key: Key::of(row.ok_or_else(|| no_key(kid))?, &rows, visit),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let rows = keys::list(&visit.desk()).await?;
    let (mut keys, mut retired): (Vec<Key>, Vec<Key>) = rows
        .iter()
        .map(|row| Key::of(row, &rows, visit))
        .partition(|key| key.status != Status::Retired);
    let order = |status: Status| match status {
        Status::Active => 0,
        Status::Next => 1,
        Status::Retiring => 2,
        Status::Retired => 3,
    };
    keys.sort_by(|a, b| (&a.alg, order(a.status)).cmp(&(&b.alg, order(b.status))));
    retired.sort_by_key(|key| std::cmp::Reverse(key.since));
    let has_next = |alg: &str| {
        keys.iter()
            .any(|key| key.alg == alg && key.status == Status::Next)
    };
    let page = Page {
        frame: visit.frame("Keys"),
        days: Some(
            visit
                .app
                .config
                .keys
                .rotate_every
                .as_secs()
                .div_ceil(86_400),
        )
        .filter(|days| *days > 0),
        ready: SigningAlg::ALL
            .into_iter()
            .map(SigningAlg::as_str)
            .filter(|alg| has_next(alg))
            .collect(),
        without: SigningAlg::ALL
            .into_iter()
            .map(SigningAlg::as_str)
            .filter(|alg| !has_next(alg))
            .collect(),
        keys,
        retired,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
