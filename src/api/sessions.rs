//! `/sessions`: browsers that are signed in. Numbers stand in bodies only: addresses are logged, kept
//! and passed on by others.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::admin::moment::{Id, Moment};
use crate::admin::page::Page;
use crate::admin::sessions::{self, Whose};
use crate::api::body::{Body, Query};
use crate::api::guard::Caller;
use crate::api::lists::{Listed, wanted};
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::store::sessions::Seen;

/// A live session.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Session {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// The number, masked.
    number: Option<String>,
    /// The operator that verified it last.
    operator: Option<String>,
    /// The apps signed in to, by client_id.
    clients: Vec<String>,
    /// When it was opened.
    #[schemars(with = "Moment")]
    opened_at: Time,
    /// When it ends unless used.
    #[schemars(with = "Moment")]
    idle_expires_at: Time,
    /// When it ends.
    #[schemars(with = "Moment")]
    expires_at: Time,
}

/// The query of the list of sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Only those that signed in to this app.
    pub client_id: Option<String>,
    /// The page after: what `next` of the page before said.
    pub after: Option<String>,
    /// Entries at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u16>,
}

/// Whose sessions: one of the three.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionsOf {
    /// One session.
    #[schemars(with = "Option<Id>")]
    id: Option<Uuid>,
    /// Those of a number, international: `+34666111334`.
    number: Option<String>,
    /// Those that signed in to an app.
    client_id: Option<String>,
}

/// The sessions that were ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionsEnded {
    /// Which.
    #[schemars(with = "Vec<Id>")]
    ended: Vec<Uuid>,
}

/// Reads a number that stands in a body.
pub fn number(text: &str) -> Result<PhoneNumber, No> {
    PhoneNumber::parse(text, None).map_err(|why| {
        No::invalid("number", format!("cannot be used: {why}"))
            .fix("Write it in international form, such as +34666111334.")
    })
}

impl SessionsOf {
    fn whose(self) -> Result<Whose, No> {
        match (self.id, self.number, self.client_id) {
            (Some(id), None, None) => Ok(Whose::One(id)),
            (None, Some(text), None) => Ok(Whose::Number(number(&text)?)),
            (None, None, Some(client_id)) => Ok(Whose::Client(client_id)),
            _ => {
                let no = No::invalid("id", "name one of id, number and client_id");
                Err(no.fix("Give exactly one of them."))
            }
        }
    }
}

fn shown(page: Page<(Seen, Option<String>)>) -> Json<Listed<Session>> {
    let view = |(seen, number): (Seen, Option<String>)| Session {
        id: seen.id,
        number,
        operator: seen.verdict["operator"].as_str().map(str::to_owned),
        clients: seen.clients,
        opened_at: seen.opened_at,
        idle_expires_at: seen.idle_expires_at,
        expires_at: seen.expires_at,
    };
    Json(page.map(view).into())
}

/// Lists live sessions, newest first.
#[utoipa::path(get, path = "/sessions", operation_id = "list_sessions", tag = "sessions", params(Listing),
    responses((status = 200, description = "A page of sessions.", body = schemas::SessionPage)))]
pub async fn list(
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<Json<Listed<Session>>, No> {
    let whose = query.client_id.map_or(Whose::Everyone, Whose::Client);
    let wanted = wanted(None, query.after, query.limit);
    Ok(shown(sessions::page(&caller.desk, &whose, &wanted).await?))
}

/// Finds live sessions, newest first, at most 200.
#[utoipa::path(post, path = "/sessions/find", operation_id = "find_sessions", tag = "sessions",
    request_body = schemas::SessionsOf,
    responses((status = 200, description = "The sessions.", body = schemas::SessionPage)))]
pub async fn find(
    caller: Caller,
    Body { value, .. }: Body<SessionsOf>,
) -> Result<Json<Listed<Session>>, No> {
    let wanted = wanted(None, None, Some(crate::admin::page::MOST));
    let whose = value.whose()?;
    Ok(shown(sessions::page(&caller.desk, &whose, &wanted).await?))
}

/// Ends live sessions, what was granted in them and their browsers' go-aheads.
#[utoipa::path(post, path = "/sessions/end", operation_id = "end_sessions", tag = "sessions",
    request_body = schemas::SessionsOf,
    responses((status = 200, description = "Which were ended.", body = schemas::SessionsEnded)))]
pub async fn end(
    caller: Caller,
    Body { value, .. }: Body<SessionsOf>,
) -> Result<Json<SessionsEnded>, No> {
    let ended = sessions::end(&caller.desk, &value.whose()?).await?;
    Ok(Json(SessionsEnded { ended }))
}
