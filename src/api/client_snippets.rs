//! `/clients/{client_id}/snippets`: code that signs people in with an app.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::client_snippets::{environment, snippets};
use crate::admin::clients;
use crate::api::body::Name;
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::web::app::App;

/// Code for the libraries people use.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Snippets {
    /// The variables that the code reads; an app's secret is never shown again.
    environment: String,
    /// The code, library by library.
    snippets: Vec<Snippet>,
}

/// Code for one library.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Snippet {
    /// A short name.
    name: String,
    /// The library.
    library: String,
    /// What it is written in.
    language: String,
    /// The code, with the app's own values.
    code: String,
}

/// Shows code that signs people in with an app, with the app's own values.
#[utoipa::path(get, path = "/clients/{client_id}/snippets", operation_id = "list_client_snippets", tag = "clients",
    params(("client_id" = String, Path, description = "Its client_id.")),
    responses((status = 200, description = "The code.", body = schemas::Snippets)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Name(client_id): Name,
) -> Result<Json<Snippets>, No> {
    let client = clients::show(&caller.desk, &client_id).await?;
    let issuer = app.config.issuer.as_str();
    let view = |one: crate::admin::client_snippets::Snippet| Snippet {
        name: one.name.to_owned(),
        library: one.library.to_owned(),
        language: one.language.to_owned(),
        code: one.code,
    };
    Ok(Json(Snippets {
        environment: environment(issuer, &client, None),
        snippets: snippets(issuer, &client).into_iter().map(view).collect(),
    }))
}
