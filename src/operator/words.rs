//! An operator's own words in our records. They help whoever must mend something, and they are
//! written by others: they may quote a number, a hash, a token or a code back at us.

/// Longest text kept, characters.
const LONGEST_WORD: usize = 128;

/// The operator's words made fit to keep: printable ASCII, no quotes, cut, and nothing in them that
/// could be a number, its hash, a token or a code.
pub(super) fn cleaned(word: &str, message: Option<&str>) -> Option<String> {
    let mut text = word.to_owned();
    if let Some(message) = message {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(message);
    }
    let printable: String = text
        .chars()
        .map(|c| {
            if matches!(c, ' '..='~') && c != '"' {
                c
            } else {
                ' '
            }
        })
        .take(4 * LONGEST_WORD)
        .collect();
    let harmless = printable
        .split_whitespace()
        .filter(|piece| !could_be_a_secret(piece))
        .collect::<Vec<_>>()
        .join(" ");
    let cut: String = without_numbers(&harmless)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(LONGEST_WORD)
        .collect();
    (!cut.is_empty()).then_some(cut)
}

/// Takes out runs of five digits or more, also where they are written in groups.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        let separates = matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '+');
        if c.is_ascii_digit() || (separates && !run.is_empty()) {
            run.push(c);
            continue;
        }
        if run.bytes().filter(u8::is_ascii_digit).count() < 5 {
            out.push_str(&run);
        } else {
            out.push(' ');
        }
        run.clear();
        if c != '\n' {
            out.push(c);
        }
    }
    out
}

/// Long pieces with mixed case or digits: hashes, tokens, codes. Error words such as
/// `NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK` stay.
fn could_be_a_secret(piece: &str) -> bool {
    let has = |class: fn(&u8) -> bool| piece.bytes().any(|b| class(&b));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    piece.len() >= 20 && (mixed || has(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_personal_or_secret_survives_in_an_operators_words() {
        let kept = |message: &str| cleaned("x", Some(message)).unwrap();
        for (message, expected) in [
            ("number +34666111334 unknown", "x: number + unknown"),
            ("number 34 666 11 13 34 unknown", "x: number unknown"),
            ("(666) 111-334", "x: ("),
            ("tel:34.666.111.334!", "x: tel: !"),
            (
                "hash 6dd5d20f257c1f3620662454064e3aa25ba9a6c7a4d1e99e965bbadd3a7e07d6",
                "x: hash",
            ),
            ("code SplxlOBeZQQYbYS_WxSbIA bad", "x: code bad"),
            ("quote \" and \u{7} bell and ñ", "x: quote and bell and"),
            ("error 1234 at 99", "x: error 1234 at 99"),
        ] {
            assert_eq!(kept(message), expected);
        }
        assert_eq!(kept(&"long ".repeat(100)).len(), LONGEST_WORD);
        assert_eq!(cleaned("", None), None);
    }
}
