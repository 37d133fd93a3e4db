//! `/staff/{email}/audit-views`: searches of records that a member of staff finds saved in the console.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::admin::moment::{Id, Moment};
use crate::admin::{audit_views, staff};
use crate::api::answers::Made;
use crate::api::body::{Body, Name};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::web::app::App;

/// A saved search.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditView {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// What it is called.
    name: String,
    /// The filters, as they stand in the console's address: client=shop&since=7d.
    filters: String,
    /// When it was saved.
    #[schemars(with = "Moment")]
    created_at: Time,
}

impl From<audit_views::View> for AuditView {
    fn from(view: audit_views::View) -> Self {
        Self {
            id: view.id,
            name: view.name,
            filters: view.filters,
            created_at: view.created_at,
        }
    }
}

/// A search to save.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuditView {
    /// What it is called.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// The filters: reference, login, client, operator, outcome, type, actor, since and until, as in an
    /// address's query. Numbers and networks are not saved.
    #[schemars(length(max = 2000))]
    filters: String,
}

/// Lists the searches an account saved, by name.
#[utoipa::path(get, path = "/staff/{email}/audit-views", operation_id = "list_audit_views", tag = "staff",
    params(("email" = String, Path, description = "The account's address.")),
    responses((status = 200, description = "All of them.", body = schemas::AuditViewList)))]
pub async fn list(caller: Caller, Name(email): Name) -> Result<Json<All<AuditView>>, No> {
    let account = staff::show(&caller.desk, &email).await?;
    let views = audit_views::list(&caller.desk, account.id).await?;
    let items = views.into_iter().map(AuditView::from).collect();
    Ok(Json(All { items }))
}

/// Saves a search for an account.
#[utoipa::path(post, path = "/staff/{email}/audit-views", operation_id = "save_audit_view", tag = "staff",
    params(("email" = String, Path, description = "The account's address.")),
    request_body = schemas::NewAuditView,
    responses((status = 201, description = "The search.", body = schemas::AuditView)))]
pub async fn save(
    State(app): State<App>,
    caller: Caller,
    Name(email): Name,
    key: Key,
    body: Body<NewAuditView>,
) -> Result<Response, No> {
    let Body { value, hash } = body;
    let work = async {
        let account = staff::show(&caller.desk, &email).await?;
        let who = (account.id, account.email.as_str());
        let view = audit_views::save_for(&caller.desk, who, &value.name, &value.filters).await?;
        Ok(Made::new(&AuditView::from(view)))
    };
    once(&app, &caller, key, hash, work).await
}

/// Removes a saved search.
#[utoipa::path(delete, path = "/staff/{email}/audit-views/{id}", operation_id = "remove_audit_view",
    tag = "staff", params(("email" = String, Path, description = "The account's address."),
        ("id" = Uuid, Path, description = "The search's id.")),
    responses((status = 204, description = "It is removed.")))]
pub async fn remove(
    caller: Caller,
    Name((email, id)): Name<(String, Uuid)>,
) -> Result<StatusCode, No> {
    let account = staff::show(&caller.desk, &email).await?;
    audit_views::remove(&caller.desk, account.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
