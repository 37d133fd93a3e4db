//! Web plumbing: state, cookies, CSRF, headers, pages, limits.

pub mod app;
pub mod assets;
pub mod authorization;
pub mod brand;
pub mod browser;
pub mod client_authorities;
pub mod client_certificate;
pub mod client_keys;
pub mod cookies;
pub mod csrf;
pub mod export_file;
pub mod failure;
pub mod headers;
pub mod inward;
pub mod known_clients;
pub mod limits;
pub mod page;
pub mod plain;
pub mod problem_details;
pub mod secret_uses;
pub mod text;
pub mod unfinished;
pub mod wishes;
