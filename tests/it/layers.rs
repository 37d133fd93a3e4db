//! The layers of DESIGN.md section 5: a module imports only from layers below it, and siblings never
//! import each other. Reads `src/`.

use std::fs;
use std::path::{Path, PathBuf};

/// Every top module with its layer; the stack's double (`None`) may import layers 0 and 1 only.
const LAYERS: &[(&str, Option<u8>)] = &[
    ("main", Some(8)),
    ("cli", Some(8)),
    ("server", Some(7)),
    ("dev", Some(7)),
    ("provider", Some(6)),
    ("login", Some(6)),
    ("console", Some(6)),
    ("api", Some(6)),
    ("web", Some(5)),
    ("admin", Some(5)),
    ("ledger", Some(5)),
    ("operator", Some(4)),
    ("token", Some(3)),
    ("store", Some(2)),
    ("oauth", Some(1)),
    ("audit", Some(1)),
    ("outbound", Some(1)),
    ("accent", Some(0)),
    ("config", Some(0)),
    ("clock", Some(0)),
    ("newest", Some(0)),
    ("secret", Some(0)),
    ("phone", Some(0)),
    ("verdict", Some(0)),
    ("simulator", None),
    ("demo", None),
    ("embedded_postgres", None),
];

/// Imports between modules of one layer that the layer's own words allow: the leaves use one another
/// in one direction, the command line is one module with its binary, dev mode starts the server.
const WITHIN: &[(&str, &str)] = &[
    ("config", "secret"),
    ("config", "clock"),
    ("phone", "secret"),
    ("secret", "clock"),
    ("verdict", "clock"),
    ("verdict", "phone"),
    ("main", "cli"),
    ("dev", "server"),
];

fn layer(module: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(name, _)| *name == module)
        .unwrap_or_else(|| panic!("src/{module} stands in no layer: add it to DESIGN.md and here"))
        .1
}

fn may_import(importer: &str, imported: &str) -> bool {
    if importer == imported || WITHIN.contains(&(importer, imported)) {
        return true;
    }
    match (layer(importer), layer(imported)) {
        // Only the command line, dev mode and tests know the doubles.
        (Some(upper), None) => upper >= 7,
        (None, Some(lower)) => lower <= 1,
        (None, None) => false,
        (Some(upper), Some(lower)) => upper > lower,
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The modules a source text names, by `crate::` (also in groups) or, for the binary, by the
/// library's name. Comments may name anything.
fn imports(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut modules = Vec::new();
    for prefix in ["crate::", "numbercloak::"] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => modules.extend(group_heads(group)),
                None => modules.push(word(rest)),
            }
        }
    }
    modules.retain(|module| module.chars().next().is_some_and(char::is_lowercase));
    modules
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first word of every item of a `use crate::{...}` group.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.push(word(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(word(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

#[test]
fn every_module_imports_only_from_layers_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    files(&src, &mut sources);
    assert!(sources.len() > 100, "src was not found");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources {
        let inside = path.strip_prefix(&src).unwrap();
        let top = inside.components().next().unwrap().as_os_str();
        let importer = top.to_str().unwrap().trim_end_matches(".rs").to_owned();
        if importer == "lib" {
            continue;
        }
        for imported in imports(&fs::read_to_string(&path).unwrap()) {
            seen += 1;
            if !may_import(&importer, &imported) {
                wrong.push(format!("{} imports {imported}", inside.display()));
            }
        }
    }
    assert!(seen > 300, "imports were not found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_sees_every_form_of_import() {
    let source = "use crate::store::db;\nuse crate::{login::x, web::{a, b}, server};\n\
        fn f() { crate::audit::g(); }\n// crate::cli in a comment\nuse numbercloak::cli;\n\
        let x = mycrate::no;";
    let mut found = imports(source);
    found.sort();
    assert_eq!(found, ["audit", "cli", "login", "server", "store", "web"]);
    assert!(!may_import("login", "provider"));
    assert!(!may_import("provider", "console"));
    assert!(!may_import("store", "web"));
    assert!(!may_import("login", "simulator"));
    assert!(!may_import("simulator", "store"));
    assert!(may_import("login", "store"));
}

/// The only SQL stands in `store/`, and nothing outside the one file uses the operator library's
/// types.
#[test]
fn sql_and_the_openid_connect_library_stay_in_their_places() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    files(&src, &mut sources);
    let mut wrong = Vec::new();
    for path in sources {
        let inside = path.strip_prefix(&src).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let sql = ["sqlx::query", "query_as!", "query!(", "QueryBuilder"];
        let may_query = inside.starts_with("store/") || inside.starts_with("embedded_postgres/");
        if !may_query && sql.iter().any(|word| text.contains(word)) {
            wrong.push(format!("{inside} has SQL"));
        }
        // The demo app is an outside party that happens to live here.
        let may_use = inside.starts_with("operator/oidc") || inside.starts_with("demo/");
        if !may_use && text.contains("openidconnect::") {
            wrong.push(format!("{inside} uses openidconnect"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
