//! What commands print: JSON with stable field names, or text for people.

use std::fmt::Write as _;
use std::io::Write as _;

use serde::Serialize;

/// Writes to standard output. A reader that went away (`| head`) is no error of ours.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Writes to standard error, where it does not stand between a script and its JSON.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a value as JSON.
pub fn print_json(value: &impl Serialize) {
    print(&serde_json::to_string_pretty(value).expect("what we print serialises"));
}

/// Lines of columns under a heading; the last column is not padded.
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: &[&str]| {
        let mut shown = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            write!(shown, "{cell:width$}  ").expect("writing to a String works");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    };
    line(&heading);
    for row in rows {
        line(&row.each_ref().map(String::as_str));
    }
    text
}

/// One thing, a field a line.
pub fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (name, value) in pairs {
        let value = if value.is_empty() { "-" } else { value };
        writeln!(text, "{name:width$}{value}").expect("writing to a String works");
    }
    text
}

/// The word an enum is written with.
pub fn spelt(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A value from a terminal or a form cannot move the cursor.
pub fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_heading() {
        let rows = [
            ["a".to_owned(), "long value".to_owned(), "x".to_owned()],
            ["bbb".to_owned(), "é".to_owned(), String::new()],
        ];
        assert_eq!(
            table(["id", "name", "end"], &rows),
            "id   name        end\na    long value  x\nbbb  é\n"
        );
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
