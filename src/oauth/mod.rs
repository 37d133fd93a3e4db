//! The words and rules of OAuth and OpenID Connect. Pure: no I/O, no clock, no database.

pub mod acr;
pub mod claims_request;
pub mod error;
pub mod logout;
pub mod params;
pub mod pkce;
pub mod prompt;
pub mod redirect;
pub mod request;
pub mod response_mode;
pub mod scope;
pub mod signing_alg;
