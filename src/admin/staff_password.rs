//! Passwords of staff: which are good enough, and how they are hashed without standing in the way of
//! logins.

use tokio::sync::Semaphore;

use crate::admin::Refused;
use crate::secret::{self, Redacted};

/// The shortest password, characters.
pub const SHORTEST: usize = 12;
/// The longest, bytes: argon2 takes any, a form does not.
const LONGEST: usize = 1024;

/// Passwords that are long enough and still among the first that are guessed. Compared in lower case.
const COMMON: [&str; 30] = [
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789123",
    "1234567890ab",
    "111111111111",
    "000000000000",
    "123123123123",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopas",
    "qwerty123456",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "abcdefghijkl",
    "abc123456789",
    "aaaaaaaaaaaa",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "administrator",
    "adminadminadmin",
    "admin1234567",
    "iloveyou1234",
    "letmeinletmein",
    "welcome12345",
    "changemechangeme",
    "correcthorsebatterystaple",
    "numbercloak123",
];

/// At most two at a time: each takes 19 MiB and a core for a moment, and anybody may ask.
static AT_A_TIME: Semaphore = Semaphore::const_new(2);

/// What is compared when there is no account, so that the answer takes as long as if there were one.
/// The hash of a random text that nobody kept, made with the parameters of [`secret::hash_password`].
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
    6wq3nqvRQbFxGYDmnTlRzqdWmv4Oev5xvRl4rUlBZNA";

/// Refuses a password that others would guess.
pub(super) fn check(password: &Redacted, again: &Redacted, email: &str) -> Result<(), Refused> {
    let text = password.reveal();
    let refuse = |message: &str| Err(Refused::invalid("password", message));
    if text.chars().count() < SHORTEST {
        return refuse("write at least 12 characters; four unrelated words are good");
    }
    if text.len() > LONGEST {
        return refuse("is longer than 1024 bytes");
    }
    let lower = text.to_lowercase();
    let mut letters: Vec<char> = lower.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    let local = email.split('@').next().unwrap_or_default().to_lowercase();
    let of_the_name = local.len() > 3 && lower.starts_with(&local) && lower.len() < local.len() + 6;
    if COMMON.contains(&lower.as_str()) || letters.len() < 4 || of_the_name {
        return refuse("is one of the first that others would guess; choose another");
    }
    if password != again {
        return Err(Refused::invalid("password_again", "is not the same"));
    }
    Ok(())
}

/// Hashes a password, off the async threads.
pub(super) async fn hash(password: Redacted) -> Result<String, Refused> {
    off_the_async_threads(move || secret::hash_password(&password)).await
}

/// Whether this is the password behind `hash`; without one, the same work and no.
pub(super) async fn is_right(password: Redacted, hash: Option<String>) -> Result<bool, Refused> {
    off_the_async_threads(move || {
        let right = secret::check_password(&password, hash.as_deref().unwrap_or(NOBODY));
        right && hash.is_some()
    })
    .await
}

async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refused> {
    let _slot = AT_A_TIME
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Refused::invalid("password", "could not be checked; try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str, email: &str) -> bool {
        let password = Redacted::new(password);
        check(&password, &password.clone(), email).is_err()
    }

    #[test]
    fn short_common_and_repeated_passwords_are_refused() {
        for bad in [
            "",
            "elevenchars",
            "Password1234",
            "aaaabbbbcccc",
            "administrator",
            "annika.bell1",
        ] {
            assert!(refused(bad, "annika.bell@example.com"), "{bad}");
        }
        for common in COMMON {
            assert!(refused(common, "a@b"), "{common}");
            assert!(
                common.len() >= SHORTEST,
                "{common} is refused for its length"
            );
        }
        for good in ["plum engine sofa tide", "Ünïcödé-12-long"] {
            assert!(!refused(good, "annika.bell@example.com"), "{good}");
        }
    }

    #[test]
    fn the_second_password_must_be_the_first() {
        let (one, other) = (
            Redacted::new("plum engine sofa tide"),
            Redacted::new("plum engine sofa tides"),
        );
        assert!(matches!(
            check(&one, &other, "a@b"),
            Err(Refused::Invalid {
                field: "password_again",
                ..
            })
        ));
    }

    #[tokio::test]
    async fn nobodys_password_is_wrong_after_the_same_work() {
        let hash = hash(Redacted::new("plum engine sofa tide")).await.unwrap();
        let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(&hash), parameters(NOBODY));
        assert!(argon2_reads(NOBODY));
        let try_with = async |password: &str, hash: Option<String>| {
            is_right(Redacted::new(password), hash).await.unwrap()
        };
        assert!(try_with("plum engine sofa tide", Some(hash.clone())).await);
        assert!(!try_with("plum engine sofa tid", Some(hash)).await);
        assert!(!try_with("plum engine sofa tide", None).await);
    }

    fn argon2_reads(hash: &str) -> bool {
        argon2::password_hash::phc::PasswordHash::new(hash).is_ok()
    }
}
