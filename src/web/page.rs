//! What every page has in common, and how a page becomes an answer.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use chrono::TimeDelta;
use http::StatusCode;

use super::assets;
use super::brand::Brand;
use super::headers::PageClass;
use super::text::{Language, Markup};
use crate::config::Branding;

/// The app that a login is for, as a person sees it.
#[derive(Clone, Debug)]
pub struct App {
    /// Its registered name. Anybody can choose any name, so the domain always stands beside it.
    pub name: String,
    /// The host of its redirect URI.
    pub domain: String,
}

impl App {
    /// The letter in its picture.
    #[must_use]
    pub fn initial(&self) -> String {
        let letter = |text: &str| text.chars().find(|c| c.is_alphanumeric());
        letter(&self.name)
            .or_else(|| letter(&self.domain))
            .map_or_else(String::new, |c| c.to_uppercase().collect())
    }
}

/// What a page's forms need. Not `Debug`: the token is a secret.
#[derive(Clone)]
pub struct Form {
    /// The login's path, `/login/{id}`; forms post to `{base}/continue` and the like.
    pub base: String,
    /// The form token of the login's cookie ([`super::csrf::token`]).
    pub csrf: String,
}

/// The end of a login, as its pages tell of it: shortly before, and without a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Minutes until a page tells of it.
    pub told_in: u8,
    /// Whether the person may have more time.
    pub may_extend: bool,
}

impl Ends {
    /// The last minutes, in which it is told.
    pub const LAST: TimeDelta = TimeDelta::minutes(3);

    /// Of a login that ends in so long.
    #[must_use]
    pub fn new(left: TimeDelta, may_extend: bool) -> Self {
        // Rounded up: told a little later is still true.
        let seconds = (left - Self::LAST).num_seconds().max(0);
        let minutes = seconds.unsigned_abs().div_ceil(60).min(63);
        Self {
            told_in: u8::try_from(minutes).unwrap_or_default(),
            may_extend,
        }
    }

    /// The classes that add up to these minutes, each after a space.
    #[must_use]
    pub fn classes(self) -> String {
        let bits = (0..6).map(|bit| 1 << bit);
        bits.filter(|bit| self.told_in & bit != 0)
            .map(|bit| format!(" m{bit}"))
            .collect()
    }
}

/// What surrounds every page.
#[derive(Clone)]
pub struct Frame {
    /// The name of this service.
    pub service: String,
    /// The language of the page.
    pub language: Language,
    /// The app, where it is known and may be told: never to a browser without the login's cookie.
    pub app: Option<App>,
    /// What the app brings along, where it may: never to a phone that a login was moved to.
    pub brand: Brand,
    /// Without it the page has no forms.
    pub form: Option<Form>,
    /// What a person tells support (`7F3K-21`); it is found in the audit log.
    pub reference: Option<String>,
    /// The app's privacy policy.
    pub policy: Option<String>,
    /// The app's terms.
    pub terms: Option<String>,
    /// Where people find help with this service.
    pub support: Option<String>,
    /// Where the app is at home, for a browser inside another app, which may not get far.
    pub in_app: Option<String>,
    /// The path of this page, for a browser that comes back to it in another language. A page that
    /// cannot be asked for again has none, and no choice of languages.
    pub here: Option<String>,
    /// When the login ends, on a page that waits for its person.
    pub ends: Option<Ends>,
    /// Whether it was given more time just now.
    pub was_extended: bool,
    /// The number that stood typed on the page before.
    pub typed: Option<String>,
}

impl Frame {
    /// A frame for a page that belongs to no login, with this deployment's name and help.
    #[must_use]
    pub fn branded(branding: &Branding, language: Language) -> Self {
        Self {
            support: branding.support_url.clone(),
            ..Self::plain_page(&branding.service_name, language)
        }
    }

