//! Configuration: one struct, read once from file, environment and flags; parts are handed down.
