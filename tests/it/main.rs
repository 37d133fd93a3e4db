//! The integration tests: our real server on a free port, a Postgres of its own, our simulator as the
//! operator, and the `openidconnect` crate as somebody else's app.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod api;
mod attacks;
mod backup;
mod bad_operators;
mod budget;
mod checks;
mod choosing;
mod chromium;
mod clients;
mod conformance;
mod console;
mod dev;
mod handoff;
mod journeys;
mod keys;
mod layers;
mod ledger;
mod limits;
mod logout;
mod operators;
mod records;
mod requests;
mod sessions;
mod stack;
mod support;
mod tls;
mod tokens;
