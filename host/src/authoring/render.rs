//! What comes out of a golden case, as text, whose format the vocabulary has: a component and native code are compared
//! with the same file.

use egressd_core::decision::{Diagnostic, Outcome, Rule};
use egressd_core::finding::Finding;
use egressd_core::model::SubjectView;
use egressd_vocabulary::text;

/// A policy's answer about a subject.
pub(super) fn outcome(outcome: &Outcome, view: &SubjectView) -> String {
    text::outcome(outcome, &|name| view.subject.annotations().get(name))
}

/// A validator's answer about a subject.
pub(super) fn validation(answer: &[Diagnostic], view: &SubjectView) -> String {
    text::validation(answer, &|name| view.subject.annotations().get(name))
}

/// Settings that are refused: no subject is looked at.
pub(super) fn refusal(findings: &[Finding]) -> String {
    let diagnostic =
        |finding: &Finding| Diagnostic::new(finding.severity, finding.code.as_str(), finding.message.as_str());
    let diagnostics: Vec<Diagnostic> = findings.iter().map(diagnostic).collect();
    text::refusal(&diagnostics, &|_| None)
}

/// A rule without its last line feed.
pub(super) fn rule(rule: &Rule) -> String {
    text::rule(rule)
}
