//! How staff set themselves up, sign in, and prove once more that it is them.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::staff::check_email;
use crate::admin::{Desk, Refused, staff_password, staff_totp};
use crate::clock::Time;
use crate::secret::{Place, Redacted, Token, new_id};
use crate::store::db::StoreError;
use crate::store::staff::{self, Role};
use crate::store::staff_sessions;
use crate::store::staff_sign_in::{self as rows, Chosen, Proofs};

/// How long a session lives at most.
pub const SESSION_LIFE: Duration = Duration::from_secs(8 * 3600);
/// How long a session lives without being used.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// How long password and code count for secrets and keys.
pub const FRESH: Duration = Duration::from_secs(5 * 60);

/// Tries are counted over so long.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Tries for one account. One code in 333,333 is right: guessing takes years.
const MOST_PER_ACCOUNT: i32 = 10;
/// Tries from one address, whatever the accounts.
const MOST_PER_ADDRESS: i32 = 30;

/// What the page of a setup link shows.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Whose account; absent: the first owner's, who says it.
    pub email: Option<String>,
    /// The secret for the authenticator app, as text.
    pub secret: String,
    /// The same as an app's QR code carries it; made for the account's name if it is known.
    pub uri: String,
}

/// What a person wrote on that page.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Their address, if the account has none yet.
    pub email: String,
    /// The password.
    pub password: Redacted,
    /// The password again.
    pub again: Redacted,
    /// A code of the authenticator app.
    pub code: String,
}

/// Who signed in.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The session's cookie.
    pub cookie: Token,
    /// The account's address.
    pub email: String,
}

/// An account that set itself up, and is signed in.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// The session.
    pub opened: Opened,
    /// Its recovery codes: shown now or never.
    pub recovery: Vec<String>,
}

/// What somebody proves themselves with.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The address of the account.
    pub email: String,
    /// The password.
    pub password: Redacted,
    /// A code of the authenticator app, or a recovery code.
    pub code: String,
    /// Where they are.
    pub address: Option<IpAddr>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInRefused {
    /// Something was wrong. What, is not told.
    #[error("the address, the password or the code is wrong")]
    Wrong,
    /// Too many tries; seconds to wait.
    #[error("too many tries")]
    TooMany(u64),
    /// The link was used or is too old.
    #[error("the link does not work any more")]
    LinkIsOver,
    /// What was chosen cannot be.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<StoreError> for SignInRefused {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// What a setup link would set up, if it works. Changes nothing: a mail scanner may open it.
///
/// # Errors
/// [`SignInRefused::LinkIsOver`].
pub async fn setup(desk: &Desk, link: &Token, service: &str) -> Result<Setup, SignInRefused> {
    let mut tx = desk.begin().await?;
    let found = rows::setup_link(&mut tx, &link.hash(), desk.now).await?;
    let found = found.ok_or(SignInRefused::LinkIsOver)?;
    let secret = staff_totp::secret_of_link(&desk.vault, link);
    let name = found.email.as_deref().unwrap_or("console");
    Ok(Setup {
        uri: staff_totp::uri(&secret, service, name)?,
        secret: staff_totp::as_text(&secret),
        email: found.email,
    })
}

/// Sets an account up by its link and signs it in: all of it or nothing, and once.
///
/// # Errors
/// [`SignInRefused::Refused`] naming the field, and the link still works; or
/// [`SignInRefused::LinkIsOver`].
pub async fn set_up(
    desk: &Desk,
    link: &Token,
    choice: Choice,
    browser: &str,
) -> Result<SetUp, SignInRefused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let found = rows::setup_link(&mut db, &link.hash(), desk.now).await?;
    // Hashing takes its time; nothing is held meanwhile.
    drop(db);
    let found = found.ok_or(SignInRefused::LinkIsOver)?;
    let email = found.email.as_deref().unwrap_or(&choice.email);
    check_email(email)?;
    staff_password::check(&choice.password, &choice.again, email)?;
    let secret = staff_totp::secret_of_link(&desk.vault, link);
    let step = staff_totp::step_of(&secret, &choice.code, desk.now).ok_or_else(|| {
        let message = "is not the one the app shows now; wait for the next one and check the clock \
            of your phone";
        Refused::invalid("code", message)
    })?;
    let password_hash = staff_password::hash(choice.password).await?;
    let recovery = staff_totp::recovery_codes();
    let hashes: Vec<_> = recovery
        .iter()
        .filter_map(|code| staff_totp::recovery_hash(code))
        .collect();

    let mut tx = desk.begin().await?;
    let used = rows::use_setup_link(&mut tx, &link.hash(), desk.now).await;
    let id = match used {
        Ok(Some(id)) => id,
        Ok(None) => insert_first_owner(desk, &mut tx, email).await?,
        Err(StoreError::Stale) => return Err(SignInRefused::LinkIsOver),
        Err(error) => return Err(error.into()),
    };
    let chosen = Chosen {
        password_hash: &password_hash,
        totp: &desk.vault.seal(Place::new("staff", "totp", &id), &secret),
        totp_step: step,
        recovery: &hashes,
    };
    let (email, role) = rows::choose(&mut tx, id, &chosen, desk.now).await?;
    let cookie = open(desk, &mut tx, id, browser).await?;
    record(
        desk,
        &mut tx,
        &email,
        json!({ "action": "set_up", "role": role }),
    )
    .await?;
    commit(tx).await?;
    Ok(SetUp {
        opened: Opened { cookie, email },
        recovery,
    })
}

