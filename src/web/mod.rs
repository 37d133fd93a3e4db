//! Web plumbing: state, cookies, CSRF, headers, pages, limits.

pub mod app;
pub mod assets;
pub mod browser;
pub mod cookies;
pub mod csrf;
pub mod failure;
pub mod headers;
pub mod limits;
pub mod page;
pub mod plain;
pub mod text;
pub mod unfinished;
