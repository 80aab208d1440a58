//! Text from outside, made safe for one line of a terminal, a log, a table or an Event: the only constructor for the
//! text of findings.

use std::fmt;
use std::ops::Deref;

/// The longest text, in bytes. Two of them and a Service's name are less than a log line may have.
pub const MAX_MESSAGE_LENGTH: usize = 1536;

/// How much of a value from outside a sentence quotes, in bytes: an address, a network or a name fits.
const QUOTED: usize = 64;

/// What stands where something was cut off.
const MARK: char = '…';

/// One line without characters that act on what shows it, and not longer than [`MAX_MESSAGE_LENGTH`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// The text with a blank for each character that acts; what is too long is cut, with a mark.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        cut(&mut text, MAX_MESSAGE_LENGTH);
        Self(if text.bytes().all(is_ascii_plain) { text } else { plain(&text) })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Marks that may stand on one letter; more pile up over the lines around it.
const MOST_MARKS: usize = 2;

/// The text with a blank for each character that acts on what shows it or shows nothing, however long it is.
pub fn plain(text: &str) -> String {
    let mut marks = 0;
    let shown = text.chars().map(|c| {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if is_plain(c) && marks <= MOST_MARKS { c } else { ' ' }
    });
    shown.collect()
}

/// Whether a character shows itself and does nothing else: not one that moves a cursor, begins a line, turns the
/// direction of what stands around it, or cannot be seen, so that two names would look like one.
pub fn is_plain(c: char) -> bool {
    c == ' ' || is_printable(c) && !is_filler(c)
}

fn is_ascii_plain(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

/// As Unicode says it, and std with it where it prints a text for programmers: control, format, private and unassigned
/// characters and all other blanks are written as numbers there.
fn is_printable(c: char) -> bool {
    let mut behind_a_letter = [b'a'; 5];
    let length = c.encode_utf8(&mut behind_a_letter[1..]).len();
    let text = str::from_utf8(&behind_a_letter[..=length]).unwrap_or_default();
    matches!(c, '"' | '\'' | '\\') || text.escape_debug().nth(1) == Some(c)
}

/// Whether it stands on the letter before it. Std writes such a one as a number where there is none.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && is_printable(c) && c.escape_debug().next() != Some(c)
}

/// Letters by their category that have no form: fillers of Hangul, and the empty pattern of Braille.
fn is_filler(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Leaves at most so many bytes, the mark among them, and whole characters.
pub fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most.saturating_sub(MARK.len_utf8())));
        text.push(MARK);
    }
}

/// A value from outside in quotation marks, and of a long one the beginning.
pub fn quoted(value: &str) -> String {
    let kept = &value[..value.floor_char_boundary(QUOTED)];
    let mark = if kept.len() < value.len() { MARK.to_string() } else { String::new() };
    format!("{kept:?}{mark}")
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_acts_or_is_invisible_is_left() {
        let acts = |c: char| c.is_control() || c.is_whitespace() || ('\u{202a}'..='\u{202e}').contains(&c);
        for c in ('\0'..='\u{3ffff}').filter(|c| acts(*c)) {
            assert_eq!(Text::new(format!("a{c}b")), "a b", "{c:?}");
        }
        let invisible = "\u{ad}\u{61c}\u{115f}\u{180e}\u{200b}\u{200d}\u{200e}\u{2028}\u{2060}\u{2066}\u{2800}\u{3164}\u{e000}\u{feff}\u{fff9}\u{e0041}";
        for c in invisible.chars() {
            assert_eq!(Text::new(format!("a{c}b")), "a b", "{c:?}");
        }
        assert_eq!(Text::new("ein Fräulein, 東京\r\n\u{1b}[2J\u{9b}31m"), "ein Fräulein, 東京   [2J 31m");
        for text in ["it's \"so\" \\ {}", "हिन्दी", "e\u{301}\u{323}", "🦀 عربي"] {
            assert_eq!(Text::new(text), text);
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        assert_eq!(
            Text::new(format!("a{}b", "\u{301}".repeat(80))),
            format!("a\u{301}\u{301}{}b", " ".repeat(78)).as_str()
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters_with_a_mark() {
        assert_eq!(Text::new("x".repeat(MAX_MESSAGE_LENGTH)).len(), MAX_MESSAGE_LENGTH);
        for long in [
            "x".repeat(MAX_MESSAGE_LENGTH + 1),
            "ä".repeat(MAX_MESSAGE_LENGTH),
            "東".repeat(1 << 18),
            "\u{1b}".repeat(1 << 18),
        ] {
            let text = Text::new(long);
            assert!(
                text.ends_with('…') && text.len() <= MAX_MESSAGE_LENGTH && text.len() > MAX_MESSAGE_LENGTH - 6,
                "{}",
                text.len()
            );
        }
    }

    #[test]
    fn a_quoted_value_is_short_whatever_it_is() {
        assert_eq!(quoted("11.0.0.2"), "\"11.0.0.2\"");
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert_eq!(quoted(&"x".repeat(65)), format!("\"{}\"…", "x".repeat(64)));
        for c in ["\u{1b}", "\u{202e}", "\"", "東", "\u{10ffff}"] {
            assert!(quoted(&c.repeat(1 << 18)).len() <= 8 * QUOTED, "{c:?}");
        }
    }
}
