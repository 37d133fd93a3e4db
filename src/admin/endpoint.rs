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

/// Whether one of the new URLs is on a server that none of the old ones is on. A stored secret does not
/// go along: who may edit a record may not have its secret sent to themselves.
pub(super) fn leads_elsewhere<const N: usize>(
    before: [Option<&str>; N],
    after: [Option<&str>; N],
) -> bool {
    let origin = |url: &str| Url::parse(url).map(|url| url.origin()).ok();
    let known: Vec<_> = before.into_iter().flatten().map(origin).collect();
    let mut wanted = after.into_iter().flatten().map(origin);
    wanted.any(|origin| !known.contains(&origin))
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
    fn another_scheme_host_or_port_is_another_server_and_another_path_is_not() {
        let before = [
            Some("https://op.example/a"),
            Some("https://token.op.example"),
        ];
        for (after, elsewhere) in [
            ([Some("https://op.example/b"), None], false),
            (
                [
                    Some("https://OP.example:443/"),
                    Some("https://op.example/t"),
                ],
                false,
            ),
            (
                [Some("https://op.example"), Some("https://op.example:8443")],
                true,
            ),
            ([Some("https://op.example.evil.example"), None], true),
            ([None, Some("http://op.example/")], true),
            ([None, Some("https://token.op.example@evil.example")], true),
        ] {
            assert_eq!(leads_elsewhere(before, after), elsewhere, "{after:?}");
        }
        assert!(leads_elsewhere([None], [Some("https://op.example")]));
    }

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
