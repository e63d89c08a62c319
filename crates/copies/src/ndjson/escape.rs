//! JSON that is safe in a terminal: a sender's text moves no cursor, changes no colour and turns no text around.
//!
//! JSON itself asks for escapes below U+0020 alone. A parser reads the same from what is escaped here.

use std::fmt::Write as _;

/// Escapes DEL and the C1 controls, line and paragraph separators, and characters that change the direction of text.
/// `json` is whole JSON, so each of them stands in a string.
pub fn escape_controls(json: String) -> String {
    let harmless = json.is_ascii() && !json.as_bytes().contains(&0x7f);
    if harmless || !json.chars().any(drives_a_terminal) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for character in json.chars() {
        if drives_a_terminal(character) {
            // All of them have four digits. Writing to a String can't fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn drives_a_terminal(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped_and_read_as_it_was() {
        for (text, printed) in [
            ("checkin", r#""checkin""#),
            ("prêt \u{1f642}", "\"prêt \u{1f642}\""),
            ("\u{1b}[2J\u{9b}2J", r#""\u001b[2J\u009b2J""#),
            ("\u{7f}\u{80}\u{85}\u{9f}\u{a0}", "\"\\u007f\\u0080\\u0085\\u009f\u{a0}\""),
            ("a\u{202e}b\u{202a}\u{2066}\u{2069}\u{206a}", "\"a\\u202eb\\u202a\\u2066\\u2069\u{206a}\""),
            ("\u{61c}\u{200e}\u{200f}\u{200d}", "\"\\u061c\\u200e\\u200f\u{200d}\""),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#),
            ("\\\u{85}\"", r#""\\\u0085\"""#),
        ] {
            let json = escape_controls(serde_json::to_string(text).unwrap());
            assert_eq!(json, printed);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
