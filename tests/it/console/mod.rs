//! The console over the wire, in a browser without scripts: the way in, who may do what, and what
//! staff do there.

mod apps;
mod company;
mod operators;
mod pages;
mod passkeys;
mod phone_test;
mod recovery;
mod roles;
mod setup;
mod sign_in;
