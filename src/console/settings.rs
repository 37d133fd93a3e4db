//! `/admin/settings`: the configuration as it is, with where each value comes from. It is changed
//! where it stands, not here.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

struct Section {
    name: String,
    lines: Vec<Line>,
}

struct Line {
    key: String,
    value: String,
    origin: String,
}

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Page {
    frame: Frame,
    sections: Vec<Section>,
}

/// Shows it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let page = Page {
        frame: visit.frame("Settings"),
        sections: sections(&visit.app.config.redacted_toml()),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Reads what `config show` prints: `[section]`, `key = value # origin`, `# key is not set`.
fn sections(toml: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let section = |name: &str| Section {
        name: name.to_owned(),
        lines: Vec::new(),
    };
    for line in toml.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            sections.push(section(name));
            continue;
        }
        let read = match line.strip_prefix("# ") {
            Some(unset) => Line {
                key: unset.trim_end_matches(" is not set").to_owned(),
                value: String::new(),
                origin: "not set".to_owned(),
            },
            None => {
                let (key, rest) = line.split_once(" = ").unwrap_or((line, ""));
                let (value, origin) = rest.rsplit_once(" # ").unwrap_or((rest, ""));
                Line {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    origin: origin.to_owned(),
                }
            }
        };
        if sections.is_empty() {
            sections.push(section("server"));
        }
        if let Some(last) = sections.last_mut() {
            last.lines.push(read);
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_config_show_prints_is_read_back() {
        let text = "issuer = \"https://id.example\" # env X\n\n[server]\nlisten = \"[::]:80\" # default\n# tls is not set\n";
        let read = sections(text);
        let lines: Vec<_> = read
            .iter()
            .flat_map(|section| {
                section
                    .lines
                    .iter()
                    .map(|l| (&*section.name, &*l.key, &*l.value, &*l.origin))
            })
            .collect();
        assert_eq!(
            lines,
            [
                ("server", "issuer", "\"https://id.example\"", "env X"),
                ("server", "listen", "\"[::]:80\"", "default"),
                ("server", "tls", "", "not set"),
            ]
        );
    }
}
