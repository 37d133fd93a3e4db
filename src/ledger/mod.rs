//! Records beyond the table they are kept in: streams to other systems, and alerts.

pub mod alerts;
pub mod streams;
