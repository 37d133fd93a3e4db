//! `/setup/{token}`: a person sets their account up, once. Opening the page changes nothing.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;

use crate::admin::Refused;
use crate::admin::staff_sign_in::{self, Choice, SESSION_LIFE, Setup, SignInRefused};
use crate::console::frame::Frame;
use crate::console::qr;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::secret::{Redacted, Token};
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/setup.html")]
struct Page {
    frame: Frame,
    setup: Setup,
    picture: String,
    /// What was written before, but for the password.
    email: String,
    /// The field that was refused, and why.
    refused: Option<(&'static str, String)>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        let (refused, message) = self.refused.as_ref()?;
        (*refused == field).then_some(message.as_str())
    }
}

#[derive(Template)]
#[template(path = "console/setup_over.html")]
struct Over {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "console/recovery_codes.html")]
struct Done {
    frame: Frame,
    email: String,
    codes: Vec<String>,
}

/// Shows the form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let Some(link) = Token::parse(visit.path("token")) else {
        return Ok(over(&visit));
    };
    form(&visit, &link, None).await
}

/// Sets the account up.
pub async fn set_up(visit: Visit) -> Result<Response, Trouble> {
    let Some(link) = Token::parse(visit.path("token")) else {
        return Ok(over(&visit));
    };
    let choice = Choice {
        email: visit.field("email").trim().to_owned(),
        password: Redacted::new(visit.field("password")),
        again: Redacted::new(visit.field("password_again")),
        code: visit.field("code").to_owned(),
    };
    let desk = visit.desk();
    match staff_sign_in::set_up(&desk, &link, choice, &visit.browser_name()).await {
        Ok(done) => {
            let page = Done {
                frame: visit.frame("Your recovery codes"),
                email: done.opened.email,
                codes: done.recovery,
            };
            let mut response = render(StatusCode::OK, PageClass::Console, &page);
            let cookies = visit.app.cookies;
            let cookie = cookies.set_strict(cookies.staff(), &done.opened.cookie, SESSION_LIFE);
            response.headers_mut().append(SET_COOKIE, cookie);
            Ok(response)
        }
        Err(SignInRefused::Refused(Refused::Invalid { field, message })) => {
            form(&visit, &link, Some((field, message))).await
        }
        Err(SignInRefused::Refused(refused @ Refused::Taken { field, .. })) => {
            form(&visit, &link, Some((field, refused.to_string()))).await
        }
        Err(SignInRefused::Refused(refused)) => Err(refused.into()),
        Err(_) => Ok(over(&visit)),
    }
}

async fn form(
    visit: &Visit,
    link: &Token,
    refused: Option<(&'static str, String)>,
) -> Result<Response, Trouble> {
    let service = &visit.app.config.branding.service_name;
    let setup = match staff_sign_in::setup(&visit.desk(), link, service).await {
        Ok(setup) => setup,
        Err(SignInRefused::Refused(refused)) => return Err(refused.into()),
        Err(_) => return Ok(over(visit)),
    };
    let status = match &refused {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = Page {
        frame: visit.frame("Set up your account"),
        picture: qr::svg(&setup.uri)?,
        setup,
        email: visit.field("email").to_owned(),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}

fn over(visit: &Visit) -> Response {
    let frame = visit.frame("This link does not work any more");
    render(StatusCode::GONE, PageClass::Console, &Over { frame })
}
