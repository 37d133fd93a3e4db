//! Passkeys of staff (WebAuthn Level 3): added by their owner, and used in place of password and code. The
//! authenticator must have verified its user each time. What it answers is checked by the library against a
//! challenge that counts once; what it says about itself (attestation) is not asked for.

use std::net::IpAddr;

use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::admin::desk::commit;
use crate::admin::staff_ceremony as ceremony;
use crate::admin::staff_sign_in::{Opened, SignInRefused, count_address, open, record};
use crate::admin::{Desk, Refused};
use crate::config::Issuer;
use crate::secret::{Token, new_id};
use crate::store::db::StoreError;
use crate::store::staff_ceremonies::Kind;
use crate::store::staff_passkeys::{self as rows, Found, Shown};
use crate::store::staff_sessions;

/// Passkeys of one account.
const MOST: usize = 20;

/// We, as authenticators know us: by the host of the issuer.
#[derive(Debug)]
pub struct Passkeys(Webauthn);

/// What a browser is asked.
#[derive(Debug)]
pub struct Challenge {
    /// What the answer brings back.
    pub token: Token,
    /// The options for the browser, JSON.
    pub options: String,
}

impl Passkeys {
    /// For this issuer; `None` if its host is an address, which passkeys cannot be bound to.
    #[must_use]
    pub fn of(issuer: &Issuer, service: &str) -> Option<Self> {
        let origin = Url::parse(&issuer.origin()).ok()?;
        let host = origin.domain()?;
        let builder = WebauthnBuilder::new(host, &origin).ok()?;
        Some(Self(builder.rp_name(service).build().ok()?))
    }
}

/// The passkeys of an account.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk, staff: Uuid) -> Result<Vec<Shown>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(rows::list(&mut db, staff).await?)
}

/// Asks for a new passkey.
///
/// # Errors
/// [`Refused::Invalid`] for a name that cannot be, or too many passkeys.
pub async fn begin_adding(
    desk: &Desk,
    passkeys: &Passkeys,
    (staff, email): (Uuid, &str),
    name: &str,
) -> Result<Challenge, Refused> {
    check_name(name)?;
    let known = list(desk, staff).await?;
    if known.len() >= MOST {
        let message = "there are 20 already; remove one first";
        return Err(Refused::invalid("name", message));
    }
    let known = known.into_iter().map(|one| one.credential_id);
    let (options, compared) = passkeys
        .0
        .start_passkey_registration(staff, email, email, Some(known.collect()))
        .map_err(not_possible)?;
    let mut options = json!(options);
    // Found by the authenticator itself at sign-in: nobody types an address there.
    options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("required");
    options["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(true);
    let token = ceremony::begin(desk, Kind::PasskeyAdd, Some(staff), &compared).await?;
    Ok(Challenge {
        token,
        options: options["publicKey"].to_string(),
    })
}

/// Adds the passkey that the browser made.
///
/// # Errors
/// [`Refused::Invalid`] if it is no answer to our challenge; that is on record.
pub async fn add(
    desk: &Desk,
    passkeys: &Passkeys,
    (staff, email): (Uuid, &str),
    name: &str,
    token: &str,
    answer: &str,
) -> Result<(), Refused> {
    check_name(name)?;
    let compared: Option<PasskeyRegistration> =
        ceremony::take(desk, Kind::PasskeyAdd, Some(staff), token).await?;
    let made = match (compared, read::<RegisterPublicKeyCredential>(answer)) {
        (None, _) => Err("challenge_over"),
        (_, None) => Err("unreadable"),
        (Some(compared), Some(answer)) => passkeys
            .0
            .finish_passkey_registration(&answer, &compared)
            .map_err(|error| word(&error)),
    };
    let passkey = match made {
        Ok(passkey) => passkey,
        Err(why) => {
            let mut tx = desk.begin().await?;
            let details = json!({ "action": "passkey_refused", "why": why });
            record(desk, &mut tx, email, details).await?;
            commit(tx).await?;
            let message = "could not be added; try once more";
            return Err(Refused::invalid("passkey", message));
        }
    };
    let id = new_id(desk.now);
    let new = rows::New {
        id,
        staff,
        name: name.trim(),
        credential_id: passkey.cred_id().as_slice(),
        passkey: &json!(passkey),
    };
    let mut tx = desk.begin().await?;
    rows::insert(&mut tx, &new, desk.now)
        .await
        .map_err(|error| {
            let unique = "staff_passkeys_credential_id_key";
            Refused::or_taken(error, unique, "passkey", name)
        })?;
    let details = json!({ "action": "passkey_added", "passkey": id, "name": name.trim() });
    record(desk, &mut tx, email, details).await?;
    commit(tx).await
}

/// Calls a passkey of an account something else.
///
/// # Errors
/// [`Refused::Invalid`] for a name that cannot be, [`Refused::NotFound`], also if it is another account's.
pub async fn rename(
    desk: &Desk,
    (staff, email): (Uuid, &str),
    id: Uuid,
    name: &str,
    seen: Option<i32>,
) -> Result<(), Refused> {
    check_name(name)?;
    let name = name.trim();
    let mut tx = desk.begin().await?;
    let Some(before) = rows::rename(&mut tx, staff, id, name, seen).await? else {
        let is_there = rows::list(&mut tx, staff)
            .await?
            .iter()
            .any(|one| one.id == id);
        return Err(if is_there {
            Refused::Stale
        } else {
            Refused::not_found("passkey", &id.to_string())
        });
    };
    let details = json!({
        "action": "passkey_renamed", "passkey": id, "name": { "before": before, "after": name },
    });
    record(desk, &mut tx, email, details).await?;
    commit(tx).await
}

/// Removes a passkey of an account.
///
/// # Errors
/// [`Refused::NotFound`], also if it is another account's.
pub async fn remove(desk: &Desk, (staff, email): (Uuid, &str), id: Uuid) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let name = rows::delete(&mut tx, staff, id).await?;
    let name = name.ok_or_else(|| Refused::not_found("passkey", &id.to_string()))?;
    let details = json!({ "action": "passkey_removed", "passkey": id, "name": name });
    record(desk, &mut tx, email, details).await?;
    commit(tx).await
}

