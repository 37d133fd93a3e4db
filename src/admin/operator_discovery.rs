//! An operator that no preset knows, as its discovery document tells it: CAMARA's contract with what the
//! document says over it. Nothing is stored; staff look at it first.

use serde_json::Value;

use crate::admin::{Refused, patch, presets};
use crate::operator::found;
use crate::outbound::Outbound;
use crate::store::operators::{Mode, Settings};

/// The contract that a document is laid over.
///
/// # Errors
/// [`Refused`] if our own preset cannot be read.
pub fn start() -> Result<Settings, Refused> {
    let camara = presets::find("camara")?;
    // The base is what the document is asked for.
    let contract = camara.settings(Some(""), Mode::Live)?;
    patch::operator_settings(&Settings::default(), Value::Object(contract))
}

/// The contract of the operator with this issuer.
///
/// # Errors
/// [`Refused::Invalid`] with what is wrong with its document.
pub async fn look_up(outbound: &Outbound, issuer: &str) -> Result<Settings, Refused> {
    let found = found::look_up(outbound, issuer, &start()?).await;
    found.map_err(|why| Refused::invalid("issuer", why))
}
