//! One request to the console: who, from where, what was written.

use std::collections::HashMap;

use axum::body::to_bytes;
use axum::extract::{FromRequestParts as _, Path, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::USER_AGENT;

use crate::admin::Desk;
use crate::admin::staff_sessions;
use crate::admin::staff_sign_in::FRESH;
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::upload;
use crate::oauth::params::Params;
use crate::secret::Token;
use crate::store::staff::Role;
use crate::store::staff_sessions::Signed;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::csrf;
use crate::web::failure::Failure;

/// A request.
pub struct Visit {
    /// The server's state.
    pub app: App,
    /// Whoever sent it.
    pub browser: Browser,
    /// When.
    pub now: Time,
    /// What the form says.
    pub form: Params,
    /// What the query says.
    pub query: Params,
    /// The file that came with the form, if one did.
    pub file: Option<Bytes>,
    url: String,
    path: HashMap<String, String>,
    signed: Option<(Signed, Token)>,
}

impl Visit {
    /// Reads a request; nothing in it is believed yet.
    pub async fn read(app: App, request: Request, may_carry_file: bool) -> Result<Self, Response> {
        let refuse = || StatusCode::BAD_REQUEST.into_response();
        let (mut parts, body) = request.into_parts();
        let Ok(browser) = Browser::from_request_parts(&mut parts, &app).await;
        let Path(path) = Path::<HashMap<String, String>>::from_request_parts(&mut parts, &app)
            .await
            .map_err(|_| refuse())?;
        let limits = &app.config.limits;
        let most = limits.parameters.max(MOST_FIELDS);
        let plain = |params: Params| match params.with_nul() {
            None => Ok(params),
            Some(_) => Err(refuse()),
        };
        let read = |encoded: &[u8]| plain(Params::parse(encoded, most).map_err(|_| refuse())?);
        let (form, file) = if may_carry_file && upload::is_one(&parts.headers) {
            let (params, file) = upload::read(&parts.headers, body, most)
                .await
                .ok_or_else(refuse)?;
            (plain(params)?, file)
        } else {
            let body = to_bytes(body, limits.form_bytes).await;
            (read(&body.map_err(|_| refuse())?)?, None)
        };
        Ok(Self {
            now: app.clock.now(),
            form,
            file,
            query: read(parts.uri.query().unwrap_or_default().as_bytes())?,
            url: parts.uri.path().to_owned(),
            path,
            browser,
            app,
            signed: None,
        })
    }

    /// Looks for the session behind the cookie.
    pub async fn find_session(&mut self) -> Result<(), Failure> {
        let name = self.app.cookies.staff();
        let Some(cookie) = self.browser.cookies(&self.app).token(name) else {
            return Ok(());
        };
        let found = staff_sessions::signed_in(&self.app.db, &cookie, self.now).await?;
        self.signed = found.map(|signed| (signed, cookie));
        Ok(())
    }

    /// Who is signed in.
    ///
    /// # Panics
    /// In a route that anybody may use: there nobody looked.
    #[must_use]
    pub fn staff(&self) -> &Signed {
        let (signed, _) = self.signed.as_ref().expect("the rule let only staff in");
        signed
    }

    /// The role of whoever is signed in.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.signed.as_ref().map(|(signed, _)| signed.role)
    }

    /// Whether password and code were given within the last minutes.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.signed
            .as_ref()
            .is_some_and(|(signed, _)| self.now < signed.proved_at + FRESH)
    }

    /// Whether the browser does not say that another site sent this.
    #[must_use]
    pub fn is_from_our_origin(&self) -> bool {
        csrf::is_same_origin(&self.browser.headers, &self.app.config.issuer.origin())
    }

    /// Whether the form carries the session's token.
    #[must_use]
    pub fn has_our_token(&self) -> bool {
        let given = self.form.get("csrf").unwrap_or_default();
        let origin = self.app.config.issuer.origin();
        let headers = &self.browser.headers;
        self.signed.as_ref().is_some_and(|(_, cookie)| {
            csrf::is_ours(&self.app.vault, cookie, given, headers, &origin)
        })
    }

    /// A part of the path.
    #[must_use]
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A field of the form; empty if it is not there.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.form.get(name).unwrap_or_default()
    }

    /// This page's own path, to come back to, if it is plain.
    #[must_use]
    pub fn way_back(&self) -> Option<String> {
        is_way_back(&self.url).then(|| self.url.clone())
    }

    /// The path of the page that the posted form stands on: the form's own if there is a page, else
    /// one step above.
    #[must_use]
    pub fn page_of_form(&self, has_page: bool) -> String {
        let mut parts: Vec<&str> = self.url.split('/').collect();
        if !has_page {
            parts.pop();
        }
        let page = parts.join("/");
        if is_way_back(&page) {
            page
        } else {
            "/admin".to_owned()
        }
    }

    /// Where the query or form wants to go next, if that is a page of the console.
    #[must_use]
    pub fn next(&self) -> String {
        let next = self.form.get("next").or(self.query.get("next"));
        next.filter(|next| is_way_back(next))
            .unwrap_or("/admin")
            .to_owned()
    }

    /// The desk of whoever is signed in.
    #[must_use]
    pub fn desk(&self) -> Desk {
        Desk {
            db: self.app.db.durable().clone(),
            vault: self.app.vault.clone(),
            now: self.now,
            actor: self
                .signed
                .as_ref()
                .map_or("console", |(signed, _)| &signed.email)
                .to_owned(),
        }
    }

    /// What surrounds a page.
    #[must_use]
    pub fn frame(&self, title: &str) -> Frame {
        let csrf = self
            .signed
            .as_ref()
            .map(|(_, cookie)| csrf::token(&self.app.vault, cookie));
        Frame::new(
            &self.app.config.branding.service_name,
            title,
            &self.url,
            self.signed.as_ref().map(|(signed, _)| signed),
            csrf.unwrap_or_default(),
            self.is_proven(),
            self.query.get("done"),
        )
    }

    /// What the browser calls itself, short, to tell sessions apart.
    #[must_use]
    pub fn browser_name(&self) -> String {
        let agent = self.browser.headers.get(USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        browser_name(agent.unwrap_or_default())
    }
}

/// Fields of the longest form.
const MOST_FIELDS: usize = 200;

/// Whether this is a plain path of the console: what stands in a redirect of ours must lead nowhere
/// else, however it is written.
fn is_way_back(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    (path == "/admin" || path.starts_with("/admin/"))
        && path.chars().all(plain)
        && !path.contains("//")
        && !path.contains("..")
}

fn browser_name(agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(part, _)| agent.contains(part));
        found.map(|(_, name)| *name)
    };
    let browser = find(&[
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("a browser on {system}"),
        (None, None) => "a browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_leads_into_the_console_only() {
        for good in ["/admin", "/admin/clients/shop-1", "/admin/keys"] {
            assert!(is_way_back(good), "{good}");
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "/administrator",
            "/admin//evil.example",
            "/admin/../x",
            "/admin?x",
            "/admin/\\evil",
            "https://evil.example/admin",
            "/admin\r\nx",
        ] {
            assert!(!is_way_back(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_browser_is_told_apart_by_name_and_system() {
        let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36";
        assert_eq!(browser_name(agent), "Chrome on Linux");
        assert_eq!(browser_name("curl/8"), "a browser");
    }
}
