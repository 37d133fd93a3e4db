//! `/audit/records/{id}`: one record, its proof, and what is personal in it.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::admin::audit;
use crate::admin::audit_story::{self, Leaf};
use crate::admin::moment::Id;
use crate::api::body::{Body, Name};
use crate::api::guard::Caller;
use crate::api::problem::No;
use crate::api::schemas;
use crate::ledger::{LedgerError, prove, public_key};
use crate::store::db::StoreError;
use crate::web::app::App;
use crate::web::failure::Failure;

/// A record and where the log has it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlacedRecord {
    /// Names it.
    #[schemars(with = "Id")]
    id: Uuid,
    /// Whether it carries our MAC.
    authentic: bool,
    /// The number, masked; null if there is none or it was erased.
    number: Option<String>,
    /// Whether something personal is kept with it.
    has_personal: bool,
    /// Its leaf; null until it is sealed.
    leaf: Option<LeafView>,
    /// What was recorded.
    record: Map<String, Value>,
}

/// Where the log has a record.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Leaf")]
pub struct LeafView {
    /// The log's name.
    origin: String,
    /// Which leaf, from 0.
    leaf: i64,
    /// Whether the last checkpoint covers it.
    covered: bool,
}

impl From<Leaf> for LeafView {
    fn from(leaf: Leaf) -> Self {
        Self {
            covered: leaf.leaf < leaf.covered,
            origin: leaf.origin,
            leaf: leaf.leaf,
        }
    }
}

/// That a record is in the log, to be checked without us.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InclusionProof {
    /// The log's name.
    origin: String,
    /// The key that checks its checkpoints.
    key: String,
    /// Which leaf.
    leaf: u64,
    /// The record's exact bytes.
    body: String,
    /// Their leaf hash.
    hash: String,
    /// RFC 6962's audit path.
    proof: Vec<String>,
    /// The checkpoint it leads to.
    checkpoint: String,
}

/// Why somebody wants to see what is personal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmaskReason {
    /// It stays in the log.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// What is personal in a record.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PersonalPart {
    /// The number, E.164.
    number: Option<String>,
    /// The browser's address.
    address: Option<String>,
    /// The browser's name for itself.
    user_agent: Option<String>,
}

/// Shows a record and where the log has it.
#[utoipa::path(get, path = "/audit/records/{id}", operation_id = "show_record", tag = "audit",
    params(("id" = Uuid, Path, description = "Its id: the txn of an ID token.")),
    responses((status = 200, description = "The record.", body = schemas::PlacedRecord)))]
pub async fn show(caller: Caller, Name(id): Name<Uuid>) -> Result<Json<PlacedRecord>, No> {
    let step = audit_story::one(&caller.desk, id).await?;
    Ok(Json(PlacedRecord {
        id,
        authentic: step.entry.authentic,
        number: step.entry.number,
        has_personal: step.has_personal,
        leaf: step.leaf.map(LeafView::from),
        record: match step.entry.body {
            Value::Object(members) => members,
            _ => Map::new(),
        },
    }))
}

/// Proves that a record is in the log.
#[utoipa::path(get, path = "/audit/records/{id}/proof", operation_id = "prove_record", tag = "audit",
    params(("id" = Uuid, Path, description = "The record's id.")),
    responses(
        (status = 200, description = "The proof.", body = schemas::InclusionProof),
        (status = 409, description = "No checkpoint covers it yet.")))]
pub async fn proof(
    State(app): State<App>,
    _caller: Caller,
    Name(id): Name<Uuid>,
) -> Result<Json<InclusionProof>, No> {
    let ours = |error: LedgerError| No::from(Failure::internal(error));
    let now = app.clock.now();
    let key = public_key(&app.db, &app.vault, now).await.map_err(ours)?;
    let mut db = app.db.relaxed().acquire().await.map_err(StoreError::from)?;
    let proved = prove::inclusion(&mut db, &key, id).await.map_err(ours)?;
    let proof = proved.map_err(|why| {
        No::new(StatusCode::CONFLICT, "not_proved", why.to_string())
            .fix("A record is sealed within seconds and covered within a minute.")
    })?;
    Ok(Json(InclusionProof {
        origin: proof.origin,
        key: proof.key,
        leaf: proof.leaf,
        body: proof.body,
        hash: proof.hash,
        proof: proof.proof,
        checkpoint: proof.checkpoint,
    }))
}

/// Shows what is personal in a record. That somebody saw it is recorded, with the reason.
#[utoipa::path(post, path = "/audit/records/{id}/unmask", operation_id = "unmask_record", tag = "audit",
    params(("id" = Uuid, Path, description = "The record's id.")),
    request_body = schemas::UnmaskReason,
    responses((status = 200, description = "What is personal.", body = schemas::PersonalPart)))]
pub async fn unmask(
    caller: Caller,
    Name(id): Name<Uuid>,
    Body { value, .. }: Body<UnmaskReason>,
) -> Result<Json<PersonalPart>, No> {
    let personal = audit::unmask(&caller.desk, id, &value.reason).await?;
    Ok(Json(PersonalPart {
        number: personal.number,
        address: personal.address,
        user_agent: personal.user_agent,
    }))
}
