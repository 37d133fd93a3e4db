//! All tests over the wire, in one binary.

mod layers;
