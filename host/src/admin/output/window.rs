//! The part of an annotation's value that is shown around a span.

use egressd_core::finding::Span;
use egressd_core::text::plain;

/// How much of a value is shown: a line of a terminal.
const MAX_COLUMNS: usize = 80;
/// How much of that stands before the span.
const COLUMNS_BEFORE_SPAN: usize = 20;

/// One line, and where the span lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The part of the value, with a mark at each end where it goes on.
    pub(super) text: String,
    /// Columns before the span.
    pub(super) before: usize,
    /// Columns in it, at least one.
    pub(super) marked: usize,
}

impl Window {
    /// Of a short value all, and of a long one the part that begins shortly before the span.
    pub(super) fn around(span: &Span, value: &str) -> Self {
        let count = |range: Option<&str>| range.map_or(0, |text| text.chars().count());
        let before = count(value.get(..span.offset));
        let marked = count(value.get(span.offset..span.offset.saturating_add(span.length)));
        let rest = value.chars().count().saturating_sub(MAX_COLUMNS);
        let first = before.saturating_sub(COLUMNS_BEFORE_SPAN).min(rest);
        let shown: String = value.chars().skip(first).take(MAX_COLUMNS).collect();
        let mark = |there: bool| if there { "…" } else { "" };
        let text = format!("{}{}{}", mark(first > 0), plain(&shown), mark(first < rest));
        let before = before - first;
        Self {
            text,
            before: before + usize::from(first > 0),
            marked: marked.min(MAX_COLUMNS.saturating_sub(before)).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(offset: usize, length: usize, value: &str) -> Window {
        Window::around(&Span { annotation: "a".to_owned(), offset, length }, value)
    }

    #[test]
    fn a_short_value_is_shown_whole_and_plain() {
        let shown = around(3, 4, "ä,\u{1b}[2J,\u{202e}x\r\n");
        assert_eq!(shown, Window { text: "ä, [2J, x  ".to_owned(), before: 2, marked: 4 });
    }

    #[test]
    fn of_a_long_value_a_line_is_shown_with_the_span_in_it() {
        let value = "x,".repeat(130_000);
        for (offset, length) in [(0, 1), (2, 1), (500, 1), (259_998, 1), (0, 260_000), (70, 10), (260_000, 0)] {
            let Window { text, before, marked } = around(offset, length, &value);
            assert!(text.chars().count() <= MAX_COLUMNS + 2, "{offset}: {text}");
            assert!(marked >= 1 && before + marked <= MAX_COLUMNS + 2, "{offset}: {before} {marked}");
            let at = text.chars().nth(before);
            assert!(at == value[offset..].chars().next() || offset == 260_000, "{offset}: {at:?}");
        }
        assert!(around(500, 1, &value).text.starts_with('…') && around(500, 1, &value).text.ends_with('…'));
    }

    #[test]
    fn a_span_outside_the_value_marks_its_beginning() {
        assert_eq!(around(99, 5, "ab"), Window { text: "ab".to_owned(), before: 0, marked: 1 });
    }
}
