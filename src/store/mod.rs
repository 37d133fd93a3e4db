//! The only SQL: a row struct and its statements per file.