/// Whoever holds the first owner's link becomes the first owner, unless there is one by now.
async fn insert_first_owner(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    email: &str,
) -> Result<Uuid, SignInRefused> {
    let all = staff::list(tx).await?;
    if all.iter().any(staff::Staff::is_owner) {
        return Err(SignInRefused::LinkIsOver);
    }
    let id = new_id(desk.now);
    staff::insert(tx, id, email, Role::Owner, desk.now)
        .await
        .map_err(|error| Refused::or_taken(error, "staff_email_key", "email", email))?;
    Ok(id)
}

/// Signs somebody in; the session that `earlier` is the cookie of ends.
///
/// # Errors
/// [`SignInRefused::Wrong`] whatever was wrong, after the same work.
pub async fn sign_in(
    desk: &Desk,
    proof: Proof,
    earlier: Option<&Token>,
    browser: &str,
) -> Result<Opened, SignInRefused> {
    let proven = prove(desk, proof).await?;
    let mut tx = desk.begin().await?;
    proven.use_up(&mut tx, desk.now).await?;
    if let Some(earlier) = earlier {
        staff_sessions::end_behind(&mut tx, &earlier.hash(), desk.now).await?;
    }
    let account = proven.account;
    let cookie = open(desk, &mut tx, account.id, browser).await?;
    let details = json!({ "action": "sign_in", "by": proven.code.word() });
    record(desk, &mut tx, &account.email, details).await?;
    commit(tx).await?;
    Ok(Opened {
        cookie,
        email: account.email,
    })
}

/// Proves once more who is signed in, before secrets and keys. Returns the session's new cookie.
///
/// # Errors
/// As [`sign_in`].
pub async fn prove_again(desk: &Desk, session: Uuid, proof: Proof) -> Result<Token, SignInRefused> {
    let proven = prove(desk, proof).await?;
    let mut tx = desk.begin().await?;
    proven.use_up(&mut tx, desk.now).await?;
    let cookie = Token::random();
    staff_sessions::prove(&mut tx, session, &cookie.hash(), desk.now).await?;
    commit(tx).await?;
    Ok(cookie)
}

/// What the second factor was.
enum Code {
    App(i64),
    Recovery(Vec<u8>),
}

impl Code {
    fn word(&self) -> &'static str {
        match self {
            Self::App(_) => "password_and_app",
            Self::Recovery(_) => "password_and_recovery_code",
        }
    }
}

struct Proven {
    account: Proofs,
    code: Code,
    subject: Vec<u8>,
}

