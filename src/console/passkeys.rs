//! Passkeys: `/admin/account/passkeys`, where staff add, name and remove theirs, and the pages that ask for
//! one in place of password and code. Only these pages may ask an authenticator, and only these need a
//! script; without it password and code stay.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::Refused;
use crate::admin::staff_passkeys::{self, Challenge, Passkeys};
use crate::admin::staff_sign_in::SignInRefused;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::console::{company, sign_in};
use crate::store::staff_passkeys::Shown;
use crate::web::headers::PageClass;
use crate::web::limits::TooMany;
use crate::web::page::render;

const HOME: &str = "/admin/account/passkeys";

#[derive(Template)]
#[template(path = "console/passkeys.html")]
struct List {
    frame: Frame,
    passkeys: Vec<Shown>,
    offered: bool,
    name: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/passkey.html")]
struct Ask {
    frame: Frame,
    action: &'static str,
    back: String,
    makes: bool,
    options: String,
    challenge: String,
    name: String,
    next: String,
}

/// We, as authenticators know us.
pub fn ours(visit: &Visit) -> Option<Passkeys> {
    let config = &visit.app.config;
    Passkeys::of(&config.issuer, &config.branding.service_name)
}

fn needed(visit: &Visit) -> Result<Passkeys, Refused> {
    ours(visit).ok_or_else(|| Refused::Invalid {
        field: "passkey",
        message: "cannot be bound to an address; the issuer needs a name".to_owned(),
    })
}

/// Lists one's own.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None).await
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let page = List {
        frame: visit.frame("Your passkeys"),
        passkeys: staff_passkeys::list(&visit.desk(), visit.staff().staff).await?,
        offered: ours(visit).is_some(),
        name: visit.field("name").to_owned(),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}

async fn refused(visit: &Visit, refused: Refused) -> Result<Response, Trouble> {
    match refused {
        Refused::Invalid { .. } | Refused::Taken { .. } => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            page(visit, status, Some(refused.to_string())).await
        }
        other => Err(other.into()),
    }
}

/// Asks the authenticator for a new one.
pub async fn begin(visit: Visit) -> Result<Response, Trouble> {
    let passkeys = needed(&visit)?;
    let (staff, name) = (visit.staff(), visit.field("name"));
    let who = (staff.staff, staff.email.as_str());
    match staff_passkeys::begin_adding(&visit.desk(), &passkeys, who, name).await {
        Ok(challenge) => {
            let mut ask = asked(&visit, "Add a passkey", challenge, HOME);
            ask.action = "/admin/account/passkeys/finish";
            ask.makes = true;
            ask.name = name.to_owned();
            Ok(render(StatusCode::OK, PageClass::Passkey, &ask))
        }
        Err(error) => refused(&visit, error).await,
    }
}

/// Adds it.
pub async fn finish(visit: Visit) -> Result<Response, Trouble> {
    let passkeys = needed(&visit)?;
    let staff = visit.staff();
    let who = (staff.staff, staff.email.as_str());
    let (name, token, answer) = (
        visit.field("name"),
        visit.field("challenge"),
        visit.field("answer"),
    );
    match staff_passkeys::add(&visit.desk(), &passkeys, who, name, token, answer).await {
        Ok(()) => Ok(to(HOME, "passkey_added")),
        Err(error) => refused(&visit, error).await,
    }
}

/// The passkey that a form names.
pub fn named(visit: &Visit) -> Result<Uuid, Refused> {
    let given = visit.field("passkey");
    Uuid::parse_str(given).map_err(|_| Refused::NotFound {
        what: "passkey",
        id: given.chars().take(40).collect(),
    })
}

/// Calls one of one's own something else.
pub async fn rename(visit: Visit) -> Result<Response, Trouble> {
    let (id, staff) = (named(&visit)?, visit.staff());
    let who = (staff.staff, staff.email.as_str());
    match staff_passkeys::rename(&visit.desk(), who, id, visit.field("called"), None).await {
        Ok(()) => Ok(to(HOME, "passkey_renamed")),
        Err(error) => refused(&visit, error).await,
    }
}

