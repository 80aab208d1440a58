//! Answers that mean nothing, and what is checked in every version of the contract alike.

use std::fmt;

use egressd_core::finding::Span;
use egressd_core::text::quoted;
use egressd_vocabulary::ContractError;

/// An answer that means nothing, as a sentence without a full stop.
#[derive(Debug)]
pub(super) struct InvalidAnswer(pub(super) String);

impl fmt::Display for InvalidAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its answer is invalid: {}", self.0)
    }
}

impl From<ContractError> for InvalidAnswer {
    fn from(error: ContractError) -> Self {
        Self(error.to_string())
    }
}

/// Tools cut the annotation's value at the span, so it has to lie in the value and between characters. `sent` is what the
/// policy was shown.
pub(super) fn check_span(span: &Span, sent: &[(String, String)]) -> Result<(), InvalidAnswer> {
    let Span { annotation, offset, length } = span;
    let value = sent.iter().find(|(name, _)| name == annotation).map(|(_, value)| value);
    let end = offset.saturating_add(*length);
    if value.is_none_or(|value| value.get(*offset..end).is_none()) {
        let annotation = quoted(annotation);
        return Err(InvalidAnswer(format!("a span of {length} bytes at {offset} is not in annotation {annotation}")));
    }
    Ok(())
}
