//! What a browser leaves with after a release: the code, and the cookies that are new.

use axum::response::Response;
use http::header::SET_COOKIE;

use crate::login::answer;
use crate::login::entry::Entry;
use crate::login::view::Why;
use crate::oauth::redirect::{Answer, VerifiedRedirect};
use crate::secret::Token;
use crate::store::clients::Client;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// What the browser gets after a release.
pub struct Released {
    /// The way back.
    pub(super) redirect: VerifiedRedirect,
    /// The code.
    pub(super) code: Answer,
    /// The session's new cookie, if a verdict opened or renewed it.
    pub(super) session: Option<Token>,
    /// The browser's new cookie, if it had none.
    pub(super) browser: Option<Token>,
}

impl Released {
    /// Sets the cookies on an answer.
    pub fn set_cookies(&self, app: &App, response: &mut Response) {
        let lifetimes = &app.config.login;
        let headers = response.headers_mut();
        if let Some(session) = &self.session {
            let name = app.cookies.session();
            headers.append(
                SET_COOKIE,
                app.cookies.set(name, session, lifetimes.session_absolute),
            );
        }
        if let Some(browser) = &self.browser {
            let name = app.cookies.browser();
            headers.append(
                SET_COOKIE,
                app.cookies.set(name, browser, lifetimes.go_ahead * 4),
            );
        }
    }

    /// Back to the app at once.
    pub fn redirect(
        &self,
        app: &App,
        browser: &Browser,
        client: &Client,
    ) -> Result<Response, Failure> {
        let mut response = answer::at_once(app, browser, client, &self.redirect, &self.code)?;
        self.set_cookies(app, &mut response);
        Ok(response)
    }

    /// Back to the app from a form of ours.
    pub fn page(&self, app: &App, browser: &Browser, entry: &Entry) -> Result<Response, Failure> {
        let frame = entry.frame(app, browser);
        let client = &entry.client;
        let (redirect, code) = (&self.redirect, &self.code);
        let mut page = answer::leaving(app, frame, client, redirect, code, Why::Confirmed)?;
        self.set_cookies(app, &mut page);
        Ok(page)
    }
}
