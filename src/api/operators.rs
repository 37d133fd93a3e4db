//! `/operators`: the networks we ask.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::admin::operator_view::{OperatorView, redirect_uri};
use crate::admin::operators::{self, NewOperator};
use crate::admin::{breakers, patch, presets};
use crate::api::answers::Made;
use crate::api::body::{Body, Name, Query};
use crate::api::conditions::{Seen, tagged};
use crate::api::guard::Caller;
use crate::api::lists::{Listed, Listing};
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::operator::test::walk;
use crate::secret::Redacted;
use crate::store::operators::{Credentials, Mode, Operator, Settings};
use crate::web::app::App;

/// An operator to add.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNetwork {
    /// The slug in its callback path; never changed.
    #[schemars(length(min = 1, max = 32))]
    alias: String,
    /// The name people see; the preset's, else the alias if left out.
    name: Option<String>,
    /// Whether it vouches for real numbers; live if left out.
    mode: Option<Mode>,
    /// A known operator's contract to start from; `GET /operator-presets` lists them.
    preset: Option<String>,
    /// The URL that the preset's endpoints stand below.
    base_url: Option<String>,
    /// Its contract, as far as it differs from the preset and the defaults.
    #[schemars(with = "Option<Settings>")]
    settings: Option<Value>,
    /// What we prove ourselves to it with: sealed, and never shown again.
    credentials: Option<GivenCredentials>,
}

/// What we prove ourselves to an operator with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenCredentials {
    /// The secret the operator gave us.
    client_secret: Option<String>,
    /// Our key, PKCS#8 PEM.
    private_key_pem: Option<String>,
    /// The key's id at the operator.
    kid: Option<String>,
}

impl From<GivenCredentials> for Credentials {
    fn from(given: GivenCredentials) -> Self {
        Self {
            client_secret: given.client_secret.map(Redacted::new),
            private_key_pem: given.private_key_pem.map(Redacted::new),
            kid: given.kid,
        }
    }
}

/// What changes of an operator; what is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkPatch {
    /// The name people see.
    name: Option<String>,
    /// Whether it vouches for real numbers.
    mode: Option<Mode>,
    /// What changes of its contract; null takes a member back to its default.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    settings: Option<Value>,
    /// New credentials, instead of all earlier ones.
    credentials: Option<GivenCredentials>,
}

/// How a connection test went.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConnectionTest {
    /// Whether all is as it must be.
    ok: bool,
    /// What was tried, one after the other.
    steps: Vec<TestStep>,
}

/// One step of a connection test.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TestStep {
    /// What was tried.
    name: String,
    /// Whether it is as it must be.
    ok: bool,
    /// What was found.
    detail: String,
    /// What to do about it.
    fix: Option<String>,
}

/// Lists operators by alias.
#[utoipa::path(get, path = "/operators", operation_id = "list_operators", tag = "operators", params(Listing),
    responses((status = 200, description = "A page of operators.", body = schemas::OperatorPage)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<Json<Listed<OperatorView>>, No> {
    let page = operators::page(&caller.desk, &query.wanted()).await?;
    let open = breakers::open(&caller.desk).await?;
    let issuer = Some(&app.config.issuer);
    let page = page.map(|operator| OperatorView::of(&operator, issuer, &open));
    Ok(Json(page.into()))
}

/// Adds an operator, from a preset, settings, or both.
#[utoipa::path(post, path = "/operators", operation_id = "add_operator", tag = "operators",
    request_body = schemas::NewNetwork,
    responses((status = 201, description = "The operator.", body = schemas::Operator)))]
pub async fn add(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    body: Body<NewNetwork>,
) -> Result<Response, No> {
    let Body { value, hash } = body;
    let work = async {
        let mode = value.mode.unwrap_or(Mode::Live);
        let mut name = None;
        let mut settings = Settings::default();
        if let Some(preset) = &value.preset {
            let preset = presets::find(preset)?;
            let contract = preset.settings(value.base_url.as_deref(), mode)?;
            settings = patch::operator_settings(&settings, Value::Object(contract))?;
            name = Some(preset.title.clone());
        }
        let over = value.settings.unwrap_or_else(|| json!({}));
        let new = NewOperator {
            settings: patch::operator_settings(&settings, over)?,
            name: value.name.or(name).unwrap_or_else(|| value.alias.clone()),
            alias: value.alias,
            mode,
            credentials: value.credentials.map(Credentials::from).unwrap_or_default(),
        };
        let operator = operators::add(&caller.desk, new).await?;
        app.forget("operators").await;
        let view = OperatorView::of(&operator, Some(&app.config.issuer), &[]);
        Ok(Made::new(&view)
            .at("operators", &view.alias)
            .revision(view.revision))
    };
    once(&app, &caller, key, hash, work).await
}

