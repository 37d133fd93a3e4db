//! `/clients`: apps.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::client_logo;
use crate::admin::client_sector::{self, SectorDocument};
use crate::admin::client_view::ClientView;
use crate::admin::clients::{self, NewClient};
use crate::admin::patch;
use crate::api::answers::Made;
use crate::api::body::{Body, Name, Query};
use crate::api::conditions::{Seen, tagged};
use crate::api::guard::Caller;
use crate::api::lists::{Listed, Listing};
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::store::clients::{AuthMethod, Client, Kind, Settings};
use crate::web::app::App;

/// An app to register.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    /// The name people see.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// What runs it: decides how it authenticates if nothing else does.
    #[serde(rename = "type", default = "web")]
    kind: Kind,
    /// How it authenticates.
    token_endpoint_auth_method: Option<AuthMethod>,
    /// Where its users come back to, to the letter.
    #[schemars(length(min = 1, max = 50))]
    redirect_uris: Vec<String>,
    /// Whether test operators may vouch for it, and only for +990 numbers.
    #[serde(default)]
    test: bool,
    /// Its `client_id`; made from the name if left out.
    #[schemars(length(min = 1, max = 64))]
    client_id: Option<String>,
    /// Where all redirect URIs of its sector are listed, if it has several hosts; fetched now.
    sector_identifier_uri: Option<String>,
    /// Its policy, as far as it differs from the defaults.
    #[schemars(with = "Option<Settings>")]
    settings: Option<Value>,
}

fn web() -> Kind {
    Kind::Web
}

/// What changes of an app; what is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppPatch {
    /// The name people see.
    name: Option<String>,
    /// How it authenticates.
    token_endpoint_auth_method: Option<AuthMethod>,
    /// Where its users come back to; all of them.
    redirect_uris: Option<Vec<String>>,
    /// Whether test operators may vouch for it.
    test: Option<bool>,
    /// What changes of its policy; null takes a member back to its default.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    settings: Option<Value>,
}

/// Another sector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSector {
    /// Where all redirect URIs of the new sector are listed; null: the one host of the app's redirect
    /// URIs, else its `client_id`.
    sector_identifier_uri: Option<String>,
    /// Must be true: you know that every person gets a new `sub` there.
    everybody_gets_a_new_sub: bool,
}

/// A picture.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLogo {
    /// A PNG, JPEG or WebP picture of at most 256 KiB and 2048 by 2048 pixels, in base64.
    #[schemars(length(min = 1, max = 349528))]
    image: String,
}

/// Lists apps in the order of their client_id.
#[utoipa::path(get, path = "/clients", operation_id = "list_clients", tag = "clients", params(Listing),
    responses((status = 200, description = "A page of apps.", body = schemas::ClientPage)))]
pub async fn list(
    caller: Caller,
    Query(query): Query<Listing>,
) -> Result<Json<Listed<ClientView>>, No> {
    let page = clients::page(&caller.desk, &query.wanted()).await?;
    let now = caller.desk.now;
    Ok(Json(page.map(|app| ClientView::of(&app, None, now)).into()))
}

/// Registers an app. Its secret, if it keeps one, is in this answer and never again.
#[utoipa::path(post, path = "/clients", operation_id = "create_client", tag = "clients",
    request_body = schemas::NewApp,
    responses((status = 201, description = "The app.", body = schemas::Client)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    body: Body<NewApp>,
) -> Result<Response, No> {
    let Body { value, hash } = body;
    let work = async {
        let settings = value.settings.unwrap_or_else(|| json!({}));
        let new = NewClient {
            settings: patch::client_settings(&Settings::default(), settings)?,
            sector: fetch(&app, value.sector_identifier_uri.as_deref()).await?,
            name: value.name,
            kind: value.kind,
            auth_method: value.token_endpoint_auth_method,
            redirect_uris: value.redirect_uris,
            test: value.test,
            client_id: value.client_id,
        };
        let made = clients::create(&caller.desk, new).await?;
        app.forget("clients").await;
        let secret = made.secret.map(|secret| secret.reveal());
        let view = ClientView::of(&made.client, secret, caller.desk.now);
        Ok(Made::new(&view)
            .at("clients", &view.client_id)
            .revision(view.revision))
    };
    once(&app, &caller, key, hash, work).await
}

/// Shows an app.
#[utoipa::path(get, path = "/clients/{client_id}", operation_id = "show_client", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id.")),
    responses((status = 200, description = "The app.", body = schemas::Client,
        headers(("ETag" = String, description = "Its state, for If-Match.")))))]
pub async fn show(caller: Caller, Name(client_id): Name) -> Result<Response, No> {
    let client = clients::show(&caller.desk, &client_id).await?;
    Ok(shown(&caller, &client))
}

