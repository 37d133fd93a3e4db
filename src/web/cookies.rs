//! Our cookies: their names, the strings that set them, and a reader for whatever a browser sends.
//!
//! One cookie per login, so that two tabs do not fight over one. All are opaque tokens; what they
//! mean stands in the database under their hash.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::Token;

/// How this deployment names and marks its cookies. Over https every name starts with `__Host-`,
/// which browsers accept only from this very host, so that no sibling subdomain can plant one; over
/// plain http (loopback only) they would refuse it.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    https: bool,
}

impl Cookies {
    /// For an issuer with or without https.
    #[must_use]
    pub fn new(https: bool) -> Self {
        Self { https }
    }

    /// The name of one login's cookie: it carries the login's id, so that a browser whose callback
    /// lost its state still finds its login.
    #[must_use]
    pub fn login(self, login: Uuid) -> String {
        format!("{}{}", self.login_prefix(), login.simple())
    }

    /// The name of the cookie of the phone that this login was moved to.
    #[must_use]
    pub fn phone(self, login: Uuid) -> String {
        format!("{}{}", self.phone_prefix(), login.simple())
    }

    /// The name of the cookie that ties the forms of a scanned ticket to this browser, before any login
    /// is.
    #[must_use]
    pub fn scanner(self) -> &'static str {
        if self.https {
            "__Host-nc_scanner"
        } else {
            "nc_scanner"
        }
    }

    /// The name of the cookie that names this browser: its go-aheads hang on it.
    #[must_use]
    pub fn browser(self) -> &'static str {
        if self.https {
            "__Host-nc_browser"
        } else {
            "nc_browser"
        }
    }

    /// The name of the cookie under which the numbers are counted that this browser tries. Nothing else
    /// hangs on it, so it may be set before anybody agreed to anything.
    #[must_use]
    pub fn visit(self) -> &'static str {
        if self.https {
            "__Host-nc_visit"
        } else {
            "nc_visit"
        }
    }

    /// The name of the signed-in session's cookie.
    #[must_use]
    pub fn session(self) -> &'static str {
        if self.https {
            "__Host-nc_session"
        } else {
            "nc_session"
        }
    }

    /// The name of the cookie that remembers the language a person chose, and when.
    #[must_use]
    pub fn language(self) -> &'static str {
        if self.https {
            "__Host-nc_language"
        } else {
            "nc_language"
        }
    }

    /// The `Set-Cookie` value that remembers a language for a year.
    #[must_use]
    pub fn remember_language(self, tag: &str, now: Time) -> HeaderValue {
        let value = format!("{tag}.{}", now.timestamp());
        self.write(self.language(), &value, 365 * 86_400)
    }

    /// The `Set-Cookie` value that sets `name` to `token`. `Lax`, because the operator's callback
    /// is a top-level GET from another site and must bring the cookie along.
    #[must_use]
    pub fn set(self, name: &str, token: &Token, max_age: Duration) -> HeaderValue {
        self.write(name, &token.reveal(), max_age.as_secs())
    }

    /// The name of the cookie of staff who are signed in to the console.
    #[must_use]
    pub fn staff(self) -> &'static str {
        if self.https {
            "__Host-nc_staff"
        } else {
            "nc_staff"
        }
    }

    /// The name of the cookie that the console's sign-in form belongs to.
    #[must_use]
    pub fn staff_form(self) -> &'static str {
        if self.https {
            "__Host-nc_staff_form"
        } else {
            "nc_staff_form"
        }
    }

    /// The name of the cookie of a trip of staff to the company's provider.
    #[must_use]
    pub fn staff_trip(self) -> &'static str {
        if self.https {
            "__Host-nc_staff_trip"
        } else {
            "nc_staff_trip"
        }
    }

    /// The same as [`Cookies::set`] for the console, which nobody is to reach from another site:
    /// `Strict`.
    #[must_use]
    pub fn set_strict(self, name: &str, token: &Token, max_age: Duration) -> HeaderValue {
        self.write_for(name, &token.reveal(), max_age.as_secs(), "Strict")
    }

    /// The `Set-Cookie` value that removes `name`.
    #[must_use]
    pub fn clear(self, name: &str) -> HeaderValue {
        self.write(name, "", 0)
    }

    /// Reads what the browser sent.
    #[must_use]
    pub fn read(self, headers: &HeaderMap) -> Received<'_> {
        Received {
            cookies: self,
            pairs: pairs(headers),
        }
    }

    fn login_prefix(self) -> &'static str {
        if self.https {
            "__Host-nc_login_"
        } else {
            "nc_login_"
        }
    }

    fn phone_prefix(self) -> &'static str {
        if self.https {
            "__Host-nc_phone_"
        } else {
            "nc_phone_"
        }
    }

    fn write(self, name: &str, value: &str, max_age: u64) -> HeaderValue {
        self.write_for(name, value, max_age, "Lax")
    }

    fn write_for(self, name: &str, value: &str, max_age: u64, same_site: &str) -> HeaderValue {
        let secure = if self.https { "; Secure" } else { "" };
        let mut header = HeaderValue::try_from(format!(
            "{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite={same_site}{secure}"
        ))
        .expect("our cookie names and tokens are plain ASCII");
        header.set_sensitive(true);
        header
    }
}

