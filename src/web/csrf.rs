//! Forged posts: every form carries a token only this browser's cookie could have earned, and a post
//! that says it comes from another site is refused.

use http::HeaderMap;
use http::header::ORIGIN;

use crate::secret::{Token, Vault, b64, same};

/// The token a form carries, for the cookie that the form's page belongs to.
#[must_use]
pub fn token(vault: &Vault, cookie: &Token) -> String {
    b64(&vault.ticket("csrf", &[cookie.reveal().as_bytes()]))
}

/// Whether a post may act: the form's token is the cookie's, and the browser does not say that
/// another site sent it. `origin` is ours, as browsers write it (`https://id.example`).
#[must_use]
pub fn is_ours(
    vault: &Vault,
    cookie: &Token,
    given: &str,
    headers: &HeaderMap,
    origin: &str,
) -> bool {
    same(token(vault, cookie).as_bytes(), given.as_bytes()) && is_same_origin(headers, origin)
}

/// Whether the headers agree that one of our own pages sent this post. Old browsers send neither
/// header, and under `Referrer-Policy: no-referrer`, which our pages have, every browser sends
/// `Origin: null` even for our own forms: both say nothing, and the token decides. `none` is the
/// person's own doing, such as a reload.
#[must_use]
pub fn is_same_origin(headers: &HeaderMap, origin: &str) -> bool {
    let all = |name: &str, good: &[&str]| {
        headers
            .get_all(name)
            .iter()
            .all(|value| good.iter().any(|good| value == good))
    };
    all("sec-fetch-site", &["same-origin", "none"]) && all(ORIGIN.as_str(), &[origin, "null"])
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::clock::Clock;
    use crate::secret::RootKey;

    const HERE: &str = "https://id.example";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_form_s_token_fits_its_own_cookie_only() {
        let vault = Vault::new(&[RootKey::generate(Clock::system().now())]);
        let (mine, yours) = (Token::random(), Token::random());
        let given = token(&vault, &mine);
        let none = HeaderMap::new();
        assert!(is_ours(&vault, &mine, &given, &none, HERE));
        assert!(!is_ours(&vault, &yours, &given, &none, HERE));
        for bad in ["", "x", &given[1..], &format!("{given}=")] {
            assert!(!is_ours(&vault, &mine, bad, &none, HERE), "{bad}");
        }
        let foreign = headers(&[("sec-fetch-site", "cross-site")]);
        assert!(!is_ours(&vault, &mine, &given, &foreign, HERE));
        assert!(!given.contains(&mine.reveal()));
    }

    #[test]
    fn a_post_that_says_it_comes_from_elsewhere_is_refused() {
        for (pairs, expected) in [
            (vec![], true),
            (
                vec![("origin", HERE), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (
                vec![("origin", "null"), ("sec-fetch-site", "same-origin")],
                true,
            ),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("origin", "null")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (
                vec![("sec-fetch-site", "cross-site"), ("origin", "null")],
                false,
            ),
            (
                vec![
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (vec![("origin", "https://id.example.evil.example")], false),
            (vec![("origin", "http://id.example")], false),
            (vec![("origin", "")], false),
        ] {
            let answer = is_same_origin(&headers(&pairs), HERE);
            assert_eq!(answer, expected, "{pairs:?}");
        }
    }
}
