//! The console in real Chromium: registering an app, every page that links lead to, and what staff do on them;
//! each page as wide as a small phone and as a desktop, in light and dark.

mod apps;
mod crawl;
mod exports;
mod face;
mod hands;
mod log;
mod operators;
mod passkeys;
mod people;
mod records;
mod registration;
mod seed;

use numbercloak::store::staff::Role;
use serde_json::json;

use super::{Chromium, Kind};
use crate::support::app::{App, Builder};
use crate::support::browser::Browser;
use crate::support::console::{Account, signed_in};

/// A server, and one browser that staff share.
pub struct Office {
    pub app: App,
    pub browser: Chromium,
}

impl Office {
    /// The usual server; `None` where there is no browser.
    pub async fn open(kind: Kind) -> Option<Self> {
        Self::of(kind, App::builder()).await
    }

    /// A server that is set up so.
    pub async fn of(kind: Kind, app: Builder) -> Option<Self> {
        let browser = Chromium::start(kind).await?;
        let app = app.start().await;
        Some(Self { app, browser })
    }

    /// Makes an account with this role and signs it in, without the pages of that; what it signed in with
    /// over the wire stays a second browser of the same session.
    pub async fn enters(&self, role: Role) -> (Browser, Account) {
        let (wire, account) = signed_in(&self.app, role).await;
        self.becomes(&wire).await;
        (wire, account)
    }

    /// From now on the browser is signed in as this one is.
    pub async fn becomes(&self, wire: &Browser) {
        let cookies = wire.cookies("localhost");
        let staff = cookies.iter().find(|cookie| cookie.name == "nc_staff");
        let cookie = json!({
            "url": format!("{}/admin", self.app.issuer), "name": "nc_staff",
            "value": staff.unwrap().value, "path": "/", "httpOnly": true, "sameSite": "Lax",
        });
        self.browser.devtools("Network.setCookie", cookie).await;
    }

    /// Opens a page and waits for it.
    pub async fn visit(&self, path: &str, title: &str) {
        let url = format!("{}{path}", self.app.issuer);
        self.browser.open(url).await;
        self.browser.shows(title).await;
    }
}
