//! `/admin/audit`: what auditors work with. Records are searched, one login is told step by step, what
//! is personal is shown for a reason; charts, exports and the state of the log.

mod charts;
mod charts_apps;
mod exports;
mod fetched;
mod find;
mod log;
mod login;
mod rights;
mod search;
pub(super) mod step;
mod unmask;
mod views;
mod words;

use crate::admin::audit_filter as filter;
use crate::console::rule::{AUDITORS, OWNERS, READERS, Routes, STAFF, SUPPORT};
use crate::secret::from_b64;

/// The routes, each with who may use it.
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/admin/audit", READERS, search::show)
        .act("/admin/audit", READERS, search::find)
        .page("/admin/find", SUPPORT, find::show)
        .act("/admin/find", SUPPORT, find::find)
        .page("/admin/audit/logins/{login}", STAFF, login::show)
        .page("/admin/audit/records/{record}", READERS, login::record)
        .page("/admin/audit/records/{record}/proof", READERS, login::proof)
        .act_proven(
            "/admin/audit/records/{record}/unmask",
            AUDITORS,
            unmask::show,
        )
        .page("/admin/audit/rights", OWNERS, rights::show)
        .act_proven("/admin/audit/rights", OWNERS, rights::set)
        .page("/admin/audit/views", READERS, views::show)
        .act("/admin/audit/views", READERS, views::save)
        .act("/admin/audit/views/remove", READERS, views::remove)
        .page("/admin/audit/charts", READERS, charts::show)
        .page("/admin/audit/exports", AUDITORS, exports::list)
        .page("/admin/audit/exports/new/{filter}", AUDITORS, exports::new)
        .act_proven(
            "/admin/audit/exports/new/{filter}",
            AUDITORS,
            exports::start,
        )
        .act("/admin/audit/exports/stop", AUDITORS, exports::stop)
        .page(
            "/admin/audit/exports/{export}/file",
            AUDITORS,
            fetched::fetch,
        )
        .page(
            "/admin/audit/exports/{export}/manifest",
            AUDITORS,
            fetched::manifest,
        )
        .page("/admin/audit/log", READERS, log::show)
        .act_proven("/admin/audit/log/hold", AUDITORS, log::hold)
        .act_proven("/admin/audit/log/release", AUDITORS, log::release)
}

/// A filter's text as a part of a path, which alone survives the way over the page that asks for
/// password and code again.
fn as_path(text: &str) -> String {
    if text.is_empty() {
        "all".to_owned()
    } else {
        crate::secret::b64(text.as_bytes())
    }
}

/// The filter's text in a part of a path.
fn of_path(part: &str) -> Option<String> {
    if part == "all" {
        return Some(String::new());
    }
    String::from_utf8(from_b64(part)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_comes_back_from_a_path() {
        for text in ["", "client=shop&since=7d", "actor=ada%40example.com"] {
            let part = as_path(text);
            assert!(
                part.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
                "{part}"
            );
            assert_eq!(of_path(&part).as_deref(), Some(text));
        }
        assert_eq!(of_path("%"), None);
        assert_eq!(of_path("_w"), None);
    }
}
