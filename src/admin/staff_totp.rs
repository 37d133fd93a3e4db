//! Authenticator apps (RFC 6238) and the recovery codes that stand in for them.

use totp_rs::{Builder, Totp};

use crate::admin::Refused;
use crate::clock::Time;
use crate::secret::{Token, Vault, random, sha256};

/// Recovery codes of an account.
const RECOVERY_CODES: usize = 8;
/// Letters of a recovery code: none that look like another.
const LETTERS: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// The secret that the page of a setup link shows. Made of the link itself, so that showing the page
/// changes nothing and the same page shows the same secret again.
pub(super) fn secret_of_link(vault: &Vault, link: &Token) -> [u8; 20] {
    let long = vault.ticket("staff-totp", &[&link.hash(), link.reveal().as_bytes()]);
    let mut secret = [0; 20];
    secret.copy_from_slice(&long[..20]);
    secret
}

/// The address that authenticator apps read from a QR code.
pub(super) fn uri(secret: &[u8], service: &str, email: &str) -> Result<String, Refused> {
    // A colon parts the two names in the address.
    let plain = |name: &str| name.replace(':', " ");
    Builder::new()
        .with_secret(secret.to_vec())
        .with_account_name(plain(email))
        .with_issuer(Some(plain(service)))
        .build()
        .and_then(|totp| totp.to_url())
        .map_err(|error| Refused::invalid("code", error.to_string()))
}

/// The secret as people type it into an app.
pub(super) fn as_text(secret: &[u8]) -> String {
    let text = totp(secret).secret().to_base32();
    let groups: Vec<&str> = text
        .as_bytes()
        .chunks(4)
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(" ")
}

/// The time step of a code, if it is one of now: the one before and the one after count too, for the
/// phone's clock.
pub(super) fn step_of(secret: &[u8], code: &str, now: Time) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let seconds = u64::try_from(now.timestamp()).ok()?;
    totp(secret)
        .check(&code, seconds)
        .and_then(|step| i64::try_from(step).ok())
}

fn totp(secret: &[u8]) -> Totp {
    Builder::new()
        .with_secret(secret.to_vec())
        .build_noncompliant()
}

/// New recovery codes: shown once, kept as hashes. Sixty random bits each.
pub(super) fn recovery_codes() -> Vec<String> {
    let code = || {
        let letters: String = random::<12>()
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte % 31)]))
            .collect();
        format!("{}-{}-{}", &letters[..4], &letters[4..8], &letters[8..])
    };
    (0..RECOVERY_CODES).map(|_| code()).collect()
}

/// What is stored of a recovery code; however it was typed. Absent if it cannot be one.
pub(super) fn recovery_hash(code: &str) -> Option<Vec<u8>> {
    let letters: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    (letters.len() == 12).then(|| sha256(letters.as_bytes()).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_in_its_step_and_the_ones_beside_it() {
        let secret = [7; 20];
        // A time whose codes differ: of any two, one in a million pairs is the same.
        let now = Time::from_timestamp(1_800_000_000, 0).unwrap();
        let seconds = 1_800_000_000_u64;
        let step = now.timestamp() / 30;
        let code = |offset: i64| {
            totp(&secret)
                .generate(seconds.checked_add_signed(offset).unwrap())
                .to_string()
        };
        for (offset, expected) in [
            (0, Some(step)),
            (-30, Some(step - 1)),
            (30, Some(step + 1)),
            (-90, None),
            (90, None),
        ] {
            assert_eq!(step_of(&secret, &code(offset), now), expected, "{offset}");
        }
        let spaced = format!("{} {}", &code(0)[..3], &code(0)[3..]);
        assert_eq!(step_of(&secret, &spaced, now), Some(step));
        for bad in ["", "1", "abcdef", "1234567"] {
            assert_eq!(step_of(&secret, bad, now), None, "{bad}");
        }
    }

    #[test]
    fn a_recovery_code_is_read_however_it_is_typed() {
        let codes = recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(recovery_hash(&codes[0]), recovery_hash(&typed));
        assert!(recovery_hash(&codes[0]).is_some());
        assert_ne!(recovery_hash(&codes[0]), recovery_hash(&codes[1]));
        assert_eq!(recovery_hash("123456"), None);
    }

    #[test]
    fn an_app_reads_service_and_account_from_the_address() {
        let uri = uri(&[7; 20], "Acme: sign-in", "ann@example.com").unwrap();
        assert!(uri.starts_with("otpauth://totp/"), "{uri}");
        assert!(uri.contains("Acme"), "{uri}");
        assert_eq!(as_text(&[0; 20]).replace(' ', "").len(), 32);
    }
}
