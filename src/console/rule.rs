//! Who may use what. A route of the console is made here and nowhere else, and only with its rule:
//! the session, the role, the form's token and the fresh proof are looked at before its handler runs.

use std::future::Future;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use http::{Method, StatusCode};

use crate::console::rules;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::staff::Role;
use crate::web::app::App;

/// Everybody who is signed in.
pub const STAFF: Who = Who::Only(&[Role::Owner, Role::Admin, Role::Auditor, Role::Support]);
/// Who reads how things are set.
pub const READERS: Who = Who::Only(&[Role::Owner, Role::Admin, Role::Auditor]);
/// Who takes records home and keeps them from being dropped.
pub const AUDITORS: Who = Who::Only(&[Role::Owner, Role::Auditor]);
/// Who finds one login for a person who calls; everybody else searches.
pub const SUPPORT: Who = Who::Only(&[Role::Support]);
/// Who changes clients and operators.
pub const ADMINS: Who = Who::Only(&[Role::Owner, Role::Admin]);
/// Who decides about keys and people.
pub const OWNERS: Who = Who::Only(&[Role::Owner]);

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever comes: the way in.
    Anybody,
    /// Staff who are signed in and have one of these roles.
    Only(&'static [Role]),
}

impl Who {
    /// Whether this role may.
    #[must_use]
    pub fn allows(self, role: Role) -> bool {
        match self {
            Self::Anybody => true,
            Self::Only(roles) => roles.contains(&role),
        }
    }
}

/// One route with its rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// The path's pattern.
    pub path: &'static str,
    /// Who may use it.
    pub who: Who,
    /// Whether password and code must have been given within the last minutes.
    pub fresh: bool,
    /// Whether its form carries a file.
    pub file: bool,
}

/// Routes that all have their rule.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    rules: Vec<Rule>,
}

impl Routes {
    /// A page. It changes nothing.
    pub fn page<H, F>(self, path: &'static str, who: Who, handler: H) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Trouble>> + Send + 'static,
    {
        self.add(Method::GET, path, who, false, handler)
    }

    /// A form's post.
    pub fn act<H, F>(self, path: &'static str, who: Who, handler: H) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Trouble>> + Send + 'static,
    {
        self.add(Method::POST, path, who, false, handler)
    }

    /// A form's post that touches secrets, keys or people: password and code must be fresh.
    pub fn act_proven<H, F>(self, path: &'static str, who: Who, handler: H) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Trouble>> + Send + 'static,
    {
        self.add(Method::POST, path, who, true, handler)
    }

    /// A form's post with a file.
    pub fn upload<H, F>(mut self, path: &'static str, who: Who, handler: H) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Trouble>> + Send + 'static,
    {
        let rule = Rule {
            method: Method::POST,
            path,
            who,
            fresh: false,
            file: true,
        };
        self.route(rule, handler);
        self
    }

    fn add<H, F>(
        mut self,
        method: Method,
        path: &'static str,
        who: Who,
        fresh: bool,
        handler: H,
    ) -> Self
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Trouble>> + Send + 'static,
    {
        let rule = Rule {
            method,
            path,
            who,
            fresh,
            file: false,
        };
        self.route(rule, handler);
        self
    }

    fn route<H, F>(&mut self, rule: Rule, handler: H)
    where
        H: Fn(Visit) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Trouble>> + Send + 'static,
    {
        let (path, posts) = (rule.path, rule.method == Method::POST);
        self.rules.push(rule.clone());
        let guarded = move |State(app): State<App>, request: Request| {
            let (rule, handler) = (rule.clone(), handler.clone());
            async move { enter(app, rule, request, handler).await }
        };
        let route: MethodRouter<App> = if posts { post(guarded) } else { get(guarded) };
        self.router = std::mem::take(&mut self.router).route(path, route);
    }

    /// The router and the rules it holds.
    pub fn finish(self) -> (Router<App>, Vec<Rule>) {
        (self.router, self.rules)
    }
}

async fn enter<H, F>(app: App, rule: Rule, request: Request, handler: H) -> Response
where
    H: Fn(Visit) -> F,
    F: Future<Output = Result<Response, Trouble>>,
{
    let visit = match Visit::read(app, request, rule.file).await {
        Ok(visit) => visit,
        Err(refusal) => return refusal,
    };
    let page = visit.frame("");
    match admit(visit, &rule).await {
        Ok(Admitted::In(visit)) => {
            let page = visit.frame("");
            match handler(*visit).await {
                Ok(response) => response,
                Err(trouble) => trouble.answer(page),
            }
        }
        Ok(Admitted::Sent(elsewhere)) => elsewhere,
        Err(trouble) => trouble.answer(page),
    }
}

enum Admitted {
    In(Box<Visit>),
    Sent(Response),
}

async fn admit(mut visit: Visit, rule: &Rule) -> Result<Admitted, Trouble> {
    let posts = rule.method == Method::POST;
    if posts && !visit.is_from_our_origin() {
        return Err(Trouble::StaleForm);
    }
    if rule.who == Who::Anybody {
        return Ok(Admitted::In(Box::new(visit)));
    }
    visit.find_session().await?;
    let Some(role) = visit.role() else {
        let target = match visit.way_back() {
            Some(next) if !posts => format!("/admin/login?next={next}"),
            _ => "/admin/login".to_owned(),
        };
        return Ok(Admitted::Sent(Redirect::to(&target).into_response()));
    };
    if !rule.who.allows(role) {
        return Err(Trouble::NotAllowed);
    }
    if posts && !visit.has_our_token() {
        return Err(Trouble::StaleForm);
    }
    if rule.fresh && !visit.is_proven() {
        let has_page = |other: &Rule| other.path == rule.path && other.method == Method::GET;
        let page = visit.page_of_form(rules().iter().any(has_page));
        return Ok(Admitted::Sent(to_confirm(&page)));
    }
    Ok(Admitted::In(Box::new(visit)))
}

/// To the page that asks for password and code again, and from there to `page`.
pub fn to_confirm(page: &str) -> Response {
    Redirect::to(&format!("/admin/confirm?next={page}")).into_response()
}

/// Where a finished post leads, with a word that the page turns into a sentence.
pub fn to(page: &str, done: &str) -> Response {
    (
        StatusCode::SEE_OTHER,
        [(http::header::LOCATION, format!("{page}?done={done}"))],
    )
        .into_response()
}
