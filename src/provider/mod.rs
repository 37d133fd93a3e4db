//! We as OpenID Provider, for relying parties.
