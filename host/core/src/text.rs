//! Text from outside, made fit for one line of a terminal, a log, a table or an Event: the only constructor of what
//! findings say.

use std::fmt;
use std::ops::Deref;

/// The longest text, in bytes. Two of them and a Service's name are less than a log line may have.
pub const LONGEST: usize = 1536;

/// How much of a value from outside a sentence quotes, in bytes: an address, a network or a name fits.
const QUOTED: usize = 64;

/// What stands where something was cut off.
const MARK: char = '…';

/// One line without characters that act on what shows it, and not longer than [`LONGEST`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// The text with a blank for each character that acts; what is too long is cut, with a mark.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        cut(&mut text, LONGEST);
        Self(if text.chars().all(is_plain) { text } else { plain(&text) })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text with a blank for each character that acts on what shows it, however long it is.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect()
}

/// Whether a character only shows itself: not one that moves a cursor, begins a line, or turns the direction of
/// what stands around it.
pub fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns && !matches!(c, '\u{2028}' | '\u{2029}')
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
    fn no_character_that_acts_is_left() {
        for c in '\0'..='\u{2fff}' {
            let shown = Text::new(format!("a{c}b"));
            let acts = c.is_control() || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".contains(c);
            let acts = acts || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
            assert_eq!(shown == "a b", acts || c == ' ', "{c:?}");
        }
        assert_eq!(Text::new("ein Fräulein, 東京\r\n\u{1b}[2J\u{9b}31m"), "ein Fräulein, 東京   [2J 31m");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_with_a_mark() {
        assert_eq!(Text::new("x".repeat(LONGEST)).len(), LONGEST);
        for long in ["x".repeat(LONGEST + 1), "ä".repeat(LONGEST), "東".repeat(1 << 18), "\u{1b}".repeat(1 << 18)] {
            let text = Text::new(long);
            assert!(text.ends_with('…') && text.len() <= LONGEST && text.len() > LONGEST - 6, "{}", text.len());
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
