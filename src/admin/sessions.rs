//! Browsers' sessions, as staff see and end them. Numbers are shown masked.

use serde_json::json;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::page::{Page, Wanted};
use crate::admin::{Desk, Refused};
use crate::phone::PhoneNumber;
use crate::store::db::StoreError;
use crate::store::sessions::{self, Seen, Which};

/// Which sessions are meant.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Everybody's; to look at, never to end.
    Everyone,
    /// One session.
    One(Uuid),
    /// Those of a number.
    Number(PhoneNumber),
    /// Those that signed in to a client, by its `client_id`.
    Client(String),
}

impl Whose {
    fn which(&self, desk: &Desk) -> Which {
        match self {
            Self::Everyone => Which::default(),
            Self::One(id) => Which {
                id: Some(*id),
                ..Which::default()
            },
            Self::Number(number) => {
                let hashes = desk.vault.search_hashes(number.e164());
                Which {
                    number_hashes: Some(hashes.into_iter().map(|(_, hash)| hash).collect()),
                    ..Which::default()
                }
            }
            Self::Client(client_id) => Which {
                client_id: Some(client_id.clone()),
                ..Which::default()
            },
        }
    }

    /// What the record of an end names, and how it was found: never the number.
    fn named(&self) -> (String, &'static str) {
        match self {
            Self::Everyone => ("everyone".to_owned(), "everyone"),
            Self::One(id) => (id.to_string(), "id"),
            Self::Number(_) => ("number".to_owned(), "number"),
            Self::Client(client_id) => (client_id.clone(), "client"),
        }
    }
}

/// A page of live sessions, newest first, each with its number masked. One statement.
///
/// # Errors
/// [`Refused::Invalid`] if there can be no such page.
pub async fn page(
    desk: &Desk,
    whose: &Whose,
    wanted: &Wanted,
) -> Result<Page<(Seen, Option<String>)>, Refused> {
    wanted.check()?;
    let before = wanted.id_cursor()?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let which = whose.which(desk);
    let rows = sessions::page(&mut db, &which, before, desk.now, wanted.rows()).await?;
    let page = wanted.page(rows, |session: &Seen| session.id.to_string());
    Ok(page.map(|session| {
        let number = session.number(&desk.vault).ok();
        (session, number.map(|number| number.masked()))
    }))
}

/// Ends the live sessions: they answer nothing any more, what was granted in them is over, and their
/// browsers' go-aheads are forgotten. Returns which they were.
///
/// # Errors
/// [`Refused::Invalid`] for everybody's.
pub async fn end(desk: &Desk, whose: &Whose) -> Result<Vec<Uuid>, Refused> {
    if matches!(whose, Whose::Everyone) {
        let message =
            "name a session, a number or a client; nobody ends everybody's sessions at once";
        return Err(Refused::invalid("client_id", message));
    }
    let mut tx = desk.begin().await?;
    let ended = sessions::end(&mut tx, &whose.which(desk), desk.now).await?;
    let (named, by) = whose.named();
    let act = Act {
        operation: "ACTION",
        resource: "session",
        id: &named,
        details: json!({ "action": "end", "by": by, "sessions": ended }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(ended)
}
