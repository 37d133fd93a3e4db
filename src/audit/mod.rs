//! What is recorded, and its exact bytes. Pure.

pub mod event;
mod event_fields;
pub mod networks;
pub mod record;
