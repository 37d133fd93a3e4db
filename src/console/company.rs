//! `/admin/login/company`: staff sign in, or confirm that it is them, at the company's own OpenID provider.
//! Both ways between the sites go by a page: browsers apply `form-action` to every hop after a form, and do
//! not send our strict cookies along on the way back from another site.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use http::header::SET_COOKIE;
use url::form_urlencoded::Serializer;

use crate::admin::Refused;
use crate::admin::staff_company::{self, Way};
use crate::admin::staff_sign_in::SignInRefused;
use crate::config::CompanyProvider;
use crate::console::frame::Frame;
use crate::console::sign_in;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::limits::TooMany;
use crate::web::page::render;

/// The parameters of an answer (RFC 6749 section 4.1.2, RFC 9207 section 2).
const ANSWER: [&str; 5] = ["code", "state", "iss", "error", "error_description"];

#[derive(Template)]
#[template(path = "console/company.html")]
struct Page {
    frame: Frame,
    url: String,
}

fn provider(visit: &Visit) -> Option<&CompanyProvider> {
    visit.app.config.company.as_ref()
}

/// Whether it is offered.
pub fn is_offered(visit: &Visit) -> bool {
    provider(visit).is_some()
}

/// Whether there is no other way to sign in.
pub fn is_required(visit: &Visit) -> bool {
    provider(visit).is_some_and(|provider| provider.required)
}

fn way(visit: &Visit) -> Result<Way<'_>, Refused> {
    let provider = provider(visit).ok_or_else(|| Refused::NotFound {
        what: "way in",
        id: "company".to_owned(),
    })?;
    Ok(Way {
        provider,
        operators: &visit.app.operators,
        issuer: &visit.app.config.issuer,
    })
}

/// To the provider, to sign in.
pub async fn depart(visit: Visit) -> Result<Response, Trouble> {
    if !sign_in::is_our_form(&visit) {
        return Ok(sign_in::too_old(&visit));
    }
    // Anybody may ask, and each trip is a row.
    if let Err(TooMany(wait)) = visit.app.throttles.login_from(visit.browser.address) {
        return sign_in::refused(&visit, SignInRefused::TooMany(wait), "");
    }
    match staff_company::begin(&visit.desk(), way(&visit)?, None, &visit.next()).await {
        Ok(departure) => Ok(away(&visit, &departure)),
        Err(Refused::Invalid { message, .. }) => {
            let told = format!("Your company's provider cannot be asked: {message}.");
            sign_in::refused(&visit, SignInRefused::Wrong, &told)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// To the provider once more, for whoever is signed in.
pub async fn depart_again(visit: Visit) -> Result<Response, Trouble> {
    let staff = Some(visit.staff().staff);
    let begun = staff_company::begin(&visit.desk(), way(&visit)?, staff, &visit.next()).await?;
    Ok(away(&visit, &begun))
}

fn away(visit: &Visit, departure: &staff_company::Departure) -> Response {
    let page = Page {
        frame: visit.frame("On to your company"),
        url: departure.url.clone(),
    };
    let mut response = render(StatusCode::OK, PageClass::Console, &page);
    let cookies = visit.app.cookies;
    let set = cookies.set_strict(cookies.staff_trip(), &departure.cookie, staff_company::LIFE);
    response.headers_mut().append(SET_COOKIE, set);
    response
}

/// Where the provider sends the browser: on to ourselves, from our own site.
pub async fn callback(visit: Visit) -> Result<Response, Trouble> {
    way(&visit)?;
    let page = Page {
        frame: visit.frame("Back from your company"),
        url: format!("/admin/login/company/finish?{}", answer(&visit)),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// What of the provider's answer is carried on.
fn answer(visit: &Visit) -> String {
    let mut answer = Serializer::new(String::new());
    for name in ANSWER {
        for value in visit.query.all(name) {
            answer.append_pair(name, value);
        }
    }
    answer.finish()
}

/// Takes the provider's answer: whoever is signed in confirms it, anybody else signs in.
pub async fn finish(mut visit: Visit) -> Result<Response, Trouble> {
    visit.find_session().await?;
    let answer = answer(&visit);
    let cookies = visit.app.cookies;
    let trip = visit
        .browser
        .cookies(&visit.app)
        .token(cookies.staff_trip());
    let desk = visit.desk();
    let way = way(&visit)?;
    if visit.role().is_some() {
        let staff = visit.staff();
        let who = (staff.staff, staff.session);
        let back = staff_company::come_back(&desk, way, Some(who.0), trip.as_ref(), &answer).await;
        match back {
            // No trip to confirm: one to sign in, perhaps.
            Err(SignInRefused::LinkIsOver) => {}
            Err(why) => return sign_in::refused_again(&visit, why, NOT_CONFIRMED).await,
            Ok(back) => {
                return match staff_company::prove_again(&desk, way, &back, who).await {
                    Ok(cookie) => Ok(sign_in::sent_to(&visit, &cookie, &back.next)),
                    Err(why) => sign_in::refused_again(&visit, why, NOT_CONFIRMED).await,
                };
            }
        }
    }
    let back = match staff_company::come_back(&desk, way, None, trip.as_ref(), &answer).await {
        Ok(back) => back,
        Err(why) => return sign_in::refused(&visit, why, REFUSED),
    };
    let earlier = visit.browser.cookies(&visit.app).token(cookies.staff());
    let browser = visit.browser_name();
    match staff_company::sign_in(&desk, way, &back, earlier.as_ref(), &browser).await {
        Ok(opened) => Ok(sign_in::sent_to(&visit, &opened.cookie, &back.next)),
        Err(why) => sign_in::refused(&visit, why, REFUSED),
    }
}

const REFUSED: &str = "Your company's provider did not let you in here. Ask an owner of this console which \
    role you should have there, or try once more.";
const NOT_CONFIRMED: &str =
    "Your company's provider did not confirm that it is you. Try once more.";
