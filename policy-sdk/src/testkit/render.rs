//! What comes out of a case, as text: the content of its `expected.txt`, whose format the vocabulary has.

use egressd_vocabulary::text;

use crate::service::Service;
use crate::{Diagnostic, Outcome};

/// A policy's answer about a Service.
pub fn outcome_text(outcome: &Outcome, service: &Service) -> String {
    text::outcome(outcome, &|name| service.annotations.get(name))
}

/// A validator's answer about a Service.
pub fn validation_text(diagnostics: &[Diagnostic], service: &Service) -> String {
    text::validation(diagnostics, &|name| service.annotations.get(name))
}

/// Settings that are refused: no Service is looked at.
pub fn refusal_text(diagnostics: &[Diagnostic], service: &Service) -> String {
    text::refusal(diagnostics, &|name| service.annotations.get(name))
}

/// What a Service's owner is shown.
pub fn diagnostics_text(diagnostics: &[Diagnostic], service: &Service) -> String {
    text::diagnostics(diagnostics, &|name| service.annotations.get(name))
}
