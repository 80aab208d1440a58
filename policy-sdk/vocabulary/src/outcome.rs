//! What a policy answers.

use crate::{Diagnostic, Draft};

/// What becomes of the draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No opinion: the draft stays as it came.
    Pass,
    /// The new draft.
    Plan(Draft),
    /// The user's input is wrong: what was accepted last stays in force (P4).
    Invalid,
    /// No rules, by decision.
    Deny,
}

/// One policy's answer about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What becomes of the draft.
    pub decision: Decision,
    /// The reasons.
    pub diagnostics: Vec<Diagnostic>,
}

impl Outcome {
    /// No opinion.
    pub fn pass() -> Self {
        Decision::Pass.into()
    }

    /// The new draft.
    pub fn plan(draft: Draft) -> Self {
        Decision::Plan(draft).into()
    }

    /// The user's input is wrong, for these reasons.
    pub fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        Self { decision: Decision::Invalid, diagnostics }
    }

    /// No rules, for these reasons.
    pub fn deny(diagnostics: Vec<Diagnostic>) -> Self {
        Self { decision: Decision::Deny, diagnostics }
    }

    /// The same, with more diagnostics.
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

/// A decision without diagnostics.
impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        Self { decision, diagnostics: Vec::new() }
    }
}
