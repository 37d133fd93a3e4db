//! What staff can do, as functions with their audit events; used by console, API and command line.
