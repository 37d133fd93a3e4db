//! Web plumbing: state, cookies, CSRF, headers, pages, limits.

pub mod assets;
pub mod cookies;
pub mod csrf;
pub mod headers;
pub mod page;
pub mod plain;
pub mod text;
