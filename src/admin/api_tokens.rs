//! Tokens with which programs use the admin API: made by staff, shown once, ended at any time.

use std::time::Duration;

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::page::{Page, Wanted};
use crate::admin::refused::check_alias;
use crate::admin::scopes::{self, Scope};
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::secret::{Token, new_id, same};
use crate::store::api_tokens as rows;
pub use crate::store::api_tokens::ApiToken;
use crate::store::db::StoreError;
use crate::store::staff::Role;

/// How long one may live: from a minute to two years.
const LIFETIMES: std::ops::RangeInclusive<u64> = 60..=2 * 366 * 24 * 3600;
/// What every token starts with, so that whoever finds one in the open knows what it is.
const PREFIX: &str = "ncat_";

/// What a token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its short name; records call whoever uses it `token:NAME`.
    pub name: String,
    /// The most it may do.
    pub role: Role,
    /// What it may do: `clients:read`, `operators:*`, `*`.
    pub scopes: Vec<String>,
    /// How long it works.
    pub lifetime: Duration,
}

impl ApiToken {
    /// Whether it may.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.role.may(scope) && scope.is_in(&self.scopes)
    }

    /// Something that a role allows and the token does not, if there is such a thing.
    #[must_use]
    pub fn may_stand_for(&self, role: Role) -> Option<Scope> {
        let mut all = Scope::ALL.into_iter();
        all.find(|scope| role.may(*scope) && !self.may(*scope))
    }
}

/// Makes one. Its text is returned: shown now or never. `maker` is the token that asks for it, if one
/// does: nobody hands out more than they have.
///
/// # Errors
/// [`Refused::Invalid`] naming the field, [`Refused::Taken`] if a working one has the name.
pub async fn create(
    desk: &Desk,
    new: NewToken,
    maker: Option<&ApiToken>,
) -> Result<(String, ApiToken), Refused> {
    check_alias("name", &new.name)?;
    scopes::check(&new.scopes)?;
    if !LIFETIMES.contains(&new.lifetime.as_secs()) {
        return Err(Refused::invalid("expires", "is from 1 minute to 732 days"));
    }
    let secret = Token::random();
    let token = ApiToken {
        id: new_id(desk.now),
        hash: secret.hash(),
        name: new.name,
        role: new.role,
        scopes: new.scopes,
        created_by: desk.actor.clone(),
        created_at: desk.now,
        expires_at: desk.now + new.lifetime,
        last_used_at: None,
        revoked_at: None,
    };
    if let Some(maker) = maker {
        check_within(&token, maker)?;
    }
    let mut tx = desk.begin().await?;
    rows::insert(&mut tx, &token)
        .await
        .map_err(|error| Refused::or_taken(error, "api_tokens_name_key", "name", &token.name))?;
    let act = Act {
        operation: "CREATE",
        resource: "api_token",
        id: &token.name,
        details: json!({
            "token": token.id, "role": token.role, "scopes": token.scopes,
            "expires_at": token.expires_at,
        }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok((format!("{PREFIX}{}", secret.reveal()), token))
}

fn check_within(new: &ApiToken, maker: &ApiToken) -> Result<(), Refused> {
    let more = Scope::ALL
        .into_iter()
        .find(|scope| new.may(*scope) && !maker.may(*scope));
    if let Some(scope) = more {
        let message = format!("would allow {}, which you may not do", scope.as_str());
        return Err(Refused::invalid("scopes", message));
    }
    if new.expires_at > maker.expires_at {
        let message = "would outlive the token that makes it";
        return Err(Refused::invalid("expires", message));
    }
    Ok(())
}

/// A page of tokens, the newest first; ended ones too.
///
/// # Errors
/// [`Refused::Invalid`] if there can be no such page.
pub async fn page(desk: &Desk, wanted: &Wanted) -> Result<Page<ApiToken>, Refused> {
    wanted.check()?;
    let before: Option<Uuid> = wanted.id_cursor()?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let rows = rows::page(&mut db, wanted.search.trim(), before, wanted.rows()).await?;
    Ok(wanted.page(rows, |token| token.id.to_string()))
}

/// Ends one at once, by its name or id.
///
/// # Errors
/// [`Refused::NotFound`] if none that works is called so.
pub async fn revoke(desk: &Desk, which: &str) -> Result<Uuid, Refused> {
    let mut tx = desk.begin().await?;
    let (id, name) = rows::revoke(&mut tx, which, desk.now)
        .await?
        .ok_or_else(|| Refused::not_found("API token", which))?;
    let act = Act {
        operation: "ACTION",
        resource: "api_token",
        id: &name,
        details: json!({ "action": "revoke", "token": id }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(id)
}

/// The token behind a text that somebody presents, if it works.
///
/// # Errors
/// The database.
pub async fn recognise(db: &PgPool, text: &str, now: Time) -> Result<Option<ApiToken>, StoreError> {
    let Some(secret) = text.strip_prefix(PREFIX).and_then(Token::parse) else {
        return Ok(None);
    };
    let hash = secret.hash();
    let found = rows::find_working(db, &hash, now).await?;
    // An index tells by its time how far a hash agrees; that leads nobody to the token behind it.
    // What decides is compared in constant time all the same.
    Ok(found.filter(|token| same(&token.hash, &hash)))
}
