//! The words people read: one TOML file per language with flat keys, compiled in, parsed once.
//!
//! To add a language: copy `locales/en.toml`, translate, add one line to [`LANGUAGES`]. Unit tests
//! hold that every file has the same keys and the same `{placeholders}`.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use askama::filters::{Escaper as _, Html, HtmlSafe};

struct Source {
    /// BCP 47, as it stands in `<html lang>` and `ui_locales_supported`.
    tag: &'static str,
    /// `ltr` or `rtl`.
    dir: &'static str,
    toml: &'static str,
}

/// Every language we speak. The first one answers where another has no word.
const LANGUAGES: &[Source] = &[Source {
    tag: "en",
    dir: "ltr",
    toml: include_str!("../../locales/en.toml"),
}];

type Words = HashMap<String, String>;

static WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let parse = |source: &Source| {
        toml::from_str(source.toml).expect("the language files are flat tables of texts")
    };
    LANGUAGES.iter().map(parse).collect()
});

/// One of our languages. The default is English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Language(usize);

impl Language {
    /// The tags of all languages, for `ui_locales_supported`.
    pub fn tags() -> impl Iterator<Item = &'static str> {
        LANGUAGES.iter().map(|source| source.tag)
    }

    /// Picks the language: what the request asks for (`ui_locales`, space-separated), what this
    /// browser chose before, what it prefers (`Accept-Language`), and at last `default`. Each may be
    /// hostile; what does not parse is passed over.
    #[must_use]
    pub fn choose(
        ui_locales: Option<&str>,
        cookie: Option<&str>,
        accept_language: Option<&str>,
        default: Self,
    ) -> Self {
        let asked = ui_locales.unwrap_or_default().split_ascii_whitespace();
        let wanted: Vec<&str> = asked
            .take(MOST_WISHES)
            .chain(cookie)
            .chain(by_preference(accept_language.unwrap_or_default()))
            .collect();
        let ours: Vec<&str> = Self::tags().collect();
        best(&wanted, &ours).map_or(default, Self)
    }

    /// The BCP 47 tag, for `<html lang>` and the cookie.
    #[must_use]
    pub fn tag(self) -> &'static str {
        LANGUAGES[self.0].tag
    }

    /// The direction of writing, for `<html dir>`.
    #[must_use]
    pub fn dir(self) -> &'static str {
        LANGUAGES[self.0].dir
    }

    /// The text under `key`, placeholders unfilled. A key nobody wrote shows itself, because a page
    /// with one odd word helps more than no page; a test holds that there is none.
    #[must_use]
    pub fn text(self, key: &'static str) -> &'static str {
        [self.0, 0]
            .into_iter()
            .find_map(|language| WORDS[language].get(key))
            .map_or(key, String::as_str)
    }

    /// The text with its placeholders filled, not escaped: for attributes and `<title>`, where the
    /// template escapes.
    #[must_use]
    pub fn plain(self, key: &'static str, values: &[(&str, &str)]) -> String {
        let mut out = String::new();
        for piece in pieces(self.text(key)) {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Placeholder(name) => out.push_str(value_of(name, values)),
            }
        }
        out
    }

    /// The text as HTML: words and values escaped, values set apart so that a right-to-left name
    /// cannot turn the sentence around it, and `{number}` readable for a screen reader.
    #[must_use]
    pub fn rich(self, key: &'static str, values: &[(&str, &str)]) -> Markup {
        let mut out = Markup(String::new());
        for piece in pieces(self.text(key)) {
            match piece {
                Piece::Words(words) => out.escape(words),
                Piece::Placeholder("number") => {
                    out.number(self, value_of("number", values));
                }
                Piece::Placeholder(name) => {
                    out.0.push_str("<bdi>");
                    out.escape(value_of(name, values));
                    out.0.push_str("</bdi>");
                }
            }
        }
        out
    }

    /// A masked number as [`Language::rich`] writes it.
    #[must_use]
    pub fn number(self, masked: &str) -> Markup {
        let mut out = Markup(String::new());
        out.number(self, masked);
        out
    }

    /// A waiting time in words, rounded up: seconds to whole tens, from two minutes on to minutes.
    /// Never "1", so that no language needs a singular.
    #[must_use]
    pub fn duration(self, seconds: u64) -> String {
        let (key, count) = if seconds <= 110 {
            ("time_seconds", seconds.max(1).div_ceil(10) * 10)
        } else {
            ("time_minutes", seconds.div_ceil(60))
        };
        self.plain(key, &[("count", &count.to_string())])
    }
}

