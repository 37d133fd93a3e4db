//! The steps of a login, each one statement: its guard, its effect and its audit records together.
//!
//! One statement is one round trip (DESIGN.md section 3, the statement budget), and a step that finds
//! its guard unmet changes nothing and records nothing. The login's row is the lock: every step
//! updates it first, and what follows depends on that update having found its row. Opening,
//! departure and claim run on connections that do not wait for the disk; a lost one is found by the
//! verdict's guard. The verdict and a release wait; so do redemptions and refreshes, which stand in
//! [`crate::store::tokens`].

mod answer;
mod claim;
mod close;
mod depart;
mod extend;
mod open;
mod release;

pub use answer::{SessionUse, answer};
pub use claim::{Claimed, claim};
pub use close::{break_off, end, refuse};
pub use depart::{
    Chosen, Departed, Departing, Tried, WINDOW, ask_for_operator, depart, forget_visits,
    open_and_depart, reroute, stop_short,
};
pub use extend::extend;
pub use open::{Opening, open};
pub use release::{GoAhead, Release, SessionRow, hold, release};
