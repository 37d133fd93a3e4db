//! The integration tests: our real server on a free port, a Postgres of its own, our simulator as the
//! operator, and the `openidconnect` crate as somebody else's app.

mod journeys;
mod keys;
mod stack;
mod support;
