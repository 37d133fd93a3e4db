//! The words and rules of OAuth and OpenID Connect. Pure: no I/O, no clock, no database.

pub mod dpop;
pub mod error;
pub mod params;
pub mod pkce;
pub mod redirect;
pub mod request;
pub mod scope;
pub mod signing_alg;
