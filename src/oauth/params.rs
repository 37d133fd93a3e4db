//! Request parameters as they came: decoded, in order, with duplicates kept so that they can be
//! refused.

/// The parameters of one request.
#[derive(Clone, Default)]
pub struct Params(Vec<(String, String)>);

/// A request has more parameters than are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has more than {0} parameters")]
pub struct TooManyParameters(pub usize);

impl Params {
    /// Decodes a query string or a form body.
    ///
    /// # Errors
    /// [`TooManyParameters`] beyond `most`. Reading only the first ones would let two readers of one
    /// request see different things.
    pub fn parse(encoded: &[u8], most: usize) -> Result<Self, TooManyParameters> {
        let mut read = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if read.len() == most {
                return Err(TooManyParameters(most));
            }
            read.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(read))
    }

    /// Parameters that came in another way than encoded, or are to be read again.
    #[must_use]
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// All of them, in order, to be kept or changed.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// The value of a parameter; an empty value counts as absent (RFC 6749 section 3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// All of them, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Every value of a parameter that may come several times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// The first parameter that holds a NUL, which no parameter may and Postgres refuses.
    #[must_use]
    pub fn with_nul(&self) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, v)| v.contains('\0'))
            .map(|(n, _)| n.as_str())
    }

    /// The first parameter of `known` that came more than once (RFC 6749 section 3.1: none may).
    #[must_use]
    pub fn repeated<'a>(&self, known: &[&'a str]) -> Option<&'a str> {
        known
            .iter()
            .find(|name| self.0.iter().filter(|(n, _)| n == *name).count() > 1)
            .copied()
    }
}

impl std::fmt::Debug for Params {
    /// Names only: values are personal or secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(n, _)| n))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_absent_and_twice_is_seen() {
        let params = Params::parse(b"a=1&b=&c=x%20y&a=2&plus=%2B1+2", 5).unwrap();
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), None);
        assert_eq!(params.get("c"), Some("x y"));
        assert_eq!(params.get("plus"), Some("+1 2"));
        assert_eq!(params.repeated(&["b", "c"]), None);
        assert_eq!(params.repeated(&["c", "a"]), Some("a"));
        assert_eq!(params.with_nul(), None);
        let nul = Params::parse(b"a=1&b=x%00", 5).unwrap();
        assert_eq!(nul.with_nul(), Some("b"));
    }

    #[test]
    fn a_request_with_too_many_parameters_is_refused_and_not_cut() {
        assert!(Params::parse(b"a=1&b=2", 2).is_ok());
        assert!(Params::parse(b"", 2).is_ok());
        for many in ["a=1&b=2&c=3", "a&a&a", "a=1&b=2&c"] {
            let refused = Params::parse(many.as_bytes(), 2).unwrap_err();
            assert_eq!(refused, TooManyParameters(2), "{many}");
        }
    }
}