/// The cookies of one request. Not `Debug`: they are secrets.
pub struct Received<'a> {
    cookies: Cookies,
    pairs: Vec<(&'a str, &'a str)>,
}

impl Received<'_> {
    /// The token in the cookie `name`. A name sent twice with different values is somebody's attempt
    /// to shadow ours and counts as not sent.
    #[must_use]
    pub fn token(&self, name: &str) -> Option<Token> {
        let mut values = self.pairs.iter().filter(|(given, _)| *given == name);
        let (_, value) = values.next()?;
        if values.any(|(_, other)| other != value) {
            return None;
        }
        Token::parse(value)
    }

    /// The token of this login's cookie.
    #[must_use]
    pub fn login(&self, login: Uuid) -> Option<Token> {
        self.token(&self.cookies.login(login))
    }

    /// The token of the cookie that this login's phone has.
    #[must_use]
    pub fn phone(&self, login: Uuid) -> Option<Token> {
        self.token(&self.cookies.phone(login))
    }

    /// The token that ties the forms of a scanned ticket to this browser.
    #[must_use]
    pub fn scanner(&self) -> Option<Token> {
        self.token(self.cookies.scanner())
    }

    /// The token that names this browser.
    #[must_use]
    pub fn browser(&self) -> Option<Token> {
        self.token(self.cookies.browser())
    }

    /// The token under which the numbers are counted that this browser tries.
    #[must_use]
    pub fn visit(&self) -> Option<Token> {
        self.token(self.cookies.visit())
    }

    /// The signed-in session's token.
    #[must_use]
    pub fn session(&self) -> Option<Token> {
        self.token(self.cookies.session())
    }

    /// The tokens of all cookies that a callback may need, a login's or its phone's, at most
    /// [`MOST_LOGINS`].
    #[must_use]
    pub fn logins(&self) -> Vec<Token> {
        let prefixes = [self.cookies.login_prefix(), self.cookies.phone_prefix()];
        self.pairs
            .iter()
            .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .take(MOST_LOGINS)
            .filter_map(|(name, _)| self.token(name))
            .collect()
    }

    /// The login this browser opened last, by its cookies' names.
    #[must_use]
    pub fn newest_login(&self) -> Option<Uuid> {
        let prefix = self.cookies.login_prefix();
        let id = |name: &str| Uuid::try_parse(name.strip_prefix(prefix)?).ok();
        self.pairs.iter().filter_map(|(name, _)| id(name)).max()
    }

    /// The names of the login cookies a browser must forget before it gets another one, so that it has
    /// no more than `most`. Browsers send what they got first, first (RFC 6265 section 5.4).
    #[must_use]
    pub fn surplus_logins(&self, most: usize) -> Vec<&str> {
        let prefix = self.cookies.login_prefix();
        let names = self.pairs.iter().map(|(name, _)| *name);
        let is_ours = |name: &&str| {
            name.strip_prefix(prefix)
                .is_some_and(|end| end.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let names: Vec<&str> = names.filter(is_ours).collect();
        let surplus = (names.len() + 1).saturating_sub(most);
        names.into_iter().take(surplus).collect()
    }

    /// The language this browser's person chose, and when, in Unix seconds.
    #[must_use]
    pub fn language(&self) -> Option<(&str, i64)> {
        let name = self.cookies.language();
        let (_, value) = self.pairs.iter().find(|(given, _)| *given == name)?;
        let (tag, at) = value.split_once('.')?;
        Some((tag, at.parse().ok()?))
    }
}

/// Open logins of one browser that are looked at.
pub const MOST_LOGINS: usize = 16;
const MOST_COOKIES: usize = 64;
const MOST_BYTES: usize = 8192;

/// Splits all `Cookie` headers (HTTP/2 may send several) into pairs. What goes beyond the caps or is
/// no visible ASCII is passed over, not refused: other software on the host may set odd cookies.
fn pairs(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut bytes = 0;
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .take_while(|header| {
            bytes += header.len();
            bytes <= MOST_BYTES
        })
        .flat_map(|header| header.split(';'))
        .take(MOST_COOKIES)
        .filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            Some((name.trim_end(), value.trim_start()))
        })
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    const ID: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_89ab_cdef);

    #[test]
    fn a_cookie_is_bound_to_the_host_and_hidden_from_scripts() {
        let token = Token::random();
        let set = Cookies::new(true).set("__Host-nc_session", &token, Duration::from_secs(900));
        assert_eq!(
            set.to_str().unwrap(),
            format!(
                "__Host-nc_session={}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax; Secure",
                token.reveal()
            )
        );
        assert!(set.is_sensitive());
        assert!(!format!("{set:?}").contains(&token.reveal()));
    }

    #[test]
    fn names_carry_the_host_prefix_over_https_only() {
        let (https, http) = (Cookies::new(true), Cookies::new(false));
        assert_eq!(https.login(ID), format!("__Host-nc_login_{}", ID.simple()));
        assert_eq!(https.browser(), "__Host-nc_browser");
        assert_eq!(https.session(), "__Host-nc_session");
        assert_eq!(http.login(ID), format!("nc_login_{}", ID.simple()));
        assert_eq!(http.browser(), "nc_browser");
        assert_eq!(http.session(), "nc_session");
        let cleared = http.clear("nc_session");
        assert_eq!(
            cleared.to_str().unwrap(),
            "nc_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn what_was_set_is_read_back_among_others_cookies() {
        let token = Token::random();
        let headers = sent(&[
            &format!("a=b; nc_login_{}={}; c", ID.simple(), token.reveal()),
            "nc_session=short; nc_language=de.1795301557; nc_language=fr.1",
        ]);
        let received = Cookies::new(false).read(&headers);
        assert!(received.login(ID) == Some(token));
        assert_eq!(received.newest_login(), Some(ID));
        assert!(received.session().is_none());
        assert_eq!(received.language(), Some(("de", 1_795_301_557)));
    }

    #[test]
    fn over_https_a_cookie_without_the_host_prefix_is_nothing() {
        let line = format!("nc_session={}", Token::random().reveal());
        let headers = sent(&[&line]);
        assert!(Cookies::new(true).read(&headers).session().is_none());
    }

    #[test]
    fn a_shadowed_cookie_counts_as_not_sent() {
        let (ours, planted) = (Token::random().reveal(), Token::random().reveal());
        let twice = format!("nc_session={ours}; nc_session={planted}");
        let same = format!("nc_session={ours}; nc_session={ours}");
        let http = Cookies::new(false);
        assert!(http.read(&sent(&[&twice])).session().is_none());
        assert!(http.read(&sent(&[&same])).session().is_some());
    }

    #[test]
    fn all_login_cookies_are_found_up_to_a_cap() {
        let line = |count: usize| {
            (0..count)
                .map(|i| format!("nc_login_{i:08x}={}; ", Token::random().reveal()))
                .collect::<String>()
        };
        let count = |line: &str| Cookies::new(false).read(&sent(&[line])).logins().len();
        assert_eq!(count(&line(3)), 3);
        assert_eq!(count(&line(40)), MOST_LOGINS);
        assert_eq!(count("nc_login_x=1; nc_login_="), 0);
    }

    #[test]
    fn a_browser_with_too_many_open_logins_forgets_the_oldest() {
        let line = "nc_login_1=a; x=y; nc_login_2=b; nc_session=c; nc_login_3=d";
        let headers = sent(&[line]);
        let received = Cookies::new(false).read(&headers);
        assert!(received.surplus_logins(4).is_empty());
        assert_eq!(received.surplus_logins(3), ["nc_login_1"]);
        assert_eq!(received.surplus_logins(2), ["nc_login_1", "nc_login_2"]);
        assert_eq!(received.surplus_logins(1).len(), 3);
        assert!(
            Cookies::new(true)
                .read(&headers)
                .surplus_logins(1)
                .is_empty()
        );
    }

    #[test]
    fn too_many_and_too_long_cookies_are_cut_off() {
        let many = "a=b;".repeat(1000);
        assert_eq!(pairs(&sent(&[&many])).len(), MOST_COOKIES);
        let long = format!("a={}", "x".repeat(MOST_BYTES));
        assert!(pairs(&sent(&[&long])).is_empty());
        for odd in ["", ";", "=", "=x", ";;;=;", "a", " = "] {
            assert!(pairs(&sent(&[odd])).is_empty(), "{odd}");
        }
    }
}
