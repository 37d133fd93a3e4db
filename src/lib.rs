//! Numbercloak: "Sign in with phone network" through plain OpenID Connect.
//!
//! Layers, top to bottom; a module imports only from layers below it, and siblings never import
//! each other (`tests/it/layers.rs` holds that):
//!
//! | layer | modules |
//! |---|---|
//! | 8 | `main`, [`cli`] |
//! | 7 | [`server`], [`dev`] |
//! | 6 | [`provider`], [`login`], [`console`] |
//! | 5 | [`web`], [`admin`], [`ledger`] |
//! | 4 | [`operator`] |
//! | 3 | [`token`] |
//! | 2 | [`store`] |
//! | 1 | [`oauth`], [`audit`], [`outbound`] |
//! | 0 | [`accent`], [`config`], [`clock`], [`newest`], [`secret`], [`phone`], [`verdict`] |
//! | – | [`simulator`], [`demo`], [`embedded_postgres`]: import layers 0 and 1 only |

// The metadata of discovery is one json! of more members than the macro may nest by default.
#![recursion_limit = "256"]

pub mod accent;
pub mod admin;
pub mod api;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod demo;
pub mod dev;
pub mod embedded_postgres;
pub mod ledger;
pub mod login;
pub mod newest;
pub mod oauth;
pub mod operator;
pub mod outbound;
pub mod phone;
pub mod provider;
pub mod secret;
pub mod server;
pub mod simulator;
pub mod store;
pub mod token;
pub mod verdict;
pub mod web;
