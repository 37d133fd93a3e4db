//! `/admin/keys`: the token signing keys, and letting the next one sign.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::Refused;
use crate::admin::keys::{self, KeysRefused};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::keys::Status;
use crate::token::lifecycle::Rotation;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// How long the next key must have been published before it signs: apps keep key sets that long.
const MIN_PUBLISH: Duration = Duration::from_secs(3600);

struct Key {
    kid: String,
    alg: String,
    status: &'static str,
    says: &'static str,
    since: Time,
}

#[derive(Template)]
#[template(path = "console/keys.html")]
struct Page {
    frame: Frame,
    keys: Vec<Key>,
    algs: Vec<&'static str>,
    refused: Option<String>,
}

/// Shows them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None).await
}

/// Lets the next key of an algorithm sign.
pub async fn rotate(visit: Visit) -> Result<Response, Trouble> {
    let given = visit.field("alg");
    let alg = SigningAlg::ALL
        .into_iter()
        .find(|alg| alg.as_str() == given);
    let alg = alg.ok_or_else(|| Refused::NotFound {
        what: "key",
        id: given.chars().take(20).collect(),
    })?;
    let why = if visit.field("compromised") == "yes" {
        Rotation::Compromised
    } else {
        Rotation::Planned {
            min_publish: MIN_PUBLISH,
        }
    };
    match keys::rotate(&visit.desk(), &visit.app.db, alg, why).await {
        Ok(_) => {
            visit.app.forget("keys").await;
            Ok(to("/admin/keys", "moved"))
        }
        Err(KeysRefused::Record(refused)) => Err(refused.into()),
        Err(KeysRefused::Key(error)) => {
            page(&visit, StatusCode::CONFLICT, Some(error.to_string())).await
        }
    }
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let rows = keys::list(&visit.desk()).await?;
    let mut keys: Vec<Key> = rows
        .into_iter()
        .map(|row| {
            let (status, says, since) = match row.status {
                Status::Next => ("next", "published, does not sign yet", row.created_at),
                Status::Active => (
                    "active",
                    "signs",
                    row.activated_at.unwrap_or(row.created_at),
                ),
                Status::Retiring => (
                    "retiring",
                    "published until its last token has ended",
                    row.retiring_at.unwrap_or(row.created_at),
                ),
                Status::Retired => (
                    "retired",
                    "gone, its private part erased",
                    row.retired_at.unwrap_or(row.created_at),
                ),
            };
            Key {
                kid: row.kid,
                alg: row.alg,
                status,
                says,
                since,
            }
        })
        .collect();
    let order = |status: &str| {
        ["active", "next", "retiring", "retired"]
            .iter()
            .position(|s| *s == status)
    };
    keys.sort_by(|a, b| (&a.alg, order(a.status)).cmp(&(&b.alg, order(b.status))));
    let page = Page {
        frame: visit.frame("Keys"),
        algs: SigningAlg::ALL
            .into_iter()
            .map(SigningAlg::as_str)
            .filter(|alg| {
                keys.iter()
                    .any(|key| key.alg == *alg && key.status == "next")
            })
            .collect(),
        keys,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
