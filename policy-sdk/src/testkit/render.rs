//! What comes out of a case, as text: the content of its `expected.txt`, whose format the vocabulary has.

use egressd_vocabulary::text;

use crate::subject::Subject;
use crate::{Diagnostic, Outcome};

/// A policy's answer about a subject.
pub fn outcome_text(outcome: &Outcome, subject: &Subject) -> String {
    text::outcome(outcome, &|name| subject.annotations.get(name))
}

/// A validator's answer about a subject.
pub fn validation_text(diagnostics: &[Diagnostic], subject: &Subject) -> String {
    text::validation(diagnostics, &|name| subject.annotations.get(name))
}

/// Settings that are refused: no subject is looked at.
pub fn refusal_text(diagnostics: &[Diagnostic], subject: &Subject) -> String {
    text::refusal(diagnostics, &|name| subject.annotations.get(name))
}

/// What the owner of a subject is shown.
pub fn diagnostics_text(diagnostics: &[Diagnostic], subject: &Subject) -> String {
    text::diagnostics(diagnostics, &|name| subject.annotations.get(name))
}
