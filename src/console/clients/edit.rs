//! `/admin/clients/{client_id}/settings`: what may be changed of a client, and what it may do.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::clients::{self, Editable};
use crate::admin::{Refused, operators};
use crate::console::clients::{field_of, lines, named, page_of};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::{CHANGED_MEANWHILE, Trouble};
use crate::console::visit::Visit;
use crate::store::checks::{CheckPolicy, Policy};
use crate::store::clients::{Client, Confirm, Handoff, Hint, Settings};
use crate::web::headers::PageClass;
use crate::web::page::render;

struct OperatorChoice {
    alias: String,
    name: String,
    chosen: bool,
}

/// One of the extra checks, as the form shows it.
struct Check {
    name: &'static str,
    label: &'static str,
    wanted: CheckPolicy,
    hours: String,
}

/// Where a number stands among a client's settings, in the form's word for it.
type Place = fn(&mut Settings, u32);

/// The numbers of the form that must be there.
const NUMBERS: [(&str, Place); 3] = [
    ("fresh_for_s", |settings, value| {
        settings.fresh_for_s = value
    }),
    ("sim_swap_hours", |settings, value| {
        settings.checks.sim_swap.max_age_hours = value;
    }),
    ("number_recycling_hours", |settings, value| {
        settings.checks.number_recycling.max_age_hours = value;
    }),
];

#[derive(Template)]
#[template(path = "console/client_edit.html")]
struct Page {
    frame: Frame,
    client_id: String,
    revision: i32,
    name: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    test: bool,
    keeps_secret: bool,
    settings: Settings,
    fresh_for_s: String,
    access_token_s: String,
    quota_per_month: String,
    checks: [Check; 2],
    operators: Vec<OperatorChoice>,
    refused: Option<String>,
}

impl Page {
    fn confirm_is(&self, word: &str) -> bool {
        confirm_of(word) == self.settings.confirm
    }

    fn text<'a>(&self, value: &'a Option<String>) -> &'a str {
        value.as_deref().unwrap_or_default()
    }

    fn policy_is(&self, check: &Check, word: &str) -> bool {
        policy_of(word) == check.wanted.policy
    }
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let client = named(&visit).await?;
    form(&visit, StatusCode::OK, client, None).await
}

/// Saves what was changed.
pub async fn save(visit: Visit) -> Result<Response, Trouble> {
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    let client_id = visit.path("client_id");
    let saved = match numbers(&visit) {
        Ok(numbers) => {
            let edit = |client: &mut Editable| {
                write(&visit, client);
                numbers.put(&mut client.settings);
            };
            clients::update(&visit.desk(), client_id, Some(seen), edit).await
        }
        Err(refused) => Err(refused),
    };
    let refused = match saved {
        Ok(client) => {
            visit.app.forget("clients").await;
            let done = if client.revision == seen {
                "nothing"
            } else {
                "saved"
            };
            return Ok(to(&page_of(client_id), done));
        }
        Err(refused) => refused,
    };
    // What was written stays in the form.
    let mut client = named(&visit).await?;
    let (status, told) = match refused {
        Refused::Stale => (StatusCode::CONFLICT, CHANGED_MEANWHILE.to_owned()),
        other => {
            // What others saved since the form was opened is found at the next try.
            client.revision = seen;
            let (field, message) = field_of(other)?;
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("{field}: {message}"),
            )
        }
    };
    let mut fields = Editable::of(&client);
    write(&visit, &mut fields);
    client.name = fields.name;
    client.redirect_uris = fields.redirect_uris;
    client.test = fields.test;
    client.settings = fields.settings;
    form(&visit, status, client, Some(told)).await
}

