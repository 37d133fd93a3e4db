//! What a session keeps of its verdict: everything a later request's policy may ask about. No number is
//! in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;
use crate::verdict::Method;
use crate::verdict::checks::Check;

/// A verdict `verified`, as its session's row holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proven {
    /// The operator, by alias.
    pub operator: String,
    /// Whether it was a test operator.
    pub test: bool,
    /// How it was asked.
    pub method: Method,
    /// When it answered.
    pub verified_at: Time,
    /// The audit record of the check.
    pub txn: Uuid,
    /// Whether the check ran on another device than the one that signed in.
    pub handoff: bool,
    /// Whether a person pressed a button of ours in that login.
    #[serde(default)]
    pub pressed: bool,
    /// The extra checks by name.
    #[serde(default)]
    pub checks: BTreeMap<String, Check>,
}
