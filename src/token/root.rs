//! Root keys: refusing a wrong one at start, the random keys sealed under them, and moving
//! everything under another one.

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::clock::Time;
use crate::secret::{Place, Vault, random, same, sealed_under};
use crate::store::db::{Db, StoreError};
use crate::store::keys::{self, RootCheck, SealedRow, SealedTable};
use crate::token::KeyError;
use crate::token::subject::SubjectKey;

/// Rows read at a time.
const BATCH: i64 = 100;

/// The random key that makes `sub`.
const SUBJECT: &str = "subject";

/// Makes sure that the root keys given belong to this database; on an empty one, they do from now
/// on. A wrong root would otherwise show as strangers: numbers not found, sessions gone, and new
/// keys made beside the old ones.
///
/// # Errors
/// [`KeyError::OtherRoot`], [`KeyError::UnknownRoots`], or [`KeyError::RootStillNeeded`] if a root
/// key was taken away before everything was sealed anew; or the database.
pub async fn check_root(db: &Db, vault: &Vault, now: Time) -> Result<(), KeyError> {
    let given = vault.checks();
    let mut tx = db.durable().begin().await.map_err(StoreError::from)?;
    // Under the lock, of two replicas with different roots only the first finds an empty database.
    keys::lock(&mut tx).await?;
    let known = keys::root_checks(&mut tx).await?;
    for (id, check) in compare_roots(&given, &known)? {
        keys::insert_root_check(&mut tx, id, check, now).await?;
    }
    tx.commit().await.map_err(StoreError::from)?;

    let mut conn = db.durable().acquire().await.map_err(StoreError::from)?;
    for table in SealedTable::ALL {
        let mut after = String::new();
        loop {
            let rows = keys::sealed_rows(&mut conn, table, &after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.key);
            for row in &rows {
                let (root, _) = sealed_under(&row.sealed).ok_or_else(|| unreadable(table, row))?;
                if !given.iter().any(|(id, _)| id == root) {
                    return Err(KeyError::RootStillNeeded {
                        missing: root.to_owned(),
                        table: table.names().0,
                        row: row.key.clone(),
                    });
                }
            }
        }
    }
    Ok(())
}

/// The given roots that are new here, if the others prove that they belong.
fn compare_roots<'a>(
    given: &'a [(String, Vec<u8>)],
    known: &[RootCheck],
) -> Result<Vec<(&'a str, &'a [u8])>, KeyError> {
    let mut new = Vec::new();
    for (id, check) in given {
        match known.iter().find(|known| known.root_id == *id) {
            Some(known) if same(&known.check_value, check) => {}
            Some(_) => return Err(KeyError::OtherRoot(id.clone())),
            None => new.push((id.as_str(), check.as_slice())),
        }
    }
    if new.len() == given.len() && !known.is_empty() {
        let ids = |ids: Vec<&str>| ids.join(", ");
        return Err(KeyError::UnknownRoots {
            given: ids(given.iter().map(|(id, _)| id.as_str()).collect()),
            known: ids(known.iter().map(|known| known.root_id.as_str()).collect()),
        });
    }
    Ok(new)
}

/// The 32 random bytes kept sealed under this name; made when first asked for. Replicas that ask at
/// the same time get the same ones.
///
/// # Errors
/// [`KeyError::Unreadable`] if they do not open, or the database.
pub async fn wrapped_key(
    db: &Db,
    vault: &Vault,
    name: &'static str,
    now: Time,
) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let place = Place {
        table: "wrapped_keys",
        column: "sealed",
        row: name.as_bytes(),
    };
    let mut conn = db.durable().acquire().await.map_err(StoreError::from)?;
    let sealed = match keys::wrapped_key(&mut conn, name).await? {
        Some(sealed) => sealed,
        None => {
            let fresh: Zeroizing<[u8; 32]> = Zeroizing::new(random());
            let sealed = vault.seal(place, fresh.as_slice());
            keys::wrapped_key_or_insert(&mut conn, name, &sealed, now).await?
        }
    };
    let unreadable = || KeyError::Unreadable {
        table: "wrapped_keys",
        row: name.to_owned(),
    };
    let plain = vault.open(place, &sealed).map_err(|_| unreadable())?;
    let mut key = Zeroizing::new([0; 32]);
    if plain.len() != key.len() {
        return Err(unreadable());
    }
    key.copy_from_slice(&plain);
    Ok(key)
}

/// The key that makes `sub`; made on the first start, the same ever after.
///
/// # Errors
/// As [`wrapped_key`].
pub async fn subject_key(db: &Db, vault: &Vault, now: Time) -> Result<SubjectKey, KeyError> {
    let key = wrapped_key(db, vault, SUBJECT, now).await?;
    Ok(SubjectKey::new(&key))
}

/// What [`rewrap`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Values sealed anew under the active root key.
    pub moved: u64,
    /// Values that were under it already.
    pub already: u64,
    /// Values that somebody else replaced meanwhile; run it again to see that they are done.
    pub changed_meanwhile: u64,
}

