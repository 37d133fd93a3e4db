//! All tests over the wire, in one binary.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod layers;