/// HTML that is safe to show as it is: templates do not escape it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    fn escape(&mut self, text: &str) {
        Html.write_escaped_str(&mut self.0, text)
            .expect("writing to a string cannot fail");
    }

    /// `+44 •••• ••0 123` is noise to a screen reader: it hears "the number ending in 123".
    fn number(&mut self, language: Language, masked: &str) {
        let shown = masked.rsplit('•').next().unwrap_or(masked);
        let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
        self.0
            .push_str(r#"<strong class="number" dir="ltr" aria-hidden="true">"#);
        self.escape(masked);
        self.0.push_str(r#"</strong><span class="heard">"#);
        self.escape(&language.plain("number_heard", &[("digits", &digits)]));
        self.0.push_str("</span>");
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

enum Piece<'a> {
    Words(&'a str),
    Placeholder(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, tail)) = rest.split_once('{') {
        let Some((name, after)) = tail.split_once('}') else {
            break;
        };
        pieces.push(Piece::Words(words));
        pieces.push(Piece::Placeholder(name));
        rest = after;
    }
    pieces.push(Piece::Words(rest));
    pieces
}

fn value_of<'a>(name: &str, values: &[(&str, &'a str)]) -> &'a str {
    values
        .iter()
        .find(|(given, _)| *given == name)
        .map_or("", |(_, value)| *value)
}

/// Longer wish lists are cut: nobody speaks more languages than that.
const MOST_WISHES: usize = 20;

/// The tags of an `Accept-Language` header, most wanted first (RFC 9110, 12.5.4).
fn by_preference(header: &str) -> Vec<&str> {
    let mut wishes: Vec<(&str, f32)> = header
        .split(',')
        .take(MOST_WISHES)
        .filter_map(|wish| {
            let (tag, weight) = match wish.split_once(';') {
                Some((tag, q)) => (tag, q.trim().strip_prefix("q=")?.parse().ok()?),
                None => (wish, 1.0),
            };
            (0.001..=1.0)
                .contains(&weight)
                .then_some((tag.trim(), weight))
        })
        .collect();
    wishes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    wishes.into_iter().map(|(tag, _)| tag).collect()
}

