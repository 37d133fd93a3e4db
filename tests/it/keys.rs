//! Root keys and signing keys in a real database.

use std::time::Duration;

use numbercloak::clock::Clock;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::phone::PhoneNumber;
use numbercloak::secret::{RootKey, Vault};
use numbercloak::store::db::Db;
use numbercloak::store::keys::{self, SigningKeyRow, Status};
use numbercloak::token::keyring::Keyring;
use numbercloak::token::lifecycle::{self, ALGS, RELOAD_LIMIT, Rotation};
use numbercloak::token::root::{Rewrapped, check_root, rewrap, subject_key};
use numbercloak::token::{KeyError, root, schedule};

use crate::support::database::Database;

const HOUR: Duration = Duration::from_secs(3600);
const LIFE: Duration = Duration::from_secs(600);
const PLANNED: Rotation = Rotation::Planned { min_publish: HOUR };

async fn rows(db: &Db) -> Vec<SigningKeyRow> {
    let mut conn = db.durable().acquire().await.unwrap();
    keys::signing_keys(&mut conn).await.unwrap()
}

fn published(keyring: &Keyring) -> Vec<String> {
    let set: serde_json::Value = serde_json::from_slice(&keyring.jwks()).unwrap();
    let keys = set["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn active(keyring: &Keyring) -> String {
    keyring.active(SigningAlg::ES256).unwrap().kid().to_owned()
}

/// Replicas that start together on an empty database agree on every key.
#[tokio::test]
async fn replicas_that_start_together_agree() {
    let db = &Database::migrated().await.open();
    let now = Clock::system().now();
    let vault = Vault::new(&[RootKey::generate(now)]);
    let number = PhoneNumber::from_e164("+990701234").unwrap();
    let start = async || {
        check_root(db, &vault, now).await.unwrap();
        lifecycle::ensure(db, &vault, now).await.unwrap();
        let subject = subject_key(db, &vault, now).await.unwrap();
        subject.subject("shop.example", &number, 0)
    };
    let (a, b, c) = tokio::join!(start(), start(), start());
    assert_eq!(a, b);
    assert_eq!(b, c);
    let made = rows(db).await;
    assert_eq!(made.len(), 2 * ALGS.len());
    for alg in ALGS {
        for status in [Status::Active, Status::Next] {
            let alike = |row: &&SigningKeyRow| row.alg == alg.as_str() && row.status == status;
            assert_eq!(made.iter().filter(alike).count(), 1);
        }
    }
    // a later start changes nothing
    assert_eq!(start().await, a);
    let kids = |rows: &[SigningKeyRow]| rows.iter().map(|r| r.kid.clone()).collect::<Vec<_>>();
    assert_eq!(kids(&rows(db).await), kids(&made));
    let keyring = lifecycle::load(db, &vault).await.unwrap();
    assert_eq!(published(&keyring).len(), 2 * ALGS.len());
}

/// Of two replicas with different root keys on an empty database one is refused.
#[tokio::test]
async fn two_roots_cannot_both_be_first() {
    let db = &Database::migrated().await.open();
    let now = Clock::system().now();
    let vaults = [(); 2].map(|()| Vault::new(&[RootKey::generate(now)]));
    let (a, b) = tokio::join!(
        check_root(db, &vaults[0], now),
        check_root(db, &vaults[1], now)
    );
    assert!(a.is_ok() != b.is_ok());
    let refused = a.and(b).unwrap_err();
    assert!(
        matches!(refused, KeyError::UnknownRoots { .. }),
        "{refused}"
    );
}

/// A key is published before it signs and until its last token has ended.
#[tokio::test]
async fn a_key_is_published_before_it_signs_and_until_its_last_token_ended() {
    let db = &Database::migrated().await.open();
    let alg = SigningAlg::ES256;
    let start = Clock::system().now();
    let vault = Vault::new(&[RootKey::generate(start)]);
    lifecycle::ensure(db, &vault, start).await.unwrap();
    let before = lifecycle::load(db, &vault).await.unwrap();
    let claims = serde_json::json!({ "iss": "https://i", "sub": "s", "aud": "a", "exp": 1 });
    let token = before.sign(alg, None, &claims).unwrap();

    let early = lifecycle::rotate(db, &vault, alg, PLANNED, start + HOUR / 2).await;
    assert!(matches!(early, Err(KeyError::TooEarly { .. })));
    assert_eq!(
        active(&lifecycle::load(db, &vault).await.unwrap()),
        active(&before)
    );

    let now = start + HOUR;
    let rotated = lifecycle::rotate(db, &vault, alg, PLANNED, now)
        .await
        .unwrap();
    let after = lifecycle::load(db, &vault).await.unwrap();
    assert_eq!(rotated.old, active(&before));
    assert_eq!(rotated.active, active(&after));
    assert!(published(&before).contains(&rotated.active));
    for kid in [&rotated.old, &rotated.active, &rotated.next] {
        assert!(published(&after).contains(kid));
    }
    assert!(after.verify("https://i", &token).is_ok());
    let other = before.active(SigningAlg::RS256).unwrap().kid();
    assert_eq!(after.active(SigningAlg::RS256).unwrap().kid(), other);

    let end = now + RELOAD_LIMIT + LIFE;
    let too_soon = lifecycle::retire(db, &vault, end - Duration::from_secs(1), LIFE)
        .await
        .unwrap();
    assert_eq!(too_soon, Vec::<String>::new());
    assert_eq!(
        lifecycle::retire(db, &vault, end, LIFE).await.unwrap(),
        std::slice::from_ref(&rotated.old)
    );
    assert_eq!(
        lifecycle::retire(db, &vault, end, LIFE).await.unwrap(),
        Vec::<String>::new()
    );
    let gone = lifecycle::load(db, &vault).await.unwrap();
    assert!(!published(&gone).contains(&rotated.old));
    assert!(gone.verify("https://i", &token).is_err());
    let retired = rows(db)
        .await
        .into_iter()
        .find(|row| row.kid == rotated.old)
        .unwrap();
    assert_eq!(retired.status, Status::Retired);
    assert_eq!(retired.sealed, None);
    assert_eq!(retired.retiring_at, Some(now));
    assert_eq!(retired.retired_at, Some(end));
}

/// A compromised key is withdrawn at once, however new its successor is.
#[tokio::test]
async fn a_compromised_key_is_withdrawn_at_once() {
    let db = &Database::migrated().await.open();
    let alg = SigningAlg::ES256;
    let now = Clock::system().now();
    let vault = Vault::new(&[RootKey::generate(now)]);
    lifecycle::ensure(db, &vault, now).await.unwrap();
    let rotated = lifecycle::rotate(db, &vault, alg, Rotation::Compromised, now)
        .await
        .unwrap();
    let keyring = lifecycle::load(db, &vault).await.unwrap();
    assert!(!published(&keyring).contains(&rotated.old));
    assert_eq!(active(&keyring), rotated.active);
    assert!(!lifecycle::stage_next(db, &vault, alg, now).await.unwrap());
}

/// Of two rotations at the same moment one is done: the other finds the next key too new.
#[tokio::test]
async fn two_rotations_at_once_rotate_once() {
    let db = &Database::migrated().await.open();
    let alg = SigningAlg::ES256;
    let start = Clock::system().now();
    let vault = Vault::new(&[RootKey::generate(start)]);
    lifecycle::ensure(db, &vault, start).await.unwrap();
    let rotate = async || lifecycle::rotate(db, &vault, alg, PLANNED, start + HOUR).await;
    let (a, b) = tokio::join!(rotate(), rotate());
    assert!(a.is_ok() != b.is_ok());
    assert!(matches!(a.and(b), Err(KeyError::TooEarly { .. })));
}

/// When the calendar says so, replicas rotate every algorithm once between them, with a record each.
#[tokio::test]
async fn what_is_due_is_rotated_once_and_recorded() {
    const DAY: Duration = Duration::from_secs(86_400);
    let db = &Database::migrated().await.open();
    let start = Clock::system().now();
    let vault = Vault::new(&[RootKey::generate(start)]);
    lifecycle::ensure(db, &vault, start).await.unwrap();
    let due = async |every, now| schedule::rotate_due(db, &vault, every, now).await.unwrap();
    assert_eq!(due(90 * DAY, start + 90 * DAY - HOUR).await, []);
    assert_eq!(due(Duration::ZERO, start + 400 * DAY).await, []);
    let before = lifecycle::load(db, &vault).await.unwrap();
    let now = start + 90 * DAY;
    let (a, b) = tokio::join!(due(90 * DAY, now), due(90 * DAY, now));
    assert_eq!(a.len() + b.len(), ALGS.len());
    for (_, rotated) in a.iter().chain(&b) {
        assert!(published(&before).contains(&rotated.active));
    }
    assert_eq!(due(90 * DAY, now).await, []);
    let of = |rows: &[SigningKeyRow], status| rows.iter().filter(|r| r.status == status).count();
    let moved = rows(db).await;
    for status in [Status::Active, Status::Next, Status::Retiring] {
        assert_eq!(of(&moved, status), ALGS.len(), "{status:?}");
    }
    // However short the calendar, a key that nobody may know yet does not sign.
    assert_eq!(due(HOUR, now + 2 * HOUR).await, []);
    assert_eq!(due(HOUR, now + DAY).await.len(), ALGS.len());
}

/// A root key is replaced without a stop and only taken away when nothing hangs on it.
#[tokio::test]
async fn a_root_key_is_replaced_without_a_stop() {
    let db = &Database::migrated().await.open();
    let now = Clock::system().now();
    let (old, new) = (RootKey::generate(now), RootKey::generate(now));
    let first = Vault::new(std::slice::from_ref(&old));
    let both = Vault::new(&[new.clone(), old]);
    let last = Vault::new(&[new]);
    check_root(db, &first, now).await.unwrap();
    lifecycle::ensure(db, &first, now).await.unwrap();
    let number = PhoneNumber::from_e164("+990701234").unwrap();
    let sub = |key: numbercloak::token::subject::SubjectKey| key.subject("s", &number, 0);
    let before = sub(subject_key(db, &first, now).await.unwrap());
    insert_operator(db, &first).await;

    let unknown = check_root(db, &last, now).await.unwrap_err();
    assert!(
        matches!(unknown, KeyError::UnknownRoots { .. }),
        "{unknown}"
    );
    check_root(db, &both, now).await.unwrap();
    let needed = check_root(db, &last, now).await.unwrap_err();
    assert!(
        matches!(needed, KeyError::RootStillNeeded { .. }),
        "{needed}"
    );

    let done = rewrap(db, &both).await.unwrap();
    // The signing keys, the operator's credentials and the subject key.
    let sealed = 2 + 2 * u64::try_from(ALGS.len()).unwrap();
    let all = Rewrapped {
        moved: sealed,
        ..Rewrapped::default()
    };
    assert_eq!(done, all);
    let again = Rewrapped {
        already: sealed,
        ..Rewrapped::default()
    };
    assert_eq!(rewrap(db, &both).await.unwrap(), again);

    check_root(db, &last, now).await.unwrap();
    assert_eq!(sub(subject_key(db, &last, now).await.unwrap()), before);
    lifecycle::load(db, &last).await.unwrap();
    let mut conn = db.durable().acquire().await.unwrap();
    let operators = numbercloak::store::operators::list(&mut conn)
        .await
        .unwrap();
    let opened = operators[0].credentials(&last).unwrap();
    assert_eq!(opened.client_secret.unwrap().reveal(), "secret");
    assert_eq!(operators[0].revision, 1);
    assert!(lifecycle::load(db, &first).await.is_err());
    assert!(root::wrapped_key(db, &first, "subject", now).await.is_err());
}

async fn insert_operator(db: &Db, vault: &Vault) {
    use numbercloak::secret::{Redacted, new_id};
    use numbercloak::store::operators::{Credentials, Mode, Operator, Settings, insert};
    let now = Clock::system().now();
    let id = new_id(now);
    let credentials = Credentials {
        client_secret: Some(Redacted::new("secret")),
        ..Credentials::default()
    };
    let operator = Operator {
        id,
        alias: "o".to_owned(),
        name: "O".to_owned(),
        mode: Mode::Test,
        settings: Settings::default(),
        sealed_credentials: Some(credentials.seal(vault, &id)),
        managed_by: None,
        revision: 1,
        disabled_at: None,
        created_at: now,
        updated_at: now,
    };
    let mut conn = db.durable().acquire().await.unwrap();
    insert(&mut conn, &operator).await.unwrap();
}
