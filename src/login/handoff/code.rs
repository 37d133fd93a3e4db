//! The short code, for people who cannot scan: eight characters that nobody mixes up. Thirty-six bits
//! live three minutes, and an address may type five a minute; what a right guess shows is a question
//! about somebody else's number.

use crate::secret::{Vault, random};

/// No 0 and O, 1, I and L, 2 and Z, 5 and S, 8 and B; V is too like U.
const ALPHABET: &[u8] = b"34679ACDEFGHJKMNPQRTUWXY";
const LENGTH: usize = 8;

/// A new one: `K7P4-QM9T`.
pub fn draw() -> String {
    let mut code = String::with_capacity(LENGTH + 1);
    while code.len() < LENGTH + 1 {
        let [byte] = random::<1>();
        let at = usize::from(byte & 31);
        // As likely one as the other.
        if at >= ALPHABET.len() {
            continue;
        }
        if code.len() == LENGTH / 2 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[at]));
    }
    code
}

/// What a person typed, as it is kept: however they write it, if it can be a code at all.
pub fn canonical(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .take(LENGTH + 1)
        .collect();
    let known = code.bytes().all(|byte| ALPHABET.contains(&byte));
    (code.len() == LENGTH && known).then_some(code)
}

/// What is stored of a canonical code: keyed, because it can be guessed.
pub fn hash(vault: &Vault, canonical: &str) -> Vec<u8> {
    vault
        .ticket("handoff-code", &[canonical.as_bytes()])
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_eight_characters_that_nobody_mixes_up() {
        for _ in 0..200 {
            let code = draw();
            let (first, second) = code.split_once('-').unwrap();
            assert_eq!((first.len(), second.len()), (4, 4));
            assert!(!code.contains(['0', 'O', '1', 'I', 'L']), "{code}");
            assert_eq!(canonical(&code).unwrap(), code.replace('-', ""));
        }
        assert_ne!(draw(), draw());
    }

    #[test]
    fn it_may_be_typed_as_people_type() {
        for typed in ["K7P4-QM9T", " k7p4 qm9t ", "k7P4QM9T", "K7-P4-QM-9T"] {
            assert_eq!(canonical(typed).as_deref(), Some("K7P4QM9T"), "{typed}");
        }
        for typed in [
            "",
            "K7P4QM9",
            "K7P4QM9TT",
            "K7P4QM90",
            "K7P4QM9é",
            "a".repeat(99).as_str(),
        ] {
            let found = canonical(typed);
            assert_eq!(found, None, "{typed}");
        }
    }
}
