//! The console over the wire, in a browser without scripts: the way in, who may do what, and what
//! staff do there.

mod apps;
mod branding;
mod keys;
mod pages;
mod reference;
mod roles;
mod setup;
mod sign_in;
mod trials;
