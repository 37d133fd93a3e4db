//! Sign-ins under way: what the callback must match. In memory only, each used once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::clock::Time;
use crate::secret::{Token, same};

/// As long as the issuer itself keeps a login open.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// What one sign-in expects of its callback.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The ID token must carry it.
    pub nonce: Token,
    /// The PKCE verifier.
    pub verifier: Token,
    /// The number the person typed, in E.164.
    pub number: Option<String>,
}

/// All sign-ins under way, at most `limit`: anybody can start one, so the oldest gives way.
#[derive(Debug)]
pub struct Pending {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_state: HashMap<Vec<u8>, Entry>,
    oldest_first: VecDeque<Vec<u8>>,
}

#[derive(Debug)]
struct Entry {
    browser: Vec<u8>,
    expected: Expected,
    until: Time,
}

impl Pending {
    /// Room for `limit` sign-ins.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: Mutex::default(),
        }
    }

    /// Remembers a sign-in of this browser. One browser may have several, one in each tab.
    pub fn insert(&self, state: &Token, browser: &Token, expected: Expected, now: Time) {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        while inner.oldest_first.len() >= self.limit {
            if let Some(oldest) = inner.oldest_first.pop_front() {
                inner.by_state.remove(&oldest);
            }
        }
        let entry = Entry {
            browser: browser.hash(),
            expected,
            until: now + LIFETIME,
        };
        inner.by_state.insert(state.hash(), entry);
        inner.oldest_first.push_back(state.hash());
    }

    /// Takes a sign-in out, so that it answers once. A state that comes back in another browser is
    /// taken out as well and gives nothing: somebody tries to sign a person in as somebody else.
    pub fn take(&self, state: &str, browser: Option<&Token>, now: Time) -> Option<Expected> {
        let state = Token::parse(state)?.hash();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = inner.by_state.remove(&state)?;
        inner.oldest_first.retain(|other| *other != state);
        let is_its_browser = browser.is_some_and(|token| same(&token.hash(), &entry.browser));
        (is_its_browser && now < entry.until).then_some(entry.expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn expected() -> Expected {
        Expected {
            nonce: Token::random(),
            verifier: Token::random(),
            number: None,
        }
    }

    fn insert(pending: &Pending, browser: &Token, now: Time) -> Token {
        let state = Token::random();
        pending.insert(&state, browser, expected(), now);
        state
    }

    #[test]
    fn a_sign_in_answers_once_and_only_in_its_own_browser() {
        let now = Clock::system().now();
        let (pending, browser) = (Pending::new(10), Token::random());
        let take = |state: &Token, browser| pending.take(&state.reveal(), browser, now);

        let state = insert(&pending, &browser, now);
        assert!(take(&state, Some(&browser)).is_some());
        assert!(take(&state, Some(&browser)).is_none());

        for stranger in [None, Some(&Token::random())] {
            let state = insert(&pending, &browser, now);
            assert!(take(&state, stranger).is_none());
            assert!(take(&state, Some(&browser)).is_none(), "it is used up");
        }
    }

    #[test]
    fn a_sign_in_ends_with_its_time() {
        let now = Clock::system().now();
        let (pending, browser) = (Pending::new(10), Token::random());
        let (early, late) = (
            insert(&pending, &browser, now),
            insert(&pending, &browser, now),
        );
        let almost = now + LIFETIME - TimeDelta::seconds(1);
        assert!(
            pending
                .take(&early.reveal(), Some(&browser), almost)
                .is_some()
        );
        assert!(
            pending
                .take(&late.reveal(), Some(&browser), now + LIFETIME)
                .is_none()
        );
    }

    #[test]
    fn the_oldest_sign_in_gives_way_when_there_is_no_room() {
        let now = Clock::system().now();
        let (pending, browser) = (Pending::new(2), Token::random());
        let states: Vec<Token> = (0..3).map(|_| insert(&pending, &browser, now)).collect();
        let found: Vec<bool> = states
            .iter()
            .map(|state| pending.take(&state.reveal(), Some(&browser), now).is_some())
            .collect();
        assert_eq!(found, [false, true, true]);
    }
}
