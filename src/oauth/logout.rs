//! The logout request (OpenID Connect RP-Initiated Logout 1.0 section 2) and the way back after it.

use crate::oauth::params::Params;

/// What a relying party says when it sends a browser to be signed out. Nothing of it is trusted.
#[derive(Clone, Debug, Default)]
pub struct LogoutRequest {
    /// An ID token of ours, perhaps expired.
    pub id_token_hint: Option<String>,
    /// The client, if it says so beside the hint.
    pub client_id: Option<String>,
    /// Where it wants the browser back.
    pub post_logout_redirect_uri: Option<String>,
    /// To be given back there.
    pub state: Option<String>,
    /// The languages wanted, best first.
    pub ui_locales: Option<String>,
}

const KNOWN: [&str; 6] = [
    "id_token_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
    "logout_hint",
];
const LONGEST: usize = 16 * 1024;

impl LogoutRequest {
    /// Reads it; unknown parameters are ignored.
    ///
    /// # Errors
    /// What is wrong, for the app's developer.
    pub fn read(params: &Params) -> Result<Self, String> {
        if let Some(name) = params.repeated(&KNOWN) {
            return Err(format!("{name} was sent more than once"));
        }
        let take = |name: &'static str, most: usize| match params.get(name) {
            Some(value) if value.len() > most => Err(format!("{name} is longer than {most} bytes")),
            Some(value) if value.contains('\0') => Err(format!("{name} holds a NUL")),
            value => Ok(value.filter(|v| !v.is_empty()).map(str::to_owned)),
        };
        Ok(Self {
            id_token_hint: take("id_token_hint", LONGEST)?,
            client_id: take("client_id", 200)?,
            post_logout_redirect_uri: take("post_logout_redirect_uri", 2048)?,
            state: take("state", 2048)?,
            ui_locales: take("ui_locales", 200)?,
        })
    }

    /// The same as parameters, for a form of ours that brings them back.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String)> {
        [
            ("id_token_hint", &self.id_token_hint),
            ("client_id", &self.client_id),
            ("post_logout_redirect_uri", &self.post_logout_redirect_uri),
            ("state", &self.state),
            ("ui_locales", &self.ui_locales),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
        .collect()
    }
}

/// Where a browser may go after logout: exists only for a URI that was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostLogoutRedirect(String);

impl PostLogoutRedirect {
    /// The requested URI with the `state` to give back, if the URI is registered: the strings are
    /// equal.
    #[must_use]
    pub fn matching(registered: &[String], requested: &str, state: Option<&str>) -> Option<Self> {
        if !registered.iter().any(|uri| uri == requested) {
            return None;
        }
        let Some(state) = state else {
            return Some(Self(requested.to_owned()));
        };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("state", state);
        let join = match requested.contains('?') {
            true if requested.ends_with(['?', '&']) => "",
            true => "&",
            false => "?",
        };
        Some(Self(format!("{requested}{join}{}", query.finish())))
    }

    /// The host people see beside the app's name.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let url = url::Url::parse(&self.0).ok()?;
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_registered_uri_is_a_way_back_and_only_the_state_is_added() {
        let registered = ["https://a.example/bye", "https://a.example/bye?x=1"].map(str::to_owned);
        let url = |requested: &str, state: Option<&str>| {
            PostLogoutRedirect::matching(&registered, requested, state).map(|r| r.0)
        };
        for (requested, state, expected) in [
            ("https://a.example/bye", None, Some("https://a.example/bye")),
            (
                "https://a.example/bye",
                Some("s t"),
                Some("https://a.example/bye?state=s+t"),
            ),
            (
                "https://a.example/bye?x=1",
                Some("&"),
                Some("https://a.example/bye?x=1&state=%26"),
            ),
            ("https://a.example/bye?foo=bar", None, None),
            ("https://a.example/bye/", None, None),
            ("https://A.example/bye", None, None),
            ("", None, None),
        ] {
            assert_eq!(url(requested, state).as_deref(), expected, "{requested}");
        }
    }

    #[test]
    fn a_request_is_read_once_and_within_limits() {
        let read = |text: &str| LogoutRequest::read(&Params::parse(text.as_bytes(), 50).unwrap());
        let good = read("state=s&id_token_hint=a.b.c&unknown=1").unwrap();
        assert_eq!(good.fields().len(), 2);
        for bad in [
            "state=a&state=b",
            "state=%00",
            &format!("state={}", "x".repeat(2049)),
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
