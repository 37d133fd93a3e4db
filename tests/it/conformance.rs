//! docs/conformance.md names a test for every line: each of them exists.

use std::path::Path;

/// The tests that the page names, as it names them.
fn named() -> Vec<&'static str> {
    let page = include_str!("../../docs/conformance.md");
    let parts = |name: &str| {
        name.contains("::")
            && name.split("::").all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            })
    };
    let quoted = page.split('`').skip(1).step_by(2);
    quoted
        .filter(|name| parts(name.strip_prefix("lib:").unwrap_or(name)))
        .collect()
}

/// Whether the file of a module, or that of its tests, has this function.
fn stands(name: &str) -> bool {
    let (folder, path) = match name.strip_prefix("lib:") {
        Some(path) => ("src", path),
        None => ("tests/it", name),
    };
    let (modules, function) = path.rsplit_once("::").unwrap();
    let modules = modules.strip_suffix("::tests").unwrap_or(modules);
    let base = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(modules.replace("::", "/"));
    let files = [
        base.with_extension("rs"),
        base.join("mod.rs"),
        base.join("tests.rs"),
        base.join("tests/mod.rs"),
    ];
    let wanted = format!("fn {function}(");
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .any(|source| source.contains(&wanted))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let named = named();
    assert!(named.len() > 150, "{}", named.len());
    let gone: Vec<_> = named.into_iter().filter(|name| !stands(name)).collect();
    assert_eq!(gone, Vec::<&str>::new());
    assert!(
        !stands("tls::no_such_test")
            && stands("conformance::every_test_that_the_page_names_exists")
    );
}
