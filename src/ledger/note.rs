//! Signed notes and checkpoints, as C2SP specifies them (signed-note, tlog-checkpoint,
//! tlog-cosignature): what every other log's verifiers read. Pure.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ledger::tree::Hash;
use crate::secret::sha256;

/// The signature type of a log's own Ed25519 signature.
const ED25519_TYPE: u8 = 1;
/// That of a witness's cosignature, which carries a time.
const COSIGNATURE_TYPE: u8 = 4;
/// The longest note that is read.
const LONGEST: usize = 64 * 1024;

/// Something is no note, no checkpoint or no key, or is not signed by whom it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoteError(pub &'static str);

/// Standard base64, as notes have it.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The inverse of [`base64`].
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A hash in standard base64.
#[must_use]
pub fn hash_from_base64(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok()
}

/// The key that signs checkpoints.
pub struct NoteSigner {
    pair: Ed25519KeyPair,
}

impl NoteSigner {
    /// Of a seed.
    ///
    /// # Errors
    /// If aws-lc-rs refuses it.
    pub fn new(seed: &[u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| NoteError("not a seed of an Ed25519 key"))?;
        Ok(Self { pair })
    }

    /// The key that verifies what this one signs as `name`.
    #[must_use]
    pub fn verifier(&self, name: &str) -> Verifier {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        Verifier::new(name, ED25519_TYPE, public)
    }

    /// A checkpoint as a note, signed in the name of its origin.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        self.sign_text(&checkpoint.origin, &checkpoint.text())
    }

    /// A text, which ends with its last line's end, as a note signed in this name. What is no checkpoint
    /// must not read like one: its second line is no number.
    #[must_use]
    pub(super) fn sign_text(&self, name: &str, text: &str) -> String {
        let mut signature = self.verifier(name).id.to_be_bytes().to_vec();
        signature.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n— {name} {}\n", base64(&signature))
    }
}

impl std::fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NoteSigner([redacted])")
    }
}

/// A key that checks a note's signatures in one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    /// The name.
    pub name: String,
    id: u32,
    kind: u8,
    public: [u8; 32],
}

impl Verifier {
    fn new(name: &str, kind: u8, public: [u8; 32]) -> Self {
        let mut named = name.as_bytes().to_vec();
        named.extend_from_slice(&[b'\n', kind]);
        named.extend_from_slice(&public);
        let hash = sha256(&named);
        Self {
            name: name.to_owned(),
            id: u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]),
            kind,
            public,
        }
    }

    /// Reads `name+id+base64`.
    ///
    /// # Errors
    /// If it is not one, of another type, or its id is not its own.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = || NoteError("not a verifier key: name+id+base64");
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next(), parts.next(), parts.next());
        let key = from_base64(key.ok_or_else(wrong)?).ok_or_else(wrong)?;
        let (&kind, public) = key.split_first().ok_or_else(wrong)?;
        if kind != ED25519_TYPE && kind != COSIGNATURE_TYPE {
            return Err(NoteError("the verifier key is not an Ed25519 key"));
        }
        let public = public.try_into().map_err(|_| wrong())?;
        let name = name.filter(|name| !name.is_empty()).ok_or_else(wrong)?;
        let parsed = Self::new(name, kind, public);
        if id != Some(&format!("{:08x}", parsed.id)) {
            return Err(wrong());
        }
        Ok(parsed)
    }

    /// As [`Verifier::parse`] reads it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut key = vec![self.kind];
        key.extend_from_slice(&self.public);
        format!("{}+{:08x}+{}", self.name, self.id, base64(&key))
    }

    /// The same key for another name: logs of one deployment have one key and a name each.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self::new(name, self.kind, self.public)
    }

    /// When this key signed the note; a log's own signature has no time.
    ///
    /// # Errors
    /// If it did not.
    pub fn check(&self, note: &Note) -> Result<Option<u64>, NoteError> {
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        let mut found = NoteError("is not signed by this key");
        for signature in &note.signatures {
            if signature.name != self.name || signature.id != self.id {
                continue;
            }
            let (time, message, bytes) = match self.kind {
                COSIGNATURE_TYPE => {
                    let (time, bytes) = signature
                        .bytes
                        .split_at_checked(8)
                        .ok_or(NoteError("carries a cosignature that is cut short"))?;
                    let time = u64::from_be_bytes(time.try_into().unwrap_or_default());
                    let message = format!("cosignature/v1\ntime {time}\n{}", note.text);
                    (Some(time), message, bytes)
                }
                _ => (None, note.text.clone(), &signature.bytes[..]),
            };
            if key.verify(message.as_bytes(), bytes).is_ok() {
                return Ok(time);
            }
            found = NoteError("carries a signature in this key's name that is not valid");
        }
        Err(found)
    }
}

/// One signature of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

