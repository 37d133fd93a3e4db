//! Tokens: what a client makes of a grant. Each step is one statement with its guard, its effect and
//! its audit records, as in [`crate::store::path`]; a step that finds its guard unmet changes nothing
//! and records nothing.
//!
//! A grant has one code, so all its refresh tokens are one family: ending the grant ends the family
//! and every access token.

pub mod access;
pub mod code;
pub mod dpop;
pub mod refresh;

use crate::clock::Time;

/// An access token to store with the step that gives it out.
#[derive(Clone, Copy, Debug)]
pub struct NewAccess<'a> {
    /// Its hash.
    pub hash: &'a [u8],
    /// When it ends.
    pub expires_at: Time,
    /// The resources the token request names; empty: those of the authorization request.
    pub resources: &'a [String],
    /// The thumbprint of the DPoP key it is bound to.
    pub jkt: Option<&'a str>,
    /// The thumbprint of the certificate it is bound to.
    pub x5t: Option<&'a str>,
}

/// What the new tokens are made of.
#[derive(Debug)]
pub struct Granted {
    /// The facts of the verdict.
    pub facts: serde_json::Value,
    /// The number, sealed for the grant's row.
    pub sealed_number: Option<Vec<u8>>,
    /// The resources the access token is for.
    pub audiences: Vec<String>,
    /// Whether a new refresh token was stored.
    pub refreshable: bool,
}
