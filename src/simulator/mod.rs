//! Our pretend operator, radio network and SIMs.
