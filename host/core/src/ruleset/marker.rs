//! The comment of every table of egressd, which identifies it and names its layout.

use std::fmt;

/// The comment of every table of ours (table userdata). A table of our name without it belongs to someone
/// else and is never touched (P10).
pub const MARKER: &str = "managed by egressd";

/// What stands between the marker and the number of a layout. Layout 1 has no number: the first egressds wrote none,
/// and take over no table that has one.
const NUMBERED: &str = ", layout ";

/// How the objects in a table work together. Another number says that an egressd which does not know it can neither
/// read nor change such a table without changing packets. The kernel does not replace the comment of a table that is
/// there, so another layout always comes with another table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layout(u32);

impl Layout {
    /// Networks, and ports that come with them, are chains of rules: what egressd made before it numbered its layouts,
    /// and still makes where an update is to be undone.
    pub const FIRST: Self = Self(1);
    /// Networks are elements by prefix.
    pub const OURS: Self = Self(2);

    /// The one with this number, if this egressd can make it.
    pub fn numbered(number: u32) -> Option<Self> {
        [Self::FIRST, Self::OURS].into_iter().find(|layout| layout.0 == number)
    }

    /// The comment of a table of this layout.
    pub fn comment(self) -> String {
        if self == Self::FIRST { MARKER.to_owned() } else { format!("{MARKER}{NUMBERED}{self}") }
    }

    /// The layout of a table with this comment; none when egressd did not make it. What follows the number is a later
    /// day's, and a number that is too large is a newer one, too.
    pub fn of_comment(comment: &str) -> Option<Self> {
        let rest = comment.strip_prefix(MARKER)?;
        if rest.is_empty() {
            return Some(Self::FIRST);
        }
        let rest = rest.strip_prefix(NUMBERED)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
        (!digits.is_empty()).then(|| Self(digits.parse().unwrap_or(u32::MAX)))
    }

    /// Whether only a newer egressd knows it.
    pub fn is_newer(self) -> bool {
        self > Self::OURS
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_without_a_number_is_the_first_layout() {
        assert_eq!(Layout::of_comment(MARKER), Some(Layout(1)));
        assert_eq!(Layout::of_comment("managed by egressd, layout 1"), Some(Layout(1)));
        assert!(!Layout(1).is_newer());
    }

    #[test]
    fn what_egressd_writes_it_reads() {
        assert_eq!(Layout::FIRST.comment(), "managed by egressd");
        assert_eq!(Layout::OURS.comment(), "managed by egressd, layout 2");
        for layout in [Layout::FIRST, Layout::OURS] {
            assert_eq!(Layout::of_comment(&layout.comment()), Some(layout));
            assert!(!layout.is_newer());
        }
        assert_eq!([0, 3].map(Layout::numbered), [None, None]);
    }

    #[test]
    fn a_larger_number_is_newer_whatever_follows_it() {
        for (comment, number) in [
            ("managed by egressd, layout 3", 3),
            ("managed by egressd, layout 17, with marks", 17),
            ("managed by egressd, layout 99999999999999999999", u32::MAX),
        ] {
            assert_eq!(Layout::of_comment(comment), Some(Layout(number)));
            assert!(Layout(number).is_newer());
        }
    }

    #[test]
    fn what_only_begins_like_the_marker_is_another_programs() {
        for comment in
            ["", "managed by", "managed by egressd2", "managed by egressd, layout", "managed by egressd, layout x"]
        {
            assert_eq!(Layout::of_comment(comment), None, "{comment}");
        }
    }
}