    /// A frame for a page that belongs to no login.
    #[must_use]
    pub fn plain_page(service: &str, language: Language) -> Self {
        Self {
            service: service.to_owned(),
            language,
            app: None,
            brand: Brand::default(),
            form: None,
            reference: None,
            policy: None,
            terms: None,
            support: None,
            in_app: None,
            here: None,
            ends: None,
            was_extended: false,
            typed: None,
        }
    }

    /// What a field for a number holds: what was typed, else this.
    #[must_use]
    pub fn typed_or<'a>(&'a self, value: &'a str) -> &'a str {
        self.typed.as_deref().unwrap_or(value)
    }

    /// Whether a number was being typed.
    #[must_use]
    pub fn has_typed(&self) -> bool {
        self.typed.as_ref().is_some_and(|typed| !typed.is_empty())
    }

    /// The languages there are to choose from.
    #[must_use]
    pub fn languages(&self) -> Vec<Language> {
        Language::all().collect()
    }

    /// What the title ends with: the app, else the service.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.app.as_ref().map_or(&self.service, |app| &app.name)
    }

    /// A text, to be escaped by the template: for titles and attributes.
    #[must_use]
    pub fn plain(&self, key: &'static str) -> String {
        self.language.plain(key, &self.values("", ""))
    }

    /// The same with one value of the page's own.
    #[must_use]
    pub fn plain_with(&self, key: &'static str, name: &str, value: &str) -> String {
        self.language.plain(key, &self.values(name, value))
    }

    /// A text as HTML.
    #[must_use]
    pub fn rich(&self, key: &'static str) -> Markup {
        self.language.rich(key, &self.values("", ""))
    }

    /// The same with one value of the page's own.
    #[must_use]
    pub fn rich_with(&self, key: &'static str, name: &str, value: &str) -> Markup {
        self.language.rich(key, &self.values(name, value))
    }

    /// A masked number.
    #[must_use]
    pub fn number(&self, masked: &str) -> Markup {
        self.language.number(masked)
    }

    /// The stylesheet's path.
    #[must_use]
    pub fn stylesheet(&self) -> &'static str {
        assets::stylesheet()
    }

    /// The path of the script for pages that wait.
    #[must_use]
    pub fn watch(&self) -> &'static str {
        assets::watch()
    }

    /// The path of the script that copies an address.
    #[must_use]
    pub fn copy_script(&self) -> &'static str {
        assets::copy_script()
    }

    /// The path of the script that counts down.
    #[must_use]
    pub fn wait_script(&self) -> &'static str {
        assets::wait_script()
    }

    /// The icon's path.
    #[must_use]
    pub fn icon(&self) -> &'static str {
        assets::icon()
    }

    fn values<'a>(&'a self, name: &'a str, value: &'a str) -> [(&'a str, &'a str); 4] {
        let app = self.app.as_ref();
        [
            (name, value),
            (
                "app",
                app.map_or(self.language.text("the_app"), |app| &app.name),
            ),
            ("domain", app.map_or("", |app| &app.domain)),
            ("service", &self.service),
        ]
    }
}

/// Turns a page into an answer of its class. The security headers come from the layer
/// [`super::headers::stamp`].
pub fn render(status: StatusCode, class: PageClass, page: &impl Template) -> Response {
    let mut response = match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    response.extensions_mut().insert(class);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_s_picture_has_its_first_letter() {
        for (name, initial) in [("shop", "S"), ("  «é", "É"), ("☎", "E"), ("", "E")] {
            let app = App {
                name: name.into(),
                domain: "example.org".into(),
            };
            assert_eq!(app.initial(), initial, "{name}");
        }
    }

    #[test]
    fn a_page_carries_its_class_and_status() {
        #[derive(Template)]
        #[template(source = "<p>{{ text }}", ext = "html")]
        struct Small {
            text: &'static str,
        }
        let response = render(StatusCode::GONE, PageClass::Journey, &Small { text: "<b>" });
        assert_eq!(response.status(), StatusCode::GONE);
        assert_eq!(
            response.extensions().get::<PageClass>(),
            Some(&PageClass::Journey)
        );
    }
}
