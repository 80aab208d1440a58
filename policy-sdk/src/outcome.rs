//! What a policy answers.

use crate::diagnostic::Diagnostic;
use crate::draft::Draft;

/// One policy's word on one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No opinion: the draft stands as it came.
    Pass,
    /// The new draft.
    Plan(Draft),
    /// The user's input is wrong: what was accepted last stays in force.
    Invalid,
    /// No rules for this Service, by decision.
    Deny,
}

/// A decision and what the user is told with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The word.
    pub decision: Decision,
    /// The reasons.
    pub diagnostics: Vec<Diagnostic>,
}

impl Outcome {
    /// No opinion.
    pub fn pass() -> Self {
        Self { decision: Decision::Pass, diagnostics: Vec::new() }
    }

    /// The new draft.
    pub fn plan(draft: Draft) -> Self {
        Self { decision: Decision::Plan(draft), diagnostics: Vec::new() }
    }

    /// The user's input is wrong, for these reasons.
    pub fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        Self { decision: Decision::Invalid, diagnostics }
    }

    /// No rules for this Service, for these reasons.
    pub fn deny(diagnostics: Vec<Diagnostic>) -> Self {
        Self { decision: Decision::Deny, diagnostics }
    }

    /// The same, with more to tell.
    #[must_use]
    pub fn with(mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) -> Self {
        self.diagnostics.extend(diagnostics);
        self
    }

    /// The new draft, if the decision is one.
    pub fn draft(&self) -> Option<&Draft> {
        match &self.decision {
            Decision::Plan(draft) => Some(draft),
            Decision::Pass | Decision::Invalid | Decision::Deny => None,
        }
    }
}
