//! Which language a page speaks: what was asked for, chosen, preferred, in that order.

/// Everybody's wishes, each a language tag or a list of them. Each may be hostile; what does not parse
/// is passed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes<'a> {
    /// What the person chose while this sign-in was going on: they saw the page in the app's language
    /// and wanted another.
    pub chosen_now: Option<&'a str>,
    /// What the app asks for (`ui_locales`, OIDC Core section 3.1.2.1), most wanted first.
    pub ui_locales: Option<&'a str>,
    /// What the person chose some time before.
    pub chosen_before: Option<&'a str>,
    /// What the browser prefers (`Accept-Language`).
    pub accept_language: Option<&'a str>,
    /// What the app is registered with.
    pub client: Option<&'a str>,
}

impl<'a> Wishes<'a> {
    /// All tags, most wanted first.
    pub(super) fn in_order(&self) -> Vec<&'a str> {
        let asked = self.ui_locales.unwrap_or_default().split_ascii_whitespace();
        self.chosen_now
            .into_iter()
            .chain(asked.take(MOST_WISHES))
            .chain(self.chosen_before)
            .chain(by_preference(self.accept_language.unwrap_or_default()))
            .chain(self.client)
            .collect()
    }
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

/// The countries that the tags of an `Accept-Language` header name, two capital letters each (ISO 3166),
/// most wanted first: `es-ES, en-GB;q=0.8` names ES and GB. Where a person reads, not where they are.
pub(super) fn countries(header: &str) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for tag in by_preference(header) {
        // Language, perhaps a script of four letters, then the region (RFC 5646 section 2.1).
        let region = tag
            .split('-')
            .skip(1)
            .find(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_alphabetic()));
        let region = region.map(str::to_ascii_uppercase);
        named.extend(region.filter(|region| !named.contains(region)));
    }
    named
}

/// The first wish we can meet (RFC 4647, 3.4): the tag itself, else cut from its end
/// (`de-CH` finds `de`), else ours that begins with it (`pt` finds `pt-BR`).
pub(super) fn best(wanted: &[&str], ours: &[&str]) -> Option<usize> {
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
    use super::*;

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
    fn the_person_s_choice_of_now_stands_above_the_app_s_wish_and_an_older_one_below_it() {
        let wishes = Wishes {
            chosen_now: Some("it"),
            ui_locales: Some("fr de"),
            chosen_before: Some("es"),
            accept_language: Some("en;q=0.1, ar"),
            client: Some("pt-BR"),
        };
        assert_eq!(
            wishes.in_order(),
            ["it", "fr", "de", "es", "ar", "en", "pt-BR"]
        );
        assert!(
            Wishes::default()
                .in_order()
                .iter()
                .all(|tag| tag.is_empty())
        );
    }

    #[test]
    fn the_countries_of_a_browsers_languages_are_told_in_its_order() {
        for (header, expected) in [
            ("es-ES,es;q=0.9,en-GB;q=0.8", vec!["ES", "GB"]),
            ("en-gb;q=0.2, de-CH, de-ch", vec!["CH", "GB"]),
            ("zh-Hant-TW, sr-Latn", vec!["TW"]),
            ("en, *, de;q=0", vec![]),
            ("es-419, x-ES1, e-S, -", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(countries(header), expected, "{header}");
        }
    }
}
