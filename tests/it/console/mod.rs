//! The console over the wire, in a browser without scripts: the way in, who may do what, and what
//! staff do there.

mod apps;
mod pages;
mod roles;
mod setup;
mod sign_in;
mod trials;
