//! The company's own OpenID provider as a way in.

use crate::console::visit::Visit;

/// Whether it is offered.
pub fn is_offered(_visit: &Visit) -> bool {
    false
}

/// Whether there is no other.
pub fn is_required(_visit: &Visit) -> bool {
    false
}
