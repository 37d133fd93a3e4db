//! Whole logins.
