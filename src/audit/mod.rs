//! What is recorded, and its exact bytes. Pure.

pub mod event;
pub mod networks;
pub mod record;