impl Proven {
    /// Takes the code, which counts once, and forgets the tries.
    async fn use_up(&self, tx: &mut sqlx::PgConnection, now: Time) -> Result<(), SignInRefused> {
        let used = match &self.code {
            Code::App(step) => rows::use_totp_step(tx, self.account.id, *step).await,
            Code::Recovery(hash) => rows::use_recovery_code(tx, self.account.id, hash, now).await,
        };
        match used {
            Ok(()) => Ok(rows::forget_tries(tx, &self.subject).await?),
            Err(StoreError::Stale) => Err(SignInRefused::Wrong),
            Err(error) => Err(error.into()),
        }
    }
}

async fn prove(desk: &Desk, proof: Proof) -> Result<Proven, SignInRefused> {
    let email = proof.email.trim().to_lowercase();
    let subject = count(desk, &email, proof.address).await?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let account = rows::proofs(&mut db, &email).await?;
    drop(db);
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.clone());
    let right = staff_password::is_right(proof.password, hash).await?;
    let code = account.as_ref().and_then(|account| {
        let place = Place::new("staff", "totp", &account.id);
        let secret = desk.vault.open(place, &account.totp).ok()?;
        match staff_totp::step_of(&secret, &proof.code, desk.now) {
            Some(step) => Some(Code::App(step)),
            None => staff_totp::recovery_hash(&proof.code).map(Code::Recovery),
        }
    });
    match (account, code) {
        (Some(account), Some(code)) if right => Ok(Proven {
            account,
            code,
            subject,
        }),
        (Some(account), _) => {
            let mut tx = desk.begin().await?;
            let details = json!({ "action": "sign_in_refused" });
            record(desk, &mut tx, &account.email, details).await?;
            commit(tx).await?;
            Err(SignInRefused::Wrong)
        }
        _ => Err(SignInRefused::Wrong),
    }
}

/// Counts the try before anything is compared: tries at the same moment are counted too. Accounts
/// that do not exist are counted like those that do.
async fn count(
    desk: &Desk,
    email: &str,
    address: Option<IpAddr>,
) -> Result<Vec<u8>, SignInRefused> {
    let account = subject(desk, "account", email);
    count_of(
        desk,
        &[account.clone(), of_address(desk, address)],
        Some(&account),
    )
    .await?;
    Ok(account)
}

/// The same where nobody knows yet whose account it is.
pub(super) async fn count_address(
    desk: &Desk,
    address: Option<IpAddr>,
) -> Result<(), SignInRefused> {
    count_of(desk, &[of_address(desk, address)], None).await
}

async fn count_of(
    desk: &Desk,
    subjects: &[Vec<u8>],
    account: Option<&Vec<u8>>,
) -> Result<(), SignInRefused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let counted = rows::count_tries(&mut db, subjects, desk.now - WINDOW, desk.now).await?;
    for tries in counted {
        let most = if Some(&tries.subject) == account {
            MOST_PER_ACCOUNT
        } else {
            MOST_PER_ADDRESS
        };
        if tries.tries > most {
            let left = (tries.since + WINDOW - desk.now).num_seconds();
            return Err(SignInRefused::TooMany(
                u64::try_from(left).unwrap_or(0).max(1),
            ));
        }
    }
    Ok(())
}

fn of_address(desk: &Desk, address: Option<IpAddr>) -> Vec<u8> {
    let network = address.map(network).unwrap_or_default();
    subject(desk, "address", &network)
}

fn subject(desk: &Desk, kind: &str, name: &str) -> Vec<u8> {
    let parts = [kind.as_bytes(), name.as_bytes()];
    desk.vault.ticket("staff-attempts", &parts).to_vec()
}

/// Who an address belongs to: an IPv6 customer has at least a /64 to pick addresses from.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}", address.to_bits() >> 64),
    }
}

pub(super) async fn open(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    staff: Uuid,
    browser: &str,
) -> Result<Token, SignInRefused> {
    let (id, cookie) = (new_id(desk.now), Token::random());
    let until = desk.now + SESSION_LIFE;
    staff_sessions::insert(tx, id, &cookie.hash(), staff, browser, desk.now, until).await?;
    Ok(cookie)
}

pub(super) async fn record(
    desk: &Desk,
    tx: &mut sqlx::PgConnection,
    email: &str,
    details: serde_json::Value,
) -> Result<(), Refused> {
    let act = Act {
        operation: "ACTION",
        resource: "staff",
        id: email,
        details,
    };
    desk.record(tx, act).await
}
