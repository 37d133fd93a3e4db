//! URLs that staff give us.

use url::{Host, Url};

use crate::admin::Refused;

/// Refuses an operator's URL that is not https; http only on this machine, for simulators.
pub(super) fn check_endpoint(field: &'static str, text: &str) -> Result<(), Refused> {
    let refuse = |message: &str| Err(Refused::invalid(field, message));
    let Ok(url) = Url::parse(text) else {
        return refuse("is not an absolute URL; write https://…");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("holds a user name or password; credentials are given apart and sealed");
    }
    if url.fragment().is_some() {
        return refuse("has a fragment (#…); remove it");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => refuse("is http; what it answers counts only over https"),
        _ => refuse("is not https"),
    }
}

/// Whether the URL is https, or http on this machine.
#[must_use]
pub(super) fn is_guarded(text: &str) -> bool {
    check_endpoint("endpoint", text).is_ok()
}

/// Refuses a link for people that is not http or https.
pub(super) fn check_page(field: &'static str, text: &str) -> Result<(), Refused> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(()),
        _ => Err(Refused::invalid(field, "is not a link; write https://…")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_https_except_on_this_machine() {
        for good in [
            "https://op.example/authorize",
            "http://127.0.0.2:9999/token",
            "http://localhost/x",
            "http://[::1]:1/x",
        ] {
            assert!(is_guarded(good), "{good}");
        }
        for bad in [
            "http://op.example/authorize",
            "http://10.0.0.1/x",
            "http://127.0.0.1.evil.example/x",
            "https://u:p@op.example/x",
            "https://op.example/x#y",
            "ftp://op.example",
            "op.example",
            "",
        ] {
            assert!(!is_guarded(bad), "{bad}");
        }
    }
}
