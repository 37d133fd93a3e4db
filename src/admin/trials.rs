//! Trying a client's sign-in out. A short-lived copy of the client runs it, with the same settings and
//! the same sector and so the same `sub`, but our own redirect URI: the client's secret is not known
//! here, and its redirect URIs lead elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::admin::audit::{self, Query};
use crate::admin::audit_story::{self, Step};
use crate::admin::clients::{self, NewClient, find};
use crate::admin::desk::commit;
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::secret::{Place, Redacted, Token, b64, new_id, random, sha256};
use crate::store::client_logos;
use crate::store::clients::{AuthMethod, Client, Kind, Profile, Settings};
use crate::store::db::StoreError;
use crate::store::trials::{self as rows, NewTrial};

/// How long a trial may take, and is kept.
pub const LIFE: Duration = Duration::from_secs(15 * 60);

/// What a trial asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The scopes besides `openid`.
    pub scope: String,
    /// The number, if one is hinted.
    pub hint: Option<String>,
}

/// What the copy keeps while its request is out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The copy's `client_id`.
    pub client_id: String,
    /// Its secret, if it keeps one.
    pub secret: Option<Redacted>,
    /// Whether the secret stands in the body, not in the header.
    pub posts_secret: bool,
    /// The `nonce` sent.
    pub nonce: String,
    /// The PKCE verifier.
    pub verifier: Redacted,
    /// The parameters of the request, in order.
    pub parameters: Vec<(String, String)>,
    /// What is not as the client has it, a sentence each.
    pub differs: Vec<String>,
}

/// One thing that was checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// What came of a trial.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// What was checked, in order.
    pub checks: Vec<Check>,
    /// The ID token's header and claims, if there was one.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// The userinfo answer.
    pub userinfo: Value,
    /// The error the app would be told.
    pub error: Option<String>,
}

/// A trial as its owner sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The client it tries out.
    pub client_id: String,
    /// What is out, or was.
    pub kept: Kept,
    /// What came back.
    pub outcome: Option<Outcome>,
    /// When it ends.
    pub expires_at: Time,
}

/// Begins a trial of a client. Returns its key.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Invalid`] if the client is disabled.
pub async fn begin(
    desk: &Desk,
    staff: Uuid,
    client_id: &str,
    wish: Wish,
    callback: &str,
) -> Result<Uuid, Refused> {
    let mut tx = desk.begin().await?;
    let client = find(&mut tx, client_id).await?;
    if client.disabled_at.is_some() {
        let message = format!("{client_id} is disabled; enable it first");
        return Err(Refused::invalid("client_id", message));
    }
    let (copy, differs) = copy_of(desk, &client, callback)?;
    let made = clients::insert(desk, &mut tx, copy, Value::Null).await?;
    client_logos::copy(&mut tx, client.id, made.client.id).await?;
    let [state, nonce, verifier] = [(); 3].map(|()| Token::random());
    let mut parameters = vec![
        ("client_id".to_owned(), made.client.client_id.clone()),
        ("response_type".to_owned(), "code".to_owned()),
        ("redirect_uri".to_owned(), callback.to_owned()),
        ("scope".to_owned(), format!("openid {}", wish.scope)),
        ("state".to_owned(), state.reveal()),
        ("nonce".to_owned(), nonce.reveal()),
        (
            "code_challenge".to_owned(),
            b64(&sha256(verifier.reveal().as_bytes())),
        ),
        ("code_challenge_method".to_owned(), "S256".to_owned()),
    ];
    parameters.extend(wish.hint.map(|hint| ("login_hint".to_owned(), hint)));
    let kept = Kept {
        client_id: made.client.client_id.clone(),
        secret: made.secret.map(|secret| Redacted::new(secret.reveal())),
        posts_secret: made.client.auth_method == AuthMethod::ClientSecretPost,
        nonce: nonce.reveal(),
        verifier: Redacted::new(verifier.reveal()),
        parameters,
        differs,
    };
    let id = new_id(desk.now);
    let new = NewTrial {
        id,
        staff,
        client_id,
        trial_client: &made.client.client_id,
        state_hash: &state.hash(),
        sealed: &seal(desk, "sealed", &id, &kept),
        expires_at: desk.now + LIFE,
    };
    rows::insert(&mut tx, &new, desk.now).await?;
    commit(tx).await?;
    Ok(id)
}

/// One's own trial.
///
/// # Errors
/// [`Refused::NotFound`], also for somebody else's and for those that are over.
pub async fn show(desk: &Desk, staff: Uuid, id: Uuid) -> Result<Seen, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let gone = || Refused::not_found("trial", &id.to_string());
    let trial = rows::find(&mut db, id, staff).await?.ok_or_else(gone)?;
    if trial.expires_at <= desk.now {
        return Err(gone());
    }
    let outcome = trial
        .result
        .map(|sealed| open(desk, "result", &id, &sealed));
    Ok(Seen {
        kept: open(desk, "sealed", &id, &trial.sealed).ok_or_else(gone)?,
        outcome: outcome
            .map(|outcome| outcome.ok_or_else(gone))
            .transpose()?,
        client_id: trial.client_id,
        expires_at: trial.expires_at,
    })
}