/// Writes the form's fields into a client. What the form does not show stays.
fn write(visit: &Visit, client: &mut Editable) {
    let ticked = |name| visit.field(name) == "yes";
    let text = |name| {
        let text = visit.field(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    client.name = visit.field("name").trim().to_owned();
    client.redirect_uris = lines(visit.field("redirect_uris"));
    client.test = ticked("test");
    let settings = &mut client.settings;
    settings.operators = visit.form.all("operators").map(str::to_owned).collect();
    settings.confirm = confirm_of(visit.field("confirm"));
    settings.hint = if ticked("hint_suggestion") {
        Hint::Suggestion
    } else {
        Hint::Fixed
    };
    settings.handoff = if ticked("handoff") {
        Handoff::On
    } else {
        Handoff::Off
    };
    settings.checks.sim_swap.policy = policy_of(visit.field("sim_swap"));
    settings.checks.sim_swap.fail_open = ticked("sim_swap_fail_open");
    settings.checks.number_recycling.policy = policy_of(visit.field("number_recycling"));
    settings.checks.number_recycling.fail_open = ticked("number_recycling_fail_open");
    settings.silent_check = ticked("silent_check");
    settings.require_pkce = ticked("require_pkce");
    settings.require_pushed = ticked("require_pushed");
    settings.claims_in_userinfo_only = ticked("claims_in_userinfo_only");
    settings.post_logout_redirect_uris = lines(visit.field("post_logout_redirect_uris"));
    settings.backchannel_logout_uri = text("backchannel_logout_uri");
}

fn confirm_of(word: &str) -> Confirm {
    match word {
        "always" => Confirm::Always,
        "never" => Confirm::Never,
        _ => Confirm::FirstTime,
    }
}

fn policy_of(word: &str) -> Policy {
    match word {
        "report" => Policy::Report,
        "require" => Policy::Require,
        _ => Policy::Off,
    }
}

/// The numbers that a form says.
struct Numbers {
    must: [u32; NUMBERS.len()],
    access_token_s: Option<u32>,
    quota_per_month: Option<u32>,
}

impl Numbers {
    fn put(&self, settings: &mut Settings) {
        for ((_, place), value) in NUMBERS.iter().zip(self.must) {
            place(settings, value);
        }
        settings.access_token_s = self.access_token_s;
        settings.quota_per_month = self.quota_per_month;
    }
}

fn numbers(visit: &Visit) -> Result<Numbers, Refused> {
    let number = |field: &'static str| {
        let read = visit.field(field).trim().parse::<u32>();
        read.map_err(|_| Refused::Invalid {
            field,
            message: "write a whole number".to_owned(),
        })
    };
    let mut must = [0; NUMBERS.len()];
    for ((field, _), value) in NUMBERS.iter().zip(&mut must) {
        *value = number(field)?;
    }
    let may = |field: &'static str| match visit.field(field).trim() {
        "" => Ok(None),
        _ => number(field).map(Some),
    };
    Ok(Numbers {
        must,
        access_token_s: may("access_token_s")?,
        quota_per_month: may("quota_per_month")?,
    })
}

async fn form(
    visit: &Visit,
    status: StatusCode,
    client: Client,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let all = operators::list(&visit.desk()).await?;
    let chosen = &client.settings.operators;
    // A number that is none stands in the form as it was written.
    let number = |field: &'static str, stored: Option<u32>| match refused {
        Some(_) => visit.field(field).to_owned(),
        None => stored.map_or_else(String::new, |value| value.to_string()),
    };
    let settings = &client.settings;
    let check = |name, label, hours, wanted: CheckPolicy| Check {
        name,
        label,
        wanted,
        hours: number(hours, Some(wanted.max_age_hours)),
    };
    let checks = [
        check(
            "sim_swap",
            "Whether the number moved to another SIM lately",
            "sim_swap_hours",
            settings.checks.sim_swap,
        ),
        check(
            "number_recycling",
            "Whether the number was given to somebody else",
            "number_recycling_hours",
            settings.checks.number_recycling,
        ),
    ];
    let page = Page {
        frame: visit.frame("Settings of this app"),
        operators: all
            .into_iter()
            .map(|operator| OperatorChoice {
                chosen: chosen.contains(&operator.alias),
                alias: operator.alias,
                name: operator.name,
            })
            .collect(),
        redirect_uris: client.redirect_uris.join("\n"),
        post_logout_redirect_uris: client.settings.post_logout_redirect_uris.join("\n"),
        keeps_secret: client.is_confidential(),
        client_id: client.client_id,
        revision: client.revision,
        name: client.name,
        test: client.test,
        fresh_for_s: number("fresh_for_s", Some(settings.fresh_for_s)),
        access_token_s: number("access_token_s", settings.access_token_s),
        quota_per_month: number("quota_per_month", settings.quota_per_month),
        checks,
        settings: client.settings,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
