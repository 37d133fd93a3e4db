//! The one colour an app may bring along to the pages people see, and the shades that stay readable.
//!
//! A button keeps the app's own colour; black or white on it always reaches 4.5:1, because no colour is
//! nearer than that to both. What stands on the page's own ground in that colour (links, outlines) is
//! darkened in the light and lightened in the dark until it reaches 4.5:1 too (WCAG 2.2, 1.4.3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The least contrast of text (WCAG 2.2, 1.4.3).
pub const LEAST: f64 = 4.5;

const WHITE: Rgb = Rgb([255; 3]);
const BLACK: Rgb = Rgb([0; 3]);
/// `--card` of numbercloak.css, in the light and in the dark.
const LIGHT_CARD: Rgb = WHITE;
const DARK_CARD: Rgb = Rgb([0x17, 0x21, 0x27]);

/// An app's colour, `#rrggbb`. Nothing else can be one, so nothing else ever stands in a stylesheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Accent(Rgb);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb([u8; 3]);

/// What is no colour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a colour as # and six hexadecimal digits, such as #0b5566")]
pub struct NoColour;

impl FromStr for Accent {
    type Err = NoColour;

    fn from_str(text: &str) -> Result<Self, NoColour> {
        let digits = text.strip_prefix('#').ok_or(NoColour)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NoColour);
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| NoColour)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self(Rgb([red, green, blue])))
    }
}

impl TryFrom<String> for Accent {
    type Error = NoColour;

    fn try_from(text: String) -> Result<Self, NoColour> {
        text.parse()
    }
}

impl From<Accent> for String {
    fn from(accent: Accent) -> Self {
        accent.to_string()
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl schemars::JsonSchema for Accent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Accent".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$" })
    }
}

impl Accent {
    /// The six digits, small.
    #[must_use]
    pub fn digits(self) -> String {
        self.to_string().split_off(1)
    }

    /// The stylesheet that brings the colour to what stands inside `.brand`. Made of numbers alone.
    #[must_use]
    pub fn stylesheet(self) -> String {
        let shades = Shades::of(self);
        let Shades {
            button,
            on_button,
            over,
            light,
            light_soft,
            dark,
            dark_soft,
        } = shades;
        format!(
            ".brand{{--main:{light};--main-over:{light};--soft:{light_soft}}}\
             .brand .main{{border-color:{light};background:{button};color:{on_button}}}\
             .brand .main:hover{{border-color:{light};background:{over};color:{on_button}}}\
             .brand .initial{{background:{button};color:{on_button}}}\
             @media (prefers-color-scheme:dark){{\
             .brand{{--main:{dark};--main-over:{dark};--soft:{dark_soft}}}\
             .brand .main,.brand .main:hover{{border-color:{dark}}}}}\n"
        )
    }

    /// What people will see, a sentence each, with the contrasts.
    #[must_use]
    pub fn explained(self) -> Vec<String> {
        let shades = Shades::of(self);
        let text = if shades.on_button == WHITE {
            "white"
        } else {
            "black"
        };
        let reached = shades.button.contrast(shades.on_button);
        let mut says = vec![format!(
            "Buttons are {self} with {text} text ({}).",
            ratio(reached)
        )];
        for (ground, card, shade, how) in [
            ("light", LIGHT_CARD, shades.light, "darkened"),
            ("dark", DARK_CARD, shades.dark, "lightened"),
        ] {
            let own = ratio(shades.button.contrast(card));
            says.push(if shade == shades.button {
                format!("On {ground} pages links and outlines have it too ({own}).")
            } else {
                let reached = ratio(shade.contrast(card));
                format!(
                    "On {ground} pages it reaches only {own}, so links and outlines there are \
                     {how} to {shade} ({reached})."
                )
            });
        }
        says
    }
}

fn ratio(contrast: f64) -> String {
    // Rounded down: nothing is told to reach what it does not.
    format!("{:.1}:1", (contrast * 10.0).floor() / 10.0)
}

/// What becomes of a colour.
struct Shades {
    button: Rgb,
    on_button: Rgb,
    over: Rgb,
    light: Rgb,
    light_soft: Rgb,
    dark: Rgb,
    dark_soft: Rgb,
}