/// Seals random keys, signing keys and operator credentials anew under the active root key. Runs
/// beside the servers; row by row, so it may be stopped and started again at any time.
///
/// # Errors
/// [`KeyError::Unreadable`] at the first value that does not open, or the database.
pub async fn rewrap(db: &Db, vault: &Vault) -> Result<Rewrapped, KeyError> {
    let mut conn = db.durable().acquire().await.map_err(StoreError::from)?;
    let mut done = Rewrapped::default();
    for table in SealedTable::ALL {
        let mut after = String::new();
        loop {
            let rows = keys::sealed_rows(&mut conn, table, &after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.key);
            for row in &rows {
                let Some(sealed) = seal_anew(vault, table, row)? else {
                    done.already += 1;
                    continue;
                };
                match keys::replace_sealed(&mut conn, table, row, &sealed).await {
                    Ok(()) => done.moved += 1,
                    Err(StoreError::Stale) => done.changed_meanwhile += 1,
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(done)
}

/// The value under the active root key; `None` if it is under it already.
fn seal_anew(
    vault: &Vault,
    table: SealedTable,
    row: &SealedRow,
) -> Result<Option<Vec<u8>>, KeyError> {
    let (root, _) = sealed_under(&row.sealed).ok_or_else(|| unreadable(table, row))?;
    if root == vault.key_id() {
        return Ok(None);
    }
    let (name, column) = table.names();
    let id;
    let key = match table {
        SealedTable::WrappedKeys | SealedTable::SigningKeys => row.key.as_bytes(),
        SealedTable::Operators | SealedTable::Staff => {
            id = Uuid::parse_str(&row.key).map_err(|_| unreadable(table, row))?;
            id.as_bytes()
        }
    };
    let place = Place {
        table: name,
        column,
        row: key,
    };
    let plain = vault
        .open(place, &row.sealed)
        .map_err(|_| unreadable(table, row))?;
    Ok(Some(vault.seal(place, &plain)))
}

fn unreadable(table: SealedTable, row: &SealedRow) -> KeyError {
    KeyError::Unreadable {
        table: table.names().0,
        row: row.key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::secret::RootKey;

    fn roots<const N: usize>() -> [RootKey; N] {
        std::array::from_fn(|_| RootKey::generate(Clock::system().now()))
    }

    fn known(root: &RootKey) -> RootCheck {
        let (root_id, check_value) = Vault::new(std::slice::from_ref(root)).checks().remove(0);
        RootCheck {
            root_id,
            check_value,
        }
    }

    #[test]
    fn the_first_start_takes_any_root_and_later_ones_only_that() {
        let [first, other] = roots();
        let given = Vault::new(std::slice::from_ref(&first)).checks();
        assert_eq!(compare_roots(&given, &[]).unwrap().len(), 1);
        let stored = [known(&first)];
        assert_eq!(compare_roots(&given, &stored).unwrap(), []);
        let wrong = Vault::new(std::slice::from_ref(&other)).checks();
        let error = compare_roots(&wrong, &stored).unwrap_err();
        assert!(matches!(error, KeyError::UnknownRoots { .. }));
        let text = error.to_string();
        assert!(
            text.contains(&first.id) && text.contains(&other.id),
            "{text}"
        );
    }

    #[test]
    fn another_key_under_a_known_id_is_refused() {
        let [first, other] = roots();
        let (_, secret) = other.reveal().split_once(':').map(own).unwrap();
        let forged = RootKey::parse(&format!("{}:{secret}", first.id)).unwrap();
        let given = Vault::new(&[forged, other]).checks();
        assert!(matches!(
            compare_roots(&given, &[known(&first)]),
            Err(KeyError::OtherRoot(id)) if id == first.id
        ));
    }

    fn own((a, b): (&str, &str)) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn a_new_root_is_taken_in_beside_a_known_one() {
        let [old, new] = roots();
        let given = Vault::new(&[new.clone(), old.clone()]).checks();
        let fresh = compare_roots(&given, &[known(&old)]).unwrap();
        assert_eq!(fresh.len(), 1);
        assert_eq!(fresh[0].0, new.id);
    }

    #[test]
    fn sealing_anew_keeps_place_and_content_and_does_nothing_twice() {
        let [old, new] = roots();
        let before = Vault::new(std::slice::from_ref(&old));
        let both = Vault::new(&[new.clone(), old]);
        let after = Vault::new(&[new]);
        let id = Uuid::from_bytes(random());
        for table in SealedTable::ALL {
            let (name, column) = table.names();
            let (key, bytes) = match table {
                SealedTable::Operators | SealedTable::Staff => {
                    (id.to_string(), id.as_bytes().to_vec())
                }
                _ => ("k".to_owned(), b"k".to_vec()),
            };
            let place = Place {
                table: name,
                column,
                row: &bytes,
            };
            let mut row = SealedRow {
                key,
                sealed: before.seal(place, b"secret"),
            };
            assert!(seal_anew(&after, table, &row).is_err());
            row.sealed = seal_anew(&both, table, &row).unwrap().unwrap();
            let opened = after.open(place, &row.sealed).unwrap();
            assert_eq!(opened.as_slice(), b"secret");
            assert_eq!(seal_anew(&both, table, &row).unwrap(), None);
        }
    }
}
