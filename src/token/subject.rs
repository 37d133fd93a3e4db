//! `sub`: who owns a number, as one sector knows them (DESIGN.md section 3).

use aws_lc_rs::hmac;

use crate::phone::PhoneNumber;
use crate::secret::b64;

/// The key every `sub` is made with. Never rotated: another key makes everybody a stranger.
pub struct SubjectKey(hmac::Key);

impl SubjectKey {
    /// Takes the 32 random bytes kept in `wrapped_keys` as `subject`.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The `sub` of a number's owner in a sector: 43 characters of base64url over
    /// `HMAC-SHA-256(key, "sub/1" ‖ u32 len ‖ sector ‖ u32 len ‖ E.164 with + ‖ u32 epoch)`, all
    /// integers big-endian. `epoch` counts how often the number changed hands.
    #[must_use]
    pub fn subject(&self, sector: &str, number: &PhoneNumber, epoch: u32) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"sub/1");
        for part in [sector, number.e164()] {
            context.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.update(&epoch.to_be_bytes());
        b64(context.sign().as_ref())
    }
}

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SubjectKey {
        SubjectKey::new(&std::array::from_fn(|i| u8::try_from(i).unwrap()))
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::from_e164(text).unwrap()
    }

    /// Computed apart from this code. If one of these moves, every RP loses its users: mend the
    /// code (or the canonical form of numbers), never the vector.
    #[test]
    fn the_vectors_never_move() {
        for (sector, e164, epoch, expected) in VECTORS {
            assert_eq!(
                key().subject(sector, &number(e164), epoch),
                expected,
                "{sector} {e164} {epoch}"
            );
        }
    }

    const VECTORS: [(&str, &str, u32, &str); 5] = [
        (
            "shop.example",
            "+34666111334",
            0,
            "dRlT4NbszqaNBkBK3LLl6QE2Ks3tRAz9kc3xqvosp3M",
        ),
        (
            "shop.example",
            "+34666111334",
            1,
            "0h6cZaCSh9AB92bvoAj_9nj7S4zTYEvwl6LUTrL66a0",
        ),
        (
            "shop.example",
            "+990701234",
            0,
            "sL7mcr57Y8R_6h2QU8fsbXUnU_fJFBueeeJgA1txlVU",
        ),
        (
            "bank.example",
            "+990701234",
            0,
            "oKxOqRNV7IlFd1bAjy2mk5RIevH4yl-rWGOtaWd8nIs",
        ),
        (
            "",
            "+12025550123",
            u32::MAX,
            "o4VGAYMygLJd1lZf6jdohedmSrBcEsz3fFrdF17WnQk",
        ),
    ];

    /// However a person or an app writes the number, it is one owner.
    #[test]
    fn every_spelling_of_a_number_is_the_same_subject() {
        let canonical = key().subject("shop.example", &number("+34666111334"), 0);
        for (text, region) in [
            ("+34 666 11 13 34", None),
            ("0034666111334", None),
            ("tel:+34-666-111-334", None),
            ("666 111 334", Some("ES")),
        ] {
            let parsed = PhoneNumber::parse(text, region).unwrap();
            assert_eq!(key().subject("shop.example", &parsed, 0), canonical);
        }
    }

    #[test]
    fn sector_number_and_epoch_cannot_run_into_each_other() {
        let subjects = [
            key().subject("a", &number("+99070000"), 0),
            key().subject("a+", &number("+99070000"), 0),
            key().subject("a", &number("+990700000"), 0),
            key().subject("a", &number("+99070000"), 1),
            key().subject("b", &number("+99070000"), 0),
            SubjectKey::new(&[0; 32]).subject("a", &number("+99070000"), 0),
        ];
        for (i, one) in subjects.iter().enumerate() {
            assert_eq!(one.len(), 43);
            assert!(subjects[i + 1..].iter().all(|other| other != one));
        }
    }
}
