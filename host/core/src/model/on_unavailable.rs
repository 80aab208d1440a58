//! The annotation by which the owner of a subject decides what becomes of its pods while they are not translated (P12).
//! The host reads it itself: it has to hold while no policy answers.

use egressd_vocabulary::OnUnavailable;

use super::Labels;

/// What stands on a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedUnavailable<'a> {
    /// One of the two values.
    Asked(OnUnavailable),
    /// Another value. Whoever writes the annotation restricts something, as `pass` is the default: so it counts as
    /// `drop` (unknown is never open).
    Unreadable(&'a str),
    /// An annotation of almost this name, with another value than `pass`: likewise.
    Misspelled(&'a str),
}

impl<'a> AskedUnavailable<'a> {
    pub const NAME: &'static str = "egressd.io/on-unavailable";

    /// What these annotations ask for; none where the annotation is missing or empty, as templates write it.
    pub fn of(annotations: &'a Labels) -> Option<Self> {
        match annotations.get(Self::NAME)?.trim_ascii() {
            "" => None,
            "drop" => Some(Self::Asked(OnUnavailable::Drop)),
            "pass" => Some(Self::Asked(OnUnavailable::Pass)),
            other => Some(Self::Unreadable(other)),
        }
    }

    /// What it comes to.
    pub fn effect(&self) -> Option<OnUnavailable> {
        match self {
            Self::Asked(asked) => Some(*asked),
            Self::Unreadable(_) | Self::Misspelled(_) => Some(OnUnavailable::Drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_be_read_counts_as_drop_and_an_empty_one_as_absent() {
        let effect = |value: &str| {
            let annotations = Labels::from([(AskedUnavailable::NAME, value)]);
            AskedUnavailable::of(&annotations).and_then(|asked| asked.effect())
        };
        assert_eq!(effect(" pass "), Some(OnUnavailable::Pass));
        assert_eq!(["drop", "Drop", "passs", "true"].map(effect), [Some(OnUnavailable::Drop); 4]);
        assert_eq!(["", " "].map(effect), [None; 2]);
        assert_eq!(AskedUnavailable::of(&Labels::new()), None);
    }
}
