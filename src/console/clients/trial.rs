//! "Try sign-in": the real flow with a client's own settings, each step shown and each check ticked.
//! The request leaves by a plain link; the answer comes to `/admin/try/callback`, which anybody may
//! open, because the console's cookie does not come along from another site: the `state` says whose
//! it is, and only its owner sees what came of it.

mod conclude;

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::admin::Refused;
use crate::admin::trials::{self, Kept, Seen, Wish};
use crate::console::audit::step::{Shown, shown};
use crate::console::clients::named;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::phone::PhoneNumber;
use crate::secret::Token;
use crate::store::clients::Client;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Where the copy's answers come to.
pub(super) const CALLBACK: &str = "/admin/try/callback";
/// What a trial may ask for besides `openid`.
const SCOPES: [&str; 2] = ["number_verified", "phone"];

#[derive(Template)]
#[template(path = "console/try_new.html")]
struct Form {
    frame: Frame,
    client: Client,
    number: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/try.html")]
struct Page {
    frame: Frame,
    trial: Seen,
    url: String,
    header: String,
    claims: String,
    explained: Vec<(String, &'static str)>,
    userinfo: String,
    failed: usize,
    /// What was recorded on the way, the trips to operators among it.
    steps: Vec<Shown>,
    login: Option<Uuid>,
}

#[derive(Template)]
#[template(path = "console/try_back.html")]
struct Back {
    frame: Frame,
    page: String,
}

/// The form.
pub async fn ask(visit: Visit) -> Result<Response, Trouble> {
    form(&visit, StatusCode::OK, None).await
}

/// Makes the copy and the request, and shows it before anything is sent.
pub async fn begin(visit: Visit) -> Result<Response, Trouble> {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let number = visit.field("number").trim();
    let hint = match (number, PhoneNumber::parse(number, None)) {
        ("", _) => None,
        (_, Ok(number)) => Some(format!("tel:{}", number.e164())),
        (_, Err(_)) => {
            let told = "This is no phone number. Write it with its country code.".to_owned();
            return form(&visit, unprocessable, Some(told)).await;
        }
    };
    let scope = visit.field("scope");
    let Some(scope) = SCOPES.iter().find(|known| **known == scope) else {
        return form(&visit, unprocessable, Some("Choose a scope.".to_owned())).await;
    };
    let wish = Wish {
        scope: (*scope).to_owned(),
        hint,
    };
    let callback = visit.app.config.issuer.url(CALLBACK);
    let (staff, client_id) = (visit.staff().staff, visit.path("client_id"));
    match trials::begin(&visit.desk(), staff, client_id, wish, &callback).await {
        Ok(id) => {
            visit.app.forget("clients").await;
            Ok(Redirect::to(&format!("/admin/try/{id}")).into_response())
        }
        Err(refused @ Refused::Invalid { .. }) => {
            form(&visit, unprocessable, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The request, or what came of it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let given = visit.path("id");
    let id = Uuid::parse_str(given).map_err(|_| Refused::NotFound {
        what: "trial",
        id: given.chars().take(40).collect(),
    })?;
    let trial = trials::show(&visit.desk(), visit.staff().staff, id).await?;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let outcome = trial.outcome.as_ref();
    let story = match outcome {
        Some(_) => trials::story(&visit.desk(), &trial.kept).await?,
        None => Vec::new(),
    };
    let steps: Vec<Shown> = story.iter().map(shown).collect();
    let page = Page {
        frame: visit.frame("Try sign-in"),
        url: authorize_url(&visit, &trial.kept),
        header: outcome.map_or_else(String::new, |outcome| pretty(&outcome.header)),
        claims: outcome.map_or_else(String::new, |outcome| pretty(&outcome.claims)),
        explained: outcome.map_or_else(Vec::new, |outcome| explained(&outcome.claims)),
        userinfo: outcome.map_or_else(String::new, |outcome| pretty(&outcome.userinfo)),
        failed: outcome.map_or(0, |outcome| {
            outcome.checks.iter().filter(|check| !check.ok).count()
        }),
        login: steps.iter().find_map(|step| step.login),
        steps,
        trial,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// The answer: what an app's server does with it is done here, and kept for its owner.
pub async fn callback(visit: Visit) -> Result<Response, Trouble> {
    let state = visit.query.get("state").and_then(Token::parse);
    let state = state.ok_or_else(|| Refused::NotFound {
        what: "trial",
        id: "with this state".to_owned(),
    })?;
    let desk = visit.desk();
    let (id, kept) = trials::claim(&desk, &state).await?;
    let outcome = conclude::conclude(&visit, &kept).await;
    trials::finish(&desk, id, &outcome).await?;
    visit.app.forget("clients").await;
    let page = Back {
        frame: visit.frame("Back to the console"),
        page: format!("/admin/try/{id}"),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// What each claim of a token means.
fn explained(claims: &Value) -> Vec<(String, &'static str)> {
    const MEANINGS: [(&str, &str); 15] = [
        ("iss", "who says all this: this server"),
        (
            "sub",
            "the owner of the number, as this app alone knows them",
        ),
        ("aud", "whom it is for: the app (here its copy)"),
        ("exp", "refuse it from then on"),
        ("iat", "when it was made"),
        ("auth_time", "when the operator really checked the number"),
        (
            "nonce",
            "what the request sent, so that no other answer fits",
        ),
        ("at_hash", "binds the access token that came with it"),
        ("acr", "how sure this is"),
        ("amr", "how it was found out"),
        ("sid", "the session, for a logout"),
        ("txn", "the receipt: the audit record with this id"),
        ("phone_number", "the number that was checked"),
        ("phone_number_verified", "the SIM in this phone has it"),
        ("number_verification", "who checked it, how, and when"),
    ];
    let known = |name: &String| {
        let (_, meaning) = MEANINGS.iter().find(|(known, _)| known == name)?;
        Some((name.clone(), *meaning))
    };
    let claims = claims.as_object().into_iter().flatten();
    claims.filter_map(|(name, _)| known(name)).collect()
}

fn authorize_url(visit: &Visit, kept: &Kept) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&kept.parameters);
    visit
        .app
        .config
        .issuer
        .url(&format!("/authorize?{}", query.finish()))
}

async fn form(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let page = Form {
        frame: visit.frame("Try sign-in"),
        client: named(visit).await?,
        number: visit.field("number").to_owned(),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