/// The first wish we can meet (RFC 4647, 3.4): the tag itself, else cut from its end
/// (`de-CH` finds `de`), else ours that begins with it (`pt` finds `pt-BR`).
fn best(wanted: &[&str], ours: &[&str]) -> Option<usize> {
    let find = |tag: &str| ours.iter().position(|our| our.eq_ignore_ascii_case(tag));
    wanted
        .iter()
        .filter(|tag| !tag.is_empty() && tag.len() <= 35)
        .find_map(|wish| {
            let mut tag = *wish;
            loop {
                if let Some(found) = find(tag) {
                    return Some(found);
                }
                let Some((shorter, _)) = tag.rsplit_once('-') else {
                    break;
                };
                tag = shorter;
            }
            ours.iter().position(|our| {
                our.split_once('-')
                    .is_some_and(|(primary, _)| primary.eq_ignore_ascii_case(tag))
            })
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Placeholder(name) => Some(name),
                Piece::Words(_) => None,
            })
            .collect()
    }

    #[test]
    fn all_languages_have_the_same_keys_and_placeholders() {
        let english = &WORDS[0];
        for (source, words) in LANGUAGES.iter().zip(WORDS.iter()) {
            let keys = |words: &Words| words.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(words), keys(english), "keys of {}", source.tag);
            for (key, text) in words {
                assert_eq!(
                    placeholders(text),
                    placeholders(&english[key]),
                    "placeholders of {key} in {}",
                    source.tag
                );
                assert!(!text.trim().is_empty(), "{key} in {}", source.tag);
                assert!(!text.contains(['<', '>']), "{key} in {}", source.tag);
            }
        }
    }

    #[test]
    fn placeholders_are_names_that_a_page_fills() {
        let known = [
            "app", "domain", "service", "operator", "number", "time", "count", "digits",
        ];
        for (key, text) in &WORDS[0] {
            for name in placeholders(text) {
                assert!(known.contains(&name), "{{{name}}} in {key}");
            }
            assert_eq!(
                text.matches(['{', '}']).count(),
                2 * text.matches('{').count(),
                "{key}"
            );
        }
    }

    /// Words are asked for by their literal key, in templates and in the view layer.
    fn sources(folder: &Path, out: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else {
                out.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_text_is_used_and_every_text_asked_for_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut templates, mut code) = (String::new(), String::new());
        sources(&root.join("templates"), &mut templates);
        for folder in ["src/web", "src/login"] {
            sources(&root.join(folder), &mut code);
        }
        for key in WORDS[0].keys() {
            let literal = format!("\"{key}\"");
            assert!(
                templates.contains(&literal) || code.contains(&literal),
                "{key} is used nowhere"
            );
        }
        for call in ["plain(\"", "rich(\"", "text(\""] {
            for rest in templates.split(call).skip(1) {
                let key = rest.split('"').next().unwrap();
                assert!(WORDS[0].contains_key(key), "{key} is not in en.toml");
            }
        }
    }

    #[test]
    fn the_most_wanted_language_that_we_have_wins() {
        let ours = ["en", "de", "pt-BR", "zh-Hant"];
        for (wanted, expected) in [
            (vec!["de"], Some(1)),
            (vec!["DE-ch-1996"], Some(1)),
            (vec!["fr", "pt"], Some(2)),
            (vec!["pt-PT", "en"], Some(2)),
            (vec!["zh-Hant-TW"], Some(3)),
            (vec!["d", "deu", "*", "", "-", "fr"], None),
        ] {
            assert_eq!(best(&wanted, &ours), expected, "{wanted:?}");
        }
    }

    #[test]
    fn the_browser_s_weights_decide_the_order() {
        assert_eq!(
            by_preference("fr;q=0.2, de-CH , en;q=0.8, it;q=0, es;q=x, *;q=0.1"),
            ["de-CH", "en", "fr", "*"]
        );
        assert!(by_preference("").iter().all(|tag| tag.is_empty()));
        assert_eq!(by_preference(&"x,".repeat(5000)).len(), MOST_WISHES);
    }

    #[test]
    fn hostile_wishes_end_at_the_default() {
        for text in ["", "\u{0}", "é-é", "-", "tlh", &"a".repeat(9000)] {
            assert_eq!(
                Language::choose(Some(text), Some(text), Some(text), Language::default()),
                Language::default()
            );
        }
    }

    #[test]
    fn values_in_rich_text_are_escaped_and_set_apart() {
        let shown = Language::default()
            .rich("return_to", &[("app", "<b>\"&'")])
            .to_string();
        assert!(
            shown.contains("<bdi>&#60;b&#62;&#34;&#38;&#39;</bdi>"),
            "{shown}"
        );
    }

    #[test]
    fn a_masked_number_is_heard_by_its_last_digits() {
        let shown = Language::default().number("+44 •••• ••• 123").to_string();
        assert!(shown.contains(r#"aria-hidden="true">+44 •••• ••• 123<"#));
        assert!(shown.contains("ending in 123"), "{shown}");
    }

    #[test]
    fn waiting_times_are_rounded_up_and_never_one() {
        let say = |seconds| Language::default().duration(seconds);
        assert_eq!(say(0), "10 seconds");
        assert_eq!(say(11), "20 seconds");
        assert_eq!(say(111), "2 minutes");
        assert_eq!(say(121), "3 minutes");
    }
}
