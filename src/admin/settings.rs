//! What the server was told, value by value, and where: read from what `config show` prints.

use schemars::JsonSchema;
use serde::Serialize;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// Its section; the first ones are the server's.
    pub section: String,
    /// Its key in the section.
    pub key: String,
    /// Its value as in the file; empty if it is not set.
    pub value: String,
    /// Where it was set: `default`, the file's line, `env NAME`, `flag`, or `not set`.
    pub origin: String,
}

/// Reads what `config show` prints: `[section]`, `key = value # origin`, `# key is not set`.
#[must_use]
pub fn settings(toml: &str) -> Vec<Setting> {
    let mut section = "server".to_owned();
    let mut all = Vec::new();
    for line in toml.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            name.clone_into(&mut section);
            continue;
        }
        let (key, value, origin) = match line.strip_prefix("# ") {
            Some(unset) => (unset.trim_end_matches(" is not set"), "", "not set"),
            None => {
                let (key, rest) = line.split_once(" = ").unwrap_or((line, ""));
                let (value, origin) = rest.rsplit_once(" # ").unwrap_or((rest, ""));
                (key, value, origin)
            }
        };
        all.push(Setting {
            section: section.clone(),
            key: key.to_owned(),
            value: value.to_owned(),
            origin: origin.to_owned(),
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_config_show_prints_is_read_back() {
        let text = "issuer = \"https://id.example\" # env X\n\n[server]\nlisten = \"[::]:80\" # default\n# tls is not set\n";
        let read = settings(text);
        let lines: Vec<_> = read
            .iter()
            .map(|one| (&*one.section, &*one.key, &*one.value, &*one.origin))
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
