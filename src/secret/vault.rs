//! The root key, everything derived from it, and the vault that seals with it: one purpose, one key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{b64, from_b64, random};
use crate::clock::Time;

/// One root key: 32 bytes with a short id. Everything else we keep secret hangs on it.
#[derive(Clone)]
pub struct RootKey {
    /// Names the key in rows sealed under it; letters, digits, `-`, at most 32.
    pub id: String,
    bytes: Zeroizing<[u8; 32]>,
}

impl RootKey {
    /// A new random root key named after the day it was made and four random characters.
    #[must_use]
    pub fn generate(now: Time) -> Self {
        let id = format!(
            "{}-{}",
            now.format("%Y%m%d"),
            b64(&random::<3>()).replace(['-', '_'], "x").to_lowercase()
        );
        Self {
            id,
            bytes: Zeroizing::new(random()),
        }
    }

    /// Reads `id:base64url`, one line, as [`RootKey::reveal`] writes it.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (id, key) = line.trim().split_once(':')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if id.is_empty() || id.len() > 32 || !id.chars().all(plain) {
            return None;
        }
        let bytes: [u8; 32] = from_b64(key)?.try_into().ok()?;
        Some(Self {
            id: id.to_owned(),
            bytes: Zeroizing::new(bytes),
        })
    }

    /// The line that [`RootKey::parse`] reads.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}:{}", self.id, b64(self.bytes.as_slice()))
    }

    fn derive(&self, label: &str) -> [u8; 32] {
        struct Len;
        impl hkdf::KeyType for Len {
            fn len(&self) -> usize {
                32
            }
        }
        let mut out = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"numbercloak/1")
            .extract(self.bytes.as_slice())
            .expand(&[label.as_bytes()], Len)
            .and_then(|okm| okm.fill(&mut out))
            .expect("32 bytes are within HKDF's limit");
        out
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({}, [redacted])", self.id)
    }
}

/// The keys derived from one root key, each for one purpose (HKDF-SHA-256, one label each).
struct RootDerived {
    id: String,
    wrap: LessSafeKey,
    search: hmac::Key,
    audit_mac: hmac::Key,
    tickets: hmac::Key,
    check: [u8; 32],
}

impl RootDerived {
    fn new(root: &RootKey) -> Self {
        let mac = |label| hmac::Key::new(hmac::HMAC_SHA256, &root.derive(label));
        Self {
            id: root.id.clone(),
            wrap: LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM, &root.derive("wrap"))
                    .expect("32 bytes are an AES-256 key"),
            ),
            search: mac("search"),
            audit_mac: mac("audit-mac"),
            tickets: mac("tickets"),
            check: root.derive("check"),
        }
    }
}

/// Where a sealed value lives: its ciphertext opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The column's name.
    pub column: &'a str,
    /// The row's key.
    pub row: &'a [u8],
}

impl<'a> Place<'a> {
    /// `table.column` of the row with this UUID.
    #[must_use]
    pub fn new(table: &'a str, column: &'a str, row: &'a Uuid) -> Self {
        Self {
            table,
            column,
            row: row.as_bytes(),
        }
    }

    fn aad(&self, key_id: &str) -> Vec<u8> {
        let mut aad = Vec::with_capacity(96);
        for part in [
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row,
            key_id.as_bytes(),
        ] {
            aad.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            aad.extend_from_slice(part);
        }
        aad
    }
}

/// A sealed value did not open: another root key, another place, or altered bytes.
#[derive(Debug, thiserror::Error)]
#[error("a sealed value does not open with any of the root keys given")]
pub struct Unsealable;

/// All live root keys, the active one first. Seals and opens, hashes for search, makes MACs.
#[derive(Clone)]
pub struct Vault(Arc<Vec<RootDerived>>);

impl Vault {
    /// The first key is the active one; the others only open.
    ///
    /// # Panics
    /// If `roots` is empty: the caller checks that.
    #[must_use]
    pub fn new(roots: &[RootKey]) -> Self {
        assert!(!roots.is_empty(), "a vault needs a root key");
        Self(Arc::new(roots.iter().map(RootDerived::new).collect()))
    }

