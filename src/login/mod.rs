//! The browser's journey through one login.

pub mod view;