/// The records of the login that a trial was, oldest first; none if it never began. The copy is nobody
/// else's: what stands in its name is this trial's. Of several tries by one link the last one counts.
///
/// # Errors
/// [`Refused::Database`].
pub async fn story(desk: &Desk, kept: &Kept) -> Result<Vec<Step>, Refused> {
    let query = Query {
        client_id: Some(kept.client_id.clone()),
        ..Query::default()
    };
    let found = audit::list(desk, query, audit::MOST).await?.entries;
    let login = found
        .iter()
        .find_map(|entry| entry.body["login_id"].as_str()?.parse().ok());
    match login {
        Some(login) => audit_story::of_login(desk, login).await,
        None => Ok(Vec::new()),
    }
}

/// Takes the answer that a browser brings, once, whoever brings it.
///
/// # Errors
/// [`Refused::NotFound`] if the state is none of ours, was brought before, or is too old.
pub async fn claim(desk: &Desk, state: &Token) -> Result<(Uuid, Kept), Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let gone = || Refused::not_found("trial", "with this state");
    let trial = rows::claim(&mut db, &state.hash(), desk.now)
        .await?
        .ok_or_else(gone)?;
    let kept = open(desk, "sealed", &trial.id, &trial.sealed).ok_or_else(gone)?;
    Ok((trial.id, kept))
}

/// Keeps what came of it; the copy is gone then.
///
/// # Errors
/// [`Refused::Database`].
pub async fn finish(desk: &Desk, id: Uuid, outcome: &Outcome) -> Result<(), Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let sealed = seal(desk, "result", &id, outcome);
    Ok(rows::finish(&mut db, id, &sealed).await?)
}

fn seal<T: Serialize>(desk: &Desk, column: &str, id: &Uuid, value: &T) -> Vec<u8> {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(value).expect("strings serialise"));
    desk.vault
        .seal(Place::new("staff_trials", column, id), &plain)
}

fn open<T: serde::de::DeserializeOwned>(
    desk: &Desk,
    column: &str,
    id: &Uuid,
    sealed: &[u8],
) -> Option<T> {
    let plain = desk
        .vault
        .open(Place::new("staff_trials", column, id), sealed)
        .ok()?;
    serde_json::from_slice(&plain).ok()
}

/// The copy, and what is not as the client has it.
fn copy_of(desk: &Desk, client: &Client, callback: &str) -> Result<(Client, Vec<String>), Refused> {
    let mut differs = Vec::new();
    let mut settings = Settings {
        sector_identifier_uri: None,
        jwks: None,
        jwks_uri: None,
        tls_client_auth: None,
        request_object_alg: None,
        auth_signing_alg: None,
        userinfo_alg: None,
        backchannel_logout_uri: None,
        frontchannel_logout_uri: None,
        initiate_login_uri: None,
        post_logout_redirect_uris: Vec::new(),
        ..client.settings.clone()
    };
    let mut instead = |flag: &mut bool, says: &str| {
        if std::mem::take(flag) {
            differs.push(says.to_owned());
        }
    };
    let settings_mut = &mut settings;
    instead(
        &mut settings_mut.require_pushed,
        "The request is not pushed first (PAR).",
    );
    instead(
        &mut settings_mut.require_signed_request_object,
        "The request is not signed.",
    );
    instead(
        &mut settings_mut.dpop_bound_access_tokens,
        "Tokens are not bound by DPoP.",
    );
    instead(
        &mut settings_mut.certificate_bound_access_tokens,
        "Tokens are not bound to a certificate.",
    );
    if settings.profile.is_fapi() {
        settings.profile = Profile::Oidc;
        differs.push("The FAPI profile's rules are not applied.".to_owned());
    }
    let by_key = client.is_confidential() && !client.auth_method.is_secret();
    if by_key {
        differs.push("A secret stands in for the app's key.".to_owned());
    }
    let tail: String = random::<8>().iter().map(|b| format!("{b:02x}")).collect();
    let mut copy = clients::prepare(
        desk,
        NewClient {
            name: client.name.clone(),
            kind: match client.kind {
                Kind::Native => Kind::Spa,
                kind => kind,
            },
            auth_method: Some(if by_key {
                AuthMethod::ClientSecretBasic
            } else {
                client.auth_method
            }),
            redirect_uris: vec![callback.to_owned()],
            test: client.test,
            client_id: Some(format!("try-{tail}")),
            sector: None,
            settings,
        },
    )?;
    copy.sector.clone_from(&client.sector);
    Ok((copy, differs))
}
