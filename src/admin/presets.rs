//! Presets: known operators' contracts, as data (`presets.toml`). An admin adds credentials.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::admin::Refused;
use crate::store::operators::Mode;

const FILE: &str = include_str!("presets.toml");

/// What an operator gives an admin to prove themselves with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A client secret.
    Secret,
    /// A registration of our public key.
    Key,
}

/// One preset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name people see.
    pub title: String,
    /// What it is for, one sentence.
    pub says: String,
    /// What is needed to prove ourselves.
    pub credential: Credential,
    /// The URL its endpoints stand below; absent: the admin must say it.
    pub base: Option<String>,
    /// The area of its numbers, where that is the operator's own.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// The contract, with `{base}` in its URLs.
    pub settings: Map<String, Value>,
}

/// All presets by name.
///
/// # Panics
/// Never: a test reads the file.
pub fn all() -> &'static BTreeMap<String, Preset> {
    static ALL: OnceLock<BTreeMap<String, Preset>> = OnceLock::new();
    ALL.get_or_init(|| toml::from_str(FILE).expect("a test reads presets.toml"))
}

/// A preset by name.
///
/// # Errors
/// [`Refused::Invalid`] that lists the names.
pub fn find(name: &str) -> Result<&'static Preset, Refused> {
    all().get(name).ok_or_else(|| {
        let names: Vec<_> = all().keys().map(String::as_str).collect();
        Refused::invalid("preset", format!("is one of {}", names.join(", ")))
    })
}

impl Preset {
    /// Its settings for an operator below `base`. A test operator's area is that of test numbers.
    ///
    /// # Errors
    /// [`Refused::Invalid`] if the base must be given and is not.
    pub fn settings(&self, base: Option<&str>, mode: Mode) -> Result<Map<String, Value>, Refused> {
        let base = base.or(self.base.as_deref()).ok_or_else(|| {
            let message = "this operator's addresses differ by contract; write the URL they stand below (--base-url)";
            Refused::invalid("base_url", message)
        })?;
        let base = base.trim_end_matches('/');
        let mut settings = self.settings.clone();
        for value in settings.values_mut() {
            if let Value::String(text) = value {
                *text = text.replace("{base}", base);
            }
        }
        let prefixes = match mode {
            Mode::Test => vec!["990".to_owned()],
            Mode::Live => self.prefixes.clone(),
        };
        settings.insert("prefixes".to_owned(), json!(prefixes));
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::operators::{Settings, TokenAuth};

    #[test]
    fn every_preset_is_a_contract_that_lacks_only_what_an_admin_knows() {
        for (name, preset) in all() {
            for mode in [Mode::Live, Mode::Test] {
                let given = preset
                    .settings(Some("https://op.example/x/"), mode)
                    .unwrap();
                let read: Result<Settings, _> = serde_json::from_value(Value::Object(given));
                let settings = read.unwrap();
                assert!(!settings.api_root.contains('{'), "{name}");
                assert_eq!(settings.client_id, "", "{name}");
                let by_key = matches!(
                    settings.token_auth,
                    TokenAuth::PrivateKeyJwt | TokenAuth::ApplicationJwt
                );
                assert_eq!(by_key, preset.credential == Credential::Key, "{name}");
            }
        }
        let names: Vec<_> = all().keys().map(String::as_str).collect();
        let expected = [
            "camara",
            "glide",
            "orange",
            "telefonica",
            "tim",
            "vodafone",
            "vodafone-camara",
            "vonage",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn the_documented_configurations_are_the_presets() {
        const PAGE: &str = include_str!("../../docs/operators.md");
        for (heading, preset, base) in [
            ("## Telefónica Open Gateway", "telefonica", None),
            ("## Vonage", "vonage", None),
            (
                "## Vodafone Number Verify",
                "vodafone",
                Some("https://HOST"),
            ),
            (
                "### Vodafone's CAMARA door",
                "vodafone-camara",
                Some("https://HOST"),
            ),
            ("## Orange", "orange", None),
            ("## TIM Brasil", "tim", None),
            ("## Glide", "glide", Some("https://HOST")),
        ] {
            let (_, section) = PAGE.split_once(&format!("\n{heading}\n")).unwrap();
            let (_, block) = section.split_once("```toml\n").unwrap();
            let (block, _) = block.split_once("```").unwrap();
            let table: toml::Table = block.parse().unwrap();
            let Value::Object(written) = serde_json::to_value(table).unwrap() else {
                panic!("{heading}");
            };
            let meant = find(preset).unwrap().settings(base, Mode::Live).unwrap();
            // Whole, so that what a section leaves out is what a record has by itself.
            let whole = |mut settings: Map<String, Value>| {
                for yours in ["client_id", "prefixes"] {
                    settings.remove(yours);
                }
                let read: Settings = serde_json::from_value(Value::Object(settings)).unwrap();
                serde_json::to_value(read).unwrap()
            };
            assert_eq!(whole(written), whole(meant), "{heading}");
        }
    }

    #[test]
    fn a_base_is_asked_for_where_none_is_known() {
        assert!(
            find("vodafone")
                .unwrap()
                .settings(None, Mode::Live)
                .is_err()
        );
        let orange = find("orange").unwrap().settings(None, Mode::Live).unwrap();
        assert_eq!(
            orange["token_endpoint"],
            "https://api.orange.com/openidconnect/fr/v1/token"
        );
        assert!(find("nobody").is_err());
    }
}
