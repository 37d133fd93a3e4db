//! Browsers' sessions, as staff see and end them. Numbers are shown masked.

use serde_json::json;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::phone::PhoneNumber;
use crate::store::sessions::{self, Seen, Which};

/// Sessions on one page at most.
pub const MOST: u16 = 1000;

/// Which sessions are meant.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Those of a number.
    Number(PhoneNumber),
    /// Those that signed in to a client, by its `client_id`.
    Client(String),
}

impl Whose {
    fn which(&self, desk: &Desk) -> Which {
        match self {
            Self::Number(number) => {
                let hashes = desk.vault.search_hashes(number.e164());
                Which {
                    number_hashes: Some(hashes.into_iter().map(|(_, hash)| hash).collect()),
                    client_id: None,
                }
            }
            Self::Client(client_id) => Which {
                number_hashes: None,
                client_id: Some(client_id.clone()),
            },
        }
    }

    /// What the record of an end names: never the number.
    fn named(&self) -> &str {
        match self {
            Self::Number(_) => "number",
            Self::Client(client_id) => client_id,
        }
    }
}

/// The live sessions, newest first, each with its number masked.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(
    desk: &Desk,
    whose: &Whose,
    limit: u16,
) -> Result<Vec<(Seen, Option<String>)>, Refused> {
    let mut tx = desk.begin().await?;
    let limit = i64::from(limit.clamp(1, MOST));
    let seen = sessions::list(&mut tx, &whose.which(desk), desk.now, limit).await?;
    let masked = |session: Seen| {
        let number = session.number(&desk.vault).ok();
        (session, number.map(|number| number.masked()))
    };
    Ok(seen.into_iter().map(masked).collect())
}

/// Ends the live sessions: they answer nothing any more, what was granted in them is over, and their
/// browsers' go-aheads are forgotten. Returns which they were.
///
/// # Errors
/// [`Refused::Database`].
pub async fn end(desk: &Desk, whose: &Whose) -> Result<Vec<Uuid>, Refused> {
    let mut tx = desk.begin().await?;
    let ended = sessions::end(&mut tx, &whose.which(desk), desk.now).await?;
    let by = match whose {
        Whose::Number(_) => "number",
        Whose::Client(_) => "client",
    };
    let act = Act {
        operation: "ACTION",
        resource: "session",
        id: whose.named(),
        details: json!({ "action": "end", "by": by, "sessions": ended }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(ended)
}
