//! The browser's journey through one login.
