//! Secrets: the only source of chance, opaque tokens and their hashes, passwords, and the vault that
//! seals what must be stored and shown again. Private keys and ciphers are aws-lc-rs's only.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::clock::Time;

/// `N` random bytes from the operating system's generator.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system's random generator works");
    bytes
}

/// A new UUIDv7 that carries `now` in its first 48 bits, so that keys sort and partition by time.
#[must_use]
pub fn new_id(now: Time) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let mut bytes: [u8; 16] = random();
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

/// The smallest UUIDv7 of a moment: where a range of ids by time begins.
#[must_use]
pub fn first_id(moment: Time) -> Uuid {
    let millis = u64::try_from(moment.timestamp_millis()).unwrap_or(0);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    Uuid::from_bytes(bytes)
}

/// Base64url without padding, the encoding of every opaque string we give out.
#[must_use]
pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The inverse of [`b64`]; `None` for anything that is not exactly that.
#[must_use]
pub fn from_b64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Compares two byte strings in time that does not depend on where they differ.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// 256 random bits given out as an opaque string: a code, an access token, a cookie, a client
/// secret. Only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(random())
    }

    /// Reads what [`Token::reveal`] wrote; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        from_b64(text)?.try_into().ok().map(Self)
    }

    /// The string to give out (43 characters of base64url). The only way to see it.
    #[must_use]
    pub fn reveal(&self) -> String {
        b64(&self.0)
    }

    /// What is stored and looked up instead of the token.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        sha256(&self.0).to_vec()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// A row's id with 256 random bits, given out as one opaque string: a `state` of ours, an
/// authorization code. The id finds the row; only the hash of the whole is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Handle {
    /// The row.
    pub id: Uuid,
    secret: [u8; 32],
}

impl Handle {
    /// A new one for a row.
    #[must_use]
    pub fn random(id: Uuid) -> Self {
        Self {
            id,
            secret: random(),
        }
    }

    /// Reads what [`Handle::reveal`] wrote; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = from_b64(text)?.try_into().ok()?;
        let (id, secret) = bytes.split_at(16);
        Some(Self {
            id: Uuid::from_slice(id).ok()?,
            secret: secret.try_into().ok()?,
        })
    }

    fn bytes(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(self.id.as_bytes());
        bytes[16..].copy_from_slice(&self.secret);
        bytes
    }

    /// The string to give out (64 characters of base64url).
    #[must_use]
    pub fn reveal(&self) -> String {
        b64(&self.bytes())
    }

    /// What is stored and compared instead.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        sha256(&self.bytes()).to_vec()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}, [redacted])", self.id)
    }
}

/// A text that must not be printed by accident: a password from a form, a configured credential.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Redacted(String);

impl Redacted {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Redacted {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// Hashes a password a person chose (argon2id, 19 MiB, two passes). Slow on purpose: call it off the
/// async threads.
///
/// # Panics
/// Never in practice: argon2's default parameters are valid.
#[must_use]
pub fn hash_password(password: &Redacted) -> String {
    argon2::Argon2::default()
        .hash_password(password.reveal().as_bytes())
        .expect("argon2's default parameters are valid")
        .to_string()
}

/// Whether `password` is the one behind `hash`; a malformed hash matches nothing. Slow on purpose.
#[must_use]
pub fn check_password(password: &Redacted, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        argon2::Argon2::default()
            .verify_password(password.reveal().as_bytes(), &hash)
            .is_ok()
    })
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn vault() -> Vault {
        Vault::new(&[RootKey::generate(Clock::system().now())])
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_own_place() {
        let vault = vault();
        let (row, other) = (Uuid::from_bytes(random()), Uuid::from_bytes(random()));
        let place = Place::new("grants", "number", &row);
        let sealed = vault.seal(place, b"+990701234");
        assert_eq!(
            vault.open(place, &sealed).unwrap().as_slice(),
            b"+990701234"
        );
        for wrong in [
            Place::new("grants", "number", &other),
            Place::new("grants", "name", &row),
            Place::new("sessions", "number", &row),
        ] {
            assert!(vault.open(wrong, &sealed).is_err());
        }
        for i in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[i] ^= 1;
            assert!(vault.open(place, &altered).is_err(), "byte {i} altered");
        }
    }

    #[test]
    fn old_root_keys_still_open_and_the_first_one_seals() {
        let now = Clock::system().now();
        let (old, new) = (RootKey::generate(now), RootKey::generate(now));
        let row = Uuid::from_bytes(random());
        let place = Place::new("t", "c", &row);
        let sealed = Vault::new(std::slice::from_ref(&old)).seal(place, b"x");
        let both = Vault::new(&[new.clone(), old]);
        assert_eq!(both.open(place, &sealed).unwrap().as_slice(), b"x");
        assert_eq!(sealed_under(&both.seal(place, b"x")).unwrap().0, new.id);
        assert!(Vault::new(&[new]).open(place, &sealed).is_err());
    }

    #[test]
    fn root_keys_read_what_they_write_and_nothing_else() {
        let key = RootKey::generate(Clock::system().now());
        let again = RootKey::parse(&key.reveal()).unwrap();
        assert_eq!(again.reveal(), key.reveal());
        for bad in ["", "x", "x:", "x:AAAA", ":AAAA", "a b:AAAA"] {
            assert!(RootKey::parse(bad).is_none(), "{bad}");
        }
        assert!(!format!("{key:?}").contains(&key.reveal()[key.id.len() + 1..]));
    }

    #[test]
    fn tokens_are_opaque_and_hash_the_same() {
        let token = Token::random();
        assert_eq!(token.reveal().len(), 43);
        assert_eq!(Token::parse(&token.reveal()).unwrap().hash(), token.hash());
        assert!(Token::parse("short").is_none());
        assert!(!format!("{token:?}").contains(&token.reveal()));
    }

    #[test]
    fn tickets_keep_purposes_and_parts_apart() {
        let vault = vault();
        assert_ne!(vault.ticket("a", &[b"bc"]), vault.ticket("ab", &[b"c"]));
        assert_ne!(
            vault.ticket("a", &[b"b", b"c"]),
            vault.ticket("a", &[b"bc"])
        );
    }

    #[test]
    fn ids_carry_their_time() {
        let now = Clock::system().now();
        let id = new_id(now);
        assert_eq!(id.get_version_num(), 7);
        assert!(first_id(now) <= id && id < first_id(now + chrono::TimeDelta::milliseconds(1)));
        let (secs, nanos) = id.get_timestamp().unwrap().to_unix();
        assert_eq!(
            i64::try_from(secs).unwrap() * 1000 + i64::from(nanos / 1_000_000),
            now.timestamp_millis()
        );
    }
}
