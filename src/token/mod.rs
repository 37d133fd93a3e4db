//! Signing keys, ID tokens and the claims in them.