    fn active(&self) -> &RootDerived {
        &self.0[0]
    }

    /// The active root key's id.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.active().id
    }

    /// The ids of all root keys and the value that proves each in the database without telling it.
    #[must_use]
    pub fn checks(&self) -> Vec<(String, Vec<u8>)> {
        self.0
            .iter()
            .map(|root| (root.id.clone(), root.check.to_vec()))
            .collect()
    }

    /// Encrypts `plain` for exactly this place: AES-256-GCM under the active root's wrapping key.
    /// Shape: key id's length (1 byte), key id, nonce (12), ciphertext and tag.
    #[must_use]
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
        let root = self.active();
        let nonce: [u8; 12] = random();
        let mut text = plain.to_vec();
        root.wrap
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.aad(&root.id)),
                &mut text,
            )
            .expect("a short text can be sealed");
        let mut out = Vec::with_capacity(1 + root.id.len() + 12 + text.len());
        out.push(u8::try_from(root.id.len()).expect("ids are short"));
        out.extend_from_slice(root.id.as_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&text);
        out
    }

    /// Opens what [`Vault::seal`] made for the same place, under any live root key.
    ///
    /// # Errors
    /// [`Unsealable`] if it was made elsewhere, altered, or its root key is not given any more.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (id, rest) = sealed_under(sealed).ok_or(Unsealable)?;
        let root = self.0.iter().find(|root| root.id == id).ok_or(Unsealable)?;
        let (nonce, text) = rest.split_at_checked(12).ok_or(Unsealable)?;
        let nonce: [u8; 12] = nonce.try_into().map_err(|_| Unsealable)?;
        let mut text = Zeroizing::new(text.to_vec());
        let len = root
            .wrap
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.aad(&root.id)),
                &mut text,
            )
            .map_err(|_| Unsealable)?
            .len();
        text.truncate(len);
        Ok(text)
    }

    /// The keyed hash under which a number is stored and searched, by the active root key.
    #[must_use]
    pub fn search_hash(&self, canonical: &str) -> Vec<u8> {
        hmac::sign(&self.active().search, canonical.as_bytes())
            .as_ref()
            .to_vec()
    }

    /// The same under every live root key, with its id: what a look-up must try.
    #[must_use]
    pub fn search_hashes(&self, canonical: &str) -> Vec<(String, Vec<u8>)> {
        self.0
            .iter()
            .map(|root| {
                let mac = hmac::sign(&root.search, canonical.as_bytes());
                (root.id.clone(), mac.as_ref().to_vec())
            })
            .collect()
    }

    /// The MAC of an audit record's bytes, by the active root key.
    #[must_use]
    pub fn audit_mac(&self, record: &[u8]) -> Vec<u8> {
        hmac::sign(&self.active().audit_mac, record)
            .as_ref()
            .to_vec()
    }

    /// Whether the root key of this id is given.
    #[must_use]
    pub fn has_key(&self, key_id: &str) -> bool {
        self.0.iter().any(|root| root.id == key_id)
    }

    /// Whether `mac` is the MAC of `record` under the root key `key_id`.
    #[must_use]
    pub fn audit_mac_is_valid(&self, key_id: &str, record: &[u8], mac: &[u8]) -> bool {
        self.0
            .iter()
            .find(|root| root.id == key_id)
            .is_some_and(|root| hmac::verify(&root.audit_mac, record, mac).is_ok())
    }

    /// A MAC for a short-lived ticket of ours (CSRF tokens, `sid`), separated by `purpose`.
    #[must_use]
    pub fn ticket(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.active().tickets);
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            context.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault(active {}, {} keys)", self.key_id(), self.0.len())
    }
}

/// The id of the root key a sealed value was made under, and the rest of it.
#[must_use]
pub fn sealed_under(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let (&len, rest) = sealed.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(len))?;
    Some((std::str::from_utf8(id).ok()?, rest))
}
