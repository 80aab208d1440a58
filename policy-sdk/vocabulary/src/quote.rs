//! Text of users in sentences: its beginning, where it is longer than a sentence should be.

/// Most bytes of a user's text in a sentence.
const MOST_SHOWN: usize = 64;

/// The first 64 bytes of a text, and three dots where it is longer.
pub fn clipped(text: &str) -> String {
    if text.len() <= MOST_SHOWN {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(MOST_SHOWN)])
}

/// The same between quotes, with escapes for what does not print.
pub fn quoted(text: &str) -> String {
    if text.len() <= MOST_SHOWN {
        return format!("{text:?}");
    }
    format!("{:?}...", &text[..text.floor_char_boundary(MOST_SHOWN)])
}

#[cfg(test)]
mod tests {
    use super::{clipped, quoted};

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(quoted("a\"b"), r#""a\"b""#);
        assert_eq!(clipped(&"ä".repeat(100)), format!("{}...", "ä".repeat(32)));
        assert_eq!(quoted(&format!("a{}", "ä".repeat(100))), format!("\"a{}\"...", "ä".repeat(31)));
    }
}