/// Changes an app: what is left out stays. The sector stays in any case.
#[utoipa::path(patch, path = "/clients/{client_id}", operation_id = "change_client", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id."), schemas::IfMatch),
    request_body(content = schemas::AppPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The app as it is now.", body = schemas::Client,
        headers(("ETag" = String, description = "Its new state.")))))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
    Seen(seen): Seen,
    Body { value, .. }: Body<AppPatch>,
) -> Result<Response, No> {
    let before = clients::show(&caller.desk, &client_id).await?;
    let settings = match value.settings {
        Some(changes) => patch::client_settings(&before.settings, changes)?,
        None => before.settings.clone(),
    };
    let known = before.settings.sector_identifier_uri.as_deref();
    let sector = fetch(&app, known.filter(|_| value.redirect_uris.is_some())).await?;
    let edit = |fields: &mut clients::Editable| {
        fields.name = value.name.unwrap_or(std::mem::take(&mut fields.name));
        fields.auth_method = value
            .token_endpoint_auth_method
            .unwrap_or(fields.auth_method);
        fields.test = value.test.unwrap_or(fields.test);
        if let Some(uris) = value.redirect_uris {
            fields.redirect_uris = uris;
        }
        fields.settings = settings;
    };
    // The settings were laid over what was just read: nothing may come between.
    let seen = seen.or(Some(before.revision));
    let client =
        clients::update_in_sector(&caller.desk, &client_id, seen, sector.as_ref(), edit).await?;
    app.forget("clients").await;
    Ok(shown(&caller, &client))
}

/// Ends an app for good: its secrets are gone and it is refused everywhere. Its row stays, so that
/// nobody else is ever taken for it.
#[utoipa::path(delete, path = "/clients/{client_id}", operation_id = "remove_client", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id."), schemas::IfMatch),
    responses((status = 204, description = "It is ended.")))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
    Seen(seen): Seen,
) -> Result<StatusCode, No> {
    clients::remove(&caller.desk, &client_id, seen).await?;
    app.forget("clients").await;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses an app everywhere.
#[utoipa::path(post, path = "/clients/{client_id}/disable", operation_id = "disable_client", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id.")),
    responses((status = 200, description = "The app as it is now.", body = schemas::Client)))]
pub async fn disable(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
) -> Result<Response, No> {
    switch(&app, &caller, &client_id, true).await
}

/// Lets a disabled app work again.
#[utoipa::path(post, path = "/clients/{client_id}/enable", operation_id = "enable_client", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id.")),
    responses((status = 200, description = "The app as it is now.", body = schemas::Client)))]
pub async fn enable(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
) -> Result<Response, No> {
    switch(&app, &caller, &client_id, false).await
}

async fn switch(
    app: &App,
    caller: &Caller,
    client_id: &str,
    disabled: bool,
) -> Result<Response, No> {
    clients::set_disabled(&caller.desk, client_id, disabled).await?;
    app.forget("clients").await;
    let client = clients::show(&caller.desk, client_id).await?;
    Ok(shown(caller, &client))
}

/// Moves an app to another sector: EVERY PERSON GETS A NEW sub THERE.
#[utoipa::path(put, path = "/clients/{client_id}/sector", operation_id = "change_client_sector", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id."), schemas::IfMatch),
    request_body = schemas::NewSector,
    responses((status = 200, description = "The app as it is now.", body = schemas::Client)))]
pub async fn change_sector(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
    Seen(seen): Seen,
    Body { value, .. }: Body<NewSector>,
) -> Result<Response, No> {
    if !value.everybody_gets_a_new_sub {
        let why = "the app would take everybody for somebody new";
        return Err(No::invalid("everybody_gets_a_new_sub", why)
            .fix("If the app is prepared for it, repeat the request with true."));
    }
    let sector = fetch(&app, value.sector_identifier_uri.as_deref()).await?;
    let client = client_sector::change(&caller.desk, &client_id, sector.as_ref(), seen).await?;
    app.forget("clients").await;
    Ok(shown(&caller, &client))
}

/// Gives an app a picture that stands beside its name. It is drawn anew at 256 by 256 pixels at most.
#[utoipa::path(put, path = "/clients/{client_id}/logo", operation_id = "set_client_logo", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id."), schemas::IfMatch),
    request_body = schemas::NewLogo,
    responses((status = 200, description = "The app as it is now.", body = schemas::Client)))]
pub async fn set_logo(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
    Seen(seen): Seen,
    Body { value, .. }: Body<NewLogo>,
) -> Result<Response, No> {
    let picture = STANDARD
        .decode(value.image.as_bytes())
        .map_err(|_| No::invalid("image", "is no base64 (RFC 4648 section 4)"))?;
    let client = client_logo::set(&caller.desk, &client_id, picture, seen).await?;
    app.forget("clients").await;
    Ok(shown(&caller, &client))
}

/// Takes an app's picture away.
#[utoipa::path(delete, path = "/clients/{client_id}/logo", operation_id = "remove_client_logo", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id."), schemas::IfMatch),
    responses((status = 200, description = "The app as it is now.", body = schemas::Client)))]
pub async fn remove_logo(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
    Seen(seen): Seen,
) -> Result<Response, No> {
    let client = client_logo::remove(&caller.desk, &client_id, seen).await?;
    app.forget("clients").await;
    Ok(shown(&caller, &client))
}

async fn fetch(app: &App, uri: Option<&str>) -> Result<Option<SectorDocument>, No> {
    match uri {
        Some(uri) => Ok(Some(client_sector::fetch(&app.outbound, uri).await?)),
        None => Ok(None),
    }
}

fn shown(caller: &Caller, client: &Client) -> Response {
    let view = ClientView::of(client, None, caller.desk.now);
    tagged(client.revision, Json(view))
}
