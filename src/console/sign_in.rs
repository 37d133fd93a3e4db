//! `/admin/login`, `/admin/logout`, `/admin/confirm`: in, out, and once more before secrets and keys.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use crate::admin::staff_sign_in::{self, Proof, SESSION_LIFE, SignInRefused};
use crate::admin::{staff_passkeys, staff_sessions};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::console::{company, passkeys};
use crate::secret::{Redacted, Token};
use crate::web::csrf;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct Page {
    frame: Frame,
    /// The form's path.
    action: &'static str,
    /// Who is asked to confirm; absent: somebody signs in.
    again: Option<String>,
    email: String,
    next: String,
    error: Option<String>,
    ways: Ways,
}

/// The ways that are offered.
struct Ways {
    password: bool,
    passkey: bool,
    company: bool,
}

impl Ways {
    /// Beside the password.
    fn others(&self) -> bool {
        self.passkey || self.company
    }
}

/// The form. Its cookie is there so that no other site can sign this browser in to its own account.
pub async fn show(mut visit: Visit) -> Result<Response, Trouble> {
    visit.find_session().await?;
    if visit.role().is_some() {
        return Ok(Redirect::to(&visit.next()).into_response());
    }
    Ok(form(&visit, StatusCode::OK, None))
}

/// Signs in.
pub async fn sign_in(visit: Visit) -> Result<Response, Trouble> {
    if !is_our_form(&visit) {
        return Ok(too_old(&visit));
    }
    if company::is_required(&visit) {
        return Err(Trouble::NotAllowed);
    }
    let cookies = visit.app.cookies;
    let earlier = visit.browser.cookies(&visit.app).token(cookies.staff());
    let desk = visit.desk();
    let opened = staff_sign_in::sign_in(
        &desk,
        proof(&visit, visit.field("email")),
        earlier.as_ref(),
        &visit.browser_name(),
    )
    .await;
    match opened {
        Ok(opened) => Ok(sent_on(&visit, &opened.cookie)),
        Err(why) => {
            let wrong = "The email address, the password or the code is wrong. A code works once: \
                if you just used it, wait for the next.";
            refused(&visit, why, wrong)
        }
    }
}

/// The form of a page that was open for too long, or of another browser.
pub fn too_old(visit: &Visit) -> Response {
    let error = "The form was too old. Try once more.".to_owned();
    form(visit, StatusCode::FORBIDDEN, Some(error))
}

/// The form once more, and why nobody was signed in.
pub fn refused(visit: &Visit, why: SignInRefused, wrong: &str) -> Result<Response, Trouble> {
    match why {
        SignInRefused::Refused(refused) => Err(refused.into()),
        SignInRefused::TooMany(wait) => {
            let response = form(visit, StatusCode::TOO_MANY_REQUESTS, Some(too_many(wait)));
            Ok(waiting(response, wait))
        }
        SignInRefused::Wrong | SignInRefused::LinkIsOver => Ok(form(
            visit,
            StatusCode::UNAUTHORIZED,
            Some(wrong.to_owned()),
        )),
    }
}

/// The same for whoever is signed in and was to confirm it.
pub async fn refused_again(
    visit: &Visit,
    why: SignInRefused,
    wrong: &str,
) -> Result<Response, Trouble> {
    match why {
        SignInRefused::Refused(refused) => Err(refused.into()),
        SignInRefused::TooMany(wait) => {
            let told = Some(too_many(wait));
            let response = confirm(visit, StatusCode::TOO_MANY_REQUESTS, told).await?;
            Ok(waiting(response, wait))
        }
        SignInRefused::Wrong | SignInRefused::LinkIsOver => {
            confirm(visit, StatusCode::UNAUTHORIZED, Some(wrong.to_owned())).await
        }
    }
}

/// Signs out.
pub async fn sign_out(visit: Visit) -> Result<Response, Trouble> {
    let staff = visit.staff();
    staff_sessions::end(&visit.desk(), (staff.staff, &staff.email), staff.session).await?;
    let mut response = Redirect::to("/admin/login").into_response();
    let clear = visit.app.cookies.clear(visit.app.cookies.staff());
    response.headers_mut().append(SET_COOKIE, clear);
    Ok(response)
}