/// Shows an operator, without its credentials.
#[utoipa::path(get, path = "/operators/{alias}", operation_id = "show_operator", tag = "operators",
    params(("alias" = String, Path, description = "Its alias.")),
    responses((status = 200, description = "The operator.", body = schemas::Operator,
        headers(("ETag" = String, description = "Its state, for If-Match.")))))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Name(alias): Name,
) -> Result<Response, No> {
    let operator = operators::show(&caller.desk, &alias).await?;
    shown(&app, &caller, &operator).await
}

/// Changes an operator: what is left out stays.
#[utoipa::path(patch, path = "/operators/{alias}", operation_id = "change_operator", tag = "operators",
    params(("alias" = String, Path, description = "Its alias."), schemas::IfMatch),
    request_body(content = schemas::NetworkPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The operator as it is now.", body = schemas::Operator,
        headers(("ETag" = String, description = "Its new state.")))))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Name(alias): Name,
    Seen(seen): Seen,
    Body { value, .. }: Body<NetworkPatch>,
) -> Result<Response, No> {
    let before = operators::show(&caller.desk, &alias).await?;
    let settings = match value.settings {
        Some(changes) => patch::operator_settings(&before.settings, changes)?,
        None => before.settings.clone(),
    };
    let edit = |fields: &mut operators::Editable| {
        fields.name = value.name.unwrap_or(std::mem::take(&mut fields.name));
        fields.mode = value.mode.unwrap_or(fields.mode);
        fields.settings = settings;
        fields.credentials = value.credentials.map(Credentials::from);
    };
    let seen = seen.or(Some(before.revision));
    let operator = operators::update(&caller.desk, &alias, seen, edit).await?;
    app.forget("operators").await;
    shown(&app, &caller, &operator).await
}

/// Sends nobody to an operator any more.
#[utoipa::path(post, path = "/operators/{alias}/pause", operation_id = "pause_operator", tag = "operators",
    params(("alias" = String, Path, description = "Its alias.")),
    responses((status = 200, description = "The operator as it is now.", body = schemas::Operator)))]
pub async fn pause(
    State(app): State<App>,
    caller: Caller,
    Name(alias): Name,
) -> Result<Response, No> {
    switch(&app, &caller, &alias, true).await
}

/// Asks a paused operator again.
#[utoipa::path(post, path = "/operators/{alias}/resume", operation_id = "resume_operator", tag = "operators",
    params(("alias" = String, Path, description = "Its alias.")),
    responses((status = 200, description = "The operator as it is now.", body = schemas::Operator)))]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Name(alias): Name,
) -> Result<Response, No> {
    switch(&app, &caller, &alias, false).await
}

async fn switch(app: &App, caller: &Caller, alias: &str, paused: bool) -> Result<Response, No> {
    operators::set_disabled(&caller.desk, alias, paused).await?;
    app.forget("operators").await;
    let operator = operators::show(&caller.desk, alias).await?;
    shown(app, caller, &operator).await
}

/// Tries an operator's endpoints one after the other, as far as that goes without a phone.
#[utoipa::path(post, path = "/operators/{alias}/test", operation_id = "test_operator", tag = "operators",
    params(("alias" = String, Path, description = "Its alias.")),
    responses((status = 200, description = "How it went, well or not.", body = schemas::ConnectionTest)))]
pub async fn test(
    State(app): State<App>,
    caller: Caller,
    Name(alias): Name,
) -> Result<Json<ConnectionTest>, No> {
    let operator = operators::show(&caller.desk, &alias).await?;
    let credentials = operator.credentials(&caller.desk.vault)?;
    let back = redirect_uri(&app.config.issuer, &alias);
    let steps = walk(&app.outbound, &operator, &credentials, &back, &app.clock).await;
    let steps: Vec<_> = steps
        .into_iter()
        .map(|step| TestStep {
            name: step.name.to_owned(),
            ok: step.ok,
            detail: step.detail,
            fix: step.fix.map(|fix| fix.to_owned()),
        })
        .collect();
    Ok(Json(ConnectionTest {
        ok: steps.iter().all(|step| step.ok),
        steps,
    }))
}

async fn shown(app: &App, caller: &Caller, operator: &Operator) -> Result<Response, No> {
    let open = breakers::open(&caller.desk).await?;
    let view = OperatorView::of(operator, Some(&app.config.issuer), &open);
    Ok(tagged(operator.revision, Json(view)))
}
