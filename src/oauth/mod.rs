//! The words and rules of OAuth and OpenID Connect. Pure: no I/O, no clock, no database.

pub mod acr;
pub mod claims_request;
pub mod distinguished_name;
pub mod dpop;
pub mod error;
pub mod jwk;
pub mod jws;
pub mod locale;
pub mod logout;
pub mod params;
pub mod pkce;
pub mod prompt;
#[cfg(test)]
mod properties;
pub mod redirect;
pub mod request;
pub mod request_object;
pub mod response_mode;
pub mod scope;
pub mod signing_alg;
