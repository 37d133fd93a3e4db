//! Dev mode: the whole stack on one machine with nothing configured.
