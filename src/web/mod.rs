//! Web plumbing: state, cookies, CSRF, headers, pages, limits.
