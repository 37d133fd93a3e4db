//! We as client of an operator: dialects and routing.
