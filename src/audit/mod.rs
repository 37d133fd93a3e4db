//! What is recorded, and its exact bytes. Pure.
