//! The only SQL: a row struct and its statements per file, the composite steps of a login in
//! [`path`], those of its tokens in [`tokens`]. Functions take a connection (or a pool for single statements); callers own
//! transactions. Only the layers above call these; nothing here decides.

pub mod api_answers;
pub mod api_tokens;
pub mod assertions;
pub mod audit;
pub mod breakers;
pub mod checkpoints;
pub mod checks;
pub mod client_pages;
pub mod client_registrations;
pub mod client_settings;
pub mod clients;
pub mod committed;
pub mod db;
pub mod epochs;
pub mod finder;
pub mod grants;
pub mod health;
pub mod keys;
pub mod lane;
pub mod log;
pub mod logins;
pub mod logout;
pub mod operators;
pub mod overview;
pub mod path;
pub mod pushed;
pub mod ranges;
pub mod restraint;
pub mod sessions;
pub mod staff;
pub mod staff_sessions;
pub mod staff_sign_in;
pub mod tokens;
pub mod trials;
pub mod usage;
