//! The words people read: one TOML file per language with flat keys, compiled in, parsed once.
//!
//! To add a language: copy `locales/en.toml`, translate, add one line to [`LANGUAGES`]. Unit tests
//! hold that every file has the same keys and the same `{placeholders}`.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use askama::filters::{Escaper as _, Html, HtmlSafe};
use chrono::Datelike as _;

use crate::clock::Time;
use crate::web::wishes::{Wishes, best};

struct Source {
    /// BCP 47, as it stands in `<html lang>` and `ui_locales_supported`.
    tag: &'static str,
    /// What its speakers call it.
    name: &'static str,
    /// `ltr` or `rtl`.
    dir: &'static str,
    /// Which of a text's forms goes with a count; counts below 2 are not asked for.
    form: fn(u64) -> usize,
    toml: &'static str,
}

impl Source {
    const fn new(tag: &'static str, name: &'static str, toml: &'static str) -> Self {
        Self {
            tag,
            name,
            dir: "ltr",
            form: |_| 0,
            toml,
        }
    }
}

/// Every language we speak. The first one answers where another has no word.
const LANGUAGES: &[Source] = &[
    Source::new("en", "English", include_str!("../../locales/en.toml")),
    Source::new("es", "Español", include_str!("../../locales/es.toml")),
    Source::new("de", "Deutsch", include_str!("../../locales/de.toml")),
    Source::new("fr", "Français", include_str!("../../locales/fr.toml")),
    Source::new(
        "pt-BR",
        "Português (Brasil)",
        include_str!("../../locales/pt-BR.toml"),
    ),
    Source::new("it", "Italiano", include_str!("../../locales/it.toml")),
    Source {
        dir: "rtl",
        form: arabic_form,
        ..Source::new("ar", "العربية", include_str!("../../locales/ar.toml"))
    },
];

/// Two; three to ten; more (Unicode's plural rules, where a hundred and more count by their end).
fn arabic_form(count: u64) -> usize {
    match (count, count % 100) {
        (2, _) => 0,
        (_, 3..=10) => 1,
        _ => 2,
    }
}

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

    /// The first wish that we can meet, else English.
    #[must_use]
    pub fn of(wishes: &Wishes<'_>) -> Self {
        let ours: Vec<&str> = Self::tags().collect();
        best(&wishes.in_order(), &ours).map_or(Self::default(), Self)
    }

    /// The language with exactly this tag.
    #[must_use]
    pub fn tagged(tag: &str) -> Option<Self> {
        Self::tags().position(|ours| ours == tag).map(Self)
    }

    /// All languages, for people to choose from.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LANGUAGES.len()).map(Self)
    }

    /// What its speakers call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        LANGUAGES[self.0].name
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
        fill(&mut out, self.text(key), values);
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
        let forms: Vec<&str> = self.text(key).split('|').collect();
        let form = (LANGUAGES[self.0].form)(count).min(forms.len() - 1);
        let mut out = String::new();
        fill(&mut out, forms[form], &[("count", &count.to_string())]);
        out
    }

    /// A day as people of this language write it. Days, not hours: where the browser's clock stands we
    /// do not know.
    #[must_use]
    pub fn date(self, at: Time) -> String {
        let month = MONTHS[usize::try_from(at.month0()).unwrap_or(0)];
        // Some count the first and number the others: 1er mars, 2 mars.
        let day = match at.day() {
            1 => self.text("first_day").to_owned(),
            day => day.to_string(),
        };
        self.plain(
            "date",
            &[
                ("day", &day),
                ("month", self.text(month)),
                ("year", &at.year().to_string()),
            ],
        )
    }
}

const MONTHS: [&str; 12] = [
    "month_1", "month_2", "month_3", "month_4", "month_5", "month_6", "month_7", "month_8",
    "month_9", "month_10", "month_11", "month_12",
];

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

fn fill(out: &mut String, text: &str, values: &[(&str, &str)]) {
    for piece in pieces(text) {
        match piece {
            Piece::Words(words) => out.push_str(words),
            Piece::Placeholder(name) => out.push_str(value_of(name, values)),
        }
    }
}

fn value_of<'a>(name: &str, values: &[(&str, &'a str)]) -> &'a str {
    values
        .iter()
        .find(|(given, _)| *given == name)
        .map_or("", |(_, value)| *value)
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
            "app", "domain", "service", "operator", "number", "time", "count", "digits", "date",
            "day", "month", "year",
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

    #[test]
    fn hostile_wishes_end_at_english() {
        for text in ["", "\u{0}", "é-é", "-", "tlh", &"a".repeat(9000)] {
            let wishes = Wishes {
                chosen_now: Some(text),
                ui_locales: Some(text),
                chosen_before: Some(text),
                accept_language: Some(text),
                client: Some(text),
            };
            assert_eq!(Language::of(&wishes), Language::default());
        }
    }

    #[test]
    fn counts_and_days_follow_the_rules_of_the_language() {
        let language = |tag| Language::tagged(tag).unwrap();
        let at: Time = "2026-03-01T23:59:59Z".parse().unwrap();
        for (tag, seconds, minutes, day) in [
            ("en", "60 seconds", "2 minutes", "1 March 2026"),
            ("de", "60 Sekunden", "2 Minuten", "1. März 2026"),
            ("es", "60 segundos", "2 minutos", "1 de marzo de 2026"),
            ("ar", "60 ثانية", "دقيقتين", "1 مارس 2026"),
            ("fr", "60 secondes", "2 minutes", "1er mars 2026"),
            ("it", "60 secondi", "2 minuti", "1º marzo 2026"),
            ("pt-BR", "60 segundos", "2 minutos", "1º de março de 2026"),
        ] {
            assert_eq!(language(tag).duration(60), seconds);
            assert_eq!(language(tag).duration(120), minutes);
            assert_eq!(language(tag).date(at), day);
        }
        assert_eq!(language("ar").duration(10), "10 ثوانٍ");
        assert_eq!(
            language("fr").date("2026-03-02T00:00:00Z".parse().unwrap()),
            "2 mars 2026"
        );
        assert_eq!(language("ar").duration(600), "10 دقائق");
        assert_eq!(language("ar").duration(660), "11 دقيقة");
        for language in Language::all() {
            for key in ["time_seconds", "time_minutes"] {
                let forms = language.text(key).split('|').count();
                let used = (2..200).map(LANGUAGES[language.0].form).max();
                assert_eq!(used, Some(forms - 1), "{key} in {}", language.tag());
            }
        }
    }

    #[test]
    fn a_language_is_found_by_its_own_tag_only() {
        assert_eq!(Language::tagged("ar").unwrap().dir(), "rtl");
        assert_eq!(
            Language::tagged("pt-BR").unwrap().name(),
            "Português (Brasil)"
        );
        for tag in ["", "EN", "pt", "../en"] {
            assert!(Language::tagged(tag).is_none(), "{tag}");
        }
        assert_eq!(Language::all().count(), LANGUAGES.len());
    }
}