/// Removes one of one's own.
pub async fn remove(visit: Visit) -> Result<Response, Trouble> {
    let (id, staff) = (named(&visit)?, visit.staff());
    staff_passkeys::remove(&visit.desk(), (staff.staff, &staff.email), id).await?;
    Ok(to(HOME, "passkey_removed"))
}

/// Asks for anybody's passkey, to sign in.
pub async fn ask_to_sign_in(visit: Visit) -> Result<Response, Trouble> {
    if !sign_in::is_our_form(&visit) {
        return Ok(sign_in::too_old(&visit));
    }
    if company::is_required(&visit) {
        return Err(Trouble::NotAllowed);
    }
    // Anybody may ask, and each question is a row.
    if let Err(TooMany(wait)) = visit.app.throttles.login_from(visit.browser.address) {
        return sign_in::refused(&visit, SignInRefused::TooMany(wait), "");
    }
    let challenge = staff_passkeys::begin(&visit.desk(), &needed(&visit)?, None).await?;
    let mut ask = asked(&visit, "Sign in with a passkey", challenge, "/admin/login");
    ask.frame.csrf = visit.field("csrf").to_owned();
    ask.action = "/admin/login/passkey/finish";
    Ok(render(StatusCode::OK, PageClass::Passkey, &ask))
}

/// Signs in.
pub async fn sign_in(visit: Visit) -> Result<Response, Trouble> {
    if !sign_in::is_our_form(&visit) {
        return Ok(sign_in::too_old(&visit));
    }
    if company::is_required(&visit) {
        return Err(Trouble::NotAllowed);
    }
    let cookies = visit.app.cookies;
    let earlier = visit.browser.cookies(&visit.app).token(cookies.staff());
    let opened = staff_passkeys::sign_in(
        &visit.desk(),
        &needed(&visit)?,
        (visit.field("challenge"), visit.field("answer")),
        earlier.as_ref(),
        &visit.browser_name(),
        visit.browser.address,
    )
    .await;
    match opened {
        Ok(opened) => Ok(sign_in::sent_on(&visit, &opened.cookie)),
        Err(refused) => {
            let wrong =
                "This passkey was not accepted. Try once more, or sign in with password and code.";
            sign_in::refused(&visit, refused, wrong)
        }
    }
}

/// Asks for the passkey of whoever is signed in.
pub async fn ask_again(visit: Visit) -> Result<Response, Trouble> {
    let staff = Some(visit.staff().staff);
    let challenge = staff_passkeys::begin(&visit.desk(), &needed(&visit)?, staff).await?;
    let back = format!("/admin/confirm?next={}", visit.next());
    let mut ask = asked(&visit, "Confirm with a passkey", challenge, &back);
    ask.action = "/admin/confirm/passkey/finish";
    Ok(render(StatusCode::OK, PageClass::Passkey, &ask))
}

/// Takes it. The session's cookie is another afterwards.
pub async fn prove_again(visit: Visit) -> Result<Response, Trouble> {
    let staff = visit.staff();
    let proven = staff_passkeys::prove_again(
        &visit.desk(),
        &needed(&visit)?,
        (staff.staff, staff.session),
        (visit.field("challenge"), visit.field("answer")),
        visit.browser.address,
    )
    .await;
    match proven {
        Ok(cookie) => Ok(sign_in::sent_on(&visit, &cookie)),
        Err(refused) => {
            let wrong =
                "This passkey was not accepted. Try once more, or confirm with password and code.";
            sign_in::refused_again(&visit, refused, wrong).await
        }
    }
}

fn asked(visit: &Visit, title: &str, challenge: Challenge, back: &str) -> Ask {
    Ask {
        frame: visit.frame(title),
        action: "",
        back: back.to_owned(),
        makes: false,
        options: challenge.options,
        challenge: challenge.token.reveal(),
        name: String::new(),
        next: visit.next(),
    }
}
