//! `acr`: how a login authenticated (OIDC Core section 2).

/// An authentication context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acr {
    /// The network saw the SIM behind this very browser's connection.
    Network,
    /// It saw the SIM of a phone that the person at this browser moved the login to.
    NetworkHandoff,
}

impl Acr {
    /// Those that a login can reach now, for discovery.
    pub const OFFERED: [Self; 2] = [Self::Network, Self::NetworkHandoff];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "urn:numbercloak:acr:network",
            Self::NetworkHandoff => "urn:numbercloak:acr:network-handoff",
        }
    }
}
