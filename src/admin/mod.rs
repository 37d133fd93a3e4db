//! What staff can do, as functions with their audit records; the console, the API and the command
//! line only read input and show results.
//!
//! Every function that changes something opens one transaction, changes rows, appends the record of
//! the change and commits: there is neither without the other.

pub mod api_tokens;
pub mod apply;
pub mod apply_file;
pub mod audit;
pub mod audit_filter;
pub mod audit_story;
pub mod audit_views;
pub mod breakers;
mod change;
pub mod charts;
pub mod client_logo;
pub mod client_registration;
pub mod client_secrets;
pub mod client_sector;
mod client_settings;
pub mod client_snippets;
pub mod client_view;
pub mod clients;
mod desk;
mod dialects;
mod endpoint;
pub mod export_files;
pub mod exports;
mod extras;
pub mod finder;
pub mod keys;
pub mod log_state;
pub mod moment;
pub mod network_ranges;
pub mod numbers;
pub mod operator_discovery;
pub mod operator_trials;
pub mod operator_view;
pub mod operators;
pub mod overview;
pub mod page;
pub mod patch;
pub mod presets;
pub mod privacy;
pub mod ranges;
pub mod record_index;
mod refused;
pub mod retention;
pub mod scopes;
pub mod sessions;
pub mod settings;
pub mod staff;
mod staff_ceremony;
pub mod staff_company;
pub mod staff_passkeys;
mod staff_password;
pub mod staff_sessions;
pub mod staff_sign_in;
mod staff_totp;
pub mod trials;
pub mod unmask_rights;
pub mod usage;

pub use desk::Desk;
pub use refused::Refused;