/// Asks who is signed in for password and code.
pub async fn ask_again(visit: Visit) -> Result<Response, Trouble> {
    confirm(&visit, StatusCode::OK, None).await
}

/// Takes them. The cookie is another afterwards.
pub async fn prove_again(visit: Visit) -> Result<Response, Trouble> {
    let staff = visit.staff();
    let proof = proof(&visit, &staff.email);
    match staff_sign_in::prove_again(&visit.desk(), staff.session, proof).await {
        Ok(cookie) => Ok(sent_on(&visit, &cookie)),
        Err(why) => {
            let wrong = "The password or the code is wrong. A code works once: if you just used \
                it, wait for the next.";
            refused_again(&visit, why, wrong).await
        }
    }
}

fn proof(visit: &Visit, email: &str) -> Proof {
    Proof {
        email: email.to_owned(),
        password: Redacted::new(visit.field("password")),
        code: visit.field("code").to_owned(),
        address: visit.browser.address,
    }
}

/// To where somebody wanted to go, signed in.
pub fn sent_on(visit: &Visit, cookie: &Token) -> Response {
    sent_to(visit, cookie, &visit.next())
}

/// To a page of the console, signed in.
pub fn sent_to(visit: &Visit, cookie: &Token, page: &str) -> Response {
    let mut response = Redirect::to(page).into_response();
    let cookies = visit.app.cookies;
    let set = cookies.set_strict(cookies.staff(), cookie, SESSION_LIFE);
    response.headers_mut().append(SET_COOKIE, set);
    response
}

fn too_many(wait: u64) -> String {
    let minutes = wait.div_ceil(60);
    format!("Too many tries. Wait {minutes} min and try again.")
}

fn waiting(mut response: Response, wait: u64) -> Response {
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(wait));
    response
}

/// Whether the sign-in page's own form was sent, from the browser that it was shown in.
pub fn is_our_form(visit: &Visit) -> bool {
    let cookies = visit.app.cookies;
    let cookie = visit
        .browser
        .cookies(&visit.app)
        .token(cookies.staff_form());
    let given = visit.field("csrf");
    let origin = visit.app.config.issuer.origin();
    cookie.is_some_and(|cookie| {
        csrf::is_ours(
            &visit.app.vault,
            &cookie,
            given,
            &visit.browser.headers,
            &origin,
        )
    })
}

fn form(visit: &Visit, status: StatusCode, error: Option<String>) -> Response {
    let cookies = visit.app.cookies;
    let known = visit
        .browser
        .cookies(&visit.app)
        .token(cookies.staff_form());
    let cookie = known.unwrap_or_else(Token::random);
    let mut frame = visit.frame("Sign in to the console");
    frame.csrf = csrf::token(&visit.app.vault, &cookie);
    let page = Page {
        frame,
        action: "/admin/login",
        again: None,
        email: visit.field("email").to_owned(),
        next: visit.next(),
        error,
        ways: Ways {
            password: !company::is_required(visit),
            passkey: !company::is_required(visit) && passkeys::ours(visit).is_some(),
            company: company::is_offered(visit),
        },
    };
    let mut response = render(status, PageClass::Console, &page);
    let set = cookies.set_strict(cookies.staff_form(), &cookie, SESSION_LIFE);
    response.headers_mut().append(SET_COOKIE, set);
    response
}

async fn confirm(
    visit: &Visit,
    status: StatusCode,
    error: Option<String>,
) -> Result<Response, Trouble> {
    let staff = visit.staff();
    let has_passkeys = match passkeys::ours(visit) {
        Some(_) => !staff_passkeys::list(&visit.desk(), staff.staff)
            .await?
            .is_empty(),
        None => false,
    };
    let page = Page {
        frame: visit.frame("Confirm that it is you"),
        action: "/admin/confirm",
        again: Some(staff.email.clone()),
        email: String::new(),
        next: visit.next(),
        error,
        ways: Ways {
            password: !company::is_required(visit),
            passkey: has_passkeys,
            company: company::is_offered(visit),
        },
    };
    Ok(render(status, PageClass::Console, &page))
}
