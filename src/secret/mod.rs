//! Secrets: the only source of chance, opaque tokens and their hashes, passwords; and, in a file of its
//! own, the vault that seals what must be stored and shown again. Private keys and ciphers are
//! aws-lc-rs's only.

mod vault;

pub use vault::{Place, RootKey, Unsealable, Vault, sealed_under};

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

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

/// The time in a UUIDv7, to the millisecond.
#[must_use]
pub fn made_at(id: Uuid) -> Option<Time> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Time::from_timestamp(i64::try_from(seconds).ok()?, nanos)
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

/// SHA-512.
#[must_use]
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut hash = [0; 64];
    hash.copy_from_slice(digest::digest(&digest::SHA512, bytes).as_ref());
    hash
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
