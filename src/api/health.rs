//! `/health`: whether all is well, as far as one look tells.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::breakers::{self, OpenBreaker};
use crate::admin::{keys, operators};
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::store::keys::Status;
use crate::web::app::App;

/// How things are.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Whether nothing needs attention.
    ok: bool,
    /// The program's version.
    version: String,
    /// Our issuer.
    issuer: String,
    /// Operators, and which of them people are not sent to.
    operators: Vec<OperatorHealth>,
    /// Algorithms that have no key ready to be next.
    algorithms_without_next_key: Vec<String>,
}

/// One operator.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OperatorHealth {
    /// Its alias.
    alias: String,
    /// Whether staff paused it.
    paused: bool,
    /// Servers that leave it alone because its calls fail.
    breakers: Vec<OpenBreaker>,
}

/// Tells whether all is well. The database answers if this does.
#[utoipa::path(get, path = "/health", operation_id = "show_health", tag = "health",
    responses((status = 200, description = "How things are.", body = schemas::Health)))]
pub async fn show(State(app): State<App>, caller: Caller) -> Result<Json<Health>, No> {
    let open = breakers::open(&caller.desk).await?;
    let its_own = |alias: &str| {
        open.iter()
            .filter(|one| one.operator == alias)
            .cloned()
            .collect()
    };
    let operators: Vec<_> = operators::list(&caller.desk)
        .await?
        .into_iter()
        .map(|operator| OperatorHealth {
            breakers: its_own(&operator.alias),
            paused: operator.disabled_at.is_some(),
            alias: operator.alias,
        })
        .collect();
    let rows = keys::list(&caller.desk).await?;
    let has = |alg: &str, status| {
        rows.iter()
            .any(|row| row.alg == alg && row.status == status)
    };
    let mut bare: Vec<String> = rows
        .iter()
        .map(|row| row.alg.clone())
        .filter(|alg| has(alg, Status::Active) && !has(alg, Status::Next))
        .collect();
    bare.sort();
    bare.dedup();
    Ok(Json(Health {
        ok: open.is_empty() && bare.is_empty(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        issuer: app.config.issuer.as_str().to_owned(),
        operators,
        algorithms_without_next_key: bare,
    }))
}
