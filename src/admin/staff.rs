//! Accounts of staff, and the links by which they set their first password.

use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::refused::check_seen;
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::config::Issuer;
use crate::secret::{Token, new_id};
use crate::store::db::StoreError;
use crate::store::staff::{self, Role, Staff};
use crate::store::staff_sessions;

/// How long a setup link works.
pub const SETUP_LINK_LIFE: Duration = Duration::from_secs(60 * 60);

/// A link that lets one person set a password, once.
#[derive(Debug)]
pub struct SetupLink {
    /// Whose; absent: it makes the first owner.
    pub email: Option<String>,
    /// The secret in the link: shown now or never.
    pub token: Token,
    /// When it ends.
    pub expires_at: Time,
}

impl SetupLink {
    /// The link to open in a browser.
    #[must_use]
    pub fn url(&self, issuer: &Issuer) -> String {
        issuer.url(&format!("/setup/{}", self.token.reveal()))
    }
}

/// Makes an account and the link by which its owner sets a password.
///
/// # Errors
/// [`Refused::Invalid`] if that is no address, [`Refused::Taken`] if it has an account.
pub async fn create(desk: &Desk, email: &str, role: Role) -> Result<SetupLink, Refused> {
    check_email(email)?;
    let id = new_id(desk.now);
    let mut tx = desk.begin().await?;
    staff::insert(&mut tx, id, email, role, desk.now)
        .await
        .map_err(|error| Refused::or_taken(error, "staff_email_key", "email", email))?;
    let link = insert_link(desk, &mut tx, Some((id, email))).await?;
    let act = Act {
        operation: "CREATE",
        resource: "staff",
        id: email,
        details: json!({ "role": role, "setup_link_ends": link.expires_at }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(link)
}

/// All accounts, by address.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<Staff>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(staff::list(&mut db).await?)
}

/// One account.
///
/// # Errors
/// [`Refused::NotFound`].
pub async fn show(desk: &Desk, email: &str) -> Result<Staff, Refused> {
    Ok(find(&list(desk).await?, email)?.clone())
}

/// Locks an account out. Does nothing if it is so already.
///
/// # Errors
/// [`Refused::NotFound`], or [`Refused::Invalid`] for the last owner, without whom nobody could make
/// another.
pub async fn disable(desk: &Desk, email: &str) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    // Two owners who lock each other out at once would leave none.
    staff::lock(&mut tx).await?;
    let all = staff::list(&mut tx).await?;
    let account = find(&all, email)?;
    if account.disabled_at.is_some() {
        return Ok(());
    }
    check_not_last_owner(&all, account, "email")?;
    staff::disable(&mut tx, email, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "staff",
        id: &account.email,
        details: json!({ "action": "disable" }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// Lets an account that was locked out sign in again, with what it had; sessions from before stay over.
/// Does nothing if it is not locked out.
///
/// # Errors
/// [`Refused::NotFound`].
pub async fn enable(desk: &Desk, email: &str) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let all = staff::list(&mut tx).await?;
    let account = find(&all, email)?;
    if account.disabled_at.is_none() {
        return Ok(());
    }
    staff_sessions::end_all(&mut tx, account.id, None, desk.now).await?;
    staff::enable(&mut tx, account.id, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "staff",
        id: &account.email,
        details: json!({ "action": "enable" }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// Gives an account another role; its sessions end, as they were opened with other rights. Does nothing
/// if it has the role.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Invalid`] for the last owner, [`Refused::Stale`] if it is not in the
/// revision that was seen.
pub async fn set_role(
    desk: &Desk,
    email: &str,
    role: Role,
    seen: Option<i32>,
) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    staff::lock(&mut tx).await?;
    let all = staff::list(&mut tx).await?;
    let account = find(&all, email)?;
    check_seen(seen, account.revision)?;
    if account.role == role {
        return Ok(());
    }
    check_not_last_owner(&all, account, "role")?;
    staff::set_role(&mut tx, account.id, role, account.revision, desk.now).await?;
    staff_sessions::end_all(&mut tx, account.id, None, desk.now).await?;
    let act = Act {
        operation: "UPDATE",
        resource: "staff",
        id: &account.email,
        details: json!({ "role": { "before": account.role, "after": role } }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// Without an owner nobody could make another.
fn check_not_last_owner(
    all: &[Staff],
    account: &Staff,
    field: &'static str,
) -> Result<(), Refused> {
    if account.is_owner() && all.iter().filter(|other| other.is_owner()).count() == 1 {
        let email = &account.email;
        let message = format!("{email} is the last owner; make another owner first");
        return Err(Refused::invalid(field, message));
    }
    Ok(())
}

/// Makes a link that sets the password of an account, or without one, that makes the first owner.
/// Earlier links for the same end.
///
/// # Errors
/// [`Refused::NotFound`]; [`Refused::Invalid`] if the account is disabled, or none is named although
/// there is an owner already.
pub async fn setup_link(desk: &Desk, email: Option<&str>) -> Result<SetupLink, Refused> {
    let mut tx = desk.begin().await?;
    let all = staff::list(&mut tx).await?;
    let account = match email {
        Some(email) => Some(find(&all, email)?),
        None => None,
    };
    match account {
        Some(account) if account.disabled_at.is_some() => {
            let message = format!("{} is disabled", account.email);
            return Err(Refused::invalid("email", message));
        }
        None if all.iter().any(Staff::is_owner) => {
            let message = "there is an owner already; name the account the link is for";
            return Err(Refused::invalid("email", message));
        }
        _ => {}
    }
    let whose = account.map(|account| (account.id, account.email.as_str()));
    let link = insert_link(desk, &mut tx, whose).await?;
    let act = Act {
        operation: "ACTION",
        resource: "staff",
        id: whose.map_or("first owner", |(_, email)| email),
        details: json!({ "action": "setup_link", "ends": link.expires_at }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(link)
}

async fn insert_link(
    desk: &Desk,
    tx: &mut PgConnection,
    whose: Option<(Uuid, &str)>,
) -> Result<SetupLink, Refused> {
    let link = SetupLink {
        email: whose.map(|(_, email)| email.to_owned()),
        token: Token::random(),
        expires_at: desk.now + SETUP_LINK_LIFE,
    };
    let id = whose.map(|(id, _)| id);
    staff::insert_setup_link(tx, &link.token.hash(), id, desk.now, link.expires_at).await?;
    Ok(link)
}

fn find<'a>(all: &'a [Staff], email: &str) -> Result<&'a Staff, Refused> {
    all.iter()
        .find(|account| account.email.to_lowercase() == email.to_lowercase())
        .ok_or_else(|| Refused::not_found("staff account", email))
}

/// Only the shape: the person proves the address by the link we let somebody send there.
pub(super) fn check_email(email: &str) -> Result<(), Refused> {
    let parts = email.split_once('@');
    let shape = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    });
    if !shape || email.len() > 254 || email.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Refused::invalid(
            "email",
            "write one address, name@example.com",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_has_two_sides_and_no_spaces() {
        for good in ["a@b", "ann+x@example.com", "ä@ö.example"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a@b@c", "a @b", "a@b\n"] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_setup_link_is_below_the_issuer_and_carries_the_token() {
        let link = SetupLink {
            email: None,
            token: Token::random(),
            expires_at: Time::default(),
        };
        let issuer = Issuer::parse("https://id.example").unwrap();
        let url = link.url(&issuer);
        let token = url.strip_prefix("https://id.example/setup/").unwrap();
        assert_eq!(Token::parse(token).unwrap(), link.token);
    }
}
