//! The words and rules of OAuth and OpenID Connect. Pure: no I/O, no clock, no database.