/// Asks for a passkey: anybody's, to sign in, or once more that of whoever is signed in.
///
/// # Errors
/// [`Refused::Database`].
pub async fn begin(
    desk: &Desk,
    passkeys: &Passkeys,
    staff: Option<Uuid>,
) -> Result<Challenge, Refused> {
    let (options, compared) = passkeys
        .0
        .start_discoverable_authentication()
        .map_err(not_possible)?;
    let token = ceremony::begin(desk, kind(staff), staff, &compared).await?;
    Ok(Challenge {
        token,
        // Without the library's wish for a quiet offer inside a field: a button was pressed.
        options: json!(options)["publicKey"].to_string(),
    })
}

/// Signs in whoever's passkey answered; the session that `earlier` is the cookie of ends.
///
/// # Errors
/// [`SignInRefused::Wrong`] whatever was wrong; which of it, is on record where the passkey is known.
pub async fn sign_in(
    desk: &Desk,
    passkeys: &Passkeys,
    (token, answer): (&str, &str),
    earlier: Option<&Token>,
    browser: &str,
    address: Option<IpAddr>,
) -> Result<Opened, SignInRefused> {
    let proven = prove(desk, passkeys, None, (token, answer), address).await?;
    let mut tx = desk.begin().await?;
    proven.use_up(desk, &mut tx).await?;
    if let Some(earlier) = earlier {
        staff_sessions::end_behind(&mut tx, &earlier.hash(), desk.now).await?;
    }
    let account = proven.found;
    let cookie = open(desk, &mut tx, account.staff, browser).await?;
    let details = json!({ "action": "sign_in", "by": "passkey", "passkey": account.id });
    record(desk, &mut tx, &account.email, details).await?;
    commit(tx).await?;
    Ok(Opened {
        cookie,
        email: account.email,
    })
}

/// Proves once more who is signed in. Returns the session's new cookie.
///
/// # Errors
/// As [`sign_in`].
pub async fn prove_again(
    desk: &Desk,
    passkeys: &Passkeys,
    (staff, session): (Uuid, Uuid),
    (token, answer): (&str, &str),
    address: Option<IpAddr>,
) -> Result<Token, SignInRefused> {
    let proven = prove(desk, passkeys, Some(staff), (token, answer), address).await?;
    let mut tx = desk.begin().await?;
    proven.use_up(desk, &mut tx).await?;
    let cookie = Token::random();
    staff_sessions::prove(&mut tx, session, &cookie.hash(), desk.now).await?;
    commit(tx).await?;
    Ok(cookie)
}

struct Proven {
    found: Found,
    passkey: Value,
    counter: u32,
}