impl Shades {
    fn of(Accent(button): Accent) -> Self {
        let on_button = if button.contrast(WHITE) >= button.contrast(BLACK) {
            WHITE
        } else {
            BLACK
        };
        // Away from the text's colour, so that hovering never makes it harder to read.
        let away = if on_button == WHITE { BLACK } else { WHITE };
        let light_soft = button.mixed(LIGHT_CARD, 90);
        let dark_soft = button.mixed(DARK_CARD, 80);
        Self {
            button,
            on_button,
            over: button.mixed(away, 15),
            light: button.readable_on([LIGHT_CARD, light_soft], BLACK),
            light_soft,
            dark: button.readable_on([DARK_CARD, dark_soft], WHITE),
            dark_soft,
        }
    }
}

impl Rgb {
    /// With so many hundredths of another.
    fn mixed(self, other: Self, hundredths: u32) -> Self {
        let mut mixed = self.0;
        for (own, other) in mixed.iter_mut().zip(other.0) {
            let sum = u32::from(*own) * (100 - hundredths) + u32::from(other) * hundredths;
            *own = u8::try_from(sum / 100).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    /// The nearest shade towards `end` that can be read on all these grounds. There is one: `end` can.
    fn readable_on(self, grounds: [Self; 2], end: Self) -> Self {
        (0..=100)
            .map(|hundredths| self.mixed(end, hundredths))
            .find(|shade| {
                grounds
                    .iter()
                    .all(|ground| shade.contrast(*ground) >= LEAST)
            })
            .unwrap_or(end)
    }

    /// Contrast as WCAG 2.2 defines it, from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|byte| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `--ink` of numbercloak.css, in the light and in the dark.
    const INKS: (Rgb, Rgb) = (Rgb([0x14, 0x21, 0x2a]), Rgb([0xe9, 0xf0, 0xf3]));

    #[test]
    fn contrast_is_wcag_s() {
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 1e-9);
        assert!((WHITE.contrast(WHITE) - 1.0).abs() < 1e-9);
        // The grey that every table of examples has.
        assert!((Rgb([0x76; 3]).contrast(WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn every_colour_becomes_shades_that_can_be_read() {
        for red in (0..=255_u8).step_by(15) {
            for green in (0..=255_u8).step_by(15) {
                for blue in (0..=255_u8).step_by(15) {
                    let colour = Rgb([red, green, blue]);
                    let s = Shades::of(Accent(colour));
                    for (what, a, b) in [
                        ("button", s.on_button, s.button),
                        ("hovered", s.on_button, s.over),
                        ("link, light", s.light, LIGHT_CARD),
                        ("link on soft, light", s.light, s.light_soft),
                        ("text on soft, light", INKS.0, s.light_soft),
                        ("link, dark", s.dark, DARK_CARD),
                        ("link on soft, dark", s.dark, s.dark_soft),
                        ("text on soft, dark", INKS.1, s.dark_soft),
                    ] {
                        let reached = a.contrast(b);
                        assert!(reached >= LEAST, "{colour} {what}: {reached}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_but_a_colour_is_one() {
        for bad in [
            "",
            "#",
            "0b5566",
            "#0b556",
            "#0b55667",
            "#0b556g",
            "#+b5566",
            "red",
            "#000;} body{display:none",
            "#００００００",
            "url(https://evil.example)",
        ] {
            assert_eq!(bad.parse::<Accent>(), Err(NoColour), "{bad}");
        }
        let accent: Accent = "#0B5566".parse().unwrap();
        assert_eq!(accent.to_string(), "#0b5566");
        assert_eq!(accent.digits(), "0b5566");
    }

    #[test]
    fn what_is_changed_is_told() {
        let yellow: Accent = "#ffe600".parse().unwrap();
        let says = yellow.explained();
        assert!(says[0].contains("black text"), "{says:?}");
        assert!(says[1].contains("darkened to #"), "{says:?}");
        assert!(says[2].contains("have it too"), "{says:?}");
        let navy: Accent = "#001a4d".parse().unwrap();
        let says = navy.explained();
        assert!(says[0].contains("white text"), "{says:?}");
        assert!(says[1].contains("have it too"), "{says:?}");
        assert!(says[2].contains("lightened to #"), "{says:?}");
    }

    #[test]
    fn a_stylesheet_holds_nothing_but_numbers_of_ours() {
        let css = "#ffe600".parse::<Accent>().unwrap().stylesheet();
        assert!(css.contains("background:#ffe600;color:#000000"), "{css}");
        assert!(!css.contains("url") && !css.contains('<'), "{css}");
        assert_eq!(css.matches('{').count(), css.matches('}').count());
    }
}