/// A note with its signatures, none of them checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last line's end.
    pub text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// If it is not one.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let wrong = || NoteError("is not a signed note");
        if note.len() > LONGEST || note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(wrong());
        }
        let at = note.rfind("\n\n").ok_or_else(wrong)?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let signatures = signatures
            .strip_suffix('\n')
            .ok_or_else(wrong)?
            .lines()
            .map(Self::signature)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(wrong)?;
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    fn signature(line: &str) -> Option<Signature> {
        let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = from_base64(bytes)?;
        let (id, bytes) = bytes.split_at_checked(4)?;
        Some(Signature {
            name: name.to_owned(),
            id: u32::from_be_bytes(id.try_into().ok()?),
            bytes: bytes.to_vec(),
        })
    }
}

/// Adds signature lines, as a witness answers them, to a note.
///
/// # Errors
/// If the lines are no signatures.
pub fn with_signatures(note: &str, lines: &str) -> Result<String, NoteError> {
    let mut whole = note.to_owned();
    for line in lines.lines() {
        Note::signature(line).ok_or(NoteError("is not a line of a signature"))?;
        whole.push_str(line);
        whole.push('\n');
    }
    Note::parse(&whole)?;
    Ok(whole)
}

/// What a checkpoint says: this log had this root at this size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root))
    }

    /// Reads a note's text; further lines are extensions and pass.
    ///
    /// # Errors
    /// If it is no checkpoint.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError("is not a checkpoint");
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong);
        };
        let plain =
            size == "0" || !size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit());
        let size = size.parse().ok().filter(|_| plain).ok_or(wrong.clone())?;
        let root = hash_from_base64(root).ok_or(wrong.clone())?;
        if origin.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// Reads a note and checks that the key signed it, in the name of the checkpoint's origin.
    ///
    /// # Errors
    /// If it is no checkpoint, or signed by somebody else.
    pub fn open(note: &str, key: &Verifier) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        let checkpoint = Self::parse(&note.text)?;
        key.named(&checkpoint.origin).check(&note)?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's golang.org/x/mod/sumdb/note.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SAID: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_note_is_verified_and_an_altered_one_is_not() {
        let key = Verifier::parse(PETER).unwrap();
        assert_eq!(key.text(), PETER);
        let note = Note::parse(SAID).unwrap();
        assert_eq!(key.check(&note), Ok(None));
        assert!(
            key.check(&Note::parse(&SAID.replace("your", "my")).unwrap())
                .is_err()
        );
        assert!(key.named("Peter").check(&note).is_err());
        for wrong in [
            "",
            "x",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(Verifier::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "id.example.com/log/20261122-abcdef".to_owned(),
            size: 20_852_163,
            root: [7; 32],
        }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_signed_and_by_its_key_only() {
        let (signer, other) = (
            NoteSigner::new(&[1; 32]).unwrap(),
            NoteSigner::new(&[2; 32]).unwrap(),
        );
        let note = signer.sign(&checkpoint());
        // The name in the key does not matter: every log of a deployment has its own.
        let opened = Checkpoint::open(&note, &signer.verifier("whatever"));
        assert_eq!(opened, Ok(checkpoint()));
        assert!(Checkpoint::open(&note, &other.verifier("whatever")).is_err());
        let forged = note.replace("20852163", "20852164");
        assert!(Checkpoint::open(&forged, &signer.verifier("whatever")).is_err());
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = base64(&[7; 32]);
        for text in [
            String::new(),
            "origin\n".to_owned(),
            format!("origin\n01\n{root}\n"),
            format!("origin\n+1\n{root}\n"),
            format!("origin\n-1\n{root}\n"),
            format!("\n1\n{root}\n"),
            "origin\n1\nAAAA\n".to_owned(),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
        assert!(Checkpoint::parse(&format!("origin\n1\n{root}\nmore\n")).is_ok());
    }

    #[test]
    fn a_witnesss_cosignature_is_kept_and_checked_with_its_time() {
        let signer = NoteSigner::new(&[1; 32]).unwrap();
        let note = signer.sign(&checkpoint());
        let witness = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let mut public = [0; 32];
        public.copy_from_slice(witness.public_key().as_ref());
        let key = Verifier::new("witness.example", COSIGNATURE_TYPE, public);
        let message = format!("cosignature/v1\ntime 1700000000\n{}", checkpoint().text());
        let mut bytes = key.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&1_700_000_000_u64.to_be_bytes());
        bytes.extend_from_slice(witness.sign(message.as_bytes()).as_ref());
        let line = format!("— witness.example {}\n", base64(&bytes));
        let whole = with_signatures(&note, &line).unwrap();
        let parsed = Note::parse(&whole).unwrap();
        assert_eq!(key.check(&parsed), Ok(Some(1_700_000_000)));
        assert_eq!(Verifier::parse(&key.text()), Ok(key.clone()));
        assert_eq!(
            Checkpoint::open(&whole, &signer.verifier("x")),
            Ok(checkpoint())
        );
        assert!(key.check(&Note::parse(&note).unwrap()).is_err());
        assert!(with_signatures(&note, "not one").is_err());
    }
}