impl Proven {
    /// Takes the counter, which two answers at the same moment cannot both.
    async fn use_up(&self, desk: &Desk, tx: &mut sqlx::PgConnection) -> Result<(), SignInRefused> {
        let counter = i64::from(self.counter);
        match rows::used(tx, self.found.id, &self.passkey, counter, desk.now).await {
            Ok(()) => Ok(()),
            Err(StoreError::Stale) => Err(SignInRefused::Wrong),
            Err(error) => Err(error.into()),
        }
    }
}

fn kind(staff: Option<Uuid>) -> Kind {
    match staff {
        None => Kind::PasskeySignIn,
        Some(_) => Kind::PasskeyConfirm,
    }
}

async fn prove(
    desk: &Desk,
    passkeys: &Passkeys,
    staff: Option<Uuid>,
    (token, answer): (&str, &str),
    address: Option<IpAddr>,
) -> Result<Proven, SignInRefused> {
    count_address(desk, address).await?;
    // Taken first: whatever the answer is, it was this challenge's only one.
    let compared = ceremony::take(desk, kind(staff), staff, token).await?;
    let Some(answer) = read::<PublicKeyCredential>(answer) else {
        return Err(SignInRefused::Wrong);
    };
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let found = rows::find(&mut db, answer.get_credential_id()).await?;
    drop(db);
    let Some(found) = found else {
        return Err(SignInRefused::Wrong);
    };
    match compare(passkeys, staff, compared, &answer, &found) {
        Ok((passkey, counter)) => Ok(Proven {
            found,
            passkey,
            counter,
        }),
        Err(why) => {
            let mut tx = desk.begin().await?;
            let details = json!({
                "action": "sign_in_refused", "by": "passkey", "passkey": found.id, "why": why,
            });
            record(desk, &mut tx, &found.email, details).await?;
            commit(tx).await?;
            Err(SignInRefused::Wrong)
        }
    }
}

/// What the passkey is after this answer, and its counter; or what is wrong with the answer.
fn compare(
    passkeys: &Passkeys,
    staff: Option<Uuid>,
    compared: Option<DiscoverableAuthentication>,
    answer: &PublicKeyCredential,
    found: &Found,
) -> Result<(Value, u32), &'static str> {
    let compared = compared.ok_or("challenge_over")?;
    let identified = passkeys.0.identify_discoverable_authentication(answer);
    let (named, _) = identified.map_err(|error| word(&error))?;
    if named != found.staff || staff.is_some_and(|staff| staff != found.staff) {
        return Err("another_account");
    }
    if found.disabled {
        return Err("locked_out");
    }
    let mut passkey: Passkey =
        serde_json::from_value(found.passkey.clone()).map_err(|_| "unreadable")?;
    let result = passkeys
        .0
        .finish_discoverable_authentication_v2(answer, compared, &passkey)
        .map_err(|error| word(&error))?;
    if !result.user_verified() {
        return Err("user_not_verified");
    }
    passkey.update_credential(&result);
    Ok((json!(passkey), result.counter()))
}

/// What was wrong, in a word for the record.
fn word(error: &WebauthnError) -> &'static str {
    match error {
        WebauthnError::InvalidRPOrigin => "wrong_origin",
        WebauthnError::InvalidRPIDHash => "wrong_rp_id",
        WebauthnError::MismatchedChallenge => "wrong_challenge",
        WebauthnError::UserNotPresent | WebauthnError::UserNotVerified => "user_not_verified",
        WebauthnError::CredentialPossibleCompromise => "counter_went_back",
        WebauthnError::AuthenticationFailure => "wrong_signature",
        WebauthnError::InvalidUserUniqueId => "another_account",
        WebauthnError::CredentialNotFound => "unknown_passkey",
        _ => "not_acceptable",
    }
}

fn not_possible(_: WebauthnError) -> Refused {
    Refused::invalid("passkey", "cannot be asked for here")
}

fn read<T: serde::de::DeserializeOwned>(answer: &str) -> Option<T> {
    serde_json::from_str(answer).ok()
}

fn check_name(name: &str) -> Result<(), Refused> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
        return Err(Refused::invalid("name", "is 1 to 60 characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_bound_to_a_host_that_has_a_name() {
        let of = |issuer: &str| Passkeys::of(&Issuer::parse(issuer).unwrap(), "Service");
        assert!(of("https://id.example").is_some());
        assert!(of("http://localhost:8080").is_some());
        assert!(of("http://127.0.0.1:8080").is_none());
    }
}
